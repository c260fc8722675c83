"""The Compare page under AppTest: what is compared stands in the URL, every empty state says what to do next."""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from conftest import make_disc_data
from made_up_runs import made_up_run, write_validations
from streamlit.testing.v1 import AppTest
from tiny_run import finished_run

from seglib.exceptions import InputError
from seglib.experiments import answers, ready_made, searched
from seglib.experiments import experiment as experiments
from seglib.experiments import trial as trials
from seglib.experiments.design import OPTUNA, Design
from seglib.experiments.factor import Factor
from seglib.experiments.trial import Trial
from seglib.runs import queue
from seglib.runs.files import read_json
from seglib.runs.record import State
from seglib.runs.store import Run
from ui import registry
from ui.compare import curves, factor_plots, levels, palette, picker, table
from ui.compare.runs import best_pair
from ui.literal import literal

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
    (tmp_path / "checkpoints").mkdir()
    queue.hold(tmp_path / "checkpoints")  # a page starts what waits
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
    at = tick(at, "a", "b", "c")
    assert list(compared(at)["Run"]) == ["c", "b", "a"]
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


def test_predictions_of_one_image_side_by_side(tmp_path, monkeypatch):
    for name in ("one", "two"):
        run = finished_run(tmp_path / name)
        shutil.copytree(run.folder, tmp_path / "checkpoints" / name)
    data = run.data_path()
    for key, place in (("CHECKPOINTS", "checkpoints"), ("DATASETS", "d.json"), ("CACHE", "cache")):
        monkeypatch.setenv(f"SEGLIB_{key}", str(tmp_path / place))
    monkeypatch.setenv("SEGLIB_DEMO", str(data))
    drawn = []
    nothing = SimpleNamespace(pick=None)
    monkeypatch.setattr("ui.compare.predictions.gallery", lambda items, **more: drawn.append(items) or nothing)
    at = page(runs="two,one")
    assert not drawn  # folded
    at.session_state["compare_predictions"] = True
    at.run()
    assert not at.exception
    assert [item["caption"] for item in drawn[-1]] == ["two", "one"]
    assert all(item["outlined"].startswith("/seg/compared/demo/") for item in drawn[-1])
    assert len({item["thumb"] for item in drawn[-1]}) == 1


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


# -- experiments


@pytest.fixture
def asked(home, make):
    """`Which loss?` with two seeds, of which all runs but one are there."""
    base = read_json(make("x", training__minutes=1.0).folder / "config.json")
    design = ready_made.design("which_loss", base, (0, 1))
    made = experiments.create(design, "losses", home / "checkpoints")
    for trial in made.trials()[:-1]:
        iou = {"bce": 0.6, "dice": 0.93, "bce_dice": 0.7}[trial.levels["loss.name"]] + 0.01 * trial.seed
        level = {"loss__name": trial.levels["loss.name"], "training__seed": trial.seed}
        run = make(trial.run_id, val=[iou, iou - 0.1], train=[iou, iou], of_all=iou, **level)
        write_validations(run, {15: iou, 30: iou - 0.1})
    return made


def test_an_experiment_shows_its_standing_answers_and_the_target(asked):
    at = page(experiment="losses")
    said = texts(at)
    assert "5 done" in said and "1 planned" in said and "target 0.91 **reached**" in said
    sentences = answers.answer(asked)[0].sentences
    assert len(sentences) == 3 and all(literal(sentence) in said for sentence in sentences)
    of_level = next(f.value for f in at.dataframe if "Mean" in f.value).set_index("Loss")
    assert list(of_level.index) == ["bce", "dice", "bce_dice"]
    assert of_level.loc["dice", "Mean"] == pytest.approx(0.935) and of_level.loc["bce_dice", "Runs"] == "1 of 2"
    assert at.query_params["experiment"] == "losses"
    at.get_by_key("experiment_curves").click().run()
    assert not at.exception and len(compared(at)) == 5


