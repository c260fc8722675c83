"""The queue in a real browser: trainings started from the form one after another, reordered, one taken out.

They go on with no tab open and end without anybody looking.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import browser
import pytest
from browser import SETTLED, open_tab, running_app, visit
from playwright.sync_api import Page, expect
from test_accessibility import violations
from tiny_run import wait_until

from seglib.runs import launcher, queue
from seglib.runs.store import Run

pytestmark = browser.MARKS


def fill(tab: Page, **values: str) -> None:
    """Numbers of the form by their label; the page has followed when this returns."""
    for label, value in values.items():
        box = tab.get_by_role("spinbutton", name=label.replace("_", " ")).first
        box.fill(value)
        box.press("Tab")
        tab.wait_for_selector(SETTLED)


def press(tab: Page, name: str | re.Pattern) -> None:
    tab.get_by_role("button", name=name).first.click()
    tab.wait_for_selector(SETTLED)


def press_in_row(tab: Page, action: str, run: str) -> None:
    button = tab.locator(f".st-key-queue_{action}_{run} button")
    expect(button).to_have_count(1)  # while rows change places the old one is still there for a moment
    button.click()


def add(tab: Page, name: str, button: str) -> None:
    box = tab.get_by_label("Name", exact=True).first
    box.fill(name)
    box.press("Tab")
    tab.wait_for_selector(SETTLED)
    press(tab, button)


def begun(run: Run) -> float:
    return next(line["time"] for line in run.record()["history"] if line["state"] == "starting")


@pytest.fixture
def home(tmp_path) -> Iterator[Path]:
    """Whatever still trains there in the end is ended, and nothing is started after it."""
    yield tmp_path
    queue.hold(tmp_path / "checkpoints")
    for run in queue.running(tmp_path / "checkpoints"):
        launcher.escalate(run, grace_s=1.0)


@pytest.mark.timeout(900)
def test_runs_wait_change_places_and_end_with_the_tab_closed(home):
    with running_app(home) as app:
        runs = {name: Run(home / "checkpoints" / name) for name in ("first", "a", "b", "c")}
        with open_tab() as tab:
            visit(tab, f"{app}/train")
            fill(tab, Depth="1", Channels="2", Batch_size="1", Minutes="60")  # until it is stopped
            add(tab, "first", "Start training")
            tab.get_by_text("New training", exact=True).first.click()
            fill(tab, Minutes="", Steps="3")
            waiting = tab.locator(".st-key-queue")
            for place, name in enumerate("abc", 1):
                add(tab, name, "Add to the queue")
                expect(waiting).to_contain_text(f"{place}. {name}")
                expect(tab.get_by_label("Name", exact=True).first).to_have_value("")
            expect(waiting).to_contain_text(re.compile(r"1\. a.*2\. b.*3\. c", re.DOTALL))
            press_in_row(tab, "first", "c")
            expect(waiting).to_contain_text(re.compile(r"1\. c.*2\. a.*3\. b", re.DOTALL))
            press_in_row(tab, "take", "a")
            expect(waiting).to_contain_text("a is out of the queue")
            tab.mouse.move(0, 0)  # what is under the mouse has other colours
            expect(tab.get_by_test_id("stToast")).to_have_count(0)  # a dialog without a name: Streamlit's own
            tab.wait_for_timeout(800)
            assert not violations(tab)
            press(tab, "Watch")
            tab.get_by_role("heading", name="first").wait_for()
            assert not tab.problems
        launcher.stop(runs["first"])
        assert wait_until(lambda: all(run.state().name == "finished" for run in (runs["b"], runs["c"])), 400), {
            name: (run.state(), run.log_tail(500)) for name, run in runs.items()
        }
        assert begun(runs["first"]) < begun(runs["c"]) < begun(runs["b"])
        assert runs["first"].state().name == "stopped" and runs["a"].state().reason == "taken out of the queue"
        with open_tab() as tab:  # a new one finds all of it
            visit(tab, f"{app}/train?run=first")
            tab.get_by_text("Nothing waits.").wait_for()
            assert tab.locator("[data-testid=stException]").count() == 0 and not tab.problems
