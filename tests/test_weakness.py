"""Weakness maps: against predictors whose IoU is known, against `evaluate`, and as a job that can be read and ended."""

import json
import math
import os
import shutil
import time

import cv2
import numpy as np
import pytest
from conftest import make_disc_data
from tiny_run import finished_run

from seglib.augment.pipeline import apply
from seglib.data.dataset import open_dataset, write_csv
from seglib.data.records import Record
from seglib.evaluate import evaluate, ratios
from seglib.exceptions import InputError
from seglib.experiments import weakness as maps
from seglib.experiments.axes import AXES, axis
from seglib.experiments.grid import Grid, choose_images, from_plain
from seglib.experiments.weakness_job import augmented, measured
from seglib.predict.predictor import load_predictor
from seglib.runs import jobs, worker
from seglib.training.draws import Normalise

ANGLES = Grid("rotation.angle_deg", (0.0, 30.0), "elastic.displacement_px", (0.0, 2.0))


class Threshold:
    """A network that calls bright what is brighter than half of the 8 bits."""

    normalisation = "none"

    def quantised(self, x):
        return np.where(x > 0.5, 255, 0).astype(np.uint8)


class Everything:
    normalisation = "none"

    def quantised(self, x):
        return np.full(x.shape, 255, np.uint8)


def two_cells(folder, masked=True):
    """One val picture of 100 × 100: background 50, a cell of 100 px at 100 and one of 200 px at 200 (or none)."""
    image, mask = np.full((100, 100), 50, np.uint8), np.zeros((100, 100), np.uint8)
    if masked:
        for row, width, value in ((10, 10, 100), (40, 20, 200)):
            image[row : row + 10, 20 : 20 + width] = value
            mask[row : row + 10, 20 : 20 + width] = 255
    for kind, pixels in (("images", image), ("masks", mask)):
        (folder / kind).mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(folder / kind / "a.png"), pixels)
    write_csv(folder, [Record("images/a.png", "masks/a.png", "g", "val")])
    return open_dataset(folder)


def mapped(predictor, dataset, grid, threshold=0.5):
    """The map of the val images, through the very lines that the job writes."""
    indices = dataset.indices("val")
    lines = [
        maps.line(found.cell, [s.counts for s in found.scores], list(found.worst))
        for found in measured(predictor, dataset, indices, grid, threshold)
    ]
    plan = maps.plan(grid, dataset, indices, threshold, "reflect", predictor.normalisation)
    return maps.as_map(json.loads(json.dumps(plan)), json.loads(json.dumps(lines)))


def test_brightness_of_a_threshold_by_hand(tmp_path):
    # black is 50 and white 200, so a shift of 0.3 adds 45: 100 becomes 145, above 127.5
    grid = Grid("brightness.shift", (-0.6, 0.0, 0.3, 0.6))
    found = mapped(Threshold(), two_cells(tmp_path / "data"), grid)
    assert found.baseline.pooled_iou == 200 / 300
    assert [found.scores[(i, 0)].pooled_iou for i in range(4)] == [0.0, 200 / 300, 1.0, 300 / 10_000]
    assert found.profile("brightness.shift")[2] == (0.3, 1.0) and found.complete


def test_an_image_without_cell_and_prediction_is_counted_and_left_out(tmp_path):
    grid = Grid("brightness.shift", (0.0, 0.9))
    found = mapped(Threshold(), two_cells(tmp_path / "data", masked=False), grid)
    assert found.baseline.n_undefined == 1 and math.isnan(found.baseline.pooled_iou)
    assert found.scores[(1, 0)].n_undefined == 0 and found.scores[(1, 0)].pooled_iou == 0.0
    assert found.worst[None] == [] and found.worst[(1, 0)] == [0]
    assert maps.to_json(found)["unaugmented"]["pooled_iou"] is None


def test_reflected_corners_are_not_scored(tmp_path):
    dataset, grid = two_cells(tmp_path / "data"), Grid("rotation.angle_deg", (0.0, 45.0))
    found = mapped(Everything(), dataset, grid)
    total = found.scores[(1, 0)].total
    sample = Normalise("none")(dataset.sample(0))
    seen = apply(grid.draw((1, 0), 0), sample.image, sample.labels, sample.valid)
    assert total.n_valid == seen.valid.sum() < 8500
    assert total.tp == (seen.labels > 0)[seen.valid].sum() and total.fp == total.n_valid - total.tp
    assert found.share_scored((1, 0)) == total.n_valid / 10_000


