"""The Augment page in a real browser: pictures that follow a dragged slider, views, exact values, a pinned sample."""

from __future__ import annotations

import re
import uuid

import pytest
from browser import MARKS, SETTLED, visit
from conftest import REPOSITORY
from playwright.sync_api import Page, expect

from seglib.augment.recipe import load_recipe

pytestmark = MARKS
UPPER = 'input[type=range][data-path="elastic.displacement_px"] >> nth=1'
BADGE = "[data-testid=stMain] .stMarkdownBadge"


@pytest.fixture
def preview(app, tab) -> Page:
    """The page as it opens: the recipe gentle, eight samples."""
    visit(tab, f"{app}/augment")
    tab.wait_for_selector(".preview[data-drawn] .samples figure:nth-child(9) canvas")
    yield tab
    assert not tab.problems


def shown(tab: Page, selector: str = ".samples") -> list[str]:
    """What the pictures show, one text each."""
    found = tab.locator(f".preview {selector} canvas:not(.over)")
    return found.evaluate_all("all => all.map(c => c.toDataURL())")


def followed(tab: Page, act) -> None:
    """Do it, and wait until pictures were painted after it."""
    before = tab.locator(".preview").get_attribute("data-drawn")
    act()
    expect(tab.locator(".preview")).not_to_have_attribute("data-drawn", before)


def settled(tab: Page) -> None:
    """The server has heard of it, and the last picture asked for is painted."""
    tab.wait_for_timeout(300)
    tab.wait_for_selector(SETTLED)
    tab.wait_for_timeout(300)


def set_slider(tab: Page, path: str, value: float) -> None:
    script = "(s, v) => { s.value = v; for (const kind of ['input', 'change']) s.dispatchEvent(new Event(kind)); }"
    followed(
        tab, lambda: tab.locator(f'.controls:not([hidden]) input[data-path="{path}"]').last.evaluate(script, value)
    )
    settled(tab)


def press(tab: Page, key: str) -> None:
    followed(tab, lambda: tab.keyboard.press(key))
    settled(tab)


def view(tab: Page, name: str) -> None:
    followed(tab, lambda: tab.locator(f".preview .views button[data-view={name}]").click())
    settled(tab)


def test_pictures_follow_while_the_mouse_still_holds_the_slider(preview):
    slider, before = preview.locator(UPPER), shown(preview)
    slider.scroll_into_view_if_needed()
    box = slider.bounding_box()
    x, y = box["x"] + 7 + (box["width"] - 14) * float(slider.input_value()) / 40, box["y"] + box["height"] / 2
    preview.mouse.move(x, y)
    preview.mouse.down()
    pictures = []
    for step in range(1, 6):
        followed(preview, lambda step=step: preview.mouse.move(x + 12 * step, y))
        pictures.append(shown(preview))
    assert preview.locator(BADGE).count() == 0, "the page is told when the slider is let go"
    assert all(p[0] == before[0] for p in pictures), "the original stays"
    assert len({p[1] for p in [before, *pictures]}) > 3, "each step shows another picture before the mouse lets go"
    held = float(slider.input_value())
    preview.mouse.up()
    settled(preview)
    assert float(slider.input_value()) == held > 5
    expect(preview.locator(BADGE).first).to_contain_text("changed")


def test_views_change_without_the_server_page_running_again(preview):
    outlines = shown(preview)
    view(preview, "mask")
    assert len(shown(preview)) == 9 and all(a != b for a, b in zip(shown(preview), outlines))
    view(preview, "both")
    assert len(shown(preview)) == 2
    view(preview, "field")
    set_slider(preview, "elastic.displacement_px", 12)
    arrows = preview.locator(".preview canvas.over").evaluate_all(
        "all => all.filter(c => c.getContext('2d').getImageData(0, 0, c.width, c.height).data.some(v => v)).length"
    )
    assert 1 <= arrows < 9, "arrows where a sample is bent, none on the original"
    expect(preview.locator(".preview .note")).to_contain_text("Arrows: elastic displacement only; the longest is")
    expect(preview.locator(".preview .note")).to_contain_text("Orange: folded over itself")
    view(preview, "network")
    crop = preview.locator(".preview select.crop")
    followed(preview, lambda: crop.select_option("64"))
    settled(preview)
    assert preview.locator(".samples canvas:not(.over)").nth(1).evaluate("c => [c.width, c.height]") == [64, 64]
    expect(preview.locator(".preview .note")).to_contain_text("normalised by zscore")
    view(preview, "outlines")
    assert shown(preview)[0] == outlines[0]


