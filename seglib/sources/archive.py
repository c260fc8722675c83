"""Zips: unpacked into a folder of their own, after every name and size in them was looked at."""

from __future__ import annotations

import shutil
import stat
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path, PurePosixPath

from seglib.exceptions import InputError

MAX_ENTRIES = 400_000
MAX_LIST_BYTES = 40_000_000
"""Largest list of contents: each entry costs some hundred bytes of memory once it is read."""
MAX_RATIO = 100
FREE_TO_GROW = 256_000_000
"""Below this a zip may unpack to any multiple of its size; above, to MAX_RATIO times at most."""
KEEP_FREE = 500_000_000
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2)
_END, _END64 = b"PK\5\6", b"PK\6\6"
_FORBIDDEN = set('\\:*?"<>|') | {chr(code) for code in range(32)}


def matches(path: Path) -> bool:
    """By name or by its first bytes, so that a zip cut short is told as one."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(4) in (b"PK\3\4", _END) or path.suffix.lower() == ".zip"


def unpack(path: Path, folder: Path, progress: Callable[[int, int], None] | None = None) -> list[str]:
    """Unpack `path` into `folder`; gives a line on what was left out.

    Raises InputError before anything is written: a name that leads out of the folder, a link, a bomb, a password, two
    names alike, a zip that is cut short; and for contents that are damaged.
    """
    _check_list(path)
    try:
        with zipfile.ZipFile(path) as archive:
            wanted = [entry for entry in archive.infolist() if _wanted(entry)]
            _check(path, wanted, len(archive.infolist()))
            _check_space(path, wanted, folder)
            total, done = sum(entry.file_size for entry in wanted), 0
            for entry in wanted:
                _unpack_one(archive, entry, folder)
                done += entry.file_size
                if progress:
                    progress(done, total)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError, OSError) as error:
        if isinstance(error, InputError):
            raise
        detail = " ".join(str(error).split())[:120]
        raise InputError(f"{path}: cannot be unpacked, damaged or cut short ({detail}). Copy it again.") from None
    inner = [entry.filename for entry in wanted if entry.filename.lower().endswith(".zip")]
    return [f"{len(inner)} zips within the zip are left packed, such as {inner[0][:80]}"] if inner else []


def _check_list(path: Path) -> None:
    """The size of the list of contents, from the end of the file, before Python reads it into memory."""
    size = path.stat().st_size
    with path.open("rb") as file:
        file.seek(max(0, size - 66_000))
        tail = file.read()
    at, at64 = tail.rfind(_END), tail.rfind(_END64)
    if at < 0 or len(tail) < at + 22:
        raise InputError(f"{path}: the end of the zip is missing, it is cut short. Copy it again.")
    n_bytes = int.from_bytes(tail[at + 12 : at + 16], "little")
    n_entries = int.from_bytes(tail[at + 10 : at + 12], "little")
    if at64 >= 0:
        n_entries = int.from_bytes(tail[at64 + 32 : at64 + 40], "little")
        n_bytes = int.from_bytes(tail[at64 + 40 : at64 + 48], "little")
    if n_bytes > MAX_LIST_BYTES or n_entries > MAX_ENTRIES:
        raise InputError(f"{path}: lists {n_entries:,} files in {n_bytes:,} bytes; allowed: {MAX_ENTRIES:,}.")


def _wanted(entry: zipfile.ZipInfo) -> bool:
    """Not the folders, and not what macOS and Windows add."""
    parts = PurePosixPath(entry.filename).parts
    hidden = parts and (parts[0] == "__MACOSX" or parts[-1] in (".DS_Store", "Thumbs.db", "desktop.ini"))
    return not (entry.is_dir() or hidden)


def _check(path: Path, entries: list[zipfile.ZipInfo], n_listed: int) -> None:
    if not entries or n_listed > MAX_ENTRIES:
        raise InputError(f"{path}: holds {len(entries):,} files; allowed: 1 to {MAX_ENTRIES:,}.")
    seen: dict[str, str] = {}
    for entry in entries:
        name = entry.filename
        _check_name(path, name)
        mode = entry.external_attr >> 16
        if mode and not (stat.S_ISREG(mode) or stat.S_IFMT(mode) == 0):
            what = "a link" if stat.S_ISLNK(mode) else "no plain file"
            raise InputError(f"{path}: {name[:80]!r} is {what}, which is never unpacked; zip the file itself.")
        if entry.flag_bits & 1:
            raise InputError(f"{path}: is locked by a password; save it without one.")
        if entry.compress_type not in _METHODS:
            raise InputError(f"{path}: {name[:80]!r} is compressed by method {entry.compress_type}; allowed: deflate.")
        if name.lower() in seen:
            raise InputError(f"{path}: {name[:80]!r} and {seen[name.lower()][:80]!r} are one file on many systems.")
        seen[name.lower()] = name


def _check_name(path: Path, name: str) -> None:
    parts = name.split("/")
    if name.startswith("/") or ".." in parts or "." in parts or "" in parts or set(name) & _FORBIDDEN:
        raise InputError(f"{path}: {name[:80]!r} leads out of the folder, or is no plain name; nothing is unpacked.")
    if max(len(part.encode()) for part in parts) > 240 or len(parts) > 40:
        raise InputError(f"{path}: the name {name[:40]!r}… is too long; allowed: 240 bytes.")


def _check_space(path: Path, entries: list[zipfile.ZipInfo], folder: Path) -> None:
    """Sizes as the list declares them; Python's own reader stops where they are reached."""
    total, packed = sum(entry.file_size for entry in entries), path.stat().st_size
    if total > FREE_TO_GROW and total > MAX_RATIO * packed:
        raise InputError(f"{path}: {packed:,} bytes would become {total:,}, a zip bomb; nothing is unpacked.")
    free = shutil.disk_usage(folder).free
    if total + KEEP_FREE > free:
        raise InputError(f"{path}: needs {total:,} bytes of disk, {free:,} are free; make room first.")


def _unpack_one(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, folder: Path) -> None:
    target = folder.joinpath(*entry.filename.split("/"))
    target.parent.mkdir(parents=True, exist_ok=True)
    with archive.open(entry) as source, target.open("xb") as out:
        shutil.copyfileobj(source, out, 1 << 20)