def test_the_unchanged_cell_is_evaluates_iou_to_the_last_digit(tmp_path):
    run = finished_run(tmp_path)
    dataset, predictor = maps.own_data(run), load_predictor(run.folder)
    expected = evaluate(predictor, dataset, dataset.indices("val"))
    found = mapped(predictor, dataset, ANGLES)
    assert found.counts[None] == found.counts[(0, 0)] == [s.counts for s in expected]
    assert found.baseline.pooled_iou == ratios(expected)["pooled_iou"]
    assert found.baseline.mean_iou == ratios(expected)["mean_iou"]
    assert found.counts[(1, 0)] != found.counts[None], "a rotation changed nothing: the test would not see a fault"


def test_fields_follow_from_seed_and_image_alone():
    draws = [ANGLES.draw(cell, 3) for cell in ANGLES.cells()]
    assert len({(d.elastic_seed, d.noise_seed, d.background_seed) for d in draws}) == 1
    assert ANGLES.draw((1, 1), 4).elastic_seed != draws[0].elastic_seed
    assert Grid("rotation.angle_deg", (0.0,), seed=1).draw((0, 0), 3).elastic_seed != draws[0].elastic_seed
    assert [(d.angle_deg, d.displacement_px) for d in draws] == [(0, 0), (30, 0), (0, 2), (30, 2)]
    assert from_plain(json.loads(json.dumps(ANGLES.plain()))) == ANGLES


def test_cells_go_outwards_from_no_change():
    grid = Grid("gamma.exponent", (0.5, 1.0, 2.0), "brightness.shift", (-0.2, 0.0, 0.2))
    assert grid.cells()[0] == (1, 1) and grid.is_neutral((1, 1))
    assert [iy for _, iy in grid.cells()] == [1, 1, 1, 0, 0, 0, 2, 2, 2] and len(set(grid.cells())) == 9


def test_images_come_from_every_group_in_turn(tmp_path):
    folder = make_disc_data(tmp_path / "discs", n_train=1, n_val=8)
    records = [Record(r.image, r.mask, "ab"[i % 4 == 0], "val") for i, r in enumerate(open_dataset(folder).records[1:])]
    write_csv(folder, records)
    dataset = open_dataset(folder)
    chosen = choose_images(dataset, 4, seed=0)
    assert chosen == choose_images(dataset, 4, seed=0) == sorted(chosen) and len(set(chosen)) == 4
    assert sorted(dataset.records[i].group for i in chosen) == ["a", "a", "b", "b"]
    assert choose_images(dataset, None, seed=0) == list(range(8)) == choose_images(dataset, 99, seed=0)
    assert len({tuple(choose_images(dataset, 4, seed)) for seed in range(8)}) > 1


def test_values_hold_no_change_exactly_and_stay_within_the_recipes_limits():
    for one in AXES.values():
        values = one.values()
        assert one.neutral in values and list(values) == sorted(set(values)) and len(values) == one.n
        assert one.field in vars(ANGLES.draw(None, 0))
    assert axis("gamma.exponent").values(0.5, 3.0, 4) == (0.5, 1.0, 1.65, 3.0)
    for wrong, message in (
        (lambda: axis("rotation.angle").values(), "Did you mean rotation.angle_deg"),
        (lambda: axis("rotation.angle_deg").values(0, 400), "from −180° to 180°"),
        (lambda: axis("blur.sigma_px").values(3, 1), "below the second"),
        (lambda: axis("blur.sigma_px").checked((1, 1)), "exceed the last"),
        (lambda: axis("blur.sigma_px").checked(range(40)), "allowed: 1 to 25"),
        (lambda: Grid("blur.sigma_px", (0, 1), "blur.sigma_px", (0, 1)), "on both axes"),
        (lambda: Grid("blur.sigma_px", (0, 1), sigma_px=0.1), "allowed: from 3"),
    ):
        with pytest.raises(InputError, match=message):
            wrong()


# ---- as a job


def prepared(tmp_path, run, grid=ANGLES, **more):
    inputs = maps.inputs(run, "best", maps.own_data(run), grid, **more)
    job = jobs.find(maps.KIND, inputs, tmp_path / "jobs")
    job.folder.mkdir(parents=True)
    jobs._prepare(job, maps.KIND, inputs)
    return job, inputs


