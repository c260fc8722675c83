"""Neighbours: the nearest of some pixels, and what lies beside a pixel."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np

EIGHT = tuple((r, c) for r in (-1, 0, 1) for c in (-1, 0, 1) if (r, c) != (0, 0))


def nearest(sources: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Flat index of the nearest source pixel (H, W) and the distance to it in px (5x5 chamfer, within 2 %)."""
    distance, number = cv2.distanceTransformWithLabels(
        (~sources).view(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    flat = np.zeros(int(number.max()) + 1, np.int64)
    where = np.flatnonzero(sources)
    flat[number.ravel()[where]] = where
    return flat[number], distance


def around(where: np.ndarray, *arrays: np.ndarray, shifts=EIGHT) -> Iterator[list[np.ndarray]]:
    """For each shift the values of the arrays beside the pixels `where`; beyond the image they are 0."""
    reach = max(abs(x) for shift in shifts for x in shift)
    rows, cols = np.nonzero(where)
    padded = [np.pad(a, reach) for a in arrays]
    for row, col in shifts:
        yield [a[rows + reach + row, cols + reach + col] for a in padded]
