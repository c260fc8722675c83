"""The main job in a real browser: bend cells, train for 20 seconds, watch the curve, click a mistake."""

from __future__ import annotations

import browser
from browser import SETTLED, SLOW_MS, visit
from playwright.sync_api import expect

pytestmark = browser.MARKS


def pixels(tab) -> list[str]:
    """What the canvases of the preview show, one text each."""
    return tab.eval_on_selector_all(".preview canvas:not(.over)", "all => all.map(c => c.toDataURL())")


def move_slider(tab, path: str, value: float) -> None:
    """As a finger does, input events without letting go; returns when the picture has followed."""
    preview = tab.locator(".preview").first
    before = preview.get_attribute("data-drawn")
    script = "(slider, value) => { slider.value = value; slider.dispatchEvent(new Event('input', {bubbles: true})); }"
    tab.locator(f'input[type=range][data-path="{path}"]').last.evaluate(script, value)
    expect(preview).not_to_have_attribute("data-drawn", before)


def test_cells_bend_while_the_elastic_slider_moves(app, tab):
    visit(tab, f"{app}/augment")
    tab.wait_for_selector(".preview[data-drawn] canvas")
    move_slider(tab, "elastic.probability", 1)
    before = pixels(tab)
    assert len(before) == 9  # the original beside eight samples
    move_slider(tab, "elastic.displacement_px", 8)
    bent = pixels(tab)
    assert bent[0] == before[0]
    assert all(one != other for one, other in zip(bent[1:], before[1:]))
    assert not tab.problems


def test_a_training_starts_shows_its_curve_and_its_mistakes(app, tab):
    visit(tab, f"{app}/train")
    minutes = tab.get_by_label("Minutes", exact=True).first
    minutes.fill("0.33")
    minutes.press("Tab")
    tab.wait_for_selector(SETTLED)
    tab.get_by_role("button", name="Start training").click()
    curve = tab.locator("[data-testid=stEchartsChart] canvas, [data-testid=stECharts] canvas, canvas[data-zr-dom-id]")
    curve.first.wait_for()
    mistakes = tab.get_by_role("link", name="See its mistakes")
    mistakes.wait_for(timeout=4 * SLOW_MS)
    assert tab.locator("[data-testid=stException]").count() == 0
    mistakes.click()
    regions = tab.locator(".viewer .regions button")
    regions.first.wait_for()
    regions.nth(1).click()
    expect(regions.nth(1)).to_have_attribute("aria-pressed", "true")
    assert not tab.problems
