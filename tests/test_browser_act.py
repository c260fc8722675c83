"""Acting on verdicts in a real browser: what they come to, a tick, the new version, training on it, the export."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path

import browser
import pytest
from made_up_errors import made_up_errors
from playwright.sync_api import Page, expect

from seglib.data.dataset import open_dataset
from seglib.data.version import verify
from seglib.errors import review
from seglib.errors.review import Verdict
from seglib.runs import predicted

pytestmark = browser.MARKS


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    """A run with the two largest mistakes of each kind judged, and a hard negative of a train image."""
    home = tmp_path_factory.mktemp("act")
    run = made_up_errors(home, n_images=4, size=160, n_checkpoints=1, run_id="judged")
    regions = predicted.of_validation(run, "best").stored().regions.sort_values("n_pixels", ascending=False)
    chosen = [*regions[regions.kind == "fp"].head(2).itertuples(), *regions[regions.kind == "fn"].head(1).itertuples()]
    said = [verdict(row, word) for row, word in zip(chosen, ("label_wrong", "ignore", "label_wrong"))]
    data = open_dataset(home / "demo")
    train = data.records[data.indices("train")[0]].image
    review.append_all(
        home / "demo", [*said, Verdict(train, "fp", 9, 9, 4, 4, 16, "0 16", "hard_negative", "ada", "2026")]
    )
    return home


def verdict(row, word: str) -> Verdict:
    place = map(int, (row.row, row.col, row.height, row.width, row.n_pixels))
    return Verdict(row.image, row.kind, *place, row.rle, word, "ada", review.now(), "as it looks")


@pytest.fixture(scope="module")
def app(home) -> Iterator[str]:
    with browser.running_app(home) as address:
        yield address


def part(tab: Page, app: str, way: str, query: str = "data=demo&run=judged"):
    """The part of the page that acts, with one of its ways open."""
    browser.visit(tab, f"{app}/errors?{query}&look=label-or-model")
    act = tab.locator(".st-key-act")
    expect(act.get_by_role("heading", name="Act on the verdicts")).to_be_visible()
    act.get_by_role("radio", name=way).click()
    return act


def test_a_version_is_made_looked_at_and_trained_on(tab, app, home):
    act = part(tab, app, "New version of the data set")
    expect(act).to_contain_text("4 verdicts: 2 masks corrected, 1 area ignored, 1 image drawn more often")
    pictures = act.locator("img[src*='/seg/change/']")
    expect(pictures).to_have_count(3 * 2 + 1)
    for number in range(7):
        pictures.nth(number).scroll_into_view_if_needed()
        tab.wait_for_function(
            "image => image.complete && image.naturalWidth > 100", arg=pictures.nth(number).element_handle()
        )
    make = act.get_by_role("button", name="Make the version")
    expect(make).to_contain_text("with 4 changes")
    act.get_by_text("Ignore ·").click()
    expect(make).to_contain_text("with 3 changes")
    made = Path(act.get_by_role("textbox", name="Folder of the new version").input_value())
    make.click()
    expect(act.get_by_role("button", name="Train on it")).to_be_visible()
    expect(act).to_contain_text("Compared with the original file by file")
    assert verify(made, home / "demo").problems == ()
    told = json.loads((made / "changes.json").read_text())
    assert sorted(change["action"] for change in told["changes"]) == ["erase", "fill", "weight"]
    act.get_by_role("button", name="Train on it").click()
    tab.wait_for_url(f"**/train?*data={made.name}*")
    expect(tab.get_by_text("taken over")).to_be_visible()
    browser.visit(tab, f"{app}/data?data={made.name}")
    expect(tab.get_by_text("A version of demo: ")).to_be_visible()
    tab.get_by_text("Changes of this version").click()
    expect(tab.get_by_text("which stays as it is")).to_be_visible()
    expect(tab.get_by_role("button", name="Take back")).to_be_disabled()
    assert tab.problems == []


def test_what_is_exported_can_be_taken_away(tab, app, home):
    act = part(tab, app, "Export")
    act.locator(".st-key-act_labels label").click()
    act.get_by_role("button", name="Pack").click()
    download = act.get_by_role("button", name="Download")
    expect(download).to_be_visible()
    with tab.expect_download() as got:
        download.click()
    with zipfile.ZipFile(got.value.path()) as archive:
        names = archive.namelist()
    assert "regions.csv" in names and "verdicts.csv" in names
    assert sum(name.startswith("labels/") for name in names) == 6 * 4
    assert any(name.endswith("_overlay.png") for name in names)
