"""Matching: which predicted cell is the counterpart of which truth cell.

truth cell       a label id.
predicted cell   an 8-connected component of the foreground.
zone of a cell   the pixels nearer to it than to any other truth cell.
IoU of a truth cell t and a predicted cell c: |t and c| / |t or (c within the zone of t)|. A foreground that covers
    twenty touching cells is one component; cut at the zones, each of the twenty is still found.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from scipy import sparse

MATCH_IOU = 0.1  # below it a cell has no counterpart


@dataclass(frozen=True)
class Overlaps:
    """Truth cells and predicted cells of one image, and every pair of them that shares a pixel.

    ids: (n,) label of truth cell i, ids[0] = 0 is the background. area: (n,) its pixels. component: (H, W) int32,
    number of the predicted cell, 0 = none. n_components: of predicted cells and the background. truth, predicted,
    iou: (k,) one entry a pair, truth and predicted numbered from 1.
    """

    ids: np.ndarray
    area: np.ndarray
    component: np.ndarray
    n_components: int
    truth: np.ndarray
    predicted: np.ndarray
    iou: np.ndarray

    @property
    def best_of_truth(self) -> np.ndarray:
        """(n,) best IoU of every truth cell; 0 without any, 1 for the background, which is nobody's counterpart."""
        return _best(self.truth, self.iou, len(self.area))

    @property
    def best_of_predicted(self) -> np.ndarray:
        """The same of every predicted cell, (n_components,)."""
        return _best(self.predicted, self.iou, self.n_components)


def match(truth: np.ndarray, predicted: np.ndarray, zone: np.ndarray, ids: np.ndarray) -> Overlaps:
    """truth, zone: (H, W) numbers of truth cells as `compact` gives them; predicted: (H, W) bool; ids: their labels."""
    n, component = cv2.connectedComponents(predicted.view(np.uint8), connectivity=8)
    area = np.bincount(truth.ravel(), minlength=len(ids))
    tp = predicted & (truth > 0)
    cut = _pairs(zone[predicted], component[predicted], (len(area), n))
    shared = _pairs(truth[tp], component[tp], (len(area), n)).tocoo()
    row, col = shared.coords
    if not len(row):
        return Overlaps(ids, area, component, n, row, col, np.zeros(0))
    whole = (np.bincount(col, minlength=n) == 1)[col]
    size = np.where(whole, np.bincount(component.ravel())[col], np.asarray(cut[row, col]).ravel())
    iou = shared.data / (area[row] + size - shared.data)
    return Overlaps(ids, area, component, n, row, col, iou)


def compact(labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Ids from 0 without gaps, so that tables over cells stay small. Returns (ids, labels) with ids[new] = old."""
    if labels.max() > 1 << 20:
        ids, compact = np.unique(np.append(labels.ravel(), 0), return_inverse=True)
        return ids, compact[:-1].reshape(labels.shape).astype(np.int32)
    present = np.bincount(labels.ravel(), minlength=1) > 0
    present[0] = True
    return np.flatnonzero(present), (np.cumsum(present, dtype=np.int32) - 1)[labels]


def _best(member: np.ndarray, iou: np.ndarray, n: int) -> np.ndarray:
    best = np.zeros(n)
    np.maximum.at(best, member, iou)
    best[0] = 1
    return best


def _pairs(a: np.ndarray, b: np.ndarray, shape: tuple[int, int]) -> sparse.csr_array:
    """How often a[i] meets b[i], as a sparse table."""
    table = sparse.coo_array((np.ones(len(a), np.int64), (a, b)), shape=shape).tocsr()
    table.sum_duplicates()
    return table
