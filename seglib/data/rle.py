"""Run-length text of a small picture of a region: how its pixels are kept in tables, reviews and changes.

Lengths of alternating runs of outside and inside pixels, row by row through the bounding box, outside first; what
follows the last inside pixel is left out.
"""

from __future__ import annotations

import numpy as np

from seglib.exceptions import InputError


def encode(region: np.ndarray) -> str:
    """Run-length text of an (H, W) bool array: '3 2 4 1' = 3 outside, 2 inside, 4 outside, 1 inside, rest outside."""
    flat = np.concatenate(([False], region.ravel(), [False]))
    changes = np.flatnonzero(flat[1:] != flat[:-1])
    return " ".join(map(str, np.diff(changes, prepend=0).tolist()))


def decode(rle: str, height: int, width: int) -> np.ndarray:
    """(height, width) bool; the inverse of `encode`. Raises InputError for text that is no such code."""
    try:
        runs = np.array(rle.split(), np.int64)
    except (ValueError, OverflowError):
        raise InputError(f"run-length code {rle[:40]!r}: whole numbers with blanks between are needed.") from None
    if len(runs) % 2 or (runs < 0).any() or runs.sum() > height * width:
        raise InputError(f"run-length code {rle[:40]!r} does not fit a box of {height} x {width} pixels.")
    flat = np.zeros(height * width, bool)
    inside = np.repeat(np.arange(len(runs)) % 2 == 1, runs)
    flat[: len(inside)] = inside
    return flat.reshape(height, width)
