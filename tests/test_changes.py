"""What changes from one prediction to another: fates and classes add up to the pixel, IoUs to the last digit."""

from __future__ import annotations

import time

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal
from tiny_run import finished_run

from seglib.data.dataset import open_dataset
from seglib.errors.budget import CLASSES, budget
from seglib.errors.compare import FATES, compare, fates, overlaps
from seglib.errors.regions import decode
from seglib.exceptions import InputError
from seglib.metrics import count
from seglib.runs import changes, jobs, predicted, worker


def grown(rng: np.random.Generator, shape=(24, 30), share=0.4) -> np.ndarray:
    """Blobs: noise, averaged and cut."""
    noise = rng.random(shape)
    smooth = noise + np.roll(noise, 1, 0) + np.roll(noise, 1, 1) + np.roll(noise, (1, 1), (0, 1))
    return smooth > np.quantile(smooth, 1 - share)


def pair(seed: int, name: str = "x", group: str = "g"):
    from skimage.measure import label

    rng = np.random.default_rng(seed)
    labels = label(grown(rng), connectivity=2).astype(np.int32)
    valid = rng.random(labels.shape) > 0.1
    q_a, q_b = (
        np.where(grown(rng) ^ (labels > 0) & (rng.random(labels.shape) > 0.3), 200, 40).astype(np.uint8) for _ in "ab"
    )
    return name, group, rng.integers(0, 255, labels.shape).astype(np.float32), q_a, q_b, labels, valid


def test_every_fate_of_a_pixel():
    mask = np.array([[0, 0, 0, 0, 1, 1, 1, 1]], bool)
    a = np.array([[0, 1, 0, 1, 1, 0, 1, 0]], bool)
    b = np.array([[0, 0, 1, 1, 1, 1, 0, 0]], bool)
    found = fates(mask, a, b, np.ones_like(mask))
    names = ["right" if n == 0 else FATES[n - 1] for n in found[0]]
    assert names == ["right", "fixed_fp", "broken_fp", "still_fp", "right", "fixed_fn", "broken_fn", "still_fn"]
    assert not fates(mask, a, b, np.zeros_like(mask)).any()
    with pytest.raises(InputError, match="shapes"):
        fates(mask, a[:, :4], b, mask)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 3))
def test_sums_are_exact(seed, n_images):
    pairs = [pair(seed + i, f"i{i}", f"g{i % 2}") for i in range(n_images)]
    found = compare(pairs)
    for name, _, _, q_a, q_b, labels, valid in pairs:
        row = overlaps(found.images.set_index("image").loc[name].to_dict())
        for side, q in (("a", q_a), ("b", q_b)):
            counted = count(q, labels > 0, valid)
            own = "fixed" if side == "a" else "broken"
            assert row[f"{own}_fp"] + row["still_fp"] == counted.fp == row[f"fp_{side}"]
            assert row[f"{own}_fn"] + row["still_fn"] == counted.fn
            assert (row[f"tp_{side}"], row[f"union_{side}"]) == (counted.tp, counted.tp + counted.fp + counted.fn)
            classes = budget(labels > 0, q >= 127.5, labels, valid)
            assert all(row[f"{side}_{c}"] == classes[c] for c in CLASSES)
            assert sum(row[f"{own}_{c}"] for c in CLASSES) == row[f"{own}_fp"] + row[f"{own}_fn"]
            assert all(row[f"{own}_{c}"] <= row[f"{side}_{c}"] for c in CLASSES)
        fate = fates(labels > 0, q_a >= 127.5, q_b >= 127.5, valid)
        for table, first in ((found.wins, 1), (found.losses, 3)):
            _repaint(table[table.image == name], fate, first)


def _repaint(table, fate, first):
    """The regions of one image cover its fixed (broken) pixels exactly, each once."""
    for kind, value in (("fp", first), ("fn", first + 1)):
        painted = np.zeros(fate.shape, int)
        for r in table[table.kind == kind].itertuples():
            painted[r.row : r.row + r.height, r.col : r.col + r.width] += decode(r.rle, r.height, r.width)
        assert np.array_equal(painted, (fate == value).astype(int))


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 4))
def test_the_change_of_iou_is_that_of_the_pooled_ious(seed, n_images):
    pairs = [pair(seed + i, f"i{i}") for i in range(n_images)]
    found = compare(pairs)
    pooled, rows = found.pooled(), found.by_class()
    each = [[count(p[side], p[5] > 0, p[6]) for p in pairs] for side in (3, 4)]
    a, b = (sum(counts[1:], counts[0]) for counts in each)
    assert (pooled["iou_a"], pooled["iou_b"]) == (a.iou, b.iou)  # to the last digit
    assert sum(row["delta_iou"] for row in rows) == pytest.approx(b.iou - a.iou, abs=1e-12)
    assert sum(row["a"] for row in rows) == a.fp + a.fn and sum(row["b"] for row in rows) == b.fp + b.fn
    assert sum(row["fixed"] - row["broken"] for row in rows) == a.fp + a.fn - b.fp - b.fn