def test_the_answer_follows_the_runs(asked, make):
    at = page(experiment="losses")
    trial = asked.trials()[-1]
    run = make(trial.run_id, val=[0.99], train=[0.9], loss__name="bce_dice", training__seed=1)
    write_validations(run, {30: 0.99})
    at.run()
    of_level = next(f.value for f in at.dataframe if "Mean" in f.value).set_index("Loss")
    assert of_level.loc["bce_dice", "Highest"] == 0.99 and "6 done" in texts(at)


def test_a_run_that_still_trains_does_not_count_yet(asked, monkeypatch):
    live = asked.trials()[1].run_id
    state = Run.state
    monkeypatch.setattr(Run, "state", lambda run: State("running") if run.id == live else state(run))
    at = page(experiment="losses")
    of_level = next(f.value for f in at.dataframe if "Mean" in f.value).set_index("Loss")
    assert of_level.loc["dice", "Runs"] == "1 of 2" and "once it has ended" in texts(at)


def test_the_report_is_offered_for_what_is_shown(asked, monkeypatch):
    drawn = []
    monkeypatch.setattr("ui.report.draw", lambda runs, experiments: drawn.append((len(runs), len(experiments))))
    at = page(experiment="losses")
    at.session_state["report_fold"] = True
    at.run()
    at.session_state["show"] = "Runs"
    at.run()
    assert drawn[-2:] == [(0, 1), (5, 0)]


def test_go_on_queues_what_has_no_run(asked, monkeypatch):
    started = []
    monkeypatch.setattr("seglib.experiments.experiment.start", lambda e, again=False: started.append((e.id, again)))
    at = page(experiment="losses")
    at.get_by_key("experiment_go_on_now").click().run()
    assert started == [("losses", False)]


def test_more_seeds_are_counted_before_they_are_trained(asked):
    at = page(experiment="losses")
    at.get_by_key("experiment_new_seeds_losses_2").input("1 2 3 x").run()
    assert "x is no seed" in texts(at) and at.get_by_key("experiment_seeds_now").disabled
    at.get_by_key("experiment_new_seeds_losses_2").input("1, 2 3").run()
    assert "6 new runs" in texts(at) and not at.get_by_key("experiment_seeds_now").disabled


def test_no_experiment_a_damaged_one_and_one_that_is_not_there(home, asked):
    (asked.folder / "experiment.json").write_text("{")
    at = page(experiment="losses")
    assert "holds no design" in texts(at) and at.get_by_key("experiment_to_bin")
    at.get_by_key("experiment_to_bin").click().run()
    assert "There is no experiment yet" in texts(at)
    at = page(experiment="nonsense")
    assert "There is no experiment yet" in texts(at)


def test_an_experiment_without_a_finished_run(home, make):
    base = read_json(make("x").folder / "config.json")
    experiments.create(ready_made.design("residual", base), "residual", home / "checkpoints")
    assert "No run has ended yet" in texts(page(experiment="residual"))


def test_a_search_shows_the_best_so_far_and_what_was_pruned(home, make):
    base = read_json(make("x").folder / "config.json")
    design = Design("search", "", base, (Factor("optimizer.lr", low=1e-4, high=1e-2, log=True),), (0,), OPTUNA, 4)
    made = experiments.create(design, "search", home / "checkpoints")
    found = []
    for number, (rate, iou, pruned) in enumerate([(1e-3, 0.7, ""), (1e-2, 0.2, "behind"), (5e-3, 0.8, "")], 1):
        make(f"search-{number:02d}", val=[iou], train=[iou], optimizer__lr=rate)
        found.append(Trial(number, {"optimizer.lr": rate}, 0, f"search-{number:02d}", submitted=True, pruned=pruned))
    trials.write(made.folder, found)
    at = page(experiment="search")
    shown = next(f.value for f in at.dataframe if "Trial" in f.value)
    assert list(shown["Mark"]) == ["", "✂ pruned: behind", "★ best"] and list(shown["Lr"]) == [1e-3, 1e-2, 5e-3]
    assert [t.best for t in searched.tried(made)] == [0.7, 0.7, 0.8]


# -- a new one


