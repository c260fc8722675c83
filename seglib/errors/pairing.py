"""Pairing: which wrong regions of two tables are the same mistake, for all images at once.

Two regions of one image and kind (fp, fn) are the same when their IoU is at least 0.3 or their centres lie within the
radius of the cell nearest to them. Partners are one to one, with the largest total of scores: 1 + IoU for a pair that
overlaps enough, below 1 and falling with the distance for one that is only near.

Nothing here is done for every pair there could be: k-d trees give the pairs that are near, run lengths their overlap,
and the assignment is solved only where partners are in doubt.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.optimize import linear_sum_assignment
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from seglib.errors.runlengths import Runs

MATCH_IOU = 0.3
DEFAULT_RADIUS_PX = 5.0  # where an image has no cell to take the radius from

Pairs = tuple[np.ndarray, np.ndarray, np.ndarray]  # numbers of two regions and the score of each pair


@dataclass(frozen=True)
class Places:
    """What matching needs of n regions, as arrays of length n. group: a number for image and kind. box: (n, 4) top,
    left, bottom, right (beyond it); centre: (n, 2) row, col; radius in px."""

    group: np.ndarray
    box: np.ndarray
    centre: np.ndarray
    radius: np.ndarray
    n_pixels: np.ndarray
    runs: Runs

    @classmethod
    def of(cls, table: pd.DataFrame) -> Places:
        """table: rows of `seglib.errors.regions` with `image`; centres and cell radii may be missing or NaN."""
        top, left, height, width = (table[name].to_numpy(float) for name in ("row", "col", "height", "width"))
        box = np.column_stack([top, left, top + height, left + width])
        given = np.column_stack([_optional(table, name) for name in ("centre_row", "centre_col")])
        centre = np.where(np.isnan(given), (box[:, :2] + box[:, 2:] - 1) / 2, given)
        radius = _optional(table, "cell_radius_px")
        radius = np.where(np.isnan(radius), DEFAULT_RADIUS_PX, radius)
        group = 2 * pd.factorize(table.image)[0] + (table.kind == "fp").to_numpy()
        return cls(group, box, centre, radius, table.n_pixels.to_numpy(np.int64), Runs.of(table))


def _optional(table: pd.DataFrame, name: str) -> np.ndarray:
    return table[name].to_numpy(float) if name in table else np.full(len(table), np.nan)


def matched(places: Places, a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(positions in a, positions in b) of the best one-to-one assignment. a, b: numbers of regions in `places`."""
    if not len(a) or not len(b):
        return np.zeros(0, int), np.zeros(0, int)
    i, j, score = scored(places, a, b)
    chosen = assigned(i, j, score)
    return i[chosen], j[chosen]


def scored(places: Places, a: np.ndarray, b: np.ndarray) -> Pairs:
    """All pairs that match: positions in a, positions in b, and their scores, above 0."""
    over, near = _overlapping(places, a, b), _neighbouring(places, a, b)
    i, j, score = (np.concatenate(parts) for parts in zip(over, near))
    order = np.argsort(i * len(b) + j, kind="stable")  # a pair that is both comes with its overlap first
    key = (i * len(b) + j)[order]
    order = order[np.diff(key, prepend=-1) != 0]
    return i[order], j[order], score[order]


def _overlapping(places: Places, a: np.ndarray, b: np.ndarray) -> Pairs:
    """Pairs with an IoU of at least MATCH_IOU, and 1 + IoU."""
    box, n_pixels = places.box, places.n_pixels
    middle, half = (box[:, :2] + box[:, 2:]) / 2, (box[:, 2:] - box[:, :2]).max(axis=1) / 2
    found = [(np.zeros(0, int), np.zeros(0, int))]
    for i, j in _near(places.group, middle, half, a, b):
        first, second = a[i], b[j]
        size = np.minimum(box[first, 2:], box[second, 2:]) - np.maximum(box[first, :2], box[second, :2])
        together = n_pixels[first] + n_pixels[second]
        # pixels they can share at all
        most = np.minimum(np.minimum(n_pixels[first], n_pixels[second]), size.clip(0).prod(axis=1))
        hopeful = (most > 0) & (most >= MATCH_IOU * (together - most) - 1e-6)
        found.append((i[hopeful], j[hopeful]))
    i, j = (np.concatenate(parts) for parts in zip(*found))
    shared = places.runs.shared(a[i], b[j])
    overlap = shared / (n_pixels[a[i]] + n_pixels[b[j]] - shared)
    enough = overlap >= MATCH_IOU
    return i[enough], j[enough], 1 + overlap[enough]


