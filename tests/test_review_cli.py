"""`python -m seglib review` and its jobs: what stands, versions, exports, one line for mistakes."""

import csv
import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
from tiny_run import finished_run

from seglib.cli import main
from seglib.data.dataset import open_dataset
from seglib.data.rle import encode
from seglib.data.version import verify
from seglib.errors import corrections, review
from seglib.errors.review import Verdict
from seglib.runs import acting, jobs, predicted, worker


@pytest.fixture(autouse=True)
def places(tmp_path, monkeypatch):
    monkeypatch.setenv("SEGLIB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("SEGLIB_CHECKPOINTS", str(tmp_path / "checkpoints"))


def say(data, image, kind, word, row=4, col=4, size=5, why=""):
    rle = encode(np.ones((size, size), bool))
    verdict = Verdict(image, kind, row, col, size, size, size * size, rle, word, "ada", review.now(), why)
    review.append(data, verdict)
    return verdict


@pytest.fixture
def data(discs):
    """Six words: three that change pixels, one hard negative of train, one of val, one that changes nothing."""
    say(discs, "images/d0.png", "fp", "label_wrong", why="a bud")
    say(discs, "images/d0.png", "fn", "label_wrong", row=20)
    say(discs, "images/d1.png", "fp", "ignore")
    say(discs, "images/d2.png", "fp", "hard_negative")
    say(discs, "images/d4.png", "fp", "hard_negative")
    say(discs, "images/d3.png", "fp", "unsure")
    return discs


def run(capsys, *arguments):
    code = main(["review", *map(str, arguments)])
    out, err = capsys.readouterr()
    return code, out, err


def failure(capsys, *arguments):
    code, out, err = run(capsys, *arguments)
    assert code == 2 and out == "" and err.startswith("error: ") and err.count("\n") == 1, err
    return err


def test_it_says_what_stands_and_what_it_comes_to(data, capsys):
    code, out, err = run(capsys, data)
    assert code == 0 and len(out.splitlines()) == 6 + 3
    assert "6 verdicts: 1 mask corrected, 1 area ignored, 1 image drawn more often" in out
    assert "weight 1 -> 2  images/d2.png" in out and "a bud" in out
    assert "1 hard negative lies on images that are not train: counted, not used." in err


def test_json(data, capsys):
    code, out, _ = run(capsys, data, "--json")
    told = json.loads(out)
    assert code == 0 and told["n_verdicts"] == 6
    assert told["counts"] == {"label_wrong": 2, "ignore": 1, "hard_negative": 2, "model_error": 0, "unsure": 1}
    assert [v["action"] for v in told["verdicts"]] == ["fill", "erase", "ignore", "weight", "weight", None]
    assert told["weights"] == [{"image": "images/d2.png", "before": 1.0, "after": 2.0}]
    assert [n["image"] for n in told["not_made"]] == ["images/d4.png"] and told["plan"]["not_used"] == 1


def test_a_version_with_one_change_left_out(data, tmp_path, capsys):
    ids = [change.id for change in corrections.changes(review.standing(data))]
    code, out, err = run(capsys, data, "--version", tmp_path / "v2", "--leave-out", ids[0])
    assert code == 0 and out.splitlines()[-1] == str(tmp_path / "v2") and "only what is listed differs" in err
    assert "counted, not used" in err and ids[0] not in out
    assert verify(tmp_path / "v2", data).problems == ()
    kept = review.standing(tmp_path / "v2")
    assert sorted((v.image, v.verdict) for v in kept) == [
        ("images/d0.png", "label_wrong"),  # left out
        ("images/d3.png", "unsure"),
        ("images/d4.png", "hard_negative"),  # of val
    ]
    told = json.loads((tmp_path / "v2" / "changes.json").read_text())
    assert [c["id"] for c in told["changes"]] == ids[1:4] and [c["id"] for c in told["left_out"]] == [ids[4]]


def test_taking_back(data, tmp_path, capsys):
    _, out, _ = run(capsys, data, "--version", tmp_path / "v2", "--json")
    ids = [change["id"] for change in json.loads(out)["changes"]]
    code, out, _ = run(capsys, tmp_path / "v2", "--take-back", *ids, "--version", tmp_path / "v3")
    assert code == 0
    back, original = open_dataset(tmp_path / "v3"), open_dataset(data)
    assert back.fingerprint() == original.fingerprint() and back.records == original.records
    assert "no change 'zzz'" in failure(capsys, tmp_path / "v2", "--take-back", "zzz", "--version", tmp_path / "v4")
    assert "no version" in failure(capsys, data, "--take-back", "zzz", "--version", tmp_path / "v4")


def test_mistakes_are_one_line(data, tmp_path, capsys):
    assert "no such folder" in failure(capsys, tmp_path / "nowhere")
    assert "exists and is not an empty folder" in failure(capsys, data, "--version", tmp_path / "discs")
    assert "lies in the data set itself" in failure(capsys, data, "--version", data / "v2")
    assert "--leave-out nonsense" in failure(capsys, data, "--version", tmp_path / "v2", "--leave-out", "nonsense")
    assert "go together" in failure(capsys, data, "--export", tmp_path / "out")
    assert "go together" in failure(capsys, data, "--run", "r")
    assert "makes no version" in failure(capsys, data, "--export", tmp_path / "o", "--run", "r", "--version", "v")
    assert "need --version" in failure(capsys, data, "--leave-out", "x")
    assert "nobody" in failure(capsys, data, "--export", tmp_path / "out", "--run", "nobody")
    (data / "review.jsonl").write_text('{"image": "x"}\n')
    assert "review.jsonl, line 1" in failure(capsys, data)
    assert not (tmp_path / "out").exists() and not (tmp_path / "v2").exists()


def test_without_verdicts_there_is_no_version(discs, tmp_path, capsys):
    assert run(capsys, discs)[1] == "0 verdicts: nothing to change in the data set\n"
    assert "no version was made" in failure(capsys, discs, "--version", tmp_path / "v2")


# ---- of a run


@pytest.fixture
def trained(tmp_path):
    """A finished run, and a copy of its data set that words may be written beside."""
    run = finished_run(tmp_path)
    shutil.copytree(run.data_path(), tmp_path / "data")
    return run, tmp_path / "data"


def test_an_export_of_a_run(trained, tmp_path, capsys):
    made, data = trained
    folder = made.folder.parent
    of_run = ("--run", "tiny", "--checkpoints", folder)
    code, out, err = run(capsys, data, "--export", tmp_path / "out", *of_run, "--labels", "--crops", "all")
    assert code == 0 and out == f"{tmp_path / 'out'}\n" and "wrong regions" in err
    with (tmp_path / "out" / "regions.csv").open(newline="") as stream:
        table = list(csv.DictReader(stream))
    stored = predicted.of_validation(made, "best").stored().regions
    assert [int(row["area_px"]) for row in table] == stored.n_pixels.tolist()
    assert len(list((tmp_path / "out" / "crops").iterdir())) == 2 * len(table)
    assert "not an empty folder" in failure(capsys, data, "--export", tmp_path / "out", *of_run)


def test_the_job_packs_the_same_and_takes_its_folder_away(trained, tmp_path):
    made, data = trained
    source = predicted.of_validation(made, "best")
    inputs = acting.export_inputs(source, 0.5, data, "largest", True)
    job = jobs.find("export", inputs)
    state = done_here("export", inputs, job)
    assert state == "done" and sorted(p.name for p in job.result.iterdir()) == ["export.zip", "exported.json"]
    review.append(data, replace(verdict_of(source), verdict="unsure"))
    assert jobs.find("export", acting.export_inputs(source, 0.5, data, "largest", True)).id != job.id


def verdict_of(source):
    row = next(source.stored().regions.itertuples())
    place = (row.row, row.col, row.height, row.width, row.n_pixels, row.rle)
    return Verdict(row.image, row.kind, *map(int, place[:5]), place[5], None, "ada", review.now())


def done_here(kind, inputs, job):
    """The job's work in this process."""
    job.folder.mkdir(parents=True, exist_ok=True)
    jobs._prepare(job, kind, inputs)
    return worker.run_job(kind, job.folder).name


def test_the_job_version_makes_it_and_says_so(data, tmp_path):
    dataset = open_dataset(data)
    plan = corrections.plan(dataset, review.standing(data))
    inputs = acting.version_inputs(dataset, {"fold": None}, plan.asked, tmp_path / "v2")
    job = jobs.find("version", inputs)
    assert done_here("version", inputs, job) == "done"
    told = json.loads((job.result / acting.VERSION).read_text())
    assert len(told["changes"]) == 4 and len(told["left_out"]) == 1 and told["verdicts_kept"] == 2
    assert verify(tmp_path / "v2", data).problems == ()
    back = acting.taking_back_inputs(tmp_path / "v2", [told["changes"][0]["id"]], tmp_path / "v3")
    assert done_here("version", back, jobs.find("version", back)) == "done"
    assert len(json.loads((tmp_path / "v3" / "changes.json").read_text())["changes"]) == 3


def test_a_cancelled_job_leaves_nothing(data, tmp_path):
    dataset = open_dataset(data)
    inputs = acting.version_inputs(dataset, {}, corrections.changes(review.standing(data)), tmp_path / "v2")
    job = jobs.find("version", inputs)
    job.folder.mkdir(parents=True)
    jobs._prepare(job, "version", inputs)
    (job.folder / "requests").mkdir(exist_ok=True)
    (job.folder / "requests" / "cancel").touch()
    assert worker.run_job("version", job.folder).name == "cancelled"
    assert not (tmp_path / "v2").exists() and not list(tmp_path.glob(".v2*"))
