"""Background: its grey value in one picture, its slow change over the picture, and where it can not be told.

Values are as `readers.to_gray` gives them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from seglib.data.grey import background as histogram_peak

BLOCKS = 32  # along the longer side: the field is fitted to medians of blocks
REJECT_SPREADS, ROUNDS = 2.5, 5


@dataclass(frozen=True)
class Levels:
    """The background's grey value, told in three ways; NaN where there is no such pixel.

    median: of all valid pixels, which is what the normalisation `background` subtracts · peak: of the smoothed
    histogram (`grey.background`) · outside: the median of the pixels outside the mask, the truth; inside: of the cells.
    """

    median: float
    peak: float
    outside: float
    inside: float


def levels(gray: np.ndarray, mask: np.ndarray | None, valid: np.ndarray) -> Levels:
    """gray (H, W) float32; mask (H, W) bool, True = cell, or None without one; valid (H, W) bool."""
    values = gray[valid]
    inside, outside = (gray[valid & mask], gray[valid & ~mask]) if mask is not None else (values[:0], values[:0])
    return Levels(_median(values), histogram_peak(values), _median(outside), _median(inside))


def _median(values: np.ndarray) -> float:
    return float(np.median(values)) if values.size else float("nan")


def field(gray: np.ndarray, valid: np.ndarray | None = None, degree: int = 2) -> np.ndarray:
    """(H, W) float32: the background as a polynomial of `degree` in row and column, fitted around the cells.

    Least squares on the medians of at most 32 × 32 blocks; blocks farther than 2.5 robust standard deviations
    (1.4826 · median absolute residual) from the fit are left out and the fit is done again, five times. With cells in
    most of the blocks it follows the cells. The polynomial surface of Likar et al. 2000,
    doi:10.1046/j.1365-2818.2000.00669.x, with their choice of background pixels replaced by rejection.
    """
    height, width = gray.shape
    side = max(1, -(-max(height, width) // BLOCKS))
    rows, cols, medians = _blocks(gray, np.ones(gray.shape, bool) if valid is None else valid, side)
    if not len(medians):
        return np.zeros(gray.shape, np.float32)
    terms = _terms(rows, cols, gray.shape, degree)
    keep = np.ones(len(medians), bool)
    for _ in range(ROUNDS):
        weights, *_ = np.linalg.lstsq(terms[keep], medians[keep], rcond=None)
        residual = np.abs(medians - terms @ weights)
        limit = REJECT_SPREADS * 1.4826 * float(np.median(residual[keep]))
        nearer = residual <= max(limit, 1e-9)
        if nearer.sum() <= terms.shape[1] or (nearer == keep).all():
            break
        keep = nearer
    every = _terms(*(axis.ravel() for axis in np.mgrid[0:height, 0:width]), gray.shape, degree)
    return (every @ weights).reshape(gray.shape).astype(np.float32)


def _blocks(gray: np.ndarray, valid: np.ndarray, side: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Centre rows, centre columns and medians of the blocks of `side` px that have a valid pixel."""
    found = []
    for top in range(0, gray.shape[0], side):
        for left in range(0, gray.shape[1], side):
            part = np.s_[top : top + side, left : left + side]
            values = gray[part][valid[part]]
            if values.size:
                height, width = gray[part].shape
                found.append((top + (height - 1) / 2, left + (width - 1) / 2, float(np.median(values))))
    return tuple(np.array(found, float).reshape(-1, 3).T)


def _terms(rows: np.ndarray, cols: np.ndarray, shape: tuple[int, int], degree: int) -> np.ndarray:
    """(n, k): the products row^i · col^j of degree i + j up to `degree`, on axes from -1 to 1."""
    y, x = (2 * axis / max(1, length - 1) - 1 for axis, length in zip((rows, cols), shape))
    return np.stack([y**i * x**j for i in range(degree + 1) for j in range(degree + 1 - i)], axis=1)


def crowded(images: pd.DataFrame) -> pd.DataFrame:
    """The rows of `Survey.images` whose median is a cell's: foreground above half, and the median grey value nearer to
    the median of the cells than to that of the rest. There `background` subtracts cells."""
    to_cells = (images["median_grey"] - images["median_inside"]).abs()
    to_rest = (images["median_grey"] - images["median_outside"]).abs()
    return images[(images["foreground"] > 0.5) & (to_cells < to_rest)]
