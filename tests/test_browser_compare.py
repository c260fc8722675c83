"""Compare in a real browser: what is looked at survives a reload, and a question becomes runs that wait."""

from __future__ import annotations

import browser
import pytest
from browser import SETTLED, running_app, visit
from made_up_runs import made_up_run
from playwright.sync_api import expect
from test_accessibility import violations

from seglib.runs import queue

pytestmark = browser.MARKS


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    """The app with two finished runs on the demo data and a queue that is held, so that nothing is trained."""
    home = tmp_path_factory.mktemp("compare")
    for name, loss in (("one", "bce"), ("two", "dice")):
        made_up_run(home / "checkpoints", name, home / "demo", loss__name=loss, val=[0.7, 0.8], train=[0.8, 0.9])
    queue.hold(home / "checkpoints")
    with running_app(home) as address:
        yield address


def found(tab) -> list[str]:
    """What axe finds once no tooltip or popover of Streamlit's own is open."""
    tab.keyboard.press("Escape")
    tab.mouse.move(700, 2)
    tab.wait_for_timeout(1500)
    return violations(tab)


def test_what_is_compared_stands_in_the_address(app, tab):
    visit(tab, f"{app}/compare?runs=two,one")
    tab.wait_for_selector("canvas")
    tab.get_by_text("by minutes", exact=True).click()
    target = tab.get_by_role("spinbutton", name="Target val IoU")
    target.fill("0.75")
    target.press("Tab")
    expect(tab.get_by_text("target 0.75 reached")).to_be_visible()
    tab.wait_for_selector(SETTLED)
    assert "runs=two%2Cone" in tab.url and "x=by+minutes" in tab.url and "target=0.75" in tab.url
    visit(tab, tab.url)
    expect(tab.get_by_text("target 0.75 reached")).to_be_visible()
    assert not found(tab)
    assert not tab.problems


def test_a_question_becomes_runs_that_wait_and_can_be_cancelled(app, tab):
    visit(tab, f"{app}/compare?show=New+experiment")
    tab.get_by_role("button", name="Which loss?").click()
    expect(tab.get_by_text("6 runs to train")).to_be_visible()
    assert not found(tab)
    tab.get_by_role("button", name="Start", exact=True).click()
    expect(tab.get_by_text("6 queued")).to_be_visible()
    assert "experiment=which-loss" in tab.url
    visit(tab, tab.url)
    expect(tab.get_by_text("6 queued")).to_be_visible()
    tab.get_by_role("button", name="Cancel", exact=True).click()
    tab.get_by_role("button", name="Cancel the experiment").click()
    expect(tab.get_by_text("6 stopped")).to_be_visible()
    assert not found(tab)
    assert not tab.problems
