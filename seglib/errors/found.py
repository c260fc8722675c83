"""Found: how many cells, and how much of their outline, a prediction has met; integers per image, ratios from sums.

All of it looks at valid pixels only.
  truth cell       a label id with at least one valid pixel.
  predicted cell   an 8-connected component of the foreground, cut at the zones of the truth cells as the budget does
      (`seglib.errors.matching`): it counts once for every truth cell it agrees with at IoU >= 0.1, and at least once.
      A mask of cell or background cannot tell touching cells apart; this asks what it says of each of them.
  found            a truth cell and a predicted cell with IoU >= 0.5, one to one: every piece lies in one zone, so a
      predicted cell is nobody else's, and of two pieces with half a cell each only one counts.
  edge             the foreground pixels with a background pixel above, below, left or right; neither the image
      border nor the limit of the valid area is an edge. An edge pixel is met when an edge pixel of the other side is
      at most 2 px away.

The share of edge pixels met is the boundary F measure of Martin, Fowlkes & Malik (2004, doi:10.1109/TPAMI.2004.1273918)
with a tolerance in place of their one-to-one assignment, as Csurka, Larlus & Perronnin (2013, doi:10.5244/C.27.32)
use it for masks.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import cv2
import numpy as np

from seglib.errors.budget import Anatomy, anatomy
from seglib.errors.edges import disc, inner_edge
from seglib.errors.matching import MATCH_IOU, Overlaps

FOUND_IOU = 0.5
TOLERANCE_PX = 2
COLUMNS = ("n_cells", "n_predicted", "n_found", "edge_true", "edge_true_met", "edge_predicted", "edge_predicted_met")


def found(
    mask: np.ndarray, foreground: np.ndarray, labels: np.ndarray, valid: np.ndarray, parts: Anatomy | None = None
) -> dict[str, int]:
    """The counts of COLUMNS for one image; they add up over images.

    mask, foreground, valid: (H, W) bool; labels: (H, W) integer, 0 = background, mask = labels > 0 where valid.
    parts: what `anatomy` returned for the same four arrays. Raises InputError where the arrays do not fit together.
    """
    parts = parts or anatomy(mask, foreground, labels, valid)
    return {**_cells(parts.cells), **_edges(mask & valid, foreground & valid, valid)}


def _cells(cells: Overlaps) -> dict[str, int]:
    agreed = np.bincount(cells.predicted[cells.iou >= MATCH_IOU], minlength=cells.n_components)[1:]
    return {
        "n_cells": int(np.count_nonzero(cells.area[1:])),
        "n_predicted": int(np.maximum(agreed, 1).sum()),
        "n_found": len(np.unique(cells.truth[cells.iou >= FOUND_IOU])),
    }


def _edges(mask: np.ndarray, foreground: np.ndarray, valid: np.ndarray) -> dict[str, int]:
    true, predicted = inner_edge(mask, valid), inner_edge(foreground, valid)
    near = disc(TOLERANCE_PX + 0.1)  # `disc` leaves its limit out; the next distance on the grid is 2.24 px
    return {
        "edge_true": int(true.sum()),
        "edge_true_met": int((true & (cv2.dilate(predicted.view(np.uint8), near) > 0)).sum()),
        "edge_predicted": int(predicted.sum()),
        "edge_predicted_met": int((predicted & (cv2.dilate(true.view(np.uint8), near) > 0)).sum()),
    }


# ---- ratios of one image, or of sums


def recall(counts: Mapping[str, int]) -> float:
    """Share of the truth cells that are found, 0 to 1; NaN without a truth cell."""
    return _ratio(counts["n_found"], counts["n_cells"])


def precision(counts: Mapping[str, int]) -> float:
    """Share of the predicted cells that are a found truth cell, 0 to 1; NaN without a predicted cell."""
    return _ratio(counts["n_found"], counts["n_predicted"])


def f1(counts: Mapping[str, int]) -> float:
    """2 found / (truth cells + predicted cells), 0 to 1; NaN where there is neither."""
    return _ratio(2 * counts["n_found"], counts["n_cells"] + counts["n_predicted"])


def boundary_f(counts: Mapping[str, int]) -> float:
    """Harmonic mean of the shares of true and of predicted edge pixels that are met, 0 to 1.

    0 where only one side has an edge, NaN where neither has.
    """
    if not counts["edge_true"] and not counts["edge_predicted"]:
        return math.nan
    if not counts["edge_true_met"] or not counts["edge_predicted_met"]:
        return 0.0
    p, r = counts["edge_predicted_met"] / counts["edge_predicted"], counts["edge_true_met"] / counts["edge_true"]
    return 2 * p * r / (p + r)


def _ratio(part: int, whole: int) -> float:
    return int(part) / int(whole) if whole else math.nan
