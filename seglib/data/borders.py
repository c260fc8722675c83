"""Borders: the weight map of the U-Net paper, which makes the thin gap between touching cells count."""

from __future__ import annotations

import cv2
import numpy as np

from seglib.exceptions import InputError

# Beyond this many sigma the weight is below 4e-6 · w0 and is set to 0.
_REACH_SIGMA = 5.0


def border_weights(labels: np.ndarray, w0: float = 10.0, sigma_px: float = 5.0) -> np.ndarray:
    """Labels (H, W) int32 -> (H, W) float32: w0 · exp(-(d1 + d2)² / (2 σ²)) on the background, 0 inside cells.

    d1, d2: distance in px to the border (the nearest pixel) of the nearest and second nearest cell. Where fewer than
    two cells lie within 5 σ the weight is 0. To be added to a weight of 1. Ronneberger, Fischer & Brox 2015, eq. 2,
    doi:10.1007/978-3-319-24574-4_28. Raises InputError for w0 < 0 or sigma_px <= 0.
    """
    if w0 < 0 or not sigma_px > 0:
        raise InputError(f"border weights of w0={w0}, sigma_px={sigma_px}; allowed: w0 from 0, sigma_px above 0.")
    reach = np.float32(_REACH_SIGMA * sigma_px)
    first = np.full(labels.shape, reach, np.float32)
    second = first.copy()
    margin = int(np.ceil(reach)) + 1
    for label, box in _boxes(labels):
        window = tuple(slice(max(0, low - margin), high + margin) for low, high in box)
        distance = _distance(labels[window], label)
        near, next_near = first[window], second[window]
        np.minimum(next_near, np.maximum(near, distance), out=next_near)
        np.minimum(near, distance, out=near)
    weights = np.float32(w0) * np.exp(-((first + second) ** 2) / np.float32(2 * sigma_px**2))
    weights[(labels > 0) | (first + second >= reach)] = 0
    return weights


def _boxes(labels: np.ndarray) -> list[tuple[int, list[tuple[int, int]]]]:
    """(label, [(first row, last row + 1), (first col, last col + 1)]) of every cell, from one pass over the pixels."""
    rows, cols = np.nonzero(labels)
    ids, index = np.unique(labels[rows, cols], return_inverse=True)
    bounds = []
    for axis in (rows, cols):
        low = np.full(len(ids), np.iinfo(np.int64).max)
        high = np.zeros(len(ids), np.int64)
        np.minimum.at(low, index, axis)
        np.maximum.at(high, index, axis)
        bounds.append(list(zip(low.tolist(), (high + 1).tolist())))
    return [(int(label), [row, col]) for label, row, col in zip(ids, *bounds)]


def _distance(labels: np.ndarray, label: int) -> np.ndarray:
    """Exact Euclidean distance in px of every pixel to the nearest pixel of one cell."""
    outside = (labels != label).astype(np.uint8)
    distance = cv2.distanceTransform(outside, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    # its last bit changes from call to call (OpenCV 5.0); the square of a distance between pixels is a whole number
    return np.sqrt(np.rint(distance * distance))
