"""What was found: cells and outlines against a plain count by sets of pixels, and by hand."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist

from seglib.errors import found as finding
from seglib.errors.found import COLUMNS, found

SIDE = 12


def box(top, left, bottom, right, value=1, on=None):
    labels = np.zeros((SIDE, SIDE), np.int32) if on is None else on.copy()
    labels[top : bottom + 1, left : right + 1] = value
    return labels


def counted(labels, foreground, valid=None):
    valid = np.ones(labels.shape, bool) if valid is None else valid
    return found(labels > 0, np.asarray(foreground, bool), labels, valid)


TWO = box(3, 7, 8, 10, 2, on=box(3, 1, 8, 4))  # 6 x 4 each


def test_a_perfect_prediction_finds_all():
    counts = counted(TWO, TWO > 0)
    assert tuple(counts) == COLUMNS and all(type(n) is int for n in counts.values())
    assert [counts[c] for c in COLUMNS] == [2, 2, 2, 32, 32, 32, 32]  # 16 outline pixels of 6 x 4
    assert finding.recall(counts) == finding.precision(counts) == finding.f1(counts) == finding.boundary_f(counts) == 1


def test_half_a_cell_is_found_less_is_not():
    foreground = TWO == 1
    foreground[3:6, 7:11] = True  # 12 of 24
    assert counted(TWO, foreground)["n_found"] == 2
    foreground[5, 7] = False
    counts = counted(TWO, foreground)
    assert (counts["n_cells"], counts["n_predicted"], counts["n_found"]) == (2, 2, 1)
    assert finding.recall(counts) == finding.precision(counts) == finding.f1(counts) == 0.5


def test_touching_cells_under_one_foreground_are_all_found():
    labels = (np.arange(9).reshape(3, 3) + 1).repeat(4, 0).repeat(4, 1).astype(np.int32)
    counts = counted(labels, labels > 0)
    assert (counts["n_cells"], counts["n_predicted"], counts["n_found"]) == (9, 9, 9)
    assert counts["edge_true"] == 0 and math.isnan(finding.boundary_f(counts))  # all foreground: no edge


def test_foreground_everywhere_finds_nothing_small():
    counts = counted(box(5, 5, 6, 6), np.ones((SIDE, SIDE)))
    assert (counts["n_cells"], counts["n_predicted"], counts["n_found"]) == (1, 1, 0)
    assert (counts["edge_true"], counts["edge_predicted"]) == (4, 0) and finding.boundary_f(counts) == 0


def test_two_halves_of_one_label_count_once():
    labels = box(0, 0, 3, 3) + box(8, 8, 11, 11)
    counts = counted(labels, labels > 0)
    assert (counts["n_cells"], counts["n_predicted"], counts["n_found"]) == (1, 2, 1)


def test_empty_masks():
    empty = np.zeros((SIDE, SIDE), np.int32)
    nothing = counted(empty, empty)
    assert set(nothing.values()) == {0}
    assert all(math.isnan(f(nothing)) for f in (finding.recall, finding.precision, finding.f1, finding.boundary_f))
    invented = counted(empty, TWO > 0)
    assert (invented["n_cells"], invented["n_predicted"], invented["n_found"]) == (0, 2, 0)
    assert finding.f1(invented) == finding.precision(invented) == finding.boundary_f(invented) == 0
    assert math.isnan(finding.recall(invented))
    assert finding.recall(counted(TWO, empty)) == 0


@pytest.mark.parametrize("shift, met", [(0, 6), (1, 6), (2, 6), (3, 0)])
def test_an_outline_is_met_up_to_two_pixels_away(shift, met):
    left = np.zeros((6, 20), np.int32)
    left[:, :8] = 1
    foreground = np.zeros((6, 20), bool)
    foreground[:, : 8 + shift] = True
    counts = counted(left, foreground)
    assert (counts["edge_true"], counts["edge_predicted"]) == (6, 6)
    assert (counts["edge_true_met"], counts["edge_predicted_met"]) == (met, met)


def test_what_is_ignored_has_no_cell_and_no_edge():
    valid = np.ones((SIDE, SIDE), bool)
    valid[:, 6:] = False
    counts = counted(TWO, TWO > 0, valid)
    assert (counts["n_cells"], counts["n_predicted"], counts["n_found"]) == (1, 1, 1)
    assert counts["edge_true"] == counts["edge_predicted"] == 16
    whole = box(0, 0, 11, 11)
    assert counted(whole, whole > 0, valid)["edge_true"] == 0  # the limit of the valid area is no edge


def slow(labels, foreground, valid):
    """The definitions of the module's text, in sets of pixels; zones by the distances of all pixels to all cells."""
    at = [tuple(p) for p in np.argwhere(valid)]
    cells = {i: {p for p in at if labels[p] == i} for i in {int(labels[p]) for p in at} - {0}}
    fg = {p for p in at if foreground[p]}
    pieces, left = [], set(fg)
    while left:
        grown, piece = [left.pop()], set()
        while grown:
            r, c = grown.pop()
            piece.add((r, c))
            beside = {(r + i, c + j) for i in (-1, 0, 1) for j in (-1, 0, 1)} & left
            left -= beside
            grown += beside
        pieces.append(piece)
    edges = [slow_edge({p for p in at if labels[p]}, set(at)), slow_edge(fg, set(at))]
    met = [
        sum(min((math.dist(p, o) for o in other), default=9) <= 2 for p in own) for own, other in (edges, edges[::-1])
    ]
    return cells, pieces, [len(edges[0]), met[0], len(edges[1]), met[1]]


