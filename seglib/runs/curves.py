"""What the curves of a training are drawn from: its events as columns, read on from where the last look ended.

A training of 100,000 steps is parsed once (a third of a second), then only what is new; no event is kept as a dict
but the validations. Steps that a resume repeated stand once, as computed last.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np

from seglib.runs import events
from seglib.runs.columns import Columns
from seglib.runs.store import Run

NOTES = 50  # the last so many are kept
_FILES = 64  # as many runs are kept in memory
_STEP = ("step", "loss", "lr", "samples_per_s", "elapsed_s")
_MEMORY = ("step", "process_bytes", "device_bytes")


@dataclass(frozen=True)
class Curves:
    """A training so far. steps: step, loss, lr, samples_per_s, elapsed_s; memory: step, process_bytes, device_bytes;
    each an (n,) float64 array, NaN = not known. validations: the events, oldest first. notes: the last NOTES."""

    steps: Mapping[str, np.ndarray]
    memory: Mapping[str, np.ndarray]
    validations: tuple[dict[str, Any], ...]
    notes: tuple[str, ...]


class Reader:
    """The events of one file, each read once; several threads may share it."""

    def __init__(self, path: Path) -> None:
        self.path, self._lock = path, Lock()
        self._forget(0)

    def _forget(self, inode: int) -> None:
        self._inode, self._offset = inode, 0
        self._steps, self._memory = Columns(*_STEP), Columns(*_MEMORY)
        self._validations: list[dict[str, Any]] = []
        self._notes: deque[str] = deque(maxlen=NOTES)

    def read(self) -> Curves:
        """All there is by now; of the file only what was added since the last call is read."""
        with self._lock:
            self._read_on()
            return Curves(
                self._steps.arrays(), self._memory.arrays(), tuple(self._validations), tuple(dict.fromkeys(self._notes))
            )

    def _read_on(self) -> None:
        try:
            stat = self.path.stat()
        except OSError:
            self._forget(0)
            return
        if (stat.st_ino, stat.st_size >= self._offset) != (self._inode, True):
            self._forget(stat.st_ino)  # another file: a name that is used again
        if stat.st_size == self._offset:
            return
        new, self._offset = events.tail(self.path, self._offset)
        for first, last in _between_starts(new):
            self._take(new[first:last])

    def _take(self, new: list[dict[str, Any]]) -> None:
        """Events of which only the first may be a start."""
        if new and new[0].get("kind") == "started" and new[0].get("step") is not None:
            self._cut_after(new[0]["step"])
        by_kind: dict[str, list[dict[str, Any]]] = {"step": [], "memory": [], "validation": [], "note": []}
        for event in new:
            by_kind.get(event.get("kind", ""), []).append(event)
        self._steps.extend(by_kind["step"])
        self._memory.extend(by_kind["memory"])
        self._validations += by_kind["validation"]
        self._notes.extend(str(event["text"]) for event in by_kind["note"] if event.get("text"))

    def _cut_after(self, step: float) -> None:
        self._steps.cut_after(step)
        self._memory.cut_after(step)
        self._validations = [event for event in self._validations if (event.get("step") or 0) <= step]


def _between_starts(new: list[dict[str, Any]]) -> list[tuple[int, int]]:
    starts = [i for i, event in enumerate(new) if event.get("kind") == "started" and i]
    edges = [0, *starts, len(new)]
    return list(pairwise(edges))


_readers: OrderedDict[Path, Reader] = OrderedDict()
_guard = Lock()


def of(run: Run) -> Curves:
    """The curves of `run` as they stand; shared by all who ask in this process."""
    path = run.folder / "events.jsonl"
    with _guard:
        reader = _readers.setdefault(path, Reader(path))
        _readers.move_to_end(path)
        while len(_readers) > _FILES:
            _readers.popitem(last=False)
    return reader.read()
