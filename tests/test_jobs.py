import csv
import os
import time
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import psutil
import pytest
from tiny_run import finished_run, wait_until

from seglib.data.dataset import open_dataset
from seglib.exceptions import InputError
from seglib.metrics import foreground
from seglib.predict import outputs
from seglib.runs import identity, jobs, lock, process, record, validation, worker
from seglib.runs.files import write_json
from ui import progress


@pytest.fixture
def run(tmp_path):
    return finished_run(tmp_path)


def prepared(kind, inputs, tmp_path):
    """A job ready for a worker, which the test then is."""
    job = jobs.find(kind, inputs, tmp_path / "jobs")
    job.folder.mkdir(parents=True)
    jobs._prepare(job, kind, inputs)
    return job


def done_here(kind, inputs, tmp_path):
    job = prepared(kind, inputs, tmp_path)
    state = worker.run_job(kind, job.folder)
    assert state.name == "done", state
    return job


def read_csv(file):
    with file.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def test_a_real_job_runs_to_its_end_and_is_not_done_twice(tmp_path):
    inputs = {"folder": str(tmp_path / "demo"), "n_images": 4, "seed": 1}
    job = jobs.start("demo", inputs, tmp_path / "jobs")
    assert job.state().name == "starting"
    assert jobs.start("demo", inputs, tmp_path / "jobs") == job  # joined
    assert wait_until(lambda: not job.state().live)
    assert job.state().name == "done", job.state()
    assert job.progress().fraction == 1.0
    assert len(open_dataset(tmp_path / "demo").records) == 4
    stamp = (job.folder / "job.json").stat().st_mtime_ns
    again = jobs.start("demo", inputs, tmp_path / "jobs")
    assert again.state().name == "done"
    assert (again.folder / "job.json").stat().st_mtime_ns == stamp
    process.reap()


def test_a_killed_job_is_failed_with_its_signal_and_can_be_started_again(tmp_path):
    inputs = {"folder": str(tmp_path / "demo"), "n_images": 400}
    job = jobs.start("demo", inputs, tmp_path / "jobs")
    assert wait_until(lambda: job.state().name == "running")
    psutil.Process(record.read(job.folder, "job.json")["pid"]).kill()
    assert wait_until(lambda: not job.state().live, 10)
    assert wait_until(lambda: "SIGKILL" in job.state().reason or os.name == "nt", 5)
    assert jobs.start("demo", inputs, tmp_path / "jobs").state().live
    assert wait_until(lambda: job.state().name == "running")
    job.cancel()
    job.escalate(grace_s=0.1)
    assert job.state().name == "cancelled"
    assert identity.find(identity.from_record(record.read(job.folder, "job.json"))) is None


def test_predict_unlabelled_pictures(run, tmp_path):
    job = done_here("predict", {"run": str(run.folder), "data": str(run.data_path())}, tmp_path)
    rows = read_csv(job.result / "table.csv")
    assert [row["image"] for row in rows] == ["images/b_t003.png", "images/b_t004.png"]
    for row in rows:
        mask = cv2.imread(str(job.result / row["file"]), cv2.IMREAD_UNCHANGED)
        q = cv2.imread(str(job.result / row["file"].replace(".png", "_probability.png")), cv2.IMREAD_UNCHANGED)
        assert mask.shape == q.shape == (int(row["height"]), int(row["width"])) == (48, 64)
        assert set(np.unique(mask)) <= {0, 255}
        assert np.array_equal(mask > 0, foreground(q, 0.5))
        assert int(row["foreground_px"]) == (mask > 0).sum()
        assert int(row["components"]) == cv2.connectedComponents((mask > 0).astype(np.uint8), connectivity=8)[0] - 1
    assert job.progress().fraction == 1.0


def test_predict_named_pictures_of_one_stem_is_refused(run, tmp_path):
    images = [str(run.data_path() / "images" / "a_t000.png"), str(run.data_path() / "masks" / "a_t000.png")]
    job = prepared("predict", {"run": str(run.folder), "images": images}, tmp_path)
    state = worker.run_job("predict", job.folder)
    assert state.name == "failed"
    assert "both become a_t000.png" in state.reason


def test_evaluate_on_val_agrees_with_the_training_to_the_last_pixel(run, tmp_path):
    job = done_here("evaluate", {"run": str(run.folder), "split": "val"}, tmp_path)
    expected = validation.scores(run, "best")
    pd.testing.assert_frame_equal(pd.read_parquet(job.result / "images.parquet"), expected)
    for index in open_dataset(run.data_path()).indices("val"):
        q = cv2.imread(str(job.result / f"{index}.png"), cv2.IMREAD_UNCHANGED)
        assert np.array_equal(q, validation.probability(run, "best", index))
    table = pd.read_parquet(job.result / "regions.parquet")
    assert table.n_pixels.sum() == (expected.fp + expected.fn).sum()


