"""Cells: size and shape of every cell in a label image, computed for all cells at once from sums over pixels."""

from __future__ import annotations

from itertools import pairwise

import cv2
import numpy as np
import pandas as pd

COLUMNS = ("label", "area_px", "diameter_px", "eccentricity", "solidity", "row", "col", "touches_border")


def cells(labels: np.ndarray) -> pd.DataFrame:
    """Labels (H, W) int, 0 = background -> one row a cell, ascending by label.

    label · area_px · diameter_px of the disc of equal area · eccentricity of the ellipse with the same second moments
    (0 = round, towards 1 = long) · solidity = area ÷ area of the convex hull · row, col of the centroid ·
    touches_border: a pixel of the cell lies on the image's edge, so that its size says little.

    The same definitions as skimage.measure.regionprops, of which this is the fast part.
    """
    rows, cols = np.nonzero(labels)
    if rows.size == 0:
        return pd.DataFrame({name: np.zeros(0, _dtype(name)) for name in COLUMNS})
    ids, index = np.unique(labels[rows, cols], return_inverse=True)
    area = np.bincount(index)
    row, col = (np.bincount(index, weights=axis) / area for axis in (rows, cols))
    on_edge = (rows == 0) | (cols == 0) | (rows == labels.shape[0] - 1) | (cols == labels.shape[1] - 1)
    values = {
        "label": ids,
        "area_px": area,
        "diameter_px": 2 * np.sqrt(area / np.pi),
        "eccentricity": _eccentricity(index, rows - row[index], cols - col[index], area),
        "solidity": area / _hull_areas(index, rows, cols, len(ids)),
        "row": row,
        "col": col,
        "touches_border": np.bincount(index, weights=on_edge) > 0,
    }
    return pd.DataFrame({name: values[name].astype(_dtype(name)) for name in COLUMNS})


def touching(labels: np.ndarray) -> np.ndarray:
    """Labels (H, W) int -> the labels, ascending, of cells with a pixel among the 8 neighbours of another cell's."""
    found = []
    for row, col in ((0, 1), (1, 0), (1, 1), (1, -1)):
        a = labels[: labels.shape[0] - row, max(0, -col) : labels.shape[1] - max(0, col)]
        b = labels[row:, max(0, col) : labels.shape[1] + min(0, col)]
        meet = (a != b) & (a > 0) & (b > 0)
        found += [a[meet], b[meet]]
    return np.unique(np.concatenate(found))


def _dtype(name: str) -> type:
    return {"label": np.int64, "area_px": np.int64, "touches_border": np.bool_}.get(name, np.float64)


def _eccentricity(index: np.ndarray, rows: np.ndarray, cols: np.ndarray, area: np.ndarray) -> np.ndarray:
    """sqrt(1 - small/large) of the eigenvalues of the covariance of the pixel centres; 0 for a single pixel."""
    m_rr = np.bincount(index, weights=rows * rows) / area
    m_cc = np.bincount(index, weights=cols * cols) / area
    m_rc = np.bincount(index, weights=rows * cols) / area
    half, root = (m_rr + m_cc) / 2, np.sqrt(((m_rr - m_cc) / 2) ** 2 + m_rc**2)
    large = np.where(half > 0, half + root, 1.0)
    return np.sqrt(np.clip(1 - np.where(half > 0, half - root, 1.0) / large, 0, 1))


def _hull_areas(index: np.ndarray, rows: np.ndarray, cols: np.ndarray, n: int) -> np.ndarray:
    """Pixels of each cell's convex hull, by Pick's theorem on the hull of its pixel centres: area + boundary/2 + 1.

    Counts the pixel centres in the hull, boundary included. Only each row's first and last pixel can be a corner.
    """
    order = np.lexsort((cols, rows, index))
    index, rows, cols = index[order], rows[order], cols[order]
    change = (np.diff(index) != 0) | (np.diff(rows) != 0)
    keep = np.concatenate(([True], change)) | np.concatenate((change, [True]))
    index, points = index[keep], np.column_stack((cols[keep], rows[keep])).astype(np.int32)
    starts = np.searchsorted(index, np.arange(n + 1))
    return np.array([_pixels_in_hull(points[a:b]) for a, b in pairwise(starts)])


def _pixels_in_hull(points: np.ndarray) -> float:
    hull = cv2.convexHull(points)[:, 0].astype(np.int64)
    step = np.roll(hull, -1, axis=0) - hull
    twice = abs(int(np.sum(hull[:, 0] * step[:, 1] - hull[:, 1] * step[:, 0])))
    boundary = int(np.gcd(step[:, 0], step[:, 1]).sum())
    return twice / 2 + boundary / 2 + 1
