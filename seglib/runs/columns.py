"""Rows of numbers that grow at their end: one array, doubled when it is full, so that a row costs the same always."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np


class Columns:
    """Named columns of float64; what is missing is NaN. The first column is the step."""

    def __init__(self, *names: str) -> None:
        self.names = names
        self._rows = np.empty((0, len(names)))
        self._n = 0

    def __len__(self) -> int:
        return self._n

    def extend(self, events: Sequence[Mapping[str, object]]) -> None:
        """One row an event; a value that is no number is missing."""
        if not events:
            return
        rows = np.array([[_number(event.get(name)) for name in self.names] for event in events])
        if self._n + len(rows) > len(self._rows):
            grown = np.empty((max(256, 2 * (self._n + len(rows))), len(self.names)))
            grown[: self._n] = self._rows[: self._n]
            self._rows = grown
        self._rows[self._n : self._n + len(rows)] = rows
        self._n += len(rows)

    def cut_after(self, step: float) -> None:
        """Forget rows of later steps. In a new array: a reader may still hold the old one."""
        kept = self._rows[: self._n]
        self._rows = kept[kept[:, 0] <= step]
        self._n = len(self._rows)

    def arrays(self) -> dict[str, np.ndarray]:
        """Each column as it stands now, (n,) float64, read only."""
        now = self._rows[: self._n].view()
        now.flags.writeable = False
        return {name: now[:, i] for i, name in enumerate(self.names)}


def extremes(values: np.ndarray, most: int) -> np.ndarray:
    """Which of `values` a curve of at most `most` points shows: first, last, and of every stretch between its lowest
    and its highest, so that no spike is lost. Ascending positions; NaN counts as neither."""
    if len(values) <= most:
        return np.arange(len(values))
    edges = np.linspace(0, len(values), max(1, (most - 2) // 2) + 1).astype(int)[:-1]
    width = -(-len(values) // len(edges)) + 1
    places = np.minimum(edges[:, None] + np.arange(width), np.append(edges[1:], len(values))[:, None] - 1)
    low, high = (np.where(np.isnan(values), bad, values)[places] for bad in (np.inf, -np.inf))
    rows = np.arange(len(edges))
    found = places[rows, low.argmin(1)], places[rows, high.argmax(1)]
    return np.unique(np.concatenate([[0], *found, [len(values) - 1]]))


def _number(value: object) -> float:
    return float(value) if isinstance(value, (int, float)) else np.nan
