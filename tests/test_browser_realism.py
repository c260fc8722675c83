"""The realism meter in a real browser: it follows a slider, fills up, names a value, sets it, and shows a draw."""

from __future__ import annotations

from browser import MARKS, visit
from playwright.sync_api import expect

pytestmark = MARKS


def release(tab, path: str, value: float) -> None:
    """Move the upper thumb of a slider and let it go."""
    script = """(slider, value) => {
        slider.value = value;
        for (const kind of ['input', 'change']) slider.dispatchEvent(new Event(kind, {bubbles: true}));
    }"""
    tab.locator(f'.controls.random input[type=range][data-path="{path}"]').last.evaluate(script, value)


def measured(tab, **shown: str) -> None:
    """Wait until all draws of the recipe in hand are judged, values named, and these gauges stand so."""
    for gauge, status in shown.items():
        tab.wait_for_selector(f".meter[data-advised=true] button.tile.{status}[data-gauge={gauge}]")


def test_the_meter_follows_a_slider_names_a_value_and_sets_it(app, tab):
    visit(tab, f"{app}/augment")
    measured(tab, folding="good", contrast="good")
    assert tab.locator(".meter button.tile").count() == 9
    expect(tab.locator(".meter .overall")).to_have_text("✓ Fine")
    expect(tab.locator(".meter .count")).to_have_text("64 of 64 draws")
    release(tab, "elastic.probability", 1)
    release(tab, "elastic.displacement_px", 20)
    measured(tab, folding="bad", displacement="bad")
    advice = tab.locator(".meter .advice li[data-gauge=folding]")
    expect(advice).to_contain_text("set Elastic › Displacement to")
    expect(tab.locator(".meter .overall")).to_contain_text("too far")
    advice.get_by_role("button", name="Set it").click()
    measured(tab, folding="good")
    highest = float(tab.locator('.controls.random input[data-path="elastic.displacement_px"]').last.input_value())
    assert highest == 3  # a fifth of the least sigma of `gentle`, 16 px, to the slider's step
    tab.locator(".preview .undo").click()
    measured(tab, folding="bad")
    assert not tab.problems


def test_a_tile_opens_and_its_worst_draw_is_shown(app, tab):
    tab.locator(".meter button.tile[data-gauge=folding]").click()
    details = tab.locator(".meter .details")
    expect(details).to_contain_text("Green up to 0 %")
    expect(tab.locator(".meter button.tile[data-gauge=folding]")).to_have_attribute("aria-expanded", "true")
    picture = details.locator("figure").first
    picture.scroll_into_view_if_needed()
    expect(picture.locator("img")).to_have_js_property("naturalWidth", 512)
    words = picture.locator("figcaption span").inner_text()
    image, _, rest = words.partition(", draw ")
    picture.get_by_role("button", name="Show").click()
    expect(tab.locator(".preview .told")).to_contain_text(f"Sample {rest.partition(':')[0]} of seed 0")
    expect(tab.locator("[data-testid=stSelectbox]", has_text="Image").locator("input")).to_have_value(image)
    measured(tab, folding="bad")
    tab.locator(".meter button.tile[data-gauge=folding]").click()
    expect(details).to_be_hidden()
    assert not tab.problems


def test_figures_that_do_not_come_leave_those_of_before_faded_and_say_so(app, tab):
    visit(tab, f"{app}/augment")
    measured(tab, folding="good")
    tab.route("**/seg/realism/**", lambda route: route.abort())
    release(tab, "elastic.displacement_px", 3)
    expect(tab.locator(".meter .message")).not_to_be_empty()
    expect(tab.locator(".meter .tiles")).to_have_class("tiles stale")
    tab.unroute("**/seg/realism/**")