def test_evaluate_on_train_has_the_train_pictures(run, tmp_path):
    job = done_here("evaluate", {"run": str(run.folder), "split": "train"}, tmp_path)
    dataset = open_dataset(run.data_path())
    names = pd.read_parquet(job.result / "images.parquet").image.tolist()
    assert names == [dataset.records[i].image for i in dataset.indices("train")]


def test_table_counts_components_over_corners_and_pixels():
    q = np.zeros((6, 8), np.uint8)
    q[[0, 1], [0, 1]] = 255  # two pixels that touch at a corner: one cell
    q[4, 4:7] = 128  # 128/255 > 0.5
    q[5, 0] = 127
    row = outputs.measured("x.tif", "x", q, 0.5)
    assert (row["foreground_px"], row["components"], row["height"], row["width"]) == (5, 2, 6, 8)


def test_a_removed_demo_is_made_again(tmp_path):
    inputs = {"folder": str(tmp_path / "demo"), "n_images": 2}
    job = done_here("demo", inputs, tmp_path)
    assert jobs._is_there(job, "demo", inputs)
    (tmp_path / "demo" / "dataset.csv").unlink()
    assert not jobs._is_there(job, "demo", inputs)


def test_a_cancelled_demo_leaves_nothing(tmp_path):
    job = prepared("demo", {"folder": str(tmp_path / "demo"), "n_images": 2}, tmp_path)
    job.cancel()
    assert worker.run_job("demo", job.folder).name == "cancelled"
    assert {p.name for p in tmp_path.iterdir()} == {"jobs"}


def test_cancel_ends_a_job_without_an_error(run, tmp_path):
    job = prepared("evaluate", {"run": str(run.folder), "split": "train"}, tmp_path)
    job.cancel()
    assert worker.run_job("evaluate", job.folder).name == "cancelled"
    assert not (job.result / "images.parquet").exists()


def test_a_failed_job_says_why_in_one_line(run, tmp_path):
    (run.folder / "best.safetensors").write_bytes(b"damaged")
    job = prepared("evaluate", {"run": str(run.folder)}, tmp_path)
    state = worker.run_job("evaluate", job.folder)
    assert state.name == "failed"
    assert "damaged" in state.reason
    assert "Traceback" in (job.folder / "log.txt").read_text(encoding="utf-8")


def test_same_inputs_same_folder_other_inputs_another(run, tmp_path):
    def folder(**inputs):
        return jobs.find("evaluate", {"run": str(run.folder), **inputs}, tmp_path).folder

    assert folder(split="val") == folder(split="val")
    assert len({folder(split="val"), folder(split="train"), folder(split="val", checkpoint="last")}) == 3
    before = folder(split="val")
    (run.folder / "best.safetensors.sha256").write_text("of a later checkpoint")
    assert folder(split="val") != before


def test_a_picture_that_changed_is_another_job(run, tmp_path):
    image = tmp_path / "x.png"
    cv2.imwrite(str(image), np.zeros((8, 8), np.uint8))
    inputs = {"run": str(run.folder), "images": [str(image)]}
    before = jobs.find("predict", inputs, tmp_path).folder
    os.utime(image, (time.time() + 5,) * 2)
    assert jobs.find("predict", inputs, tmp_path).folder != before


def test_a_job_somebody_works_on_is_joined(tmp_path):
    job = prepared("demo", {"folder": "x"}, tmp_path)
    record.update(job.folder, "running", name="job.json", **identity.mine().to_dict())
    with lock.hold(job.folder):
        assert jobs.start("demo", {"folder": "x"}, tmp_path / "jobs") == job
    assert not (job.folder / "log.txt").exists()  # no process was started


def test_unknown_kinds_and_inputs_are_refused(tmp_path):
    with pytest.raises(InputError, match="Did you mean predict"):
        jobs.find("predikt", {}, tmp_path)
    with pytest.raises(InputError, match="JSON"):
        jobs.find("demo", {"folder": Path("x")}, tmp_path)


def test_the_time_left_follows_from_the_pace_of_a_job(tmp_path):
    job = prepared("demo", {"folder": "x"}, tmp_path)
    record.update(job.folder, "running", name="job.json", **identity.mine().to_dict())
    with lock.hold(job.folder):
        assert progress.of_job(job).seconds_left is None  # nothing done yet
        written = record.read(job.folder, "job.json")
        written["history"][-1]["time"] -= 30
        write_json(job.folder / "job.json", written)
        worker.ProgressFile(job.folder / "progress.jsonl")(0.25, "a quarter")
        assert progress.of_job(job).seconds_left == pytest.approx(90, abs=3)
    assert progress.of_job(job).seconds_left is None
