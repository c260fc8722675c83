"""Metrics against hand-made tables, scikit-learn and torchmetrics."""

import math
import subprocess
import sys

import numpy as np
import pytest
import torch
from sklearn import metrics as sklearn_metrics
from torchmetrics.functional.classification import binary_f1_score, binary_jaccard_index

from seglib.exceptions import InputError
from seglib.metrics import RATIO_NAMES, Counts, count, foreground, mean_per_image, pooled, quantise


def everything(mask: np.ndarray) -> np.ndarray:
    return np.ones(mask.shape, bool)


def drawn(seed: int, share: float = 0.4) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """q, mask and valid of 31 x 17 pixels."""
    rng = np.random.default_rng(seed)
    shape = (31, 17)
    return rng.integers(0, 256, shape).astype(np.uint8), rng.random(shape) < share, rng.random(shape) < 0.8


def test_counts_of_a_table_made_by_hand():
    q = np.array([[255, 128, 127], [0, 200, 128]], np.uint8)
    mask = np.array([[1, 1, 1], [0, 0, 1]], bool)
    valid = np.array([[1, 1, 1], [1, 1, 0]], bool)
    counts = count(q, mask, valid)
    assert counts == Counts(tp=2, fp=1, fn=1, tn=1)
    assert (counts.iou, counts.dice, counts.precision, counts.recall) == (2 / 4, 4 / 6, 2 / 3, 2 / 3)
    assert counts.n_valid == 5
    assert all(type(n) is int for n in (counts.tp, counts.fp, counts.fn, counts.tn))


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("threshold", [0.2, 0.5, 0.9])
def test_ratios_agree_with_scikit_learn_and_torchmetrics(seed, threshold):
    q, mask, valid = drawn(seed)
    counts = count(q, mask, valid, threshold)
    truth, guess = mask[valid], (q >= 255 * threshold)[valid]
    oracles = dict(
        iou=sklearn_metrics.jaccard_score,
        dice=sklearn_metrics.f1_score,
        precision=sklearn_metrics.precision_score,
        recall=sklearn_metrics.recall_score,
    )
    for name, oracle in oracles.items():
        assert getattr(counts, name) == pytest.approx(oracle(truth, guess), abs=1e-12), name
    matrix = sklearn_metrics.confusion_matrix(truth, guess)
    assert [[counts.tn, counts.fp], [counts.fn, counts.tp]] == matrix.tolist()
    tensors = torch.from_numpy(guess), torch.from_numpy(truth)
    assert counts.iou == pytest.approx(binary_jaccard_index(*tensors).item(), abs=1e-6)
    assert counts.dice == pytest.approx(binary_f1_score(*tensors).item(), abs=1e-6)


@pytest.mark.parametrize("seed", range(10))
def test_dice_follows_from_iou(seed):
    counts = count(*drawn(seed))
    assert counts.dice == pytest.approx(2 * counts.iou / (1 + counts.iou), abs=1e-12)
    assert counts.iou < counts.dice < 1


def test_perfect_is_one_and_disjoint_is_zero_in_every_reduction():
    _, mask, _ = drawn(0)
    all_valid = everything(mask)
    perfect = count(np.where(mask, 255, 0).astype(np.uint8), mask, all_valid)
    disjoint = count(np.where(mask, 0, 255).astype(np.uint8), mask, all_valid)
    for name in RATIO_NAMES:
        assert getattr(perfect, name) == 1.0
        assert getattr(disjoint, name) == 0.0
        assert getattr(pooled([perfect, perfect]), name) == 1.0
        assert getattr(pooled([disjoint, disjoint]), name) == 0.0
        assert mean_per_image([perfect, perfect], name) == (1.0, 0)
        assert mean_per_image([disjoint, disjoint], name) == (0.0, 0)


