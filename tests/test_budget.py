"""The budget: a hand-drawn 12x12 case for every class, and sums exact to the pixel on random masks."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seglib.errors.budget import CLASSES, anatomy, budget, classify, pool
from seglib.exceptions import InputError

SIDE = 12


def box(top, left, bottom, right, value=1, on=None):
    """Labels with rows top..bottom and cols left..right (both in) set to `value`."""
    labels = np.zeros((SIDE, SIDE), np.int32) if on is None else on.copy()
    labels[top : bottom + 1, left : right + 1] = value
    return labels


def taken_apart(labels, foreground, valid=None):
    """Pixels of the classes that occur."""
    valid = np.ones(labels.shape, bool) if valid is None else valid
    result = budget(labels > 0, np.asarray(foreground, bool), labels, valid)
    return {name: n for name, n in result.items() if n and name != "union"}, result["union"]


TWO = box(3, 7, 8, 10, 2, on=box(3, 1, 8, 4))  # two cells of 6x4 with a gap of two columns, 5 and 6


def test_the_keys_and_their_order():
    assert CLASSES == (
        "missed_cell", "missed_bud", "hallucinated_cell", "bridge", "split", "hole",
        "boundary_1px", "boundary_2px", "boundary_3px", "other",
    )  # fmt: skip
    assert tuple(budget(TWO > 0, TWO > 0, TWO, TWO >= 0)) == (*CLASSES, "union")


def test_perfect_prediction_has_an_empty_budget():
    assert taken_apart(TWO, TWO > 0) == ({}, 48)


def test_missed_cell():
    assert taken_apart(TWO, TWO == 1) == ({"missed_cell": 24}, 48)


def test_a_cell_of_which_a_crumb_is_found_is_missed_its_found_pixels_are_no_error():
    foreground = TWO == 1
    foreground[5:7, 8] = True  # 2 of 24 pixels: IoU 0.083
    assert taken_apart(TWO, foreground) == ({"missed_cell": 22}, 48)
    foreground[5, 9] = True  # 3 of 24: IoU 0.125, found, so the rest is told apart by place
    classes, _ = taken_apart(TWO, foreground)
    assert "missed_cell" not in classes and sum(classes.values()) == 21


def test_missed_bud_touches_a_cell_of_twice_its_area():
    mother = box(2, 1, 7, 6)  # 36 pixels
    bud = box(4, 7, 6, 9, 2, on=mother)  # 9 pixels, beside it
    assert taken_apart(bud, mother) == ({"missed_bud": 9}, 45)
    one_line_between = box(4, 8, 6, 10, 2, on=mother)
    assert taken_apart(one_line_between, mother) == ({"missed_bud": 9}, 45)
    two_lines_between = box(4, 9, 6, 11, 2, on=mother)
    assert taken_apart(two_lines_between, mother) == ({"missed_cell": 9}, 45)


def test_a_missed_neighbour_of_like_size_is_no_bud():
    twins = box(2, 6, 7, 10, 2, on=box(2, 1, 7, 5))
    assert taken_apart(twins, twins == 1) == ({"missed_cell": 30}, 60)


def test_hallucinated_cell():
    one = box(1, 1, 5, 5)
    foreground = (one > 0) | (box(8, 8, 10, 10) > 0)
    assert taken_apart(one, foreground) == ({"hallucinated_cell": 9}, 34)


def test_everything_is_hallucinated_where_the_truth_is_empty():
    empty = np.zeros((SIDE, SIDE), np.int32)
    assert taken_apart(empty, box(1, 1, 3, 3)) == ({"hallucinated_cell": 9}, 9)
    assert taken_apart(empty, empty) == ({}, 0)


def test_touching_cells_found_as_one_blob_are_found():
    """Fifteen cells under one component: the plain IoU of each with it is 1/15."""
    labels = (np.arange(5 * 3).reshape(5, 3) + 1).repeat(2, 0).repeat(4, 1).astype(np.int32)
    labels = np.pad(labels, 1)
    foreground = labels > 0
    foreground[:, 0] = True
    assert taken_apart(labels, foreground) == ({"boundary_1px": 12}, labels.astype(bool).sum() + 12)


def test_a_predicted_cell_over_one_truth_cell_is_compared_whole():
    cells = box(8, 0, 11, 3, 2, on=box(0, 0, 3, 3))
    foreground = box(2, 0, 7, 11) > 0
    foreground[8:, 5:] = True  # beside the second cell, not on it: 100 pixels over 8 of the first one's 16
    assert taken_apart(cells, foreground) == ({"missed_cell": 24, "hallucinated_cell": 92}, 124)
    foreground[8, 3] = True  # on both: cut half way between them, the part of the first has 8 / 56
    classes, _ = taken_apart(cells, foreground)
    assert classes["missed_cell"] == 15 and "hallucinated_cell" not in classes


def test_bridge_takes_the_whole_gap():
    foreground = TWO > 0
    foreground[5:7, 5:7] = True
    assert taken_apart(TWO, foreground) == ({"bridge": 4}, 52)


def test_a_wide_bridge_is_taken_whole():
    far = box(3, 9, 8, 11, 2, on=box(3, 0, 8, 2))  # six columns between
    foreground = far > 0
    foreground[5:7, 3:9] = True
    assert taken_apart(far, foreground) == ({"bridge": 12}, 48)


def test_a_false_rim_is_bridge_only_where_it_joins():
    foreground = TWO > 0
    foreground[3:9, 5:7] = True  # the gap
    foreground[2, 1:11] = True  # a line along the top of both
    classes, _ = taken_apart(TWO, foreground)
    assert classes["bridge"] >= 12 and classes["boundary_1px"] >= 6
    assert classes["bridge"] + classes["boundary_1px"] == 22


def test_false_rims_that_do_not_meet_are_no_bridge():
    three = box(3, 8, 8, 11, 2, on=box(3, 1, 8, 4))  # columns 5, 6, 7 between
    foreground = three > 0
    foreground[3:9, 5] = True
    assert taken_apart(three, foreground) == ({"boundary_1px": 6}, 54)


def test_a_spur_that_crosses_the_middle_but_stops_short_is_no_bridge():
    far = box(3, 9, 8, 11, 2, on=box(3, 0, 8, 2))
    foreground = far > 0
    foreground[5, 3:8] = True  # column 8 is missing
    assert "bridge" not in taken_apart(far, foreground)[0]


def test_filling_between_cells_that_touch_anyway_is_no_bridge():
    corner = box(5, 5, 8, 8, 2, on=box(1, 1, 4, 4))  # touch at a corner: one clump
    foreground = corner > 0
    foreground[4, 5] = True
    assert taken_apart(corner, foreground) == ({"boundary_1px": 1}, 33)


def test_split():
    cell = box(2, 1, 9, 10)
    foreground = cell > 0
    foreground[2:10, 5:7] = False
    assert taken_apart(cell, foreground) == ({"split": 16}, 80)


def test_a_crumb_cut_off_is_no_split():
    cell = box(2, 1, 9, 10)
    foreground = cell > 0
    foreground[2:10, 9] = False  # leaves column 10: 8 of 80 pixels, a tenth: counts
    assert set(taken_apart(cell, foreground)[0]) == {"split"}
    foreground[2:4, 10] = False  # 6 of 80: a crumb
    assert "split" not in taken_apart(cell, foreground)[0]


def test_a_cell_is_cut_also_where_its_neighbour_holds_the_pieces_together():
    cells = box(2, 1, 6, 10)
    cells = box(7, 1, 10, 10, 2, on=cells)  # touches along the whole side
    foreground = cells > 0
    foreground[2:7, 5:7] = False
    assert taken_apart(cells, foreground) == ({"split": 10}, 90)


def test_a_line_between_touching_cells_lies_on_a_true_edge():
    cells = box(2, 6, 8, 10, 2, on=box(2, 1, 8, 5))
    foreground = cells > 0
    foreground[2:9, 5] = False
    assert taken_apart(cells, foreground) == ({"boundary_1px": 7}, 70)


def test_hole():
    cell = box(1, 1, 10, 10)
    foreground = cell > 0
    foreground[2, 2:5] = False  # enclosed though one pixel from the edge: hole comes before boundary
    foreground[5:7, 5:7] = False
    assert taken_apart(cell, foreground) == ({"hole": 7}, 100)


def test_a_hole_is_closed_by_foreground_that_meets_at_corners():
    cell = box(1, 1, 10, 10)
    foreground = cell > 0
    foreground[1, 3] = foreground[2, 2] = False  # the second meets the dent only at a corner
    assert taken_apart(cell, foreground) == ({"hole": 1, "boundary_1px": 1}, 100)


def test_what_lies_at_the_image_border_is_not_known_to_be_enclosed():
    cell = box(0, 0, 11, 11)
    for place in ((0, 5), (11, 5), (5, 0), (5, 11)):
        foreground = cell > 0
        foreground[place] = False
        assert taken_apart(cell, foreground) == ({"other": 1}, 144)


def test_a_dent_is_no_hole():
    cell = box(1, 1, 10, 10)
    foreground = cell > 0
    foreground[1:3, 4] = False  # open to the outside
    assert taken_apart(cell, foreground) == ({"boundary_1px": 1, "boundary_2px": 1}, 100)


def test_boundary_by_distance_on_both_sides():
    cell = box(0, 0, 11, 5)
    expected = {"boundary_1px": 12, "boundary_2px": 12, "boundary_3px": 12, "other": 12}
    foreground = box(0, 0, 11, 9)  # four columns too many: the image border is no true edge
    assert taken_apart(cell, foreground) == (expected, 120)
    foreground = box(0, 0, 11, 1)  # four columns too few
    assert taken_apart(cell, foreground) == (expected, 72)


def test_the_boundary_reaches_round_corners_as_a_disc():
    cell = box(0, 0, 5, 5)
    grown = box(0, 0, 8, 8)
    classes = classify(cell > 0, grown > 0, cell, cell >= 0)
    # diagonal steps from the corner (5, 5); (8, 8) is 2.83 px from the nearest rim pixel (6, 6)
    assert [CLASSES[classes[i, i] - 1] for i in (6, 7, 8)] == ["boundary_1px", "boundary_2px", "other"]
    assert CLASSES[classes[8, 7] - 1] == "boundary_3px"  # sqrt(1 + 4) = 2.24 px from (6, 6)


def test_pixels_that_do_not_count_are_in_no_class_and_make_no_edge():
    cell = box(0, 0, 11, 11)
    valid = np.ones((SIDE, SIDE), bool)
    valid[:, 6:] = False
    foreground = cell > 0
    foreground[:, 5] = False  # beside the invalid half, six columns from nothing: no true edge anywhere
    assert taken_apart(cell, foreground, valid) == ({"other": 12}, 72)


def test_ids_may_be_large_and_sparse():
    labels = np.where(TWO == 2, 2_000_000_000, TWO).astype(np.int32)
    result = anatomy(labels > 0, TWO == 1, labels, labels >= 0)
    assert result.budget()["missed_cell"] == 24
    assert set(np.unique(result.zone)) == {1, 2_000_000_000}


def test_pooled_budgets_are_sums():
    a, b = budget(TWO > 0, TWO == 1, TWO, TWO >= 0), budget(TWO > 0, TWO > 0, TWO, TWO >= 0)
    assert pool([a, b])["missed_cell"] == 24 and pool([a, b])["union"] == 96
    assert pool([])["union"] == 0


@settings(max_examples=120, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 40), st.integers(1, 40), st.floats(0, 1), st.floats(0, 1))
def test_the_classes_add_up_to_one_minus_iou(seed, height, width, density, agreement):
    rng = np.random.default_rng(seed)
    labels = rng.integers(1, 6, (height // 4 + 1, width // 4 + 1)).repeat(4, 0).repeat(4, 1)[:height, :width]
    labels = np.where(rng.random(labels.shape) < density, labels, 0).astype(np.int32)
    foreground = np.where(rng.random(labels.shape) < agreement, labels > 0, rng.random(labels.shape) < density)
    valid = rng.random(labels.shape) < 0.9
    mask = labels > 0
    parts = anatomy(mask, foreground, labels, valid)
    result = parts.budget()
    wrong = (mask != foreground) & valid
    assert np.array_equal(parts.classes > 0, wrong)
    assert sum(result[name] for name in CLASSES) == wrong.sum()
    assert result["union"] == ((mask | foreground) & valid).sum()
    false_positive = {"hallucinated_cell", "bridge"}
    false_negative = {"missed_cell", "missed_bud", "split", "hole"}
    for name in false_positive | false_negative:
        here = parts.classes == CLASSES.index(name) + 1
        assert not (here & (foreground if name in false_negative else mask)).any(), name


@pytest.mark.parametrize(
    "change, message",
    [
        (dict(foreground=np.zeros((SIDE, SIDE))), "foreground is float64; it must be bool"),
        (dict(valid=TWO), "order: mask, foreground, labels, valid"),
        (dict(foreground=np.zeros((3, 4), bool)), r"shapes .*\(3, 4\).* one shape"),
        (dict(labels=-TWO), "integers from 0 up"),
        (dict(labels=TWO * 1.0), "float64"),
        (dict(mask=TWO == 1), "mask and labels disagree"),
    ],
)
def test_what_does_not_fit_is_refused(change, message):
    arguments = dict(mask=TWO > 0, foreground=TWO > 0, labels=TWO, valid=TWO >= 0) | change
    with pytest.raises(InputError, match=message):
        budget(**arguments)


def test_what_lies_around_changes_nothing():
    rng = np.random.default_rng(5)
    for _ in range(20):
        labels = cv2.resize(rng.integers(0, 4, (5, 5)).astype(np.uint8), (15, 15), interpolation=0).astype(np.int32)
        foreground, valid = rng.random((15, 15)) < 0.5, rng.random((15, 15)) < 0.9
        # the frame is background already at the border, so that holes there stay open in both
        labels[[0, -1]] = labels[:, [0, -1]] = foreground[[0, -1]] = foreground[:, [0, -1]] = 0
        small = anatomy(labels > 0, foreground, labels, valid)
        labels, foreground, valid = (np.pad(a, ((9, 3), (0, 30))) for a in (labels, foreground, valid))
        large = anatomy(labels > 0, foreground, labels, valid)
        assert np.array_equal(large.classes[9:24, :15], small.classes)
        assert large.budget() == small.budget()
        assert large.zone.shape == labels.shape
