"""`python -m seglib errors`: what is on disk is read, not made again; runs beside each other; words and JSON."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest
from made_up_errors import made_up_errors
from test_cli import answer
from tiny_run import finished_run

from seglib.cli.scoring import opened
from seglib.errors.budget import CLASSES
from seglib.errors.frames import once_a_track, tracks
from seglib.errors.recurrence import recurrent
from seglib.metrics import Counts, count
from seglib.runs import jobs, looks, predicted, recurring, validation
from seglib.runs.recurring import Question


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.setenv("SEGLIB_CACHE", str(tmp_path / "cache"))
    return finished_run(tmp_path)


@pytest.fixture
def no_network(monkeypatch):
    """Whoever wants to predict fails."""

    def refuse(*args, **kwargs):
        raise AssertionError("a network was asked")

    monkeypatch.setattr("seglib.predict.predictor.load_predictor", refuse)
    monkeypatch.setattr(jobs, "start", refuse)


def report_of(capsys, run, *more):
    code, out, err = answer(capsys, "errors", run.folder, "--json", *more)
    assert code == 0, err
    (report,) = json.loads(out)["runs"]
    return report


def test_what_the_training_stored_is_read(run, no_network, capsys):
    report = report_of(capsys, run, "--checkpoint", "last")
    stored = predicted.of_validation(run, "last").stored()
    assert report["budget"] == {
        "union": int(stored.budgets["union"].sum()),
        "classes": {name: int(stored.budgets[name].sum()) for name in CLASSES},
    }
    assert [r["rle"] for r in report["regions"]] == stored.regions.rle.tolist()
    page = recurring.follow(Question("checkpoint", run, "last").looks()).table
    assert [r["won"] for r in report["recurrent"] if r["alive"]] == page.won[page.alive].tolist()
    assert [r["persistence"] for r in report["recurrent"]] == page.persistence.tolist()
    assert report["recurrent"][0]["seen_in"][-1] in ("step 2", "last")
    assert {"course_pixels", "course_probability", "gaps", "age"} <= report["recurrent"][0].keys()
    assert (report["run"], report["checkpoint"], report["threshold"]) == ("tiny", "last", 0.5)


def test_another_threshold_is_measured_from_the_stored_probabilities(run, no_network, capsys):
    report = report_of(capsys, run, "--threshold", "0.6")
    source = predicted.of_validation(run, "best")

    cases = list(source.cases(opened(run, None)))
    total = sum((count(q, labels > 0, valid, 0.6) for *_, q, labels, valid in cases), Counts())
    assert sum(report["budget"]["classes"].values()) == total.fp + total.fn
    assert report["budget"]["union"] == total.tp + total.fp + total.fn
    assert report["threshold"] == 0.6


def test_a_run_of_before_without_its_tables_is_measured_from_them_too(run, no_network, capsys):
    whole = report_of(capsys, run)
    (validation.folder_of(run, validation.step_of(run, "best")) / "budgets.parquet").unlink()
    again = report_of(capsys, run)
    assert again["budget"] == whole["budget"] and again["regions"] == whole["regions"]


def test_train_images_are_predicted_once_by_a_job(run, capsys):
    first = report_of(capsys, run, "--split", "train")
    job = jobs.find("evaluate", predicted.evaluate_inputs(run, "best", "train", run.data_path()))
    made = (job.result / "regions.parquet").stat().st_mtime_ns
    shutil.rmtree(run.folder / "validation" / "best")  # not what is asked about
    assert report_of(capsys, run, "--split", "train") == first
    assert (job.result / "regions.parquet").stat().st_mtime_ns == made
    assert {r["persistence"] for r in first["recurrent"]} <= {1.0}  # nothing to look back on


def test_words_say_budget_places_and_kinds(run, no_network, capsys):
    code, out, _ = answer(capsys, "errors", run.folder, "--checkpoint", "last")
    assert code == 0 and "= 1 - pooled IoU" in out and "misses of 4 px or more" in out
    assert "IoU if fixed, " in out and " of 2, since step " in out and "mistakes that look alike" in out


@pytest.fixture(scope="module")
def seeds(tmp_path_factory):
    home = tmp_path_factory.mktemp("seeds")
    runs = [made_up_errors(home, n_images=4, n_checkpoints=2, seed=0, run_id="s0")]
    runs += [made_up_errors(home, n_checkpoints=2, seed=s, run_id=f"s{s}", data=runs[0].data_path()) for s in (1, 2)]
    return runs


def test_several_runs_are_held_against_each_other(seeds, no_network, capsys):
    folders = [run.folder for run in seeds]
    code, out, err = answer(capsys, "errors", *folders, "--json")
    assert code == 0, err
    reports = json.loads(out)["runs"]
    assert [r["run"] for r in reports] == ["s0", "s1", "s2"]
    for run, report in zip(seeds, reports):
        seen = {name for row in report["recurrent"] for name in row["seen_in"]}
        assert seen <= {"seed 0", "seed 1", "seed 2"}
        alive = [row for row in report["recurrent"] if row["alive"]]
        own = looks.of_runs([run])[0]
        assert len(alive) == (own.regions.n_pixels >= recurring.MIN_PIXELS).sum()
        assert all(row["seen_in"][-1] == f"seed {run.id[1]}" for row in alive)
    code, out, _ = answer(capsys, "errors", *folders)
    assert code == 0 and "3 runs beside each other" in out and "places are wrong in all 3" in out
    assert "since" not in out.split("beside each other")[0].replace("since step", "")  # runs come in no order
    for run in seeds:
        scores = validation.scores(run)
        iou = scores.tp.sum() / (scores.tp + scores.fp + scores.fn).sum()
        assert f"  {iou:.4f}  {scores.fp.sum():8d}  {scores.fn.sum():9d}" in out


@pytest.mark.parametrize(
    "more, words",
    [
        (["--threshold", "1.5"], "threshold"),
        (["--checkpoint", "first"], "checkpoint"),
        (["--data", "nowhere"], "nowhere"),
    ],
)
def test_mistakes_of_the_user_are_one_line(run, capsys, more, words):
    code, out, err = answer(capsys, "errors", run.folder, *more)
    assert code == 2 and out == "" and words in err and len(err.strip().splitlines()) == 1


def test_a_run_named_twice_or_not_at_all(run, capsys):
    code, _, err = answer(capsys, "errors", run.folder, run.folder)
    assert code == 2 and "named twice" in err
    code, _, err = answer(capsys, "errors", "nobody", "--checkpoints", run.folder.parent)
    assert code == 2 and "no run 'nobody'" in err


# -- frames of one movie


def place(image, row, col, n=25, kind="fn"):
    side = int(np.sqrt(n))
    return {
        "image": image, "region": 1, "class": "other", "kind": kind, "row": row, "col": col, "height": side,
        "width": side, "n_pixels": side * side, "rle": f"0 {side * side}", "cell_radius_px": 3.0, "probability": 0.5,
    }  # fmt: skip


def test_a_mistake_that_goes_through_the_frames_of_a_movie_is_told_once():
    rows = [place(f"m_t{t:03d}.png", 10 + t, 10) for t in range(8)]  # one cell that drifts
    rows += [place(f"m_t{t:03d}.png", 60, 60, n=36, kind="fp") for t in (0, 1, 5)]
    rows += [place(f"other_t{t:03d}.png", 10, 10) for t in range(2)]  # another movie
    counts = Counts(tp=2000, fp=108, fn=250)
    table = recurrent([pd.DataFrame(rows)], counts=counts)
    groups = {image: image.split("_")[0] for image in table.image}
    found = once_a_track(table, tracks(table, groups), counts)
    assert sorted(found.n_frames) == [2, 3, 8]
    cell, dust = found[found.n_frames == 8].iloc[0], found[found.n_frames == 3].iloc[0]
    union = 2000 + 108 + 250
    assert cell.won == pytest.approx(8 * 25 / union) and dust.won == pytest.approx(2000 / (union - 108) - 2000 / union)
    assert len(set(tracks(table, {}))) == len(table)  # without movies every image is alone
    assert len(once_a_track(table.iloc[:0], np.zeros(0, int), counts)) == 0