def test_both_empty_is_undefined_and_left_out_of_the_mean():
    empty = Counts(tn=100)
    assert all(math.isnan(getattr(empty, name)) for name in RATIO_NAMES)
    half = Counts(tp=1, fp=1)
    assert mean_per_image([half, empty, empty], "iou") == (0.5, 2)
    value, n_undefined = mean_per_image([empty], "dice")
    assert math.isnan(value) and n_undefined == 1
    assert math.isnan(mean_per_image([], "iou")[0])


def test_false_alarm_on_an_empty_target_is_zero_not_undefined():
    alarm = Counts(fp=3, tn=7)
    assert (alarm.iou, alarm.dice, alarm.precision) == (0.0, 0.0, 0.0)
    assert math.isnan(alarm.recall)


def test_pooled_and_mean_differ_as_computed_by_hand():
    large, small = Counts(tp=90, fp=5, fn=5, tn=0), Counts(tp=1, fp=1, fn=2, tn=96)
    assert pooled([large, small]) == Counts(91, 6, 7, 96)
    assert pooled([large, small]).iou == 91 / 104
    assert mean_per_image([large, small], "iou") == ((0.9 + 0.25) / 2, 0)
    assert pooled([]) == Counts()


def test_a_mean_of_something_unknown_is_refused():
    with pytest.raises(ValueError, match="'accuracy'; allowed: iou, dice, precision, recall"):
        mean_per_image([Counts(1, 1, 1, 1)], "accuracy")


@pytest.mark.parametrize("seed", range(5))
def test_invalid_pixels_do_not_count(seed):
    q, mask, valid = drawn(seed)
    changed = np.where(valid, q, 255 - q), np.where(valid, mask, ~mask)
    assert count(*changed, valid) == count(q, mask, valid)
    assert count(q, mask, valid).n_valid == valid.sum()
    assert count(q, mask, np.zeros_like(valid)) == Counts()


@pytest.mark.parametrize(
    ("threshold", "lowest"), [(0.0, 0), (0.5, 128), (1.0, 255), (0.2, 51), (0.501, 128), (0.4999, 128), (1e-9, 1)]
)
def test_lowest_foreground_value(threshold, lowest):
    q = np.arange(256, dtype=np.uint8)
    assert np.flatnonzero(foreground(q, threshold))[0] == lowest
    assert foreground(q, threshold).sum() == 256 - lowest


def test_a_threshold_of_k_over_255_takes_exactly_k():
    q = np.arange(256, dtype=np.uint8)
    assert [int(foreground(q, k / 255).sum()) for k in range(256)] == [256 - k for k in range(256)]


@pytest.mark.parametrize("threshold", [-0.1, 1.1, float("nan")])
def test_a_threshold_outside_0_to_1_is_refused(threshold):
    with pytest.raises(InputError, match=r"threshold is .*; allowed: from 0 to 1\."):
        foreground(np.zeros((2, 2), np.uint8), threshold)


def test_quantise_rounds_half_up():
    p = np.array([0.0, 0.5, 1.0, 0.4999 / 255, 0.5001 / 255, 254.6 / 255, 127.4 / 255])
    assert quantise(p).tolist() == [0, 128, 255, 0, 1, 255, 127]
    assert quantise(p).dtype == np.uint8
    levels = np.arange(256) / 255
    assert quantise(levels).tolist() == list(range(256))
    assert quantise(levels.astype(np.float32)).tolist() == list(range(256))


@pytest.mark.parametrize("bad", [float("nan"), -0.01, 1.01, float("inf")])
def test_quantise_refuses_what_is_no_probability(bad):
    with pytest.raises(ValueError, match="finite and within"):
        quantise(np.array([0.5, bad]))


def test_count_refuses_other_shapes_and_types():
    q, mask, valid = drawn(0)
    with pytest.raises(ValueError, match=r"\(31, 17\), \(30, 17\), \(31, 17\)"):
        count(q, mask[1:], valid)
    with pytest.raises(ValueError, match="uint8"):
        count(q / 255, mask, valid)
    with pytest.raises(ValueError, match="bool"):
        count(q, mask.astype(np.int32), valid)


def test_metrics_load_no_torch():
    code = "import sys, seglib.metrics; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
