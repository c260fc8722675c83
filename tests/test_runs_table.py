"""The table of runs: which settings differ, which IoU is which, and that long runs are read fast."""

from __future__ import annotations

import json
import time
from itertools import pairwise
from pathlib import Path

import pytest
from made_up_runs import made_up_run

from seglib.augment.recipe import load_recipe
from seglib.experiments import run_curves, runs_table
from seglib.runs.events import EventFile
from seglib.runs.files import read_json, write_json
from seglib.settings import merge, plain


@pytest.fixture
def make(tmp_path):
    return lambda name, **more: made_up_run(tmp_path / "checkpoints", name, tmp_path / "data", **more)


def test_only_the_settings_that_differ_are_named_in_the_order_of_the_config(make):
    runs = [make("a"), make("b", loss__name="dice", training__seed=1), make("c", model__norm="none")]
    assert runs_table.differing(runs) == ["model.norm", "loss.name", "training.seed"]
    assert runs_table.differing(runs[:1]) == [] and runs_table.differing([]) == []
    table = runs_table.rows(runs)
    assert [row["loss.name"] for row in table] == ["bce_dice", "dice", "bce_dice"]
    assert "model.depth" not in table[0]
    assert runs_table.label("loss.name") == "Loss" and runs_table.label("model.depth") == "Depth"


def test_a_setting_an_older_run_does_not_know_counts_as_its_default(make):
    old, new = make("old"), make("new")
    config = read_json(old.folder / "config.json")
    del config["model"]["residual"], config["training"]["ema"]
    write_json(old.folder / "config.json", config)
    assert runs_table.differing([old, new]) == ["training.ema"]  # quick sets 0.99; the default is 0


def test_recipes_differ_by_name_or_by_what_was_changed(make):
    changed = merge(plain(load_recipe("light")), {"elastic": {"probability": 0.123}})
    runs = [make("a"), make("b", recipe="none"), make("c")]
    config = read_json(runs[2].folder / "config.json")
    write_json(runs[2].folder / "config.json", {**config, "recipe": changed})
    assert runs_table.differing(runs) == ["recipe"]
    texts = [row["recipe"] for row in runs_table.rows(runs)]
    assert texts == ["light", "none", "light with elastic probability 0.123"]
    assert runs_table.label("recipe") == "Augmentation"


def test_best_and_last_iou_and_what_train_iou_is_of(make):
    done, cut = make("done"), make("cut", of_all=None, state="interrupted")
    first, second = runs_table.rows([done, cut])
    assert (first["best_val_iou"], first["best_step"], first["last_val_iou"]) == (0.8, 20, 0.7)
    assert (first["best_train_iou"], first["train_of"]) == (0.88, "all")
    assert (second["best_train_iou"], second["train_of"]) == (0.9, "sample")
    assert first["last_train_iou"] == second["last_train_iou"] == 0.95
    assert (first["minutes"], first["steps"], first["state"], second["state"]) == (1.0, 30, "finished", "interrupted")


def test_a_resume_takes_back_what_it_repeats(make):
    run = make("a")
    assert len(runs_table.curves(run)["train_loss"]) == 30
    file = EventFile(run.folder / "events.jsonl")
    file.append({"kind": "started", "step": 25, "planned_steps": 60})
    file.append({"kind": "step", "step": 26, "elapsed_s": 53.0, "loss": 9.0})
    file.close()
    lines = runs_table.curves(run)
    assert [step for step, _ in lines["train_loss"]] == list(range(1, 27)) and lines["train_loss"][-1][1] == 9.0
    assert lines["val_iou"] == [[10, 0.5], [20, 0.8]]
    assert runs_table.rows([run])[0]["train_of"] == "sample"  # it has not come to its end now


def test_curves_by_minutes(make):
    lines = runs_table.curves(make("a"), "minutes")
    assert lines["val_iou"] == [[pytest.approx(1 / 3, abs=1e-3), 0.5], [pytest.approx(2 / 3, abs=1e-3), 0.8], [1, 0.7]]
    assert lines["train_iou"][-1] == [1.0, 0.95]


def test_runs_without_validation_without_events_and_with_half_a_line(make):
    blind = make("blind", val=[None], train=[0.9])
    waiting = make("waiting", state="queued")
    (waiting.folder / "events.jsonl").unlink()
    torn = make("torn", state="interrupted", of_all=None)
    with (torn.folder / "events.jsonl").open("ab") as file:
        file.write(b'{"kind": "step", "st\n{"kind": "val')
    table = runs_table.rows([blind, waiting, torn])
    assert [row["validated"] for row in table] == [False, None, True]
    assert [row["best_val_iou"] for row in table] == [None, None, 0.8]
    assert runs_table.best(table)["run"] == "torn" and runs_table.best(table[:2]) is None
    assert runs_table.curves(waiting) == {"train_loss": [], "val_iou": [], "train_iou": []}
    (torn.folder / "config.json").write_text("{")
    assert runs_table.rows([torn])[0]["steps"] == 30


def test_runs_that_learned_nothing_are_named(make):
    make("good"), make("waiting", val=[None], state="queued")
    table = runs_table.rows([make("dead", val=[0.02], train=[0.02]), make("fair", val=[0.4], train=[0.4])])
    assert [row["run"] for row in runs_table.collapsed(table)] == ["dead"]
    assert runs_table.collapsed([{**table[0], "live": True}]) == []


def test_runs_of_other_pictures_are_not_to_be_compared(make):
    a, b, other = make("a"), make("b"), make("c", fingerprint="two")
    (b.folder / "environment.json").unlink()
    assert runs_table.comparable([a, b]) == ""
    assert "2 different sets" in runs_table.comparable([a, b, other])


def test_a_long_run_is_thinned_and_read_once(make, monkeypatch):
    run = make("long", val=[], n_steps=20_000)
    parsed = []
    keep = run_curves._parsed
    monkeypatch.setattr(run_curves, "_parsed", lambda line: parsed.append(line) or keep(line))
    lines = runs_table.curves(run)["train_loss"]
    assert run_curves.MAX_POINTS / 2 < len(lines) <= run_curves.MAX_POINTS and lines[-1][0] > 19_900
    assert len(parsed) < 3 * run_curves.MAX_POINTS
    parsed.clear()
    assert runs_table.curves(run)["train_loss"] == lines and not parsed


def test_a_run_that_grows_stays_bounded_and_even(make):
    run = make("growing", val=[], n_steps=10, of_all=None)
    file = EventFile(run.folder / "events.jsonl")
    for step in range(11, 5_000):
        file.append({"kind": "step", "step": step, "elapsed_s": float(step), "loss": 1.0})
        if step % 500 == 0:
            runs_table.curves(run)
    file.close()
    steps = [step for step, _ in runs_table.curves(run)["train_loss"]]
    assert len(steps) <= run_curves.MAX_POINTS
    gaps = {b - a for a, b in pairwise(steps)}
    assert max(gaps) <= 4 * min(gaps)


def test_fifty_runs_are_read_again_in_no_time(make):
    runs = [make(f"r{i}", n_steps=200, training__seed=i) for i in range(50)]
    runs_table.rows(runs)
    begin = time.process_time()
    runs_table.rows(runs)
    for run in runs:
        runs_table.curves(run)
    assert time.process_time() - begin < 0.3


def test_rows_are_json(make):
    assert json.loads(json.dumps(runs_table.rows([make("a"), make("b", loss__name="bce")])))


def test_the_table_knows_no_torch():
    source = Path(runs_table.__file__).read_text(encoding="utf-8") + Path(run_curves.__file__).read_text("utf-8")
    assert "import torch" not in source
