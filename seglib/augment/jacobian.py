"""Jacobian: how far a draw moves pixels and where it folds the picture over itself, from its coarse displacement grid.

The map p + u(p) takes a place of the augmented picture to where it looks in the source. Its Jacobian determinant is the
area that a pixel of the augmented picture takes from the source: below 1 cells are enlarged, above 1 they shrink, at 0
and below the picture is folded and shows the same cell again, mirrored. Flips, rotation and scale are left out: they
are the same everywhere and fold nothing.

Between the points of the grid u is bilinear, so within a block the determinant is linear along rows and along columns:
its extremes lie at the corners of blocks, and four corners a block tell them exactly.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from seglib.augment.warp import Geometry, Window


@dataclass(frozen=True)
class Bending:
    """Of one draw in one window.

    determinant: the least; 1 = not bent. folded: share of the area where it is 0 or below. displacement_px: the
    largest length of u, in px of the augmented picture.
    """

    determinant: float = 1.0
    folded: float = 0.0
    displacement_px: float = 0.0


def bending(geometry: Geometry, window: Window) -> Bending:
    """Measured over the blocks of the grid that cover `window`: up to a block more than it on every side."""
    found = geometry.coarse_displacement(window)
    if found is None:
        return Bending()
    u, rows, cols = found
    corners = determinants(u, float(rows[1] - rows[0]), float(cols[1] - cols[0]))
    return Bending(
        determinant=float(corners.min()),
        folded=float(np.count_nonzero(corners <= 0) / corners.size),
        displacement_px=float(np.sqrt((u[0] ** 2 + u[1] ** 2).max())),
    )


def determinants(u: np.ndarray, row_step: float, col_step: float) -> np.ndarray:
    """Displacements (2, m, n) at a grid -> (4, m - 1, n - 1): det(I + ∇u) at the four corners of every block."""
    along_rows = np.diff(u, axis=1) / np.float32(row_step)  # (2, m - 1, n): at the left and the right edge of blocks
    along_cols = np.diff(u, axis=2) / np.float32(col_step)  # (2, m, n - 1): at the upper and the lower edge
    corners = np.empty((4, u.shape[1] - 1, u.shape[2] - 1), np.float32)
    for k, (edge, side) in enumerate((edge, side) for edge in (0, 1) for side in (0, 1)):
        down = along_rows[:, :, side : side + corners.shape[2]]
        across = along_cols[:, edge : edge + corners.shape[1], :]
        corners[k] = (1 + down[0]) * (1 + across[1]) - down[1] * across[0]
    return corners


def landing(geometry: Geometry, window: Window, points: np.ndarray, rounds: int = 12) -> np.ndarray:
    """Where source points (n, 2) of (row, col) lie in the augmented plane: (n, 2), NaN where that was not found.

    The inverse of the map, by fixed-point iteration p = q - u(p), which converges where the picture is not folded.
    Points that land outside the window by more than a block are not followed: u is not known there.
    """
    matrix, origin = geometry.affine
    straight = (np.asarray(points, float).reshape(-1, 2) - origin) @ np.linalg.inv(matrix).T
    found = geometry.coarse_displacement(window)
    if found is None:
        return straight
    u, rows, cols = found
    corner, side = np.array([rows[0], cols[0]]), rows[1] - rows[0]
    place = straight
    for _ in range(rounds):
        before, place = place, straight - _between(u, (place - corner) / side)
    place[np.hypot(*(place - before).T) > 0.5] = np.nan
    return place


def _between(u: np.ndarray, where: np.ndarray) -> np.ndarray:
    """u at fractional grid indices (n, 2), repeated beyond the grid: (n, 2)."""
    rows, cols = (np.ascontiguousarray(axis, np.float32)[None] for axis in where.T)
    if not len(where):
        return np.zeros((0, 2))
    parts = [cv2.remap(part, cols, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)[0] for part in u]
    return np.stack(parts, axis=1).astype(float)
