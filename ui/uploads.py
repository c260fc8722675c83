"""Dropped pictures: kept in the cache under the hash of their bytes; what they are called is only shown.

A name from outside never becomes a path, and results are written under a name made harmless here.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from seglib.data.readers import IMAGE_SUFFIXES, read_image
from seglib.exceptions import InputError
from seglib.runs.jobs import cache_root

_RESERVED = {"con", "prn", "aux", "nul", *(f"{d}{i}" for d in ("com", "lpt") for i in range(1, 10))}


@dataclass(frozen=True)
class Picture:
    """A picture to predict: the name shown and used for its results, its file, and its height and width."""

    name: str
    path: Path
    shape: tuple[int, int]


def keep(content: bytes, name: str) -> Path:
    """Write a dropped file to uploads/<hash><suffix> of the cache, unless it is there, and give its path.

    Raises InputError for a suffix that is not read.
    """
    suffix = PurePosixPath(name.replace("\\", "/")).suffix.lower()
    if suffix not in IMAGE_SUFFIXES:
        raise InputError(f"{shown_name(name)}: not read; allowed: {', '.join(IMAGE_SUFFIXES)}.")
    folder = cache_root() / "uploads"
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{hashlib.sha256(content).hexdigest()}{suffix}"
    if not file.exists():
        part = file.with_suffix(f".{os.getpid()}.part")
        part.write_bytes(content)
        part.replace(file)
    return file


def checked(path: Path, name: str) -> tuple[int, int]:
    """(height, width) of a kept file. Raises InputError with the name the person knows it by."""
    try:
        return read_image(path).shape[:2]
    except InputError as error:
        raise InputError(str(error).replace(str(path), shown_name(name))) from None


def shown_name(name: str) -> str:
    """The file name alone, without folders and control characters, at most 80 characters."""
    leaf = PurePosixPath(name.replace("\\", "/")).name
    return "".join(c for c in leaf if c.isprintable())[-80:] or "picture"


def safe_name(name: str) -> str:
    """A name that is one file on every system: letters, digits, `.`, `_` and `-`, not beginning with a dot."""
    leaf = shown_name(name)
    suffix = PurePosixPath(f"x{leaf}").suffix  # of a name that is nothing but a suffix, too
    stem = re.sub(r"[^\w.-]+", "_", leaf.removesuffix(suffix)).strip("._") or "picture"
    stem = f"{stem}_" if stem.split(".")[0].lower() in _RESERVED else stem
    return stem + re.sub(r"[^\w.]+", "", suffix)


def unique_names(names: Iterable[str]) -> list[str]:
    """Safe names of which no two share a stem, by which results are called: `cell.png`, `cell.tif` -> `cell-2.tif`."""
    taken: set[str] = set()
    unique = []
    for name in map(safe_name, names):
        leaf = PurePosixPath(name)
        stem, number = leaf.stem, 1
        while stem.lower() in taken or f"{stem.lower()}_probability" in taken or stem.lower().endswith("_probability"):
            number += 1
            stem = f"{leaf.stem}-{number}"
        taken |= {stem.lower(), f"{stem.lower()}_probability"}
        unique.append(stem + leaf.suffix)
    return unique
