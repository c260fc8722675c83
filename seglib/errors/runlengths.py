"""Run lengths: the shapes of many regions in a few flat arrays, and how many pixels two of them share.

Comparing run by run costs what the outlines are long, not what the areas hold, and no picture is painted.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from seglib.exceptions import InputError

_ROW, _REGION = 20, 40  # bits: a key is region, row, col, so that one sorted array serves all regions
_AT_ONCE = 1 << 21  # runs compared in one go


@dataclass(frozen=True)
class Runs:
    """The inside runs of n regions, row by row, region after region.

    first: (n + 1,) where each region's begin. key: where a run starts, rising. length: in px. before: px in all runs
    before it.
    """

    first: np.ndarray
    key: np.ndarray
    length: np.ndarray
    before: np.ndarray

    @classmethod
    def of(cls, table: pd.DataFrame) -> Runs:
        """table: row, col, height, width, rle. Raises InputError for a code that does not fit its box."""
        top, left, height, width = (table[name].to_numpy(np.int64) for name in ("row", "col", "height", "width"))
        region, start, end = _unrolled(table.rle.tolist(), height * width)
        owner, row, begin, stop = _by_rows(region, start, end, width)
        key = (owner << _REGION) | ((row + top[owner]) << _ROW) | (begin + left[owner])
        length = stop - begin
        first = np.searchsorted(owner, np.arange(len(table) + 1))
        return cls(first, key, length.astype(np.int32), np.cumsum(length) - length)

    @property
    def row(self) -> np.ndarray:
        return (self.key >> _ROW) & ((1 << _ROW) - 1)

    @property
    def col(self) -> np.ndarray:
        return self.key & ((1 << _ROW) - 1)

    @property
    def region(self) -> np.ndarray:
        return self.key >> _REGION

    def shared(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """Pixels that region a[k] and region b[k] have in common, (n,) int64."""
        n_a, n_b = (self.first[x + 1] - self.first[x] for x in (a, b))
        a, b, n = np.where(n_a <= n_b, a, b), np.where(n_a <= n_b, b, a), np.minimum(n_a, n_b)
        found, done = np.zeros(len(a), np.int64), 0
        ends = np.cumsum(n)
        while done < len(a):
            stop = max(done + 1, int(np.searchsorted(ends, ends[done] - n[done] + _AT_ONCE)))
            found[done:stop] = self._shared(a[done:stop], b[done:stop], n[done:stop])
            done = stop
        return found

    def _shared(self, a: np.ndarray, b: np.ndarray, n: np.ndarray) -> np.ndarray:
        pair = np.repeat(np.arange(len(a)), n)
        run = self.first[a][pair] + np.arange(len(pair)) - (np.cumsum(n) - n)[pair]
        there = (b[pair] << _REGION) | (self.key[run] & ((1 << _REGION) - 1))
        px = self._below(there + self.length[run], b[pair]) - self._below(there, b[pair])
        return np.bincount(pair, px, minlength=len(a)).astype(np.int64)

    def _below(self, key: np.ndarray, region: np.ndarray) -> np.ndarray:
        """Pixels of the region that come before the place `key`, in reading order."""
        last = np.searchsorted(self.key, key) - 1
        first = self.first[region]
        inside = last >= first
        last = np.where(inside, last, first)
        # a place in a later row is further off than any run is long
        return np.where(
            inside, self.before[last] - self.before[first] + np.minimum(key - self.key[last], self.length[last]), 0
        )


def _unrolled(codes: list[str], sizes: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(region, start, end) of every inside run, counted through the region's box."""
    n = np.array([code.count(" ") + 1 if code else 0 for code in codes], np.int64)
    try:
        numbers = np.array(" ".join(filter(None, codes)).split(), np.int64)
        fits = not len(numbers) or (numbers.min() >= 0 and len(numbers) == n.sum() and not (n % 2).any())
    except (ValueError, OverflowError):
        fits = False
    if not fits:
        raise InputError("a table of regions holds run-length codes that are no pairs of whole numbers; make it anew.")
    region = np.repeat(np.arange(len(codes)), n // 2)
    outside, inside = numbers[::2], numbers[1::2]
    end = np.cumsum(outside + inside)
    base = np.concatenate([[0], end])[np.cumsum(n // 2) - n // 2]
    end -= base[region]
    if (end > sizes[region]).any():
        raise InputError("a table of regions holds a run-length code that is longer than its box; make it anew.")
    solid = inside > 0
    return region[solid], (end - inside)[solid], end[solid]


def _by_rows(region, start, end, width) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """(region, row, start, end within the row) of the runs, cut where a row of the box ends."""
    across = width[region]
    row, last = start // across, (end - 1) // across
    n = last - row + 1
    run = np.repeat(np.arange(len(n)), n)
    row = row[run] + np.arange(len(run)) - (np.cumsum(n) - n)[run]
    begin = np.maximum(start[run] - row * across[run], 0)
    stop = np.minimum(end[run] - row * across[run], across[run])
    return region[run], row, begin, stop