def test_a_ready_made_question_is_counted_before_it_starts(home, make):
    make("timed", loss__name="bce", training__seed=0, training__minutes=2.0)
    at = page(show="New experiment")
    at.get_by_key("new_ask_which_loss").click().run()
    assert not at.exception
    at.get_by_key("new_seeds").input("0 1 2").run()
    at.get_by_key("new_minutes_quick_None").set_value(2.0).run()
    said = texts(at)
    assert "**9 runs** to train, about **18 min**" in said and not at.error
    grid = next(f.value for f in at.dataframe if "seed 2" in f.value)
    assert list(grid["Run"]) == ["loss bce", "loss dice", "loss bce_dice"]
    command = next(code.value for code in at.code)
    assert "experiment run my-experiment --ready which_loss --seeds 0 1 2" in command and "--minutes 2" in command


def test_what_cannot_be_asked_is_refused_in_words(home):
    at = page(show="New experiment")
    at.get_by_key("new_ask_own").click().run()
    at.get_by_key("new_seeds").input("one").run()
    assert "one is no seed" in texts(at) and at.get_by_key("new_start").disabled
    at.get_by_key("new_seeds").input("0").run()
    at.get_by_key("new_keys").set_value(["model.depth"]).run()
    at.text_input(key=next(w.key for w in at.text_input if "model.depth" in (w.key or ""))).input("3, 9").run()
    assert "depth" in texts(at) and "8" in texts(at) and at.get_by_key("new_start").disabled
    at.text_input(key=next(w.key for w in at.text_input if "model.depth" in (w.key or ""))).input("3, two").run()
    assert "'two' is no number" in texts(at)


def test_start_makes_the_experiment_and_shows_it(home, monkeypatch):
    monkeypatch.setattr("seglib.experiments.experiment.start", lambda e, again=False: [])
    at = page(show="New experiment")
    at.get_by_key("new_ask_residual").click().run()
    at.get_by_key("new_name").input("mine").run()
    at.get_by_key("new_start").click().run()
    assert not at.exception and at.query_params["experiment"] == "mine"
    assert "4 planned" in texts(at) and any("Residual or plain?" in h.value for h in at.header)


def test_numbers_and_ranges_of_a_factor():
    assert levels.parse_numbers("model.depth", "3, 4 4").values == (3, 4)
    span = levels.parse_numbers("optimizer.lr", "1e-4..1e-2:log", ranges=True)
    assert (span.low, span.high, span.log) == (1e-4, 1e-2, True)
    with pytest.raises(InputError, match="range is for a search"):
        levels.parse_numbers("optimizer.lr", "1e-4..1e-2")


def test_plots_of_a_factor_hold_every_run_and_the_interval(asked):
    answer = answers.answer(asked)[0]
    option = factor_plots.levels(answer, 0.91)
    points = [p["value"][0] for s in option["series"] if s["type"] == "scatter" for p in s["data"]]
    assert sorted(points) == pytest.approx([0.6, 0.61, 0.7, 0.93, 0.94])
    assert len({s["symbol"] for s in option["series"] if s["type"] == "scatter"}) == 2
    option = factor_plots.differences(answer)
    drawn = next(s for s in option["series"] if s["name"] == "difference")
    assert [p["value"][0] for p in drawn["data"]] == pytest.approx([d.points for d in answer.differences])
    ends = [s for s in option["series"] if s["name"] == "95 % interval"]
    assert len(ends) == sum(d.low is not None for d in answer.differences)
    low, high = option["xAxis"]["min"], option["xAxis"]["max"]
    assert low <= min(0, *(d.points for d in answer.differences)) and high >= max(d.points for d in answer.differences)


def test_it_leads_to_where_the_two_best_of_one_data_set_differ(make):
    runs = [make("good", val=[0.8]), make("elsewhere", data="other", val=[0.95]), make("better", val=[0.9])]
    scored = [{"run": name, "name": name} for name in ("elsewhere", "better", "good")]
    better, worse = best_pair(runs, scored)
    assert (better["run"], worse["run"]) == ("better", "good")
    assert best_pair(runs[:2], scored) is None
    found = page(runs="good,better").get("page_link")
    link = next(e.proto for e in found if e.proto.label == "See where good and better differ")
    assert "run=good" in link.query_string and "beside=better" in link.query_string
