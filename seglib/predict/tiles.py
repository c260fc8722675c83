"""Tiles: an image of any size in pieces that fit in memory, blended without seams.

Each tile is predicted with a halo of context on every side that is not the image's edge; inside the halo its weight
is zero, then it ramps up linearly. The weights of all tiles sum to one everywhere, so no division is needed:

    length 100, tile 60, halo 8, align 4   ->   [0 … 60], [40 … 100]
    weights of the first:  1 up to 48, down to 0 at 52;   of the second: 0 up to 48, up to 1 at 52
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np


@dataclass(frozen=True)
class Span:
    """One tile along one axis: pixels start … stop-1 and the weight (stop-start,) of each in the result."""

    start: int
    stop: int
    weights: np.ndarray


def spans(length: int, tile: int, halo: int, align: int = 1) -> list[Span]:
    """Tiles of at most `tile` px that cover `length`, starts at multiples of `align`, weights summing to 1.

    Starts are aligned so that every pooling of the network sees the same pixels together as in the whole image.
    Raises ValueError if `tile` leaves nothing beside the two halos.
    """
    if length <= tile:
        return [Span(0, length, np.ones(length, np.float32))]
    stride = (tile - 2 * halo - align) // align * align
    if stride <= 0:
        raise ValueError(f"tile is {tile} px, which leaves nothing beside two halos of {halo} px; use a larger tile.")
    starts = [k * stride for k in range(math.ceil((length - tile) / stride) + 1)]
    edges = [(start, min(start + tile, length)) for start in starts]
    ramps = [_ramp(left[1], right[0], halo, length) for left, right in pairwise(edges)]
    result = []
    for k, (start, stop) in enumerate(edges):
        weight = np.ones(length, np.float32)
        if k > 0:
            weight *= ramps[k - 1]
        if k < len(ramps):
            weight *= 1 - ramps[k]
        result.append(Span(start, stop, weight[start:stop]))
    return result


def _ramp(left_stop: int, right_start: int, halo: int, length: int) -> np.ndarray:
    """(length,) 0 -> 1 between the right tile's halo and the left tile's halo."""
    low, high = right_start + halo, left_stop - halo
    return np.clip((np.arange(length) + 0.5 - low) / max(high - low, 1), 0, 1).astype(np.float32)


def blend_rows(
    shape: tuple[int, int],
    predict: Callable[[slice, slice], np.ndarray],
    tile: int,
    halo: int,
    align: int,
    should_stop: Callable[[], bool] = lambda: False,
) -> Iterator[tuple[int, np.ndarray]]:
    """Finished rows of the blended result, top to bottom: (first row, (h, W) float32).

    `predict(rows, columns)` gives the (h, w) float32 prediction of that window. Only one row of tiles is in memory.
    """
    height, width = shape
    rows, columns = spans(height, tile, halo, align), spans(width, tile, halo, align)
    band = np.zeros((0, width), np.float32)
    top = 0
    for k, row in enumerate(rows):
        band = np.concatenate([band, np.zeros((row.stop - top - len(band), width), np.float32)])
        for column in columns:
            if should_stop():
                return
            piece = predict(slice(row.start, row.stop), slice(column.start, column.stop))
            band[row.start - top : row.stop - top, column.start : column.stop] += (
                piece * row.weights[:, None] * column.weights[None, :]
            )
        done = rows[k + 1].start if k + 1 < len(rows) else height
        yield top, band[: done - top]
        band, top = band[done - top :], done
