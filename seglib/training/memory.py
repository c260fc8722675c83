"""Memory: how much of the machine a training takes, for the pages."""

from __future__ import annotations

import contextlib
import time

import psutil
import torch

from seglib.training.events import Memory

EVERY_S = 5.0


class MemoryWatch:
    """Says now and then how much memory is in use; looking takes a few milliseconds, so at most every EVERY_S."""

    def __init__(self, device: str):
        self._device, self._process = device, psutil.Process()
        self._next_s = 0.0

    def due(self) -> bool:
        return time.monotonic() >= self._next_s

    def look(self, step: int) -> Memory:
        """The sizes now; the next look is due EVERY_S later."""
        event = Memory(step, self._resident(), self._on_device())
        self._next_s = time.monotonic() + EVERY_S
        return event

    def _resident(self) -> int:
        """Bytes of this process and all it started; pages that they share count in each."""
        total = 0
        for process in (self._process, *self._helpers()):
            with contextlib.suppress(psutil.Error):  # it ended meanwhile
                total += process.memory_info().rss
        return total

    def _helpers(self) -> list[psutil.Process]:
        try:
            return self._process.children(recursive=True)
        except (psutil.Error, OSError):  # a figure is not worth a training
            return []

    def _on_device(self) -> int | None:
        """The most that tensors took of the GPU so far in this process; None without CUDA."""
        return torch.cuda.max_memory_allocated() if self._device == "cuda" else None
