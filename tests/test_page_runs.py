"""The list of runs on the Train page: found, sorted, marked, renamed, compared, binned and brought back; resumed."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import train_page
from streamlit.testing.v1 import AppTest
from tiny_run import finished_run, tiny_config
from train_page import ended, page, texts

from seglib.runs import bin as runs_bin
from seglib.runs import launcher, record
from seglib.runs.events import EventFile
from seglib.runs.store import Run, list_runs
from ui import registry, run_list


@pytest.fixture
def home(tmp_path, monkeypatch) -> Path:
    return train_page.places(tmp_path, monkeypatch)


@pytest.fixture
def finished(home, tmp_path) -> Run:
    run = finished_run(tmp_path)
    registry.add(run.data_path())
    return run


def test_a_finished_run_asks_for_more_to_resume(finished):
    at = page(finished.data_path().name, run=finished.id)
    at.get_by_key("train_view").set_value("Curves").run()
    steps = at.number_input(key=f"train_more_steps_{finished.id}")
    assert (steps.min, steps.value) == (4, 8) and not at.button(key="train_resume_start").disabled
    steps.set_value(4).run()
    assert at.button(key="train_resume_start").disabled


def pick(at: AppTest, *rows: int) -> AppTest:
    at.session_state[run_list.TABLE] = {"selection": {"rows": list(rows), "columns": [], "cells": []}}
    return at.run()


def test_a_run_is_renamed_noted_binned_and_brought_back(finished, home):
    at = pick(page(finished.data_path().name), 0)
    assert not at.exception
    at.text_input(key=f"train_name_of_{finished.id}").set_value("the good one")
    at.text_area(key=f"train_note_of_{finished.id}").set_value("first try")
    next(b for b in at.button if b.label == "Save").click().run()
    assert (finished.name, finished.note) == ("the good one", "first try")
    at = pick(page(finished.data_path().name), 0)
    row = at.dataframe[0].value.iloc[0]
    assert (row["Run"], row["Note"], row["Best val IoU"]) == ("the good one", "first try", finished.best_iou())
    at.button(key="train_bin").click().run()
    assert not at.exception and not list_runs(home / "checkpoints")
    assert [run.id for run in runs_bin.binned(home / "checkpoints")] == [finished.id] and "is in the bin" in texts(at)
    at.button(key="train_undo").click().run()
    assert not at.exception and [run.id for run in list_runs(home / "checkpoints")] == [finished.id]
    assert "is in the bin" not in texts(at)


def test_a_failed_run_says_its_reason_and_one_without_val_that_it_has_none(home):
    run = launcher.create(tiny_config(home / "discs"), "lost", home / "checkpoints")
    ended(run, "out of memory: a smaller model.channels needs less")
    events = EventFile(run.folder / "events.jsonl")
    summary = {"pooled_iou": 0.5, "mean_iou": 0.5, "pooled_dice": 0.6, "n_images": 4, "n_undefined": 0}
    events.append({"kind": "step", "step": 2, "loss": 0.7, "lr": 0.1, "samples_per_s": 3.0, "elapsed_s": 1.0})
    events.append({"kind": "validation", "step": 2, "elapsed_s": 1.0, "best": True, "val": None, "train": summary})
    events.close()
    at = page(run=run.id)
    row = at.dataframe[0].value.iloc[0]
    assert np.isnan(row["Best val IoU"]) and "no validation set" in row["Remark"] and "out of memory" in row["Remark"]
    at.get_by_key("train_view").set_value("Curves").run()
    assert not at.exception and at.error[0].value == "out of memory: a smaller model.channels needs less"
    assert {m.label: (m.value, m.delta) for m in at.metric}["Best val IoU"] == ("–", "no validation set")
    chart = json.loads(next(c for c in at.get("echarts_chart") if "Pooled" in c.proto.spec).proto.spec)
    assert chart["title"]["text"] == "no validation set"


def scored(home: Path, name: str, iou: float | None, state: str = "finished", loss: str = "bce") -> Run:
    """A run as if it had ended with that best val IoU."""
    run = launcher.create(tiny_config(home / "discs", loss__name=loss), name, home / "checkpoints")
    record.update(run.folder, state, "for some reason" if state == "failed" else "")
    if iou is not None:
        events = EventFile(run.folder / "events.jsonl")
        val = {"pooled_iou": iou, "mean_iou": iou, "pooled_dice": iou, "n_images": 2, "n_undefined": 0}
        events.append({"kind": "validation", "step": 2, "elapsed_s": 1.0, "best": True, "val": val, "train": val})
        events.close()
    return run


def test_runs_that_reach_the_target_are_marked_in_words(home):
    scored(home, "good", 0.91)
    scored(home, "bad", 0.9099)
    found = page().get_by_key(run_list.TABLE).value.set_index("Run")
    assert found.loc["good", "Remark"] == "★ target 0.91 reached" and found.loc["bad", "Remark"] == ""
    assert found["Best val IoU"].dtype == float  # sorted as numbers


def names(at: AppTest) -> list[str]:
    return list(at.get_by_key(run_list.TABLE).value["Run"])


def test_many_runs_are_filtered_by_words_and_state_and_stay_picked(home):
    for number in range(5):
        scored(home, f"run{number}", 0.5 + number / 100, loss="dice" if number % 2 else "bce")
    scored(home, "lost", None, "failed")
    at = pick(page(), 1, 2)
    assert names(at) == ["run4", "run3", "run2", "run1", "run0", "lost"] and "**2 runs**" in texts(at)
    at.text_input(key=run_list.FILTER).set_value("DICE run").run()
    assert names(at) == ["run3", "run1"] and "**run3**" in texts(at)  # run2 is out of sight, so it is not picked
    at.text_input(key=run_list.FILTER).set_value("").run()
    at.get_by_key(run_list.STATES).set_value(["failed"]).run()
    assert names(at) == ["lost"] and "for some reason" in at.get_by_key(run_list.TABLE).value["Remark"][5]
    at.text_input(key=run_list.FILTER).set_value("nothing like it").run()
    assert not at.exception and "No run is like that" in texts(at)


def test_a_picked_run_stays_picked_when_another_comes_in_above_it(home):
    scored(home, "first", 0.5)
    at = pick(page(), 0)
    assert "**first**" in texts(at)
    scored(home, "better", 0.6)
    at.run()
    assert names(at) == ["better", "first"] and "**first**" in texts(at) and "**better**" not in texts(at)


def test_several_go_to_the_bin_at_once_and_come_back_at_once(home):
    for number in range(3):
        scored(home, f"run{number}", 0.5 + number / 100)
    at = pick(page(), 0, 2)
    at.button(key="train_bin").click().run()
    assert names(at) == ["run1"] and "**2 runs** are in the bin" in texts(at)
    at.button(key="train_undo").click().run()
    assert sorted(names(at)) == ["run0", "run1", "run2"] and not runs_bin.binned(home / "checkpoints")


def test_a_name_with_markup_is_shown_as_it_is(home):
    run = scored(home, "odd", 0.5)
    run.rename("**bold** <b>x</b> [a](http://b) $x$")
    at = pick(page(), 0)
    said = texts(at).replace("\u2060", "")
    assert r"\*\*bold\*\* \<b>x\</b> \[a\](http://b) \$x\$" in said and names(at) == [run.name]