def test_a_job_leaves_integers_and_the_worst_images(tmp_path):
    run = finished_run(tmp_path)
    job, inputs = prepared(tmp_path, run, n_images=2)
    assert worker.run_job(maps.KIND, job.folder).name == "done"
    rows = [json.loads(text) for text in (job.result / maps.CELLS).read_text(encoding="utf-8").splitlines()]
    assert len(rows) == 5 and rows[0]["cell"] is None and rows[1]["cell"] == [0, 0]
    assert all(type(number) is int for row in rows for counts in row["counts"] for number in counts)
    found = maps.read(job.result)
    assert found.complete and [index for index, _ in found.images] == inputs["indices"] and found.n_val == 3
    assert found.normalisation == "zscore" and found.worst[(0, 0)] == []
    sample = Normalise("zscore")(maps.own_data(run).sample(inputs["indices"][found.worst[(1, 1)][0]]))
    seen = augmented(sample, ANGLES, (1, 1), inputs["indices"][found.worst[(1, 1)][0]], found.border)
    q = cv2.imread(str(job.result / maps.probability_file((1, 1), found.worst[(1, 1)][0])), cv2.IMREAD_UNCHANGED)
    assert np.array_equal(q, load_predictor(run.folder).quantised(seen.image))
    stamp = (job.folder / "job.json").stat().st_mtime_ns
    assert jobs.start(maps.KIND, inputs, tmp_path / "jobs").state().name == "done"
    assert (job.folder / "job.json").stat().st_mtime_ns == stamp, "the same inputs were computed twice"


def test_a_cancelled_job_keeps_the_cells_it_has(tmp_path, monkeypatch):
    job, _ = prepared(tmp_path, finished_run(tmp_path))
    write_line, written = maps.line, []

    def cancelling(*arguments):
        written.append(arguments)
        if len(written) == 3:
            job.cancel()
        return write_line(*arguments)

    monkeypatch.setattr(maps, "line", cancelling)
    assert worker.run_job(maps.KIND, job.folder).name == "cancelled"
    found = maps.read(job.result)
    assert set(found.counts) == {None, (0, 0), (1, 0)} and not found.complete


def test_other_inputs_are_another_job(tmp_path):
    run = finished_run(tmp_path)
    dataset = maps.own_data(run)

    def folder(grid=ANGLES, **more):
        return jobs.find(maps.KIND, maps.inputs(run, "best", dataset, grid, **more), tmp_path / "jobs").folder

    assert folder() == folder(n_images=3) == folder(n_images=None)
    other = Grid(ANGLES.x, (0.0, 31.0), ANGLES.y, ANGLES.y_values)
    folders = {folder(), folder(n_images=2), folder(threshold=0.4), folder(other), folder(Grid(ANGLES.x, (0.0, 30.0)))}
    assert len(folders) == 5
    before = folder()
    os.utime(dataset.image_path(dataset.indices("val")[0]), (time.time() + 5,) * 2)
    assert folder() != before


def test_a_run_without_val_images_or_without_its_folder_says_so(tmp_path):
    run = finished_run(tmp_path)
    with pytest.raises(InputError, match="nowhere any more"):
        maps.own_data(run, tmp_path / "nowhere")
    folder = make_disc_data(tmp_path / "discs", n_val=0)
    with pytest.raises(InputError, match="no validation set"):
        maps.inputs(run, "best", open_dataset(folder), ANGLES)


def test_images_that_were_not_val_when_the_run_was_trained_are_named(tmp_path):
    run = finished_run(tmp_path)
    dataset = maps.own_data(run)
    train, val = dataset.indices("train"), dataset.indices("val")
    assert maps.not_val_then(run, dataset, val) == []
    assert maps.not_val_then(run, dataset, [*val, train[0]]) == [dataset.records[train[0]].image]
    shutil.rmtree(run.folder / "validation")
    assert maps.not_val_then(run, dataset, train) == []


def test_a_damaged_map_is_one_line(tmp_path):
    assert maps.read(tmp_path) is None
    (tmp_path / maps.PLAN).write_text('{"grid": {}}', encoding="utf-8")
    assert maps.read(tmp_path) is None
    (tmp_path / maps.CELLS).write_text('{"cell": null, "counts": [], "worst": []}\n', encoding="utf-8")
    with pytest.raises(InputError, match="compute the map again"):
        maps.read(tmp_path)
