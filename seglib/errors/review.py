"""Review: what people said of wrong places, kept beside the data set in review.jsonl. Appended to, never rewritten.

One JSON object a line, each with who, when and why; the latest word on a place holds, and taking a word back is one
more line. A line that was cut off (the power failed) is left where it is, said, and counts for nothing; any other
line that cannot be understood stops `history` with its number, because the word it held may take back another.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import MISSING, asdict, dataclass, fields
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from seglib.data.substitute import writable
from seglib.errors.verdicts import (
    KINDS,
    VERDICTS,
    ClusterName,
    Known,
    Verdict,
    box_iou,
    check,
    latest,
    now,
    same_place,
    taken_back,
)
from seglib.exceptions import InputError
from seglib.places import cache_root

__all__ = ["KINDS", "VERDICTS", "ClusterName", "Known", "Verdict", "box_iou", "check", "latest", "now", "same_place"]
__all__ += ["taken_back"]

FILE_NAME = "review.jsonl"
PATIENCE_S = 10.0
_CUT = "cut_line"  # key of the line that says: the line of this number was cut off, and that was seen


@dataclass(frozen=True)
class Review:
    """All that is in the file, oldest first. notes: lines that were cut off; damage: lines that make no sense."""

    verdicts: tuple[Verdict, ...] = ()
    names: tuple[ClusterName, ...] = ()
    notes: tuple[str, ...] = ()
    damage: tuple[str, ...] = ()


# ---- where it lies


def place(data: Path) -> Path:
    """The file that the next word goes into: beside the data set, or in the cache where that folder is read-only."""
    own = Path(data) / FILE_NAME
    return own if _can_write(own) else _in_cache(data) / FILE_NAME


def in_cache(data: Path) -> bool:
    """Whether the folder is read-only, so that words are kept in the cache; to be said on screen."""
    return place(data).parent != Path(data)


def files(data: Path) -> list[Path]:
    """What is read: the file beside the data set, then that in the cache; those that are there."""
    return [file for file in (Path(data) / FILE_NAME, _in_cache(data) / FILE_NAME) if file.is_file()]


def stamp(data: Path) -> str:
    """Changes when a word is added."""
    stats = [(str(file), file.stat()) for file in files(data)]
    return "|".join(f"{name}:{stat.st_size}:{stat.st_mtime_ns}" for name, stat in stats)


def _in_cache(data: Path) -> Path:
    name = hashlib.sha256(str(Path(data).resolve()).encode("utf-8")).hexdigest()[:32]
    return cache_root() / "reviews" / name


def _can_write(file: Path) -> bool:
    if not file.exists():
        return writable(file.parent)
    try:
        with file.open("ab"):
            return True
    except OSError:
        return False


# ---- reading


def read(data: Path) -> Review:
    """All that can be understood, with what cannot said in `notes` and `damage`; never an error because of a line."""
    verdicts, names, notes, damage = [], [], [], []
    found = files(data)
    for file in found:
        for entry in _entries(file, notes, damage):
            (verdicts if isinstance(entry, Verdict) else names).append(entry)
    if len(found) > 1:  # two files: told apart by time alone
        verdicts.sort(key=lambda verdict: verdict.when)
        names.sort(key=lambda name: name.when)
    return Review(tuple(verdicts), tuple(names), tuple(notes), tuple(damage))


def history(data: Path) -> list[Verdict]:
    """Every word on this data set, oldest first. Raises InputError naming the first line that makes no sense."""
    return list(_whole(data).verdicts)


def standing(data: Path) -> list[Verdict]:
    """The latest word on each place that was not taken back, in the order they were said; as `history` raises."""
    return latest(_whole(data).verdicts)


def cluster_names(data: Path) -> list[ClusterName]:
    """Every name that was given, oldest first; as `history` raises."""
    return list(_whole(data).names)


def _whole(data: Path) -> Review:
    found = read(data)
    if found.damage:
        raise InputError(found.damage[0])
    return found


def _entries(file: Path, notes: list[str], damage: list[str]) -> Iterator[Verdict | ClusterName]:
    try:
        lines = file.read_bytes().split(b"\n")
    except OSError as error:
        raise InputError(f"{file}: cannot be read ({error.strerror}).") from None
    parsed = [(number, _parsed(line)) for number, line in enumerate(lines, start=1) if line.strip()]
    cut = {entry[_CUT] for _, entry in parsed if isinstance(entry, dict) and _CUT in entry}
    for number, entry in parsed:
        if isinstance(entry, dict) and _CUT in entry:
            continue
        if entry is None and (number in cut or number == len(lines)):
            notes.append(f"{file}, line {number} was cut off while it was written and counts for nothing.")
            continue
        try:
            yield _understood(entry)
        except InputError as error:
            damage.append(f"{file}, line {number}: {error} Correct that line or remove it; the file was not changed.")


def _parsed(line: bytes) -> Any:
    try:
        return json.loads(line.decode("utf-8"))
    except ValueError:
        return None


def _understood(entry: Any) -> Verdict | ClusterName:
    if not isinstance(entry, dict):
        raise InputError("no JSON object.")
    kind = ClusterName if "members" in entry else Verdict
    names = {field.name: field.default for field in fields(kind)}
    missing = [name for name, default in names.items() if name not in entry and default is MISSING]
    if missing:
        raise InputError(f"{', '.join(missing)} is missing.")
    made = kind(**{name: entry[name] for name in names if name in entry})
    check(made)
    return made


# ---- writing


def append(data: Path, verdict: Verdict) -> Path:
    """Add one word; the file it went into. Raises InputError for what cannot be read again or cannot be written."""
    return append_all(data, [verdict])


def append_name(data: Path, cluster_name: ClusterName) -> Path:
    """Add the name of a kind of mistake; as `append`."""
    return append_all(data, [cluster_name])


def append_all(data: Path, entries: Sequence[Verdict | ClusterName]) -> Path:
    """Several at once, all of them or none."""
    for entry in entries:
        check(entry)
    file = place(data)
    lines = b"".join(_line(asdict(entry)) for entry in entries)
    lock_folder = _in_cache(data)
    try:
        lock_folder.mkdir(parents=True, exist_ok=True)
        with FileLock(str(lock_folder / "lock"), timeout=PATIENCE_S):
            _write(file, _mended(file) + lines)
    except Timeout:
        raise InputError(f"{file} is busy: another process writes to it; try again.") from None
    except OSError as error:
        raise InputError(f"{file}: cannot be written ({error.strerror or error}); nothing was added.") from None
    return file


def _line(content: dict[str, Any]) -> bytes:
    try:
        return json.dumps(content, ensure_ascii=False, allow_nan=False).encode("utf-8") + b"\n"
    except ValueError as error:
        raise InputError(f"a verdict that JSON cannot hold: {error}.") from None


def _mended(file: Path) -> bytes:
    """What goes before the next line where the last one has no end: its end, and a note if it was cut off."""
    before = file.read_bytes() if file.exists() else b""
    last = before.rpartition(b"\n")[2]
    if not last.strip():
        return b""
    whole = _parsed(last) is not None
    return b"\n" if whole else b"\n" + _line({_CUT: before.count(b"\n") + 1, "when": now()})


def _write(file: Path, content: bytes) -> None:
    """In one call, and on the disk when it returns; a part that got there (a full disk) is taken away again."""
    before = file.stat().st_size if file.exists() else 0
    with file.open("ab", buffering=0) as stream:
        try:
            if stream.write(content) != len(content):
                raise OSError("the disk is full")
            os.fsync(stream.fileno())
        except OSError:
            with contextlib.suppress(OSError):
                stream.truncate(before)
            raise
