"""The queue on the Train page: start or join, reorder, take out and put back, hold; what was interrupted."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
import train_page
from streamlit.testing.v1 import AppTest
from tiny_run import tiny_config
from train_page import page, setting, texts

from seglib.cli.parser import build_parser
from seglib.cli.training import given_settings
from seglib.runs import launcher, process, queue, record
from seglib.runs.store import Run, list_runs
from seglib.settings import plain
from seglib.training.config import resolve
from ui import preflight
from ui import queue as card


@pytest.fixture
def home(tmp_path, monkeypatch) -> Path:
    """No process is started: a run that would be stays `starting`."""
    monkeypatch.setattr(process, "spawn", lambda kind, folder: None)
    monkeypatch.setattr(record, "START_GRACE_S", 1000.0)
    return train_page.places(tmp_path, monkeypatch)


def submit(home: Path, *names: str, **settings) -> list[Run]:
    config = tiny_config(home / "discs", **settings)
    return queue.submit_many([(config, name, "") for name in names], home / "checkpoints")


def order(home: Path) -> list[str]:
    return list(queue.read(home / "checkpoints").order)


def lines(at: AppTest) -> list[str]:
    """The rows of the waiting runs, in order."""
    return [m.value for m in at.markdown if m.value[2:3].isdigit() and ":small[" in m.value]


def toasts(at: AppTest) -> str:
    return " ".join(toast.value for toast in at.toast)


def test_an_empty_queue_is_one_line(home):
    at = page()
    assert not at.exception and card.EMPTY in texts(at)
    assert at.button(key="train_start").label == "Start training"
    with pytest.raises(KeyError):
        at.button(key="queue_hold")


def test_with_room_it_starts_at_once_else_it_joins_the_queue_and_the_form_stays(home):
    at = page()
    at.text_input(key="train_name").set_value("first").run()
    at.button(key="train_start").click().run()
    assert Run(home / "checkpoints" / "first").state().name == "starting"
    assert at.get_by_key("train_view").value == "Curves" and at.query_params["run"] == "first"
    at.get_by_key("train_view").set_value("New training").run()
    for place, name in enumerate(("second", "third"), 1):
        setting(at, "model.channels").set_value(place + 1).run()
        at.text_input(key="train_name").set_value(name).run()
        assert at.button(key="train_start").label == "Add to the queue"
        assert f"It would be number {place} in the queue" in texts(at) and "twice as long" in texts(at)
        at.button(key="train_start").click().run()
        assert not at.exception and f"{name} is number {place} of {place} in the queue" in toasts(at)
        assert at.get_by_key("train_view").value == "New training" and at.text_input(key="train_name").value == ""
        assert setting(at, "model.channels").value == place + 1
    assert order(home) == ["second", "third"] and at.query_params["run"] == "first"
    assert Run(home / "checkpoints" / "third").config().model.channels == 3


@pytest.mark.parametrize(
    ("typed", "run_id"), [("酵母 №1", "1"), ("酵母", None), ("../../etc/<b>", "etc-b"), ("con", "")]
)
def test_any_name_is_kept_or_refused_in_words(home, typed, run_id):
    at = page()
    at.text_input(key="train_name").set_value(typed).run()
    at.button(key="train_start").click().run()
    assert not at.exception
    runs = list_runs(home / "checkpoints")
    if run_id == "":
        assert not runs and "reserved" in texts(at)
    else:
        assert [run.name for run in runs] == [typed] and (run_id is None or runs[0].id == run_id)


def test_start_now_beside_a_running_one_does_not_wait(home):
    submit(home, "first", "second")
    at = page()
    at.get_by_key("train_view").set_value("New training").run()
    assert at.button(key="train_start_beside").label == "Start now beside it"
    at.text_input(key="train_name").set_value("third").run()
    at.button(key="train_start_beside").click().run()
    assert not at.exception and at.query_params["run"] == "third" and order(home) == ["second"]
    assert Run(home / "checkpoints" / "third").state().name == "starting"


def form_view(home: Path, *names: str, **settings) -> AppTest:
    submit(home, *names, **settings)
    at = page()
    at.get_by_key("train_view").set_value("New training").run()
    assert not at.exception
    return at


def test_waiting_runs_are_moved_and_each_says_when_it_begins(home):
    settings = {"training__steps": None, "training__minutes": 2.0}
    at = form_view(home, "first", "a", "b", "c", **settings)
    assert [line.split("**")[1][3:] for line in lines(at)] == ["a", "b", "c"]
    assert "UNet · bce dice · discs · in about 2 min, for 2 min" in lines(at)[0]
    assert "in about 4 min, for 2 min" in lines(at)[1] and "in about 6 min" in lines(at)[2]
    at.button(key="queue_up_c").click().run()
    assert order(home) == ["a", "c", "b"]
    at.button(key="queue_down_a").click().run()
    assert order(home) == ["c", "a", "b"]
    at.button(key="queue_first_b").click().run()
    assert order(home) == ["b", "c", "a"] and "**1. b**" in lines(at)[0]
    assert at.button(key="queue_up_b").disabled and at.button(key="queue_down_a").disabled


def test_begin_is_told_where_the_running_one_tells_its_end(home):
    queue.hold(home / "checkpoints")
    submit(home, "a", "b", training__steps=None, training__minutes=3.0)
    at = page()
    assert "On hold" in texts(at) and "in about" not in " ".join(lines(at))
    assert at.button(key="train_start").label == "Add to the queue"
    at.button(key="queue_hold").click().run()
    assert not at.exception and Run(home / "checkpoints" / "a").state().name == "starting" and order(home) == ["b"]


def test_a_run_taken_out_can_be_put_back_in_its_place(home):
    at = form_view(home, "first", "a", "b", "c")
    at.button(key="queue_take_b").click().run()
    assert order(home) == ["a", "c"] and "**b** is out of the queue" in texts(at)
    assert Run(home / "checkpoints" / "b").state().name == "stopped"
    at.button(key="queue_undo_button").click().run()
    assert order(home) == ["a", "b", "c"] and "out of the queue" not in texts(at)


def test_more_at_once_starts_more(home):
    at = form_view(home, "first", "a", "b", "c")
    at.number_input(key="queue_at_once").set_value(3).run()
    assert not at.exception and order(home) == ["c"] and len(queue.running(home / "checkpoints")) == 3
    assert "4 times as long" in texts(at)
    at.button(key="queue_watch_a").click().run()
    assert not at.exception and at.get_by_key("train_view").value == "Curves" and at.query_params["run"] == "a"


def test_a_refusal_is_said_where_the_button_is(home):
    at = form_view(home, "first", "a", "b")
    queue.cancel(Run(home / "checkpoints" / "a"))  # by another page
    at.button(key="queue_down_a").click().run()
    assert not at.exception and "not waiting in the queue" in at.error[0].value


def test_the_queue_goes_on_from_any_page_when_nobody_moved_it(home):
    first, _ = submit(home, "first", "second")
    record.update(first.folder, "failed", "killed by SIGKILL")  # its warden died with it
    at = AppTest.from_file(str(train_page.SHELL), default_timeout=60).run()
    assert not at.exception and Run(home / "checkpoints" / "second").state().name == "starting"


def test_thirty_waiting_runs_with_odd_names_are_drawn(home):
    runs = submit(home, *(f"run{number:02d}" for number in range(31)))
    runs[1].rename("**bold** <b>x</b> [a](http://b) " + "long " * 17)
    at = page()
    at.get_by_key("train_view").set_value("New training").run()
    assert not at.exception and len(lines(at)) == 30
    assert r"\*\*bold\*\* \<b>x\</b>" in lines(at)[0] and "…" in lines(at)[0]


def test_the_command_for_the_queue_is_exact(home):
    at = page()
    setting(at, "model.depth").set_value(2).run()
    line = next(code.value for code in at.code if " queue add " in code.value)
    args = build_parser().parse_args(shlex.split(line)[3:])
    typed = plain(resolve(args.preset, args.config, given_settings(args)))
    assert typed["model"]["depth"] == 2 and typed["data"]["path"].endswith("discs")


# -- interrupted


def cut_off(home: Path, name: str) -> Run:
    run = launcher.create(tiny_config(home / "discs"), name, home / "checkpoints")
    record.update(run.folder, "running", boot_id="another boot", pid=1)
    return run


def test_interrupted_runs_are_named_until_dismissed_also_after_a_reload(home):
    cut_off(home, "one")
    cut_off(home, "two")
    at = page()
    assert "2 runs were interrupted" in [fold.label for fold in at.expander]
    at.button(key="dismiss_one").click().run()
    assert "1 run was interrupted" in [fold.label for fold in at.expander]
    at = page()
    assert "1 run was interrupted" in [fold.label for fold in at.expander]
    at.button(key="dismiss_two").click().run()
    assert not any("interrupted" in fold.label for fold in page().expander)


def test_resume_goes_through_the_queue_and_a_refusal_is_said(home, monkeypatch):
    run = cut_off(home, "one")
    at = page()
    at.button(key="resume_one").click().run()
    assert not at.exception and "no intact checkpoint" in at.error[0].value
    monkeypatch.setattr(launcher, "can_resume", lambda folder: True)
    submit(home, "first")
    at.button(key="resume_one").click().run()
    assert order(home) == ["one"] and "one: in the queue" in toasts(at)
    assert not any("interrupted" in fold.label for fold in at.expander) and run.state().name == "queued"
    assert len(list_runs(home / "checkpoints")) == 2


# -- pre-flight


def test_something_red_is_asked_about_once_and_other_settings_anew(home, monkeypatch):
    monkeypatch.setattr(preflight, "verdict", lambda config, data: "red")
    at = page()
    at.button(key="train_start").click().run()
    assert not list_runs(home / "checkpoints") and "found something red" in texts(at)
    assert at.button(key="train_start").label == "Start training all the same"
    setting(at, "model.channels").set_value(3).run()
    assert at.button(key="train_start").label == "Start training"  # these were not asked about
    at.button(key="train_start").click().run()
    at.button(key="train_start").click().run()
    assert not at.exception and len(list_runs(home / "checkpoints")) == 1
