"""Scores of images: hand-made masks, pooled against mean, empty against empty."""

import numpy as np
import pytest

from seglib.data.sample import Sample
from seglib.evaluate import ratios, rows, score, to_json


def sample(mask, valid=None, name="a.png") -> Sample:
    labels = np.asarray(mask, np.int32)
    valid = np.ones(labels.shape, bool) if valid is None else np.asarray(valid, bool)
    return Sample(name, "g", labels.astype(np.uint8), labels, valid)


def test_by_hand():
    one = score(sample([[1, 1, 0, 0]]), np.array([[255, 0, 255, 0]], np.uint8))
    assert (one.counts.tp, one.counts.fp, one.counts.fn, one.counts.tn, one.n_valid) == (1, 1, 1, 1, 4)
    hidden = score(sample([[1, 1, 0, 0]], valid=[[1, 1, 0, 1]]), np.array([[255, 0, 255, 0]], np.uint8))
    assert (hidden.counts.tp, hidden.counts.fp, hidden.counts.fn, hidden.n_valid) == (1, 0, 1, 3)


def test_pooled_mean_and_undefined():
    full = score(sample(np.ones((4, 4))), np.full((4, 4), 255, np.uint8))
    third = score(sample([[1, 1, 0, 0]]), np.array([[255, 0, 255, 0]], np.uint8))
    empty = score(sample(np.zeros((3, 3))), np.zeros((3, 3), np.uint8))
    found = ratios([full, third, empty])
    assert found["pooled_iou"] == pytest.approx(17 / 19)
    assert found["mean_iou"] == pytest.approx((1 + 1 / 3) / 2)
    assert found["pooled_dice"] == pytest.approx(2 * 17 / (2 * 17 + 2))
    assert (found["n_images"], found["n_undefined"]) == (3, 1)
    json_rows = to_json([empty], "val", 0.5)
    assert json_rows["pooled_iou"] is None
    assert json_rows["images"][0]["iou"] is None


def test_rows_are_integers():
    (row,) = rows([score(sample([[1, 0]]), np.array([[200, 0]], np.uint8))])
    assert row == {"image": "a.png", "group": "g", "tp": 1, "fp": 0, "fn": 0, "tn": 1, "n_valid": 2}


def test_the_threshold_is_on_q():
    quarter = np.array([[63, 64]], np.uint8)
    counts = score(sample([[1, 1]]), quarter, threshold=0.25).counts
    assert (counts.tp, counts.fn) == (1, 1)  # 255 / 4 = 63.75