def test_swapped_the_fixed_are_the_broken():
    name, group, gray, q_a, q_b, labels, valid = pair(7)
    one, two = compare([pair(7)]).pooled(), compare([(name, group, gray, q_b, q_a, labels, valid)]).pooled()
    for kind in ("fp", "fn"):
        assert one[f"fixed_{kind}"] == two[f"broken_{kind}"] > 0 and one[f"still_{kind}"] == two[f"still_{kind}"]
    assert all(one[f"fixed_{c}"] == two[f"broken_{c}"] for c in CLASSES)


def test_the_threshold_is_one_for_both():
    name, group, gray, q_a, _, labels, valid = pair(3)
    assert compare([pair(3)], 0.1).pooled()["fixed_fp"] == 0  # both 40 and 200 are cell
    changed = compare([(name, group, gray, np.full_like(q_a, 100), np.full_like(q_a, 150), labels, valid)], 0.5)
    assert changed.pooled()["tp_a"] == 0 and changed.pooled()["fixed_fn"] == changed.pooled()["n_true"]


def test_neither_cell_nor_prediction_is_undefined_and_nothing_changes():
    empty = np.zeros((8, 9), np.uint8)
    found = compare([("e", "g", empty.astype(float), empty, empty, empty.astype(np.int32), empty == 0)])
    pooled = found.pooled()
    assert pooled["iou_a"] != pooled["iou_a"] and not found.by_class()
    assert len(found.wins) == len(found.losses) == 0 and "image" in found.wins
    assert len(compare([]).images) == 0 and compare([]).pooled()["union_a"] == 0


def test_another_size_is_one_line_that_names_the_image():
    name, group, gray, q_a, q_b, labels, valid = pair(1)
    with pytest.raises(InputError, match=r"x: the second prediction has shape \(24, 29\)"):
        compare([(name, group, gray, q_a, q_b[:, :-1], labels, valid)])


@pytest.mark.slow
def test_time_grows_with_the_pixels_alone():
    """Two hundred images take about ten times as long as twenty."""
    pairs = [pair(i) for i in range(20)]
    begun = time.perf_counter()
    compare(pairs)
    once = time.perf_counter() - begun
    begun = time.perf_counter()
    compare(pairs * 10)
    assert time.perf_counter() - begun < 20 * once


@pytest.fixture
def two(tmp_path, monkeypatch):
    """A small run's two checkpoints, the second one's predictions turned about in a corner, and the data set."""
    monkeypatch.setenv("SEGLIB_CACHE", str(tmp_path / "cache"))
    run = finished_run(tmp_path)
    found = [predicted.of_validation(run, which) for which in ("best", "last")]
    for number in range(3):
        q = found[1].q(number)
        q[:20, :20] = 255 - q[:20, :20]
        cv2.imwrite(str(found[1].folder / f"{number}.png"), q)
    return *found, open_dataset(run.data_path())


def test_a_job_leaves_what_is_compared_at_once(two):
    a, b, data = two
    inputs = changes.inputs_of(a, b, 0.5, data.path)
    job = jobs.find("changes", inputs)
    job.folder.mkdir(parents=True)
    jobs._prepare(job, "changes", inputs)
    assert worker.run_job("changes", job.folder).name == "done"
    stored, at_once = changes.read(job.result), compare(changes.pairs(a, b, data))
    for name in ("images", "wins", "losses"):
        assert_frame_equal(getattr(stored, name), getattr(at_once, name), check_dtype=False)
    assert len(stored.images) == 3 and len(stored.losses) + len(stored.wins) > 0
    assert jobs.find("changes", changes.inputs_of(a, b, 0.6, data.path)).id != job.id
    assert jobs.find("changes", changes.inputs_of(b, a, 0.5, data.path)).id != job.id
    (job.result / "wins.parquet").write_bytes(b"nonsense")
    with pytest.raises(InputError, match=r"wins\.parquet cannot be read"):
        changes.read(job.result)


def test_probabilities_that_are_damaged_are_one_line_that_names_the_file(two):
    a, b, data = two
    (b.folder / "1.png").write_bytes(b"nonsense")
    with pytest.raises(InputError, match=r"1\.png is damaged"):
        compare(changes.pairs(a, b, data))
