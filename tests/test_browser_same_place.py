"""The section "Same place" in a real browser: fly to a place, keep to one spot of the field of view, flip and turn."""

from __future__ import annotations

import browser
import numpy as np
import pandas as pd
import pytest
from browser import running_app, visit
from made_up_errors import made_up_errors
from playwright.sync_api import expect

from seglib.errors.regions import encode
from seglib.runs import validation

pytestmark = browser.MARKS
CARDS = ".gallery .grid button:has(.course)"


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    """A made-up run with dust at (30, 200) in every image of its last validations."""
    home = tmp_path_factory.mktemp("same-place")
    run = made_up_errors(home, n_images=8, n_checkpoints=3)
    for step in validation.validation_steps(run)[1:]:
        file = validation.folder_of(run, step) / "regions.parquet"
        table = pd.read_parquet(file)
        dust = table.iloc[:1].assign(kind="fp", row=30, col=200, height=5, width=5, n_pixels=25, region=900)
        dust = dust.assign(centre_row=32.0, centre_col=202.0, rle=encode(np.ones((5, 5), bool)))
        dust = pd.concat([dust.assign(image=image) for image in validation.scores(run, step).image])
        pd.concat([table, dust], ignore_index=True).to_parquet(file)
    with running_app(home) as address:
        yield address


def test_a_card_flies_to_its_place_and_a_spot_keeps_to_its_own(app, tab):
    visit(tab, f"{app}/errors?run=made-up&look=same-place")
    cards = tab.locator(CARDS)
    expect(cards.first.locator(".course span")).to_have_count(3)  # a bar a checkpoint
    expect(cards.first).to_contain_text("IoU if fixed")
    shown = tab.get_by_role("heading", level=2).first.inner_text()
    card = cards.filter(has_not_text=shown).first
    name = card.locator(".caption").inner_text()
    card.click()
    expect(tab.get_by_role("heading", level=2).first).to_have_text(name)

    tab.get_by_text("Frames of a movie as one").click()  # each image on its own card
    spot = tab.get_by_text("8 of 8 images")
    expect(spot.first).to_contain_text("row ")
    spot.first.click()
    expect(tab.get_by_text("Only around")).to_be_visible()
    expect(cards).to_have_count(8)
    expect(cards.filter(has_text="2 of 3 · since step 100")).to_have_count(8)
    tab.get_by_text("8 of 8 images").first.click()
    expect(tab.get_by_text("Only around")).to_have_count(0)
    expect(cards).not_to_have_count(8)
    assert not tab.problems


def test_flips_and_turns_are_asked_for_with_a_button(app, tab):
    visit(tab, f"{app}/errors?run=made-up&look=same-place")
    tab.get_by_text("Flips, turns and blurs").click()
    expect(tab.get_by_text("The run has no such weights on disk")).to_be_visible()  # a made-up run has no network
    tab.get_by_text("Checkpoints of this run").click()
    expect(tab.locator(CARDS).first).to_be_visible()
