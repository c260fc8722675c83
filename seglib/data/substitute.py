"""Substitute: the dataset.csv of a folder that cannot be written, kept in the cache and read in its place.

It lies in `cache/splits/<hash of the folder's path>/dataset.csv`; the pictures stay where they are. It counts as long
as the folder's own dataset.csv is the one it was made from, and is retired when the folder can be written again.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from seglib.data.records import CSV_NAME, Record, keep_backup, save_records
from seglib.places import cache_root

_SOURCE = "source.json"


@dataclass(frozen=True)
class Saved:
    """Where a split was written. backup: the file it replaced, if there was one; in_cache: the folder is read-only."""

    file: Path
    backup: Path | None
    in_cache: bool


def place_of(folder: Path) -> Path:
    """Where the substitute of `folder` lies, if there is one."""
    name = hashlib.sha256(str(Path(folder).resolve()).encode("utf-8")).hexdigest()[:32]
    return cache_root() / "splits" / name


def csv_of(folder: Path) -> Path | None:
    """The dataset.csv that decides: the substitute in force, else the folder's own, else None."""
    own = Path(folder) / CSV_NAME
    return in_force(folder) or (own if own.is_file() else None)


def in_force(folder: Path) -> Path | None:
    """The substitute, if there is one and the folder's own file is still the one it was made from."""
    place = place_of(folder)
    try:
        source = json.loads((place / _SOURCE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    file = place / CSV_NAME
    same = isinstance(source, dict) and source.get("made_from") == _digest(Path(folder) / CSV_NAME)
    return file if same and file.is_file() else None


def notes(folder: Path) -> list[str]:
    """What is to be said on opening: that the split comes from the cache, or that one there no longer counts."""
    file = place_of(folder) / CSV_NAME
    if in_force(folder) is not None:
        return [f"groups and split come from {file}, made because the folder is read-only; deleting it undoes that"]
    if file.is_file():
        return [f"{CSV_NAME} has changed since {file} was made, so that file no longer counts"]
    return []


def writable(folder: Path) -> bool:
    """Whether a file can be made in `folder`; tried, because permissions do not tell it everywhere."""
    try:
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def save_split(folder: Path, records: Sequence[Record]) -> Saved:
    """Write the split into the folder, or into the cache where the folder is read-only; what is replaced is kept.

    The same checks as `save_records`: raises InputError for records that could not be opened again.
    """
    folder, place = Path(folder), place_of(folder)
    if writable(folder):
        backup = save_records(folder, records)
        if (place / CSV_NAME).is_file():  # it has done its service
            keep_backup(place / CSV_NAME)
            (place / CSV_NAME).unlink()
        return Saved(folder / CSV_NAME, backup, False)
    place.mkdir(parents=True, exist_ok=True)
    backup = save_records(folder, records, place)
    source = {"folder": str(folder.resolve()), "made_from": _digest(folder / CSV_NAME)}
    (place / _SOURCE).write_text(json.dumps(source), encoding="utf-8")
    return Saved(place / CSV_NAME, backup, True)


def backups(folder: Path) -> list[Path]:
    """What earlier saves replaced, in the folder and in the cache, newest first."""
    found = [file for place in (Path(folder), place_of(folder)) for file in place.glob(f"{CSV_NAME}.bak-*")]
    return sorted(found, key=lambda file: (file.stat().st_mtime_ns, file.name), reverse=True)


def _digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest() if file.is_file() else ""