def test_both_pictures_zoom_and_move_together(preview):
    view(preview, "both")
    frame = preview.locator(".samples .frame").last
    frame.scroll_into_view_if_needed()
    box = frame.bounding_box()
    preview.mouse.move(box["x"] + 80, box["y"] + 60)
    preview.mouse.wheel(0, -500)
    canvases = preview.locator(".samples canvas:not(.over)")
    expect(canvases.first).to_have_attribute("style", re.compile("scale"))
    aims = canvases.evaluate_all("all => all.map(c => c.style.transform)")
    assert len(aims) == 2 and aims[0] == aims[1] and "scale(" in aims[0]
    preview.mouse.down()
    preview.mouse.move(box["x"] + 30, box["y"] + 20, steps=3)
    preview.mouse.up()
    moved = canvases.evaluate_all("all => all.map(c => c.style.transform)")
    assert moved[0] == moved[1] != aims[0]
    preview.locator(".zoom-fit").click()
    assert canvases.evaluate_all("all => all.map(c => c.style.transform)") == ["", ""]
    view(preview, "outlines")


def test_a_fixed_sample_keeps_its_picture_and_its_values_can_be_moved_one_by_one(preview):
    wanted = shown(preview)[4]
    preview.locator(".samples figure.sample .frame").nth(3).click()
    said = preview.locator(".preview .told").inner_text()
    followed(preview, lambda: preview.get_by_role("button", name="Fix this sample").click())
    settled(preview)
    assert shown(preview) == [wanted] and preview.locator(".preview .told").inner_text() in said
    set_slider(preview, "angle_deg", 90)
    assert shown(preview) != [wanted] and "rotated 90.0°" in preview.locator(".preview .told").inner_text()
    press(preview, "Control+z")
    assert shown(preview) == [wanted]
    followed(preview, lambda: preview.locator(".mode button[data-mode=random]").click())
    assert len(shown(preview)) == 9


def test_a_pinned_sample_stays_while_the_same_draw_follows_the_sliders(preview):
    set_slider(preview, "elastic.probability", 1)
    preview.locator(".samples figure.sample .frame").nth(1).click()
    press(preview, "p")
    a, b = shown(preview, ".pair")
    assert a == b == shown(preview)[2]
    set_slider(preview, "elastic.displacement_px", 9)
    after = shown(preview, ".pair")
    assert after[0] == a and after[1] != b and after[1] == shown(preview)[2]
    captions = preview.locator(".pair figcaption").all_inner_texts()
    assert captions[0].startswith("A · pinned: gentle, changed · sample 2 of seed 0: bent")
    press(preview, "n")
    assert shown(preview, ".pair") == after, "another seed for the samples, not for the pinned one"
    preview.get_by_role("button", name="Unpin").click()
    expect(preview.locator(".preview .pair")).to_be_hidden()


def test_keys_draw_other_samples_and_take_back_changes(preview):
    seed, probability = preview.locator(".preview .seed"), preview.locator('input[data-path="rotation.probability"]')
    first, start = int(seed.input_value()), shown(preview)
    press(preview, "n")
    assert int(seed.input_value()) == first + 1 and shown(preview)[1:] != start[1:]
    probability.focus()
    press(preview, "ArrowRight")
    assert probability.input_value() == "0.55"
    press(preview, "u")
    assert probability.input_value() == "0.5"
    press(preview, "Control+y")
    assert probability.input_value() == "0.55"
    seed.focus()
    preview.keyboard.press("n")
    assert int(seed.input_value()) == first + 1, "no key where somebody types"


def test_a_recipe_is_saved_under_a_name(preview):
    name = f"test-{uuid.uuid4().hex[:8]}"
    file = REPOSITORY / "recipes" / f"{name}.json"
    try:
        set_slider(preview, "elastic.displacement_px", 7)
        preview.get_by_role("button", name="Save as").click()
        preview.get_by_label("Name", exact=True).fill(name)
        preview.get_by_role("button", name="Save", exact=True).click()
        expect(preview.get_by_role("combobox", name="Recipe")).to_have_value(f"{name} (yours)")
        expect(preview.locator(BADGE)).to_have_count(0)
        assert load_recipe(name).elastic.displacement_px == (0.5, 7.0)
    finally:
        file.unlink(missing_ok=True)
