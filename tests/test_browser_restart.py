"""The app's server is killed while a training runs: the tab that stays open finds it again, going on."""

from __future__ import annotations

import re

import browser
import family
import pytest
from browser import free_port, open_tab, serve
from tiny_run import tiny_config, wait_until

from seglib.data.demo import make_demo
from seglib.runs import launcher

pytestmark = browser.MARKS


@pytest.fixture
def home(tmp_path):
    make_demo(tmp_path / "demo", n_images=12)
    yield tmp_path
    family.end_all(tmp_path / "checkpoints")


def step_shown(tab) -> int:
    """What stands over the bar of the training in view; 0 before the first step and while it is drawn anew."""
    bar = tab.locator("[data-testid=stProgress]")
    found = re.search(r"step ([\d,]+)", bar.first.inner_text()) if bar.count() else None
    return int(found[1].replace(",", "")) if found else 0


def seen_going_on(tab, after: int) -> bool:
    """The drill: without a touch the tab shows later steps than it did."""
    return wait_until(lambda: step_shown(tab) > after, 120)


def test_a_tab_that_stays_open_survives_the_death_of_the_server(home):
    port = free_port()
    server = serve(home, port)
    try:
        with open_tab() as tab:
            run = launcher.start(tiny_config(home / "demo", training__steps=10**6), "on", home / "checkpoints")
            tab.goto(f"http://127.0.0.1:{port}/train?data=demo&run={run.id}")  # it never settles: it draws anew
            assert seen_going_on(tab, 0)
            tab.evaluate("window.opened = 'once'")
            server.kill()
            server.wait(20)
            shown, at_death = step_shown(tab), run.last_step
            assert wait_until(lambda: run.last_step > at_death + 5, 60)  # the training does not need it
            assert not wait_until(lambda: step_shown(tab) > shown + 5, 3)  # without a server the drill notices
            server = serve(home, port)
            assert seen_going_on(tab, run.last_step)
            assert tab.evaluate("window.opened") == "once"  # the same page: nobody loaded it anew
            assert f"run={run.id}" in tab.url
            assert tab.get_by_role("button", name="Stop", exact=True).is_enabled()
            assert run.state().name == "running"
    finally:
        server.kill()
        server.wait(20)
