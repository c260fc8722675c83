"""Seams: wrong pixels that join two cells or cut one, found by the line where the zones of both sides meet."""

from __future__ import annotations

import cv2
import numpy as np
from scipy.spatial import cKDTree
from skimage.measure import label as label_by_value

from seglib.errors.neighbours import around, nearest

PIECE_SHARE = 0.1  # smaller crumbs of a cell do not make it "cut"


def bridges(fp, found, predicted, cell, place, distance) -> np.ndarray:
    """False foreground joining two clumps. found: true foreground of found cells; place, distance: of
    the nearest pixel of any cell, as `nearest` gives them."""
    if not fp.any():
        return fp
    clumps, clump = cv2.connectedComponents(cell.view(np.uint8), connectivity=8)
    n, component = cv2.connectedComponents(fp.view(np.uint8), connectivity=8)
    own, anchor, keys = component[fp].astype(np.int64), np.where(found, clump, 0), []
    for (beside,) in around(fp, anchor):
        touches = beside > 0
        keys.append(own[touches] * clumps + beside[touches])
    joins = np.bincount(np.unique(np.concatenate(keys)) // clumps, minlength=n) >= 2
    joining = fp & joins[component]
    return _between(joining, clump.ravel()[place], distance, predicted, np.ones_like(clump))


def splits(fn: np.ndarray, tp: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """False background between pieces of one cell. Pieces are counted cell by cell, also where cells touch."""
    if not fn.any():
        return fn
    piece = label_by_value(np.where(tp, truth, 0), connectivity=2)
    cell_of = np.zeros(piece.max() + 1, truth.dtype)
    cell_of[piece[tp]] = truth[tp]
    large = np.bincount(piece.ravel()) >= PIECE_SHARE * np.bincount(truth.ravel())[cell_of]
    large[0] = False
    cut = np.bincount(cell_of[large], minlength=truth.max() + 1) >= 2
    result = np.zeros_like(fn)
    if cut.any():
        left, top, width, height = cv2.boundingRect(cut[truth].view(np.uint8))
        box = slice(top, top + height), slice(left, left + width)
        place, distance = nearest((large & cut[cell_of])[piece[box]])
        owner = piece[box].ravel()[place]
        owner = np.where(cell_of[owner] == truth[box], owner, 0)
        result[box] = _between(fn[box] & cut[truth[box]], owner, distance, truth[box] > 0, truth[box])
    return result


def _between(wrong, owner, distance, partner, group) -> np.ndarray:
    """The part of `wrong` that lies between two owners of one group.

    The seam is where a wrong pixel has an 8-neighbour in `partner` of the same group but another owner. Around a seam
    pixel the disc that just reaches its owners is taken: the Voronoi line is the medial axis of the gap, so
    the discs along it fill the gap and leave the rest of a long false rim alone.
    """
    points, between = np.nonzero(wrong), np.zeros_like(wrong)
    mine, set_, reach = owner[points], group[points], distance[points]
    seam = np.zeros(len(mine), bool)
    for other, allowed, other_set in around(wrong, owner, partner, group):
        seam |= allowed & (other_set == set_) & (other != mine) & (other > 0) & (mine > 0)
    if seam.any():
        places = np.column_stack(points)
        away, which = cKDTree(places[seam]).query(places, distance_upper_bound=float(reach[seam].max()) + 1e-3)
        # beyond the bound `which` is the number of seam pixels and `away` infinite
        between[points] = away <= np.append(reach[seam], 0)[which]
        between[points] &= np.append(set_[seam], -1)[which] == set_
    return between
