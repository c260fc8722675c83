"""The Compare page under AppTest: what is compared stands in the URL, every empty state says what to do next."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from conftest import make_disc_data
from made_up_runs import made_up_run
from streamlit.testing.v1 import AppTest

from ui import registry
from ui.compare import curves, palette, picker, table

SHELL = Path(__file__).resolve().parents[1] / "ui" / "shell.py"


@pytest.fixture
def home(tmp_path, monkeypatch) -> Path:
    """Discs as the data set `discs`, another folder as `other`; runs in a place of their own."""
    monkeypatch.setenv("SEGLIB_DATASETS", str(tmp_path / "datasets.json"))
    monkeypatch.setenv("SEGLIB_CHECKPOINTS", str(tmp_path / "checkpoints"))
    monkeypatch.setenv("SEGLIB_CACHE", str(tmp_path / "cache"))
    make_disc_data(tmp_path / "discs")
    make_disc_data(tmp_path / "other")
    monkeypatch.setenv("SEGLIB_DEMO", str(tmp_path / "discs"))
    registry.add(tmp_path / "other")
    return tmp_path


@pytest.fixture
def make(home):
    return lambda name, data="discs", **more: made_up_run(home / "checkpoints", name, home / data, **more)


def page(**query: str) -> AppTest:
    at = AppTest.from_file(str(SHELL), default_timeout=60)
    for key, value in {"data": "demo", **query}.items():
        at.query_params[key] = value
    at = at.switch_page("../pages/compare.py").run()
    assert not at.exception, at.exception
    return at


def texts(at: AppTest) -> str:
    return " ".join(e.value for kind in (at.error, at.warning, at.info, at.caption, at.markdown) for e in kind)


def compared(at: AppTest):
    """The table of the compared runs."""
    return next(frame.value for frame in at.dataframe if "Line" in frame.value)


def tick(at: AppTest, *names: str) -> AppTest:
    """Choose exactly these in the table of all runs, as a person does."""
    frame = next(frame for frame in at.dataframe if "Line" not in frame.value)
    rows = [i for i, name in enumerate(frame.value["Run"]) if name in names]
    at.session_state[at.session_state[picker._TICKED][0]] = {"selection": {"rows": rows, "columns": [], "cells": []}}
    return at.run()


def test_without_a_run_it_says_what_to_do(home):
    at = page()
    assert "no run yet" in texts(at) and "Train two networks" in texts(at) and not at.dataframe


def test_the_best_five_of_this_data_set_are_compared_at_first(make):
    for place in range(7):
        make(f"r{place}", val=[0.1 * place], train=[0.5], training__seed=place)
    make("foreign", data="other", val=[0.99], train=[0.99])
    at = page()
    shown = compared(at)
    assert sorted(shown["Run"]) == ["r2", "r3", "r4", "r5", "r6"]
    assert "Seed" in shown and "Depth" not in shown and "Augmentation" not in shown
    assert shown.loc[shown["Run"] == "r6", "Mark"].item() == "★ best"
    assert "31.0 points below the target 0.91" in texts(at)


def test_the_runs_in_the_address_are_compared_in_its_order(make):
    for name in ("a", "b", "c"):
        make(name, loss__name="dice" if name == "b" else "bce")
    at = page(runs="c,b,gone")
    assert list(compared(at)["Run"]) == ["c", "b"] and list(compared(at)["Loss"]) == ["bce", "dice"]
    assert "Not here any more: gone" in texts(at)
    assert at.query_params["runs"] == "c,b,gone"


def test_choosing_runs_writes_the_address_and_keeps_the_colours(make):
    for name in ("a", "b", "c"):
        make(name)
    at = page(runs="c,b")
    at = tick(at, "a", "b")
    assert list(compared(at)["Run"]) == ["b", "a"] and at.query_params["runs"] == "b,a"
    at = tick(at)
    assert at.query_params["runs"] == "-" and "No run is chosen" in texts(at)


def test_another_data_set_brings_its_own_runs(make):
    make("mine"), make("foreign", data="other")
    at = page(runs="mine")
    at.get_by_key("sidebar_data").select("other").run()
    assert list(compared(at)["Run"]) == ["foreign"]


def test_runs_of_other_data_come_with_a_warning(make):
    make("mine"), make("foreign", data="other", fingerprint="two")
    at = page()
    at.get_by_key("compare_everywhere").set_value(True).run()
    assert "cannot be compared" in texts(at)
    at = tick(at, "mine", "foreign")
    assert set(compared(at)["Data"]) == {"discs", "other"} and "2 different sets of pictures" in texts(at)
    at = page(runs="mine,foreign")  # from the address alone
    assert len(compared(at)) == 2


def test_the_target_in_the_address_decides_what_is_marked(make):
    make("good", val=[0.93], train=[0.9]), make("poor", val=[0.7], train=[0.9], data__split="blocks")
    at = page()
    marks = compared(at).set_index("Run")["Mark"]
    assert marks["good"] == "★ best · ✓ reaches 0.91" and marks["poor"] == "⚠ not independent"
    assert "reached" in texts(at)
    at = page(target="0.95")
    assert compared(at).set_index("Run")["Mark"]["good"] == "★ best" and "2.0 points below" in texts(at)


def test_runs_without_val_set_and_runs_that_wait(make):
    make("blind", val=[None], train=[0.9])
    waiting = make("waiting", state="queued")
    (waiting.folder / "events.jsonl").unlink()
    at = page()
    marks = compared(at).set_index("Run")["Mark"]
    assert marks["blind"] == "no val set" and "has a validation yet" in texts(at)
    at = page(runs="blind")
    assert "None of these runs has a val set" in texts(at) and "One run alone" in texts(at)


def test_train_iou_says_what_it_is_of(make):
    make("done"), make("cut", of_all=None, state="interrupted")
    shown = compared(page()).set_index("Run")
    assert (shown.loc["done", "Best train"], shown.loc["done", "of"]) == (0.88, "all")
    assert (shown.loc["cut", "Best train"], shown.loc["cut", "of"]) == (0.9, "sample")


def test_a_data_set_nobody_knows(home):
    assert "no data set is called" in texts(page(data="nonsense"))


def test_a_name_is_no_markup(make):
    run = make("a")
    run.rename("**x** [y](http://z)")
    assert "\\*\\*x" in texts(page())


def test_fifty_runs_are_drawn_again_in_time(make):
    for place in range(50):
        make(f"r{place:02}", training__seed=place, n_steps=300)
    at = page(runs=",".join(f"r{place:02}" for place in range(50)))
    begin = time.process_time()
    at.run()
    assert not at.exception and len(compared(at)) == 50
    assert time.process_time() - begin < 1.0  # 0.3 s on a quiet machine, AppTest's own work with it


# -- the curves


def test_curves_have_a_look_each():
    looks = [palette.look(place) for place in range(50)]
    assert len({(one.colour, str(one.dash)) for one in looks}) == 50
    assert len({one.colour for one in looks[:8]}) == 8 and looks[8].colour == looks[0].colour


def test_an_overlay_leaves_out_runs_without_a_point_and_keeps_the_colour_of_the_others():
    of = [{"val_iou": []}, {"val_iou": [[10, 0.2], [20, 0.9]]}]
    option = curves.overlay(of, ["a", "b"], "val_iou")
    assert option["legend"]["data"] == ["b"]
    assert option["series"][0]["itemStyle"]["color"] == palette.look(1).colour
    assert option["yAxis"]["min"] == 0.5 and option["yAxis"]["max"] == 1
    assert curves.overlay([{"val_iou": [[1, 0.04]]}], ["a"], "val_iou")["yAxis"]["min"] == 0.0


def test_headings_of_two_settings_are_told_apart():
    heads = table.unique_labels(["model.name", "model.dropout", "training.steps"])
    assert len(set(heads.values())) == 3 and "Steps" not in heads.values()


def test_a_column_with_words_is_all_words():
    assert table.cells([1, 2.5]) == [1, 2.5]
    assert table.cells([0.5, None]) == ["0.5", "none"] and table.cells([True, False]) == ["yes", "no"]
