"""Integrity: whether a checkpoint is what was written. No torch, so that a page can ask before it offers a resume."""

from __future__ import annotations

import hashlib
from pathlib import Path

LAST, PREVIOUS, BEST = "last.pt", "last.previous.pt", "best.safetensors"


def is_intact(file: Path) -> bool:
    """Whether the file is there and has a sha256 noted beside it."""
    file = Path(file)
    return file.exists() and sha256(file) in noted(file)


def is_either(file: Path) -> bool:
    """Intact by its own note or by that of its neighbour: a kill may fall between renaming a file and its note."""
    notes = {note for name in (LAST, PREVIOUS) for note in noted(file.with_name(name))}
    return file.exists() and sha256(file) in notes


def can_resume(folder: Path) -> bool:
    """Whether a run folder holds an intact state to go on from."""
    return any(is_either(Path(folder) / name) for name in (LAST, PREVIOUS))


def noted(file: Path) -> list[str]:
    """The sha256 of the file, and of the one it replaced: which of the two is there is open until the last rename."""
    note = beside(file)
    return note.read_text(encoding="ascii", errors="replace").split() if note.exists() else []


def beside(file: Path) -> Path:
    """Where the sha256 of a file is noted."""
    return file.with_name(file.name + ".sha256")


def sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