def _neighbouring(places: Places, a: np.ndarray, b: np.ndarray) -> Pairs:
    """Pairs whose centres lie within the larger of their radii, and 1 (one place) down to 0.001 (just within)."""
    found = [(np.zeros(0, int), np.zeros(0, int), np.zeros(0))]
    for i, j in _near(places.group, places.centre, places.radius, a, b):
        away = np.hypot(*(places.centre[a[i]] - places.centre[b[j]]).T)
        radius = np.maximum(np.maximum(places.radius[a[i]], places.radius[b[j]]), 1e-9)
        within = away <= radius
        found.append((i[within], j[within], (1 - 0.999 * away / radius)[within]))
    i, j, score = (np.concatenate(parts) for parts in zip(*found))
    return i, j, score


def _near(group, point, reach, a: np.ndarray, b: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Pairs at most the sum of their reaches apart along either axis, and some that are further: each reach counts as
    the next power of two, so that a few trees serve all sizes."""
    octave = np.ceil(np.log2(np.maximum(reach, 1))).astype(int)
    apart = 4.0 * 2.0 ** octave[np.concatenate([a, b])].max()
    place = np.column_stack([point, group * apart])  # groups so far apart that no pair lies in two
    trees = [{k: _tree(place, of, octave[of] == k) for k in np.unique(octave[of])} for of in (a, b)]
    for k, (tree, members) in trees[0].items():
        for m, (other, others) in trees[1].items():
            pairs = tree.sparse_distance_matrix(other, 2.0**k + 2.0**m, p=np.inf, output_type="ndarray")
            yield members[pairs["i"]], others[pairs["j"]]


def _tree(place: np.ndarray, of: np.ndarray, chosen: np.ndarray) -> tuple[cKDTree, np.ndarray]:
    members = np.flatnonzero(chosen)
    return cKDTree(place[of[members]]), members


def assigned(i: np.ndarray, j: np.ndarray, score: np.ndarray) -> np.ndarray:
    """Positions of the pairs (i, j, score > 0) in the one-to-one assignment with the largest total.

    A pair whose score is at least that of the next best pairs of both its members together belongs to a best
    assignment: put in, it replaces at most those two. Such pairs are taken first, again and again; the Hungarian
    method (Kuhn 1955, doi:10.1002/nav.3800020109) settles the knots that are left.
    """
    chosen, left = [np.zeros(0, int)], np.argsort(-score, kind="stable")
    while len(left):
        sure = left[score[left] >= _next_best(i[left], score[left]) + _next_best(j[left], score[left])]
        if not len(sure):
            break
        for member in (i, j):  # of equals the first
            sure = sure[np.sort(np.unique(member[sure], return_index=True)[1])]
        chosen.append(sure)
        left = left[~np.isin(i[left], i[sure]) & ~np.isin(j[left], j[sure])]
    return np.concatenate([*chosen, *(left[knot] for knot in _knots(i[left], j[left], score[left]))])


def _next_best(member: np.ndarray, score: np.ndarray) -> np.ndarray:
    """For each pair the best score its member has in another pair; 0 without one. Scores come in falling order."""
    _, first, inverse = np.unique(member, return_index=True, return_inverse=True)
    rest = np.ones(len(member), bool)
    rest[first] = False
    second = np.zeros(len(first))
    np.maximum.at(second, inverse[rest], score[rest])
    best = np.where(rest, score[first][inverse], second[inverse])
    return best


def _knots(i: np.ndarray, j: np.ndarray, score: np.ndarray) -> Iterator[np.ndarray]:
    """Positions chosen in each connected part of the graph of pairs."""
    if not len(i):
        return
    rows, i = np.unique(i, return_inverse=True)
    columns, j = np.unique(j, return_inverse=True)
    n = len(rows) + len(columns)
    _, part = connected_components(coo_array((np.ones(len(i)), (i, len(rows) + j)), shape=(n, n)), directed=False)
    order = np.argsort(part[i], kind="stable")
    for members in np.split(order, np.flatnonzero(np.diff(part[i][order])) + 1):
        row, r = np.unique(i[members], return_inverse=True)
        column, c = np.unique(j[members], return_inverse=True)
        table, at = np.zeros((len(row), len(column))), np.full((len(row), len(column)), -1)
        table[r, c], at[r, c] = score[members], members
        taken = at[linear_sum_assignment(table, maximize=True)]
        yield taken[taken >= 0]
