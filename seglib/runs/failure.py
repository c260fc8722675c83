"""Any exception as one line for the person: what happened and what helps."""

from __future__ import annotations

from concurrent.futures import BrokenExecutor

from seglib.exceptions import InputError
from seglib.training.failed import TrainingFailed
from seglib.training.room import is_full

_NO_MEMORY = ("out of memory", "can't allocate memory", "not enough memory", "cannot allocate memory", "bad_alloc")


def told(error: BaseException) -> str:
    """One line: an InputError's own words; memory and disk by name and remedy; else type and first line."""
    if isinstance(error, (InputError, TrainingFailed)):
        return " ".join(str(error).split())
    text = str(error).lower()
    if isinstance(error, MemoryError) or "OutOfMemory" in type(error).__name__ or any(w in text for w in _NO_MEMORY):
        return "out of memory: a smaller training.batch_size, data.crop_px or model.channels needs less"
    if is_full(error):
        return "disk full: free some space and resume; the last complete checkpoint is untouched"
    if isinstance(error, BrokenExecutor):
        return (
            "a process that prepares samples was killed (the system does that when memory runs out): fewer "
            "training.workers need less memory; resume goes on from the last checkpoint"
        )
    if isinstance(error, KeyboardInterrupt):
        return "interrupted by the keyboard or a second signal; resume goes on from the last checkpoint"
    first = str(error).strip().splitlines()[0] if str(error).strip() else "no message"
    return f"{type(error).__name__}: {first}; details in log.txt"
