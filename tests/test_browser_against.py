"""Two runs compared in a real browser: chosen beside each other, swapped, a win clicked, a point clicked, a reload."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

import browser
import pytest
from browser import SETTLED, running_app, visit
from made_up_errors import made_up_errors
from playwright.sync_api import expect

pytestmark = browser.MARKS

# the images of the points, as they stand in the page
IMAGES = "(plot) => plot.data.filter((trace) => trace.mode === 'markers').flatMap((trace) => [...trace.customdata])"


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    """The app with two made-up trainings of one network on the same pictures."""
    home = tmp_path_factory.mktemp("against")
    for seed, name in enumerate(("one", "two")):
        made_up_errors(home, n_checkpoints=2, seed=seed, run_id=name, data=home / "demo" if seed else None)
    with running_app(home) as address:
        yield address


def gallery(tab, number: int):
    """The gallery of wins (0) or losses (1)."""
    return tab.locator(".gallery", has_text="places").nth(number)


def test_two_runs_are_compared_and_swapped_and_a_reload_comes_back(app, tab):
    visit(tab, f"{app}/errors?data=demo&run=one&look=against-another-run")
    tab.get_by_role("button", name="Put two beside it").click()
    expect(tab.get_by_text("From one to two")).to_be_visible()
    expect(tab).to_have_url(re.compile("beside=two"))
    change = tab.locator("[data-testid=stMetric]", has_text="Change of IoU").locator("[data-testid=stMetricValue]")
    before = change.inner_text()
    assert re.fullmatch(r"[+−]0\.\d{4}", before)
    tab.get_by_role("button", name="Swap").click()
    expect(tab.get_by_text("From two to one")).to_be_visible()
    turned = {"+": "−", "−": "+"}[before[0]] + before[1:]
    expect(change).to_have_text(turned)
    expect(tab).to_have_url(re.compile("run=two.*beside=one|beside=one.*run=two"))
    tab.wait_for_selector(SETTLED)
    visit(tab, tab.url)
    expect(tab.get_by_text("From two to one")).to_be_visible()
    expect(change).to_have_text(turned)
    assert not tab.problems


def test_a_click_on_a_loss_flies_there_and_one_on_a_point_shows_its_image(app, tab):
    visit(tab, f"{app}/errors?data=demo&run=one&beside=two&look=against-another-run")
    heading = tab.get_by_role("heading", level=2).first
    for number in (0, 1):
        cards = gallery(tab, number).locator(".grid button")
        cards.first.wait_for()
        cards.first.scroll_into_view_if_needed()
        first = cards.first.locator("img").first
        first.wait_for()
        tab.wait_for_function("(img) => img.complete && img.naturalWidth > 0", arg=first.element_handle())
    current = heading.inner_text()
    card = gallery(tab, 1).locator(".grid button").filter(has_not_text=current).first
    name = (
        card.locator(".caption").inner_text() if card.locator(".caption").count() else card.inner_text().split("\n")[0]
    )
    card.click()
    expect(heading).to_have_text(name)
    tab.wait_for_selector(SETTLED)
    points = tab.locator(".js-plotly-plot .scatterlayer .point")
    points.first.wait_for()
    images = tab.locator(".js-plotly-plot").first.evaluate(IMAGES)
    names = [PurePosixPath(image).stem for image in images]
    wanted = next(i for i, name in enumerate(names) if name != heading.inner_text())
    points.nth(wanted).scroll_into_view_if_needed()
    points.nth(wanted).hover(force=True)
    tab.mouse.down()
    tab.mouse.up()
    expect(heading).to_have_text(names[wanted])
    assert not tab.problems
