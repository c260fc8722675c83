"""The lock of a run or job: held by its worker for life, so that the operating system itself says who lives.

A probe is a momentary hold. Two probes, or a probe and a starting worker, can meet; whoever is unsure tries again
for two seconds.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from seglib.exceptions import InputError

PATIENCE_S = 2.0


class Busy(InputError):
    """Another process holds the lock."""


@contextmanager
def hold(folder: Path, patience_s: float = PATIENCE_S, name: str = "lock") -> Iterator[None]:
    """Hold `folder`/`name`. Raises Busy when another process keeps it longer than `patience_s` seconds."""
    lock = FileLock(str(folder / name))
    try:
        lock.acquire(timeout=patience_s, poll_interval=0.02)
    except Timeout:
        raise Busy(f"{folder.name} is busy: another process works in {folder}; wait for it or stop it first.") from None
    try:
        yield
    finally:
        lock.release()


def is_held(folder: Path, certain: Callable[[], bool] = lambda: False, patience_s: float = PATIENCE_S) -> bool:
    """Whether a worker lives in `folder`. `certain` may confirm a hold at once (the recorded process is alive)."""
    deadline = time.monotonic() + patience_s
    while _held_now(folder):
        if certain() or time.monotonic() > deadline:
            return True
        time.sleep(0.02)
    return False


def _held_now(folder: Path) -> bool:
    path = folder / "lock"
    if not path.exists():
        return False
    lock = FileLock(str(path))
    try:
        lock.acquire(blocking=False)
    except Timeout:
        return True
    except OSError:  # a folder we may not write in cannot hold a worker of ours
        return False
    lock.release()
    return False
