"""Bending: what a displacement field does to the plane: where it folds, and arrows that show it.

A field u is (2, height, width) float32 in px, along rows and columns; the picture shows at p what lay at p + u(p).
"""

from __future__ import annotations

import numpy as np


def folded(displacement: np.ndarray) -> np.ndarray:
    """(height, width) bool: where p + u(p) turns over, its Jacobian determinant at or below 0.

    Differences to the next pixel; the last row and column repeat their neighbours.
    """
    down, across = np.diff(displacement, axis=1)[:, :, :-1], np.diff(displacement, axis=2)[:, :-1, :]
    determinant = (1 + down[0]) * (1 + across[1]) - down[1] * across[0]
    return np.pad(determinant <= 0, ((0, 1), (0, 1)), mode="edge")


def arrows(displacement: np.ndarray, every_px: int) -> list[tuple[float, float, float, float]]:
    """Arrows (row, col, down, right), one in `every_px`: where a place was and how far it has moved, both in px.

    What is shown at p came from p + u(p), so the arrow starts there and ends at p.
    """
    height, width = displacement.shape[1:]
    rows, cols = np.meshgrid(*(np.arange(every_px // 2, side, every_px) for side in (height, width)), indexing="ij")
    down, right = (np.round(part[rows, cols].astype(float), 2) for part in displacement)
    return list(zip(*((a.ravel().tolist()) for a in (rows + down, cols + right, -down, -right))))


def longest(displacement: np.ndarray) -> float:
    """The longest way that any place moves, in px."""
    return float(np.sqrt(np.square(displacement).sum(axis=0).max()))
