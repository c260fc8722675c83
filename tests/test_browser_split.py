"""Editing a split in a real browser: click a movie over to val, write, and find the csv and its backup on disk.

And the normalisation lab: the picture's own pixels on the canvas, and a line that is dragged through them.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import browser
import numpy as np
import pytest
from playwright.sync_api import Locator, Page, expect
from tiny_run import wait_until

from seglib.data.dataset import open_dataset
from seglib.data.records import read_csv
from seglib.data.substitute import backups

pytestmark = browser.MARKS


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("split")


@pytest.fixture(scope="module")
def app(home) -> Iterator[str]:
    with browser.running_app(home) as address:
        yield address


def sides(home: Path) -> dict[str, str]:
    return {record.group: record.split for record in read_csv(home / "demo" / "dataset.csv") if record.mask}


def move(tab: Page, group: str, side: str) -> None:
    row = tab.locator(f'.board tr[data-group="{group}"]')
    row.get_by_role("button", name=side, exact=True).click()
    expect(row.get_by_role("button", name=side, exact=True)).to_have_attribute("aria-pressed", "true")


def test_a_split_is_clicked_written_and_brought_back(app, tab, home):
    file = home / "demo" / "dataset.csv"
    before, first = file.read_bytes(), sides(home)
    train = [group for group, side in first.items() if side == "train"]
    browser.visit(tab, f"{app}/data?view=Split")
    tab.wait_for_selector(".board[data-ready] img")
    move(tab, train[0], "Val")
    expect(tab.get_by_text("rows differ (split of")).to_be_visible()
    assert file.read_bytes() == before
    tab.get_by_role("button", name="Write dataset.csv").click()
    expect(tab.get_by_text("What stood there before is kept as")).to_be_visible()
    assert sides(home) == first | {train[0]: "val"}
    (backup,) = backups(home / "demo")
    assert backup.read_bytes() == before
    expect(tab.get_by_text("Nothing is changed")).to_be_visible()
    tab.reload()  # the address alone opens the new split
    pressed = tab.locator(f'.board tr[data-group="{train[0]}"] button[aria-pressed=true]')
    expect(pressed).to_have_text("Val")
    tab.get_by_text("Restore a backup", exact=True).click()
    tab.get_by_role("button", name="Bring it back").click()
    tab.get_by_role("button", name="Write dataset.csv").click()
    expect(pressed).to_have_text("Train")
    expect(tab.get_by_text("What stood there before is kept as")).to_be_visible()
    assert sides(home) == first and len(backups(home / "demo")) == 2
    assert not tab.problems


def test_ticked_groups_move_together_and_undo_takes_it_back(app, tab, home):
    browser.visit(tab, f"{app}/data?view=Split")
    tab.wait_for_selector(".board[data-ready] img")
    tab.locator(".board .all").check()
    tab.locator(".board [data-bulk=train]").click()
    expect(tab.get_by_text("Val is empty")).to_be_visible()
    assert tab.locator('.board button[data-side="val"][aria-pressed=true]').count() == 0
    tab.get_by_role("button", name="undo icon").click()
    expect(tab.get_by_text("Nothing is changed")).to_be_visible()
    expect(tab.locator('.board button[data-side="val"][aria-pressed=true]')).to_have_count(
        sum(side == "val" for side in sides(home).values())
    )
    assert not tab.problems


def on_canvas(tab: Page, method: str) -> np.ndarray:
    """(h, w) what the canvas of a method shows, at its own resolution."""
    script = """c => { const { data, width, height } = c.getContext('2d').getImageData(0, 0, c.width, c.height);
        return [width, height, Array.from(data.filter((_, i) => i % 4 === 0))]; }"""
    width, height, values = tab.locator(f'.profiles canvas[data-method="{method}"]').evaluate(script)
    return np.array(values, np.uint8).reshape(height, width)


def zoom_of(lab: Locator) -> float:
    return float(lab.get_attribute("data-zoom"))


def line_of(lab: Locator) -> list[int]:
    return [int(value) for value in lab.get_attribute("data-line").split(",")]


def test_the_canvas_shows_the_pictures_own_pixels_and_a_line_is_dragged(app, tab, home):
    browser.visit(tab, f"{app}/data?view=Normalisation")
    lab = tab.locator(".profiles")
    tab.wait_for_selector(".profiles[data-ready] canvas[data-method=zscore]")
    tab.wait_for_selector("text=Background over the frames")  # the comparison is done: nothing is drawn anew below
    tab.wait_for_timeout(1000)
    tab.wait_for_selector(browser.SETTLED)
    tab.locator(".profiles .outlines").uncheck()
    tab.locator('.profiles [data-scale="picture"]').click()
    canvas = tab.locator('.profiles canvas[data-method="none"]')
    canvas.focus()
    tab.keyboard.press("0")
    fitted = zoom_of(lab)
    for _ in range(14):
        tab.keyboard.press("+")
    assert wait_until(lambda: zoom_of(lab) > fitted * 1.25**13.9)  # painted, and every key has counted
    data = open_dataset(home / "demo")
    name = tab.locator(".profiles").get_attribute("data-title")
    image = next(data.sample(i).image for i, record in enumerate(data.records) if record.image == name)
    window = [float(value) for value in np.percentile(image / 255, (0.1, 99.9))]
    greys = np.clip((image / 255 - window[0]) * (255 / (window[1] - window[0])) + 0.5, 0, 255).astype(int)
    shown = on_canvas(tab, "none").astype(int)
    zoom = float(lab.get_attribute("data-zoom"))
    rows, cols = (
        np.floor(full / 2 + (np.arange(n) + 0.5 - n / 2) / zoom).astype(int)
        for full, n in zip(image.shape, shown.shape)
    )
    off = np.abs(shown - greys[np.ix_(rows, cols)]) > 1
    assert off.mean() < 0.1 and off.all(axis=1).sum() < 20  # all but the line and the seams between pixels
    tab.keyboard.press("0")
    tab.keyboard.press("r")
    assert wait_until(lambda: line_of(lab)[0] == line_of(lab)[2])
    row = lab.get_attribute("data-line")
    tab.keyboard.press("ArrowDown")
    expect(lab).not_to_have_attribute("data-line", row)
    box = canvas.bounding_box()
    tab.mouse.move(box["x"] + box["width"] / 4, box["y"] + box["height"] / 4)
    tab.mouse.down()
    tab.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] * 3 / 4, steps=5)
    tab.mouse.up()
    side = image.shape[0]
    drawn = [side / 4, side / 4, side * 3 / 4, side / 2]
    assert wait_until(lambda: np.allclose(line_of(lab), drawn, rtol=0, atol=side / 40)), line_of(lab)
    assert not tab.problems


def test_keys_pressed_before_the_next_frame_all_count(app, tab):
    """On a slow machine frames are late: once "0" left the camera empty until the next one, and keys were lost."""
    browser.visit(tab, f"{app}/data?view=Normalisation")
    lab = tab.locator(".profiles")
    tab.wait_for_selector(".profiles[data-ready][data-zoom] canvas[data-method=zscore]")
    fitted = zoom_of(lab)
    tab.evaluate(
        "() => { const soon = requestAnimationFrame; requestAnimationFrame = (f) => soon(() => setTimeout(f, 400)) }"
    )
    tab.locator('.profiles canvas[data-method="none"]').focus()
    for key in "++0+++":
        tab.keyboard.press(key)
    assert wait_until(lambda: abs(zoom_of(lab) / fitted / 1.25**3 - 1) < 0.01), (zoom_of(lab), fitted)
    assert not tab.problems
