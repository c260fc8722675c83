"""The curve over thresholds: every cut counted by itself, as scores are."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seglib.errors import thresholds
from seglib.exceptions import InputError
from seglib.metrics import count


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 12), st.integers(1, 12), st.floats(0, 1))
def test_every_cut_is_the_count_of_that_threshold(seed, height, width, density):
    rng = np.random.default_rng(seed)
    q = rng.integers(0, 256, (height, width)).astype(np.uint8)
    mask, valid = rng.random(q.shape) < density, rng.random(q.shape) < 0.9
    table = thresholds.curve(q, mask, valid)
    assert table.shape == (256, 3) and np.issubdtype(table.dtype, np.integer)
    for threshold in (0, 0.2, 0.5, 0.7, 1, *rng.random(5)):
        counts = count(q, mask, valid, float(threshold))
        assert tuple(table[thresholds.cut_of(threshold)]) == (counts.tp, counts.fp, counts.fn)


def test_by_hand():
    q = np.array([[0, 100, 200, 255]], np.uint8)
    mask = np.array([[False, False, True, True]])
    table = thresholds.curve(q, mask, mask | True)
    assert table[0].tolist() == [2, 2, 0] and table[100].tolist() == [2, 1, 0] and table[101].tolist() == [2, 0, 0]
    assert table[201].tolist() == [1, 0, 1]
    assert thresholds.iou(table)[[0, 100, 128, 255]].tolist() == [0.5, 2 / 3, 1, 0.5]
    assert thresholds.best_threshold(table) == 0.5  # the cuts from 101 to 200 are equal: the default stays
    assert thresholds.best_threshold(table, 0.9) == 0.78  # cut 199; 0.79 is cut 202


def test_nothing_anywhere_has_no_iou_above_the_first_cut():
    nothing = np.zeros((3, 3), bool)
    table = thresholds.curve(np.zeros((3, 3), np.uint8), nothing, ~nothing)
    assert table[0].tolist() == [0, 9, 0] and math.isnan(thresholds.iou(table)[1])
    assert thresholds.best_threshold(table) == 0
    assert thresholds.best_threshold(thresholds.pooled([])) is None


def test_stored_histograms_pool_to_the_sum_of_curves():
    rng = np.random.default_rng(1)
    rows, tables = [], []
    for _ in range(3):
        q, mask = rng.integers(0, 256, (9, 7)).astype(np.uint8), rng.random((9, 7)) < 0.4
        cell, background = thresholds.histograms(q, mask, mask | True)
        rows.append({"image": "a", "cell": cell, "background": background})
        tables.append(thresholds.curve(q, mask, mask | True))
    assert np.array_equal(thresholds.of_table(pd.DataFrame(rows)), thresholds.pooled(tables))


def test_what_does_not_fit_is_refused():
    mask = np.ones((2, 2), bool)
    with pytest.raises(InputError, match="float64"):
        thresholds.curve(np.ones((2, 2)), mask, mask)
    with pytest.raises(InputError, match=r"one shape"):
        thresholds.curve(np.ones((2, 3), np.uint8), mask, mask)
    with pytest.raises(InputError, match="from 0 to 1"):
        thresholds.cut_of(1.5)
