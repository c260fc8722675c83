"""Pause: a training waits while its disk is full, and goes on by itself when there is room. No torch."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from pathlib import Path
from typing import TypeVar

from seglib.training.clock import Clock
from seglib.training.events import Paused
from seglib.training.failed import DiskFull
from seglib.training.room import is_full, megabytes, missing_bytes

POLL_S = 2.0
GIVE_UP_S = 3600.0
T = TypeVar("T")
Noted = Generator[Paused, None, T]  # what yields notes while it works, and returns a T


class Pause:
    """Does what writes into `folder`, each piece when there is room for it.

    The wait counts as no training time. It ends in DiskFull after GIVE_UP_S, or when a stop is asked meanwhile: the
    state could not be saved, the checkpoints on disk are as they were.
    """

    def __init__(self, folder: Path, clock: Clock, should_stop: Callable[[], bool]):
        self.folder, self.clock, self.should_stop = folder, clock, should_stop

    def writing(self, work: Callable[[], T], needed_bytes: int = 0) -> Noted[T]:
        """The result of `work()`, which writes about `needed_bytes` and may be called again after it failed.

        Yields a note when the training begins to wait and one when it goes on.
        """
        begun = time.perf_counter()
        missing, result = self._attempt(work, needed_bytes)
        if not missing:
            return result
        yield Paused(f"paused: {self._lacks(missing)}; goes on by itself when there is room", paused=True)
        while missing:
            waited = time.perf_counter() - begun
            if self.should_stop() or waited > GIVE_UP_S:
                raise DiskFull(
                    f"{self._lacks(missing)}, waited {waited / 60:.0f} min: the state could not be saved; the last "
                    "complete checkpoint is untouched. Free some space and resume"
                )
            time.sleep(POLL_S)
            missing, result = self._attempt(work, needed_bytes)
        waited = time.perf_counter() - begun
        self.clock.leave_out(waited)
        yield Paused(f"there is room again: goes on after {waited:.0f} s", paused=False)
        return result

    def _attempt(self, work: Callable[[], T], needed_bytes: int) -> tuple[int, T | None]:
        """(bytes that are missing, None), or (0, the result)."""
        missing = missing_bytes(self.folder, needed_bytes)
        if missing:
            return missing, None
        try:
            return 0, work()
        except Exception as error:
            if not is_full(error):
                raise
            return max(missing_bytes(self.folder, needed_bytes), needed_bytes, 1), None  # a quota shows only so

    def _lacks(self, missing: int) -> str:
        return f"disk full, needs {megabytes(missing)} MB more in {self.folder}"
