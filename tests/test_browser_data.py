"""The Data page in a real browser: a click on a bar shows the cells behind it, keys walk through the pictures."""

from __future__ import annotations

import re

import browser
from browser import visit
from playwright.sync_api import expect

pytestmark = browser.MARKS


def test_a_click_on_a_bar_shows_its_cells_and_the_grid_their_pictures(app, tab):
    visit(tab, f"{app}/data?view=Statistics&topic=Cell+size+and+shape")
    bars = tab.locator(".plotly .bars").first.locator(".point path")
    bars.first.wait_for(state="attached")  # once every picture has been looked at
    heights = bars.evaluate_all("all => all.map(bar => bar.getBBox().height)")
    place = bars.nth(heights.index(max(heights))).bounding_box()
    tab.mouse.click(place["x"] + place["width"] / 2, place["y"] + place["height"] - 2)
    cells = tab.locator(".gallery .grid button img.loaded")
    cells.first.wait_for()
    assert "/seg/cell/" in cells.first.get_attribute("src")
    tab.get_by_role("button", name="Show their pictures in the grid").click()
    only = tab.get_by_role("button", name="Only: equivalent diameter")
    only.wait_for()
    thumbs = tab.locator(".gallery .grid button img.loaded")
    thumbs.first.wait_for()
    expect(thumbs.first).to_have_attribute("src", re.compile("/seg/thumb/"))
    assert not tab.problems


def test_keys_walk_through_the_pictures_and_back(app, tab):
    visit(tab, f"{app}/data?image=3")
    tab.locator(".viewer figure canvas").first.wait_for()
    tab.keyboard.press("ArrowRight")
    expect(tab).to_have_url(re.compile("image=4"))
    tab.keyboard.press("ArrowLeft")
    expect(tab).to_have_url(re.compile("image=3"))
    tab.keyboard.press("Escape")
    tab.locator(".gallery .grid button").first.wait_for()
    assert "image=" not in tab.url and not tab.problems
