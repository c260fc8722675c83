"""The ceiling: discs against what geometry says, borders and ignored areas that are no outline, and sums."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seglib.errors.ceiling import COLUMNS, MOVES, STEPS, ceiling, cost, iou
from seglib.exceptions import InputError


def of_disc(radius: float, d: float) -> dict[str, float]:
    """IoU of a disc with itself shifted by d, and with the discs of radius - d and radius + d."""
    lens = 2 * radius**2 * math.acos(d / 2 / radius) - d / 2 * math.sqrt(4 * radius**2 - d**2)
    return {
        "shifted": lens / (2 * math.pi * radius**2 - lens),
        "eroded": (radius - d) ** 2 / radius**2,
        "dilated": radius**2 / (radius + d) ** 2,
    }


@pytest.mark.parametrize("radius", [6, 10, 20, 40])
@pytest.mark.parametrize("step", STEPS)
def test_discs_lose_what_geometry_says(radius, step):
    rows, cols = np.indices((2 * radius + 21, 2 * radius + 20)) + 0.5
    mask = np.hypot(rows - radius - 10, cols - radius - 10) < radius
    counts = ceiling(mask, np.ones_like(mask))
    expected = of_disc(radius, STEPS[step])
    for move in MOVES:
        assert 1 - iou(counts, move, step) == pytest.approx(1 - expected[move], rel=0.03), move
    assert cost(counts, step) == pytest.approx(1 - sum(expected.values()) / 3, rel=0.02)


def test_a_square_by_hand():
    mask = np.zeros((12, 12), bool)
    mask[3:9, 3:9] = True
    counts = ceiling(mask, mask | True)
    assert tuple(counts) == COLUMNS and all(type(n) is int for n in counts.values())
    assert iou(counts, "shifted", "one") == 30 / 42 and iou(counts, "shifted", "half") == 33 / 39
    assert iou(counts, "eroded", "one") == 16 / 36
    assert iou(counts, "eroded", "half") == (16 + 20 / 2) / 36
    assert iou(counts, "dilated", "one") == 36 / (36 + 24 + 4 * 0.25)  # at each corner a quarter of a pixel
    assert iou(counts, "dilated", "half") == 36 / (36 + 25 / 2)


def test_neither_border_nor_ignored_area_is_an_outline():
    whole = np.ones((9, 7), bool)
    counts = ceiling(whole, whole)
    assert all(iou(counts, move, step) == 1 for move in MOVES for step in STEPS)
    valid = whole.copy()
    valid[:, 4:] = False
    half = valid.copy()  # all that is valid is cell
    assert all(iou(ceiling(half, valid), move, step) == 1 for move in MOVES for step in STEPS)


def test_an_empty_mask_has_no_ceiling():
    empty = np.zeros((5, 5), bool)
    assert set(ceiling(empty, ~empty).values()) == {0}
    assert math.isnan(cost(ceiling(empty, ~empty), "half"))


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 14), st.integers(1, 14), st.floats(0, 1))
def test_properties_of_random_masks(seed, height, width, density):
    rng = np.random.default_rng(seed)
    mask, valid = rng.random((height, width)) < density, rng.random((height, width)) < 0.9
    counts = ceiling(mask, valid)
    for move in MOVES:
        for step in STEPS:
            assert 0 <= counts[f"{move}_{step}_shared"] <= counts[f"{move}_{step}_union"]
    if (mask & valid).any():
        assert iou(counts, "eroded", "one") <= iou(counts, "eroded", "half")
        assert iou(counts, "dilated", "one") <= iou(counts, "dilated", "half")
    for turned in (np.rot90, np.fliplr, np.transpose):
        assert ceiling(turned(mask).copy(), turned(valid).copy()) == counts
    # what is not valid may hold anything
    assert ceiling(mask ^ (~valid & (rng.random(mask.shape) < 0.5)), valid) == counts


def test_a_shift_is_that_of_the_pixels():
    rng = np.random.default_rng(3)
    mask = rng.random((20, 30)) < 0.4
    shared = union = 0
    for axis in (0, 1):
        a, b = np.take(mask, range(1, mask.shape[axis]), axis), np.take(mask, range(mask.shape[axis] - 1), axis)
        shared, union = shared + (a & b).sum(), union + (a | b).sum()
    assert iou(ceiling(mask, mask | True), "shifted", "one") == shared / union


def test_what_does_not_fit_is_refused():
    with pytest.raises(InputError, match="bool of one shape"):
        ceiling(np.zeros((3, 3)), np.zeros((3, 3), bool))
