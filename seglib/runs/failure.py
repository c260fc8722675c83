"""Any exception as one line for the person: what happened and what helps."""

from __future__ import annotations

import errno

from seglib.exceptions import InputError

_OWN_WORDS = ("TrainingFailed",)  # by name: its module imports torch
_NO_MEMORY = ("out of memory", "can't allocate memory", "not enough memory", "cannot allocate memory", "bad_alloc")
_NO_SPACE = ("no space left", "disk quota exceeded", "file write failed", "unexpected pos")


def told(error: BaseException) -> str:
    """One line: an InputError's own words; memory and disk by name and remedy; else type and first line."""
    if isinstance(error, InputError) or type(error).__name__ in _OWN_WORDS:
        return " ".join(str(error).split())
    text = str(error).lower()
    if isinstance(error, MemoryError) or "OutOfMemory" in type(error).__name__ or any(w in text for w in _NO_MEMORY):
        return "out of memory: a smaller training.batch_size, data.crop_px or model.channels needs less"
    if _is_disk_full(error) or any(w in text for w in _NO_SPACE):
        return "disk full: free some space and resume; the last complete checkpoint is untouched"
    if isinstance(error, KeyboardInterrupt):
        return "interrupted by the keyboard or a second signal; resume goes on from the last checkpoint"
    first = str(error).strip().splitlines()[0] if str(error).strip() else "no message"
    return f"{type(error).__name__}: {first}; details in log.txt"


def _is_disk_full(error: BaseException | None) -> bool:
    """Also where a library has wrapped the system's error in one of its own."""
    seen = 0
    while error is not None and seen < 10:
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, getattr(errno, "EDQUOT", None)):
            return True
        error, seen = error.__cause__ or error.__context__, seen + 1
    return False
