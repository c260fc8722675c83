"""A real training watched in a real browser: curve and film appear and grow, it ends, all without a reload."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import browser
import pytest
from browser import SLOW_MS, running_app
from playwright.sync_api import expect
from test_accessibility import violations
from tiny_run import tiny_config

from seglib.runs import launcher
from seglib.runs.store import Run

pytestmark = browser.MARKS
LONG_MS = 5 * SLOW_MS  # a trainer starts, on a busy machine of two cores


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("live")


@pytest.fixture(scope="module")
def app(home) -> Iterator[str]:
    with running_app(home) as address:
        yield address


@pytest.fixture(scope="module")
def run(app, home) -> Iterator[Run]:
    """A training of the demo that takes about a quarter of a minute."""
    config = tiny_config(home / "demo", training__steps=120, training__validate_every=30, data__crop_px=64)
    run = launcher.start(config, "watched", home / "checkpoints")
    yield run
    if run.state().live:
        launcher.escalate(run)


def drawn(tab) -> str | None:
    return tab.locator(".film canvas.predicted").get_attribute("data-drawn")


def test_a_training_is_watched_from_its_first_step_to_its_end(app, run, tab):
    tab.goto(f"{app}/train?data=demo&run={run.id}")
    tab.evaluate("window.notReloaded = true")
    expect(tab.get_by_role("heading", name="watched")).to_be_visible(timeout=LONG_MS)
    tab.locator("canvas[data-zr-dom-id], [data-testid=stECharts] canvas").first.wait_for(timeout=LONG_MS)
    film = tab.locator(".film")
    film.and_(tab.locator("[data-ready]")).wait_for(timeout=LONG_MS)
    expect(film).to_have_attribute("data-ready", "4", timeout=LONG_MS)
    expect(film.locator(".now")).to_contain_text("step 120 · ")  # it follows the newest
    toast = tab.get_by_test_id("stToast").filter(has_text="has finished")
    expect(toast).to_have_count(1, timeout=LONG_MS)
    expect(tab.get_by_role("link", name="See its mistakes")).to_be_visible()
    badge = tab.get_by_test_id("stMain").get_by_text("finished").and_(tab.locator(":visible"))
    expect(badge.first).to_be_visible()  # the table of runs has a cell for screen readers that says so too
    assert tab.evaluate("window.notReloaded") and run.state().name == "finished"
    assert tab.locator("[data-testid=stException]").count() == 0 and not tab.problems


def test_one_image_is_flipped_through_the_validations_with_the_arrow_keys(app, run, tab):
    now, film = tab.locator(".film .now"), tab.locator(".film")
    last, picture = now.inner_text(), drawn(tab)
    film.locator(".scrubber").focus()
    tab.keyboard.press("ArrowLeft")
    expect(now).to_contain_text("step 90 · ")
    expect(tab.locator(".film canvas.predicted")).not_to_have_attribute("data-drawn", picture)
    tab.keyboard.press("Home")
    expect(now).to_contain_text("step 30 · ")
    name = film.locator(".caption").inner_text()
    tab.keyboard.press("ArrowDown")
    expect(film.locator(".caption")).not_to_have_text(name)
    tab.keyboard.press("ArrowUp")
    tab.keyboard.press("End")
    expect(now).to_have_text(last)
    film.get_by_role("button", name="Mistakes", exact=True).click()
    expect(tab.locator(".film canvas.predicted")).not_to_have_attribute("data-drawn", picture)
    film.locator(".sheet button").nth(1).click()  # first image, second validation
    expect(now).to_contain_text("step 60 · ")
    assert film.locator(".sheet button[aria-pressed=true]").count() == 1 and not tab.problems


def test_axe_finds_nothing_in_the_curves_and_the_film(tab):
    expect(tab.get_by_test_id("stToast")).to_have_count(0)  # it goes by itself; its role is Streamlit's
    for theme in ("light", "dark"):
        tab.emulate_media(color_scheme=theme)
        tab.wait_for_timeout(800)
        assert not violations(tab), theme


def test_its_mistakes_open_on_the_errors_page(app, run, tab):
    tab.locator(".film").get_by_role("button", name="Its mistakes").click()
    tab.wait_for_url("**/errors**")
    tab.locator(".viewer").first.wait_for()
    assert not tab.problems
