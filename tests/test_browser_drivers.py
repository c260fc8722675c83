"""What drives it, in the browser: brush points, see what is behind them, fly to one, and the brush is still there."""

from __future__ import annotations

import browser
import pytest
from browser import SETTLED, expect, visit
from made_up_errors import made_up_errors
from playwright.sync_api import TimeoutError as NotInTime

pytestmark = browser.MARKS


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    home = tmp_path_factory.mktemp("drivers")
    made_up_errors(home, n_images=6, size=128, n_checkpoints=1)
    with browser.running_app(home) as address:
        yield address


def test_brushed_points_show_their_crops_and_a_crop_flies_the_viewer_there(app, tab):
    visit(tab, f"{app}/errors?data=demo&run=made-up")
    tab.locator(".st-key-errors_section button").filter(has_text="What drives it").click()
    cloud = tab.locator(".js-plotly-plot .nsewdrag").first
    cloud.wait_for(state="attached")
    expect(tab.get_by_text("Nothing is selected: the quarter of the sentence")).to_be_visible()
    tab.wait_for_selector(SETTLED)
    cloud.scroll_into_view_if_needed()
    selected = tab.get_by_text("Selected,")
    for _ in range(3):  # a redraw on a slow machine may swallow a drag
        box = cloud.bounding_box()
        left, top, width, height = (box[side] for side in ("x", "y", "width", "height"))
        tab.mouse.move(left + 0.02 * width, top + 0.02 * height)
        tab.mouse.down()
        tab.mouse.move(left + 0.5 * width, top + 0.5 * height, steps=8)
        tab.mouse.move(left + 0.98 * width, top + 0.97 * height, steps=8)
        tab.mouse.up()
        try:
            selected.wait_for(timeout=15_000)
            break
        except NotInTime:
            continue
    expect(selected).to_be_visible()
    said = selected.inner_text()
    crop = tab.locator(".st-key-errors_drivers_behind_cells .grid button").first
    crop.scroll_into_view_if_needed()
    crop.click()
    expect(tab.get_by_text("The square marks")).to_be_visible()
    tab.wait_for_selector(SETTLED)
    expect(tab.get_by_text("Selected,")).to_have_text(said)
    assert tab.problems == []
