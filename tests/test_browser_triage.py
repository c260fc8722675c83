"""Triage in a real browser: keys judge place after place, what was said survives a reload, typing judges nothing."""

from __future__ import annotations

import browser
import numpy as np
import pytest
from browser import SETTLED, running_app, visit
from planted_labels import plant
from playwright.sync_api import expect
from test_accessibility import violations
from voting_runs import voting_run

from seglib.data.dataset import open_dataset
from seglib.data.demo import make_demo
from seglib.errors import review
from seglib.images import write_png

pytestmark = browser.MARKS


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """Demo data with two models that never saw its val images, whose labels were then spoilt."""
    home = tmp_path_factory.mktemp("triage")
    make_demo(home / "demo", n_images=12)
    data = open_dataset(home / "demo")
    val = data.indices("val")
    for name in ("one", "two"):
        voting_run(home / "demo", name, val, data.indices("train"))
    labels, _ = plant([data.sample(i).labels for i in val], 3, ("removed", "added") * 4)
    for index, image in zip(val, labels):
        write_png(data.mask_path(index), image.astype(np.uint16))
    return home


@pytest.fixture(scope="module")
def app(home):
    with running_app(home) as address:
        yield address


def open_section(tab, app) -> None:
    visit(tab, f"{app}/errors?data=demo&run=one")
    tab.get_by_text("Label or model?", exact=True).click()
    expect(tab.get_by_text("2 models vote")).to_be_visible()
    tab.wait_for_selector(SETTLED)


def card(tab):
    return tab.locator(".triage").last  # a stale one stands before it for a moment


def looked(tab, n: int) -> None:
    """So many are looked at on the screen, and the server has written all of them."""
    expect(card(tab)).to_have_attribute("data-looked", str(n))
    expect(card(tab)).to_have_attribute("data-waiting", "0")


def place(tab) -> str:
    return card(tab).get_attribute("data-at")


def test_verdicts_by_key_survive_a_reload(app, home, tab):
    open_section(tab, app)
    tab.get_by_role("button", name="Keep verdicts there").click()
    tab.get_by_role("button", name="Look for label errors").click()
    expect(card(tab).locator(".about")).to_contain_text("Suggestion 1")
    tab.wait_for_selector(SETTLED)
    first = place(tab)
    expect(card(tab).locator("img")).to_have_count(4)
    for key in "lmu":  # faster than the server answers: none is lost
        tab.keyboard.press(key)
    looked(tab, 3)
    said = review.standing(home / "demo")
    assert [verdict.verdict for verdict in said] == ["label_wrong", "model_error", "unsure"]
    assert first.startswith(said[0].image) and len({(v.image, v.row, v.col) for v in said}) == 3
    assert place(tab) != first
    here = place(tab)

    why = tab.get_by_role("textbox", name="Why (optional)")
    why.click()
    tab.keyboard.type("ill-lit h")  # letters of verdicts
    expect(why).to_have_value("ill-lit h")
    looked(tab, 3)
    assert place(tab) == here
    tab.keyboard.press("Enter")
    tab.keyboard.press("i")
    looked(tab, 4)
    assert review.standing(home / "demo")[-1].why == "ill-lit h"
    assert review.standing(home / "demo")[-1].verdict == "ignore"

    tab.keyboard.press("z")
    looked(tab, 3)
    expect(card(tab)).to_have_attribute("data-at", here)
    assert len(review.history(home / "demo")) == 5

    tab.keyboard.press("n")
    assert place(tab) != here
    tab.keyboard.press("p")
    expect(card(tab)).to_have_attribute("data-at", here)

    open_section(tab, app)
    looked(tab, 3)
    expect(card(tab)).to_have_attribute("data-at", here)  # the first that nobody has judged
    expect(tab.get_by_text("Verdicts (3)")).to_be_visible()
    card(tab).locator(".filter").select_option("label_wrong")
    expect(card(tab)).to_have_attribute("data-at", first)
    tab.keyboard.press("z")  # after a reload: the newest word in the file
    looked(tab, 2)
    assert [v.verdict for v in review.standing(home / "demo")] == ["label_wrong", "model_error"]
    assert not tab.problems


def test_axe_finds_nothing(app, tab):
    open_section(tab, app)
    if tab.get_by_role("button", name="Keep verdicts there").count():
        tab.get_by_role("button", name="Keep verdicts there").click()
    card(tab).wait_for()
    for theme in ("light", "dark"):
        tab.emulate_media(color_scheme=theme)
        tab.mouse.move(700, 2)
        tab.wait_for_timeout(1000)  # colours change slowly
        assert not violations(tab), theme
