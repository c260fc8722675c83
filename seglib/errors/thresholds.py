"""Thresholds: what every cut of the probabilities would give, from two histograms an image.

Foreground is q >= k for a cut k from 0 (everything) to 255; a threshold T from 0 to 1 is the cut ceil(255 T). The
histograms of q over cell and over background say all of it: the true positives at k are the cell pixels from k up.
They are stored per image as integers, and add up.

A threshold chosen because it is best on some images flatters the IoU on those images.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
import pandas as pd

from seglib.exceptions import InputError

LEVELS = 256
HISTOGRAMS = ("cell", "background")  # columns of thresholds.parquet, each a list of LEVELS pixel counts


def histograms(q: np.ndarray, mask: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """(2, 256) int64: how many valid pixels of cell and of background have each q.

    q: (H, W) uint8; mask, valid: (H, W) bool. Raises InputError where types or shapes differ.
    """
    if q.dtype != np.uint8 or mask.dtype != bool or valid.dtype != bool or not q.shape == mask.shape == valid.shape:
        raise InputError(
            f"q, mask and valid are {q.dtype} {q.shape}, {mask.dtype} {mask.shape}, {valid.dtype} {valid.shape}; "
            "needed: uint8, bool and bool of one shape."
        )
    cell = np.bincount(q[mask & valid], minlength=LEVELS)
    return np.stack([cell, np.bincount(q[valid], minlength=LEVELS) - cell])


def curve(q: np.ndarray, mask: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """(256, 3) int64: tp, fp, fn at every cut k. Arguments as in `histograms`."""
    return of_histograms(histograms(q, mask, valid))


def of_histograms(counts: np.ndarray) -> np.ndarray:
    """(256, 3) tp, fp, fn at every cut of (2, 256) histograms of cell and background."""
    tp, fp = np.cumsum(np.asarray(counts, np.int64)[:, ::-1], axis=1)[:, ::-1]
    return np.stack([tp, fp, tp[0] - tp], axis=1)


def pooled(tables: Iterable[np.ndarray]) -> np.ndarray:
    """Sum of (256, 3) curves: pixels of all images are added up first."""
    return sum(tables, np.zeros((LEVELS, 3), np.int64))


def of_table(table: pd.DataFrame) -> np.ndarray:
    """Pooled (256, 3) curve of the rows of thresholds.parquet."""
    if not len(table):
        return pooled([])
    return of_histograms(np.stack([np.stack(table[name].to_numpy()).sum(axis=0) for name in HISTOGRAMS]))


def iou(counts: np.ndarray) -> np.ndarray:
    """(256,) IoU of a (256, 3) curve; NaN where neither mask nor prediction has a cell."""
    union = counts.sum(axis=1)
    return np.divide(counts[:, 0], union, out=np.full(LEVELS, math.nan), where=union > 0)


def cut_of(threshold: float) -> int:
    """The cut k of a threshold: q >= 255 T is q >= k."""
    if not 0 <= threshold <= 1:
        raise InputError(f"threshold is {threshold}; allowed: from 0 to 1.")
    return math.ceil(255 * threshold)


def best_threshold(counts: np.ndarray, default: float = 0.5) -> float | None:
    """The threshold of the highest IoU, in hundredths as a slider has them; of equal ones that nearest to `default`.

    None where no threshold has an IoU.
    """
    steps = np.arange(101) / 100
    values = iou(counts)[[cut_of(float(step)) for step in steps]]
    if np.isnan(values).all():
        return None
    ties = steps[values == np.nanmax(values)]
    return float(ties[np.abs(ties - default).argmin()])
