"""Topology: which cells of an augmented picture were merged, split or lost, and which only left it.

A mask is binary for the network: two cells are merged where they touch, by an edge or a corner, and did not before.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from seglib.augment.jacobian import landing
from seglib.augment.shapes import Shapes
from seglib.augment.warp import Geometry, Window

# Two labels in one number; labels must be below
_MANY = 2**20
# A cell is expected in the window when its middle lies at least this far within
_MARGIN_PX = 2.0


@dataclass(frozen=True)
class Topology:
    """Cells of one draw: n_cells = those that show in it.

    merged: those that touch another one only now, across a gap of two pixels or more; split: those in pieces only now;
    lost: those gone although their middle lies in the window; wrong: all of these, each once. closed: further cells
    that touch another one because a gap of one pixel closed, as any turn by an angle does here and there. left: those
    gone because their middle lies outside of the window.
    """

    n_cells: int
    merged: int
    split: int
    lost: int
    wrong: int
    closed: int
    left: int


def touching(labels: np.ndarray, gap_px: int = 0) -> np.ndarray:
    """One code, ascending, for every two cells of labels (H, W) with pixels `gap_px` + 1 apart along rows or columns.

    0: side by side or corner to corner, so that they are one object in a binary mask; 1: one pixel lies between.
    """
    # in 16 bits where they suffice: four to six comparisons of the whole picture are most of the work
    labels = labels.astype(np.uint16) if labels.max(initial=0) < 2**16 else labels
    codes = []
    for rows, cols in _offsets(gap_px + 1):
        one, other = _pair(labels, rows, cols)
        meet = one != other
        meet &= one > 0
        meet &= other > 0
        if meet.any():
            a, b = one[meet].astype(np.int64), other[meet].astype(np.int64)
            codes.append(np.unique(np.minimum(a, b) * _MANY + np.maximum(a, b)))
    return np.unique(np.concatenate(codes)) if codes else np.zeros(0, np.int64)


def _offsets(reach: int) -> list[tuple[int, int]]:
    """Half of the square ring of this radius: the other half are the same pairs."""
    ring = [(reach, cols) for cols in range(-reach, reach + 1)]
    return ring + [(rows, reach) for rows in range(-reach + 1, reach)]


def _pair(labels: np.ndarray, rows: int, cols: int) -> tuple[np.ndarray, np.ndarray]:
    """Two views of `labels`, the second moved by (rows, cols)."""
    height, width = labels.shape
    top, left = max(0, rows), max(0, cols)
    bottom, right = min(height, height + rows), min(width, width + cols)
    return labels[top - rows : bottom - rows, left - cols : right - cols], labels[top:bottom, left:right]


def new_neighbours(now: np.ndarray, touched: np.ndarray, hairline: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Labels of the cells merged, and of those whose gap of one pixel closed, from codes of `touching`."""
    new = np.setdiff1d(now, touched)
    narrow = np.isin(new, hairline)
    return _cells(new[~narrow]), _cells(new[narrow])


def _cells(codes: np.ndarray) -> np.ndarray:
    return np.unique(np.concatenate(np.divmod(codes, _MANY)))


def split(before: Shapes, after: Shapes) -> np.ndarray:
    """Labels of cells that were in one piece and are in several; not those cut by the edge: the rest may lie beyond."""
    pieces = after.label[~after.cut & (after.n_pieces > 1)]
    return pieces[np.isin(pieces, before.label[~before.cut & (before.n_pieces == 1)])]


def gone(
    labels: np.ndarray, middles: np.ndarray, seen: np.ndarray, geometry: Geometry, window: Window
) -> tuple[int, int]:
    """(lost, left): cells `labels` (n,) that are not among `seen`.

    middles (n, 2): (row, col) of a pixel amid each in the source.
    """
    missing = ~np.isin(labels, seen)
    if not missing.any():
        return 0, 0
    place = landing(geometry, window, middles[missing]) - (window.row, window.col)
    last = np.array([window.height, window.width]) - 1
    inside = (place >= _MARGIN_PX) & (place <= last - _MARGIN_PX)  # a place that was not found is NaN: not inside
    lost = int(inside.all(axis=1).sum())
    return lost, int(missing.sum()) - lost