def slow_edge(mask, valid):
    return {(r, c) for r, c in mask if ({(r + 1, c), (r - 1, c), (r, c + 1), (r, c - 1)} & valid) - mask}


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 14), st.integers(1, 14), st.floats(0.1, 0.9), st.floats(0, 1))
def test_counts_are_those_of_a_plain_count(seed, height, width, density, agreement):
    rng = np.random.default_rng(seed)
    labels = rng.integers(1, 5, (height // 4 + 1, width // 4 + 1)).repeat(4, 0).repeat(4, 1)[:height, :width]
    labels = np.where(rng.random(labels.shape) < density, labels, 0).astype(np.int32)
    foreground = np.where(rng.random(labels.shape) < agreement, labels > 0, rng.random(labels.shape) < density)
    valid = rng.random(labels.shape) < 0.9
    counts = counted(labels, foreground, valid)
    cells, pieces, edges = slow(labels, foreground, valid)
    assert [counts[c] for c in COLUMNS[3:]] == edges
    assert counts["n_cells"] == len(cells)
    # pixels as near to two cells may go to either, so the exact count holds where no zone is cut that way
    agreed, n_found, ties = slow_matches(cells, pieces)
    if not ties:
        assert (counts["n_predicted"], counts["n_found"]) == (agreed, n_found)
    assert counts["n_found"] <= min(counts["n_cells"], counts["n_predicted"])


def slow_matches(cells, pieces):
    """Predicted cells, found cells, and whether any foreground pixel is about as near to two cells."""
    names = sorted(cells)
    agreed, found_cells, ties = 0, set(), False
    for piece in pieces:
        own = dict.fromkeys(names, 0)
        for p in piece if names else ():
            away = [cdist([p], list(cells[n])).min() for n in names]
            ties |= sorted(away)[1] - min(away) < 0.1 * max(away) and min(away) > 0 if len(away) > 1 else False
            own[names[int(np.argmin(away))]] += 1
        shared = {n: len(cells[n] & piece) for n in names if cells[n] & piece}
        own = own if len(shared) > 1 else dict.fromkeys(names, len(piece))
        ious = {n: shared[n] / (len(cells[n]) + own[n] - shared[n]) for n in shared}
        agreed += max(1, sum(iou >= 0.1 for iou in ious.values()))
        found_cells |= {n for n, iou in ious.items() if iou >= 0.5}
    return agreed, len(found_cells), ties
