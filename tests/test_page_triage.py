"""Label or model? under AppTest: who may vote, where verdicts go, folds after asking, trainings through the queue."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest
from test_votes import NAMES, done
from voting_runs import draw_cells, voting_run

from seglib.data.dataset import Record, open_dataset, write_csv
from seglib.data.records import read_csv
from seglib.errors import review
from seglib.images import write_png
from seglib.runs import jobs, queue
from seglib.runs.store import Run, list_runs
from ui import registry
from ui.errors import suspects, triage, votes

SHELL = Path(__file__).resolve().parents[1] / "ui" / "shell.py"
PAGE = SHELL.parents[1] / "pages" / "errors.py"


@pytest.fixture
def data(tmp_path, monkeypatch) -> Path:
    """Four pictures of four groups, two of them val, known as `data`; nothing is trained."""
    for key, place in dict(DATASETS="datasets.json", DEMO="demo", CHECKPOINTS="checkpoints", CACHE="cache").items():
        monkeypatch.setenv(f"SEGLIB_{key}", str(tmp_path / place))
    folder, rng = tmp_path / "data", np.random.default_rng(0)
    for part in ("images", "masks"):
        (folder / part).mkdir(parents=True)
    for name in NAMES:
        labels = draw_cells(rng)
        write_png(folder / name, (60 + 80 * (labels > 0)).astype(np.uint8))
        write_png(folder / name.replace("images", "masks"), labels.astype(np.uint16))
    sides = ("train", "train", "val", "val")
    masks = [name.replace("images", "masks") for name in NAMES]
    write_csv(folder, [Record(NAMES[i], masks[i], f"g{i}", sides[i]) for i in range(4)])
    registry.add(folder)
    queue.hold(tmp_path / "checkpoints") if (tmp_path / "checkpoints").exists() else None
    return folder


@pytest.fixture
def runs(data) -> list[Run]:
    return [voting_run(data, f"s{n}", [2, 3], [0, 1]) for n in range(2)]


def spoil(data: Path) -> None:
    """The label of a val image loses a cell."""
    dataset = open_dataset(data)
    labels = dataset.sample(2).labels.copy()
    labels[labels == 6] = 0
    write_png(data / NAMES[2].replace("images", "masks"), labels.astype(np.uint16))


def page() -> AppTest:
    at = AppTest.from_file(str(SHELL), default_timeout=60)
    at.query_params["data"] = "data"
    at = at.run().switch_page(str(PAGE)).run()
    at.get_by_key("errors_section").set_value("Label or model?").run()
    assert not at.exception
    return at


def texts(at: AppTest) -> str:
    kinds = (at.error, at.warning, at.info, at.success, at.caption, at.markdown)
    return " ".join(element.value for kind in kinds for element in kind)


def searched(at: AppTest, data: Path) -> AppTest:
    """After the search, done here and not by a worker of its own."""
    found = {}
    real = jobs.start
    jobs.start = lambda kind, inputs, **more: found.update(inputs=inputs)
    try:
        at.button(key="triage_search").click().run()
    finally:
        jobs.start = real
    done(found["inputs"])
    return at.run()


def test_who_votes_is_said_and_nothing_is_written_before_asking(data, runs):
    at = page()
    assert "2 models vote" in texts(at) and "2 of 2 val images and 0 of 2 train images" in texts(at)
    assert str(data / "review.jsonl") in texts(at)
    assert not (data / "review.jsonl").exists() and "triage_card" not in at.session_state
    at.button(key="triage_allow").click().run()
    assert not at.exception and str(data / "review.jsonl") not in texts(at)
    assert not (data / "review.jsonl").exists()


def test_one_model_may_not_doubt_a_label(data):
    voting_run(data, "alone", [2, 3], [0, 1])
    at = page()
    assert "1 model votes" in texts(at) and "0 of 2 val images" in texts(at)
    assert not [b for b in at.button if b.key == "triage_search"]


def test_suggestions_come_first_and_a_word_is_written_and_taken_back(data, runs):
    spoil(data)
    at = page()
    at.button(key="triage_allow").click().run()
    searched(at, data)
    listed = listed_now(data, runs)
    assert listed[0].rank == 1 and listed[0].kind == "fp" and "lacks a cell" in listed[0].about
    assert all(place.rank == 0 for place in listed[1:]) or listed[1].rank == 2
    say(at, listed[0].id, "label_wrong", "clear to see", "w1")
    [verdict] = review.standing(data)
    assert (verdict.verdict, verdict.why, verdict.image) == ("label_wrong", "clear to see", NAMES[2])
    assert verdict.run in ("s0", "s1") and (verdict.checkpoint, verdict.threshold) == ("best", 0.5)
    assert verdict.rle == listed[0].rle and verdict.who and 0.5 < verdict.probability <= 1
    at.run()  # the same words again are not written again
    assert len(review.history(data)) == 1
    say(at, listed[0].id, None, "", "w2")
    assert review.standing(data) == [] and len(review.history(data)) == 2


def listed_now(data: Path, runs: list[Run]) -> list[suspects.Place]:
    import pandas as pd

    from seglib.runs import suspects as job

    [table] = (data.parent / "cache" / "jobs").glob(f"*/result/{job.TABLE}")
    return suspects.queue(pd.read_parquet(table), None, votes.labelled(open_dataset(data)))


def say(at: AppTest, place: str, verdict: str | None, why: str, n: str) -> None:
    """As the component sends it."""
    word = {"n": n, "id": place, "verdict": verdict, "why": why}
    at.session_state[triage._COMPONENT] = {"words": [word], "show": None}
    at.run()
    assert not at.exception and not at.error


def test_verdicts_that_stand_are_listed_and_damage_is_said(data, runs):
    place = dict(image=NAMES[2], kind="fp", row=1, col=1, height=9, width=9, n_pixels=50, rle="0 9")
    review.append(data, review.Verdict(**place, verdict="ignore", who="ada", when=review.now(), why="dust"))
    at = page()
    assert any("Verdicts (1)" in e.label for e in at.expander)
    table = next(t.value for t in at.dataframe if "verdict" in t.value)
    assert table.iloc[0].tolist()[:2] == ["Ignore this area", "m2"] and "ada" in table.iloc[0].tolist()
    with (data / "review.jsonl").open("a") as file:
        file.write('{"verdict": "maybe"}\n')
    at = page()
    assert "line 2" in texts(at) and any("Verdicts (1)" in e.label for e in at.expander)


def test_folds_are_written_only_when_asked_and_then_trained_through_the_queue(data, runs):
    at = page()
    assert any("other 2 of 4 images" in e.label for e in at.expander)
    before = (data / "dataset.csv").read_bytes()
    at.get_by_key("triage_k").set_value(2).run()
    assert (data / "dataset.csv").read_bytes() == before
    at.button(key="triage_write_folds").click().run()
    assert not at.exception and not at.error
    records = read_csv(data / "dataset.csv")
    assert {record.fold for record in records} == {0, 1} and [r.split for r in records] == ["train"] * 2 + ["val"] * 2
    [backup] = data.glob("dataset.csv.bak-*")
    assert backup.read_bytes() == before and backup.name in texts(at)
    queue.hold(data.parent / "checkpoints")
    at.button(key="triage_train_folds").click().run()
    assert not at.exception and not at.error
    made = [run for run in list_runs(data.parent / "checkpoints") if run.state().name == "queued"]
    assert sorted((run.config().data.fold, run.config().training.seed) for run in made) == [
        (0, 0),
        (0, 1),
        (1, 0),
        (1, 1),
    ]
    assert "0 training, 4 waiting" in texts(at)


def test_one_group_is_told_what_is_missing(data):
    records = [Record(r.image, r.mask, "one", "val") for r in open_dataset(data).records]
    write_csv(data, records)
    voting_run(data, "s0", [0, 1, 2, 3], [])
    at = page()
    assert "Folds need at least two groups" in texts(at)
    assert not [b for b in at.button if b.key == "triage_write_folds"]


def test_the_name_is_remembered(data, runs):
    at = page()
    at.get_by_key("reviewer_box").set_value("  Ada   L. ").run()
    assert page().get_by_key("reviewer_box").value == "Ada L."
