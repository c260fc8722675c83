"""Inverse: where every pixel of a picture went. It carries predictions on augmented pictures back to the picture.

there = inverse_map(geometry)                    # (row, col) on the plane of every pixel of the picture
there -= np.reshape((window.row, window.col), (2, 1, 1))   # and in the window that was augmented
back = remap(probabilities, there, cv2.INTER_LINEAR, "constant")
"""

from __future__ import annotations

import math

import cv2
import numpy as np

from seglib.augment.warp import MAX_SIDE, Geometry, Window
from seglib.exceptions import InputError

TOLERANCE_PX = 0.02
MOST_ROUNDS = 60
# Where the field is this many standard deviations strong it is cut: one place in a billion
_STRONGEST = 6.0


def inverse_map(geometry: Geometry, window: Window | None = None) -> np.ndarray:
    """(2, height, width) float32: the place (row, col) on the plane that shows each pixel of the source's `window`.

    window: in pixels of the picture before augmentation; None = all of it. It may reach beyond the picture.

    The map shows source = origin + matrix · (p + u(p)), so p = matrix⁻¹ · (source - origin) - u(p), which is iterated
    from u = 0 (Chen et al. 2008, doi:10.1118/1.2816107). Each round leaves of the error at most the largest slope of
    u: below `Elastic.folding_limit` that is under 1 at every place (its standard deviation is 0.14), and 5 to 15 rounds
    reach TOLERANCE_PX. Where the field folds, a pixel is shown at several places or the rounds do not settle: one of
    the places is returned, or NaN after MOST_ROUNDS. Without bending it is exact to rounding.

    Raises InputError where the window spans more than MAX_SIDE px of the plane.
    """
    window = Window(0, 0, *geometry.shape) if window is None else window
    matrix, origin = geometry.affine
    back = np.linalg.inv(matrix)
    row, col = window.rows[:, None] - origin[0], window.cols - origin[1]
    flat = np.stack([to_row * row + to_col * col for to_row, to_col in back])
    if geometry.draw.displacement_px:
        flat = _unbent(geometry, flat)
    return flat.astype(np.float32)


def _unbent(geometry: Geometry, flat: np.ndarray) -> np.ndarray:
    """p of p + u(p) = `flat` (2, h, w) float64; NaN where the rounds do not settle."""
    wide = _around(flat, math.ceil(_STRONGEST * geometry.draw.displacement_px) + 1)
    if max(wide.height, wide.width) > MAX_SIDE:
        raise InputError(f"the window spans {wide.height} × {wide.width} px of the plane; allowed: {MAX_SIDE} a side.")
    field, corner = geometry.displacement(wide), np.reshape((wide.row, wide.col), (2, 1, 1))
    place = flat
    for _ in range(MOST_ROUNDS):
        row, col = (place - corner).astype(np.float32)
        bent = [cv2.remap(part, col, row, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE) for part in field]
        before, place = place, flat - bent
        moved = np.abs(place - before).max(axis=0)
        if moved.max() < TOLERANCE_PX:
            return place
    place[:, moved >= TOLERANCE_PX] = np.nan
    return place


def _around(points: np.ndarray, margin: int) -> Window:
    """The window of the pixels around `points` (2, h, w), and `margin` more on each side."""
    first, last = (limit(points.reshape(2, -1), axis=1) for limit in (np.min, np.max))
    row, col = np.floor(first).astype(int)
    height, width = np.ceil(last).astype(int) + 1 - (row, col)
    return Window(int(row), int(col), int(height), int(width)).grown(margin)
