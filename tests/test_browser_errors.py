"""The error viewer in a real browser: one camera, a threshold that is dragged, mistakes that are flown to, grey values.

Runs are made up: a data set of its own for 16 bits, and two runs of the demo's pictures beside each other.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import browser
import cv2
import numpy as np
import pytest
from conftest import draw_discs
from made_up_errors import made_up_errors
from playwright.sync_api import Locator, Page, expect
from tiny_run import wait_until

from seglib.data.dataset import open_dataset
from seglib.errors import thresholds
from seglib.runs.files import write_json
from seglib.runs.store import Run

pytestmark = browser.MARKS


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    home = tmp_path_factory.mktemp("errors")
    made_up_errors(home, n_images=6, size=160, n_checkpoints=1, run_id="first")
    made_up_errors(home, data=home / "demo", n_checkpoints=1, seed=1, run_id="second")
    made_up_errors(home, data=deep_data(home / "deep"), n_checkpoints=1, run_id="deep-run")
    write_json(home / "datasets.json", {"deep": {"path": str(home / "deep")}})
    return home


def deep_data(folder: Path) -> Path:
    """Two pictures of 16 bits, 96 × 128 px."""
    rows = ["image,mask,group,split"]
    for kind in ("images", "masks"):
        (folder / kind).mkdir(parents=True)
    for number, split in enumerate(("train", "val")):
        image, labels = draw_discs(np.random.default_rng(number), 128)
        cv2.imwrite(str(folder / "images" / f"d{number}.png"), 1000 + 37 * image[:96].astype(np.uint16))
        cv2.imwrite(str(folder / "masks" / f"d{number}.png"), labels[:96])
        rows.append(f"images/d{number}.png,masks/d{number}.png,g{number},{split}")
    (folder / "dataset.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def app(home) -> Iterator[str]:
    with browser.running_app(home) as address:
        yield address


def opened(tab: Page, app: str, query: str) -> Locator:
    """The viewer, its image painted and its mistakes listed."""
    browser.visit(tab, f"{app}/errors?{query}")
    viewer = tab.locator(".viewer[data-ready]")
    viewer.wait_for()
    tab.locator(".viewer .regions button").first.wait_for()
    tab.wait_for_selector(browser.SETTLED)
    return viewer


def panel(viewer: Locator, name: str) -> Locator:
    return viewer.locator(f'canvas[data-panel="{name}"]')


def number(viewer: Locator, name: str) -> float:
    return float(viewer.get_attribute(f"data-{name}"))


def camera(viewer: Locator) -> tuple[float, ...]:
    return tuple(number(viewer, name) for name in ("zoom", "row", "col"))


def middle(viewer: Locator) -> tuple[float, ...]:
    """Row and column in the middle of the panels: the zoom of a flight also follows their size on the page."""
    return camera(viewer)[1:]


def rests(viewer: Locator) -> bool:
    """To be asked after whether the camera has moved: before a flight it rests too."""
    return viewer.get_attribute("data-flying") == "false"


def picture(canvas: Locator) -> bytes:
    return canvas.evaluate("c => c.toDataURL()")


def grey(canvas: Locator) -> np.ndarray:
    """(h, w) the red of what the canvas shows, at its own resolution."""
    script = """c => { const { data, width, height } = c.getContext('2d').getImageData(0, 0, c.width, c.height);
        return [width, height, Array.from(data.filter((_, i) => i % 4 === 0))]; }"""
    width, height, values = canvas.evaluate(script)
    return np.array(values, int).reshape(height, width)


def test_all_panels_share_one_camera_and_keep_it_from_image_to_image(app, tab, home):
    viewer = opened(tab, app, "data=demo&run=first&beside=second")
    names = ["image", "prediction", "errors", "truth", "prediction2", "errors2"]
    assert [c.get_attribute("data-panel") for c in viewer.locator("figure canvas").all()] == names
    whole = [picture(panel(viewer, name)) for name in names]
    panel(viewer, "truth").focus()
    tab.keyboard.press("0")
    fitted = number(viewer, "zoom")
    for _ in range(6):
        tab.keyboard.press("+")
    tab.keyboard.press("Shift+ArrowRight")
    assert wait_until(lambda: abs(number(viewer, "zoom") / fitted / 1.25**6 - 1) < 1e-3)
    assert wait_until(lambda: number(viewer, "col") > 80)
    assert all(picture(panel(viewer, name)) != before for name, before in zip(names, whole))
    box, place = panel(viewer, "errors").bounding_box(), camera(viewer)
    tab.mouse.move(box["x"] + box["width"] / 4, box["y"] + box["height"] / 4)
    tab.mouse.wheel(0, -200)  # around the pointer: what is under it stays
    assert wait_until(lambda: number(viewer, "zoom") > place[0] * 1.2)
    zoom, row, col = camera(viewer)
    for size, before, after in ((box["height"], place[1], row), (box["width"], place[2], col)):
        assert abs((before - size / 4 / place[0]) - (after - size / 4 / zoom)) < 0.6
    title = viewer.get_attribute("data-title")
    tab.keyboard.press("ArrowRight")
    expect(viewer).not_to_have_attribute("data-title", title)
    shown = Path(viewer.get_attribute("data-title")).stem
    expect(tab.get_by_role("heading", name=shown)).to_be_visible()  # the page has followed
    tab.wait_for_selector(browser.SETTLED)
    expect(panel(viewer, "truth")).to_be_focused()
    assert camera(viewer) == (zoom, row, col) and viewer.get_attribute("data-title").endswith(f"{shown}.png")
    tab.keyboard.press("1")
    assert wait_until(lambda: number(viewer, "zoom") == 1)
    assert not tab.problems


def test_the_threshold_changes_picture_and_numbers_while_it_is_dragged(app, tab, home):
    viewer = opened(tab, app, "data=demo&run=first")
    run, data = Run(home / "checkpoints" / "first"), open_dataset(home / "demo")
    title = viewer.get_attribute("data-title")
    index = next(i for i, record in enumerate(data.records) if record.image == title)
    row = [data.records[i].image for i in data.indices("val")].index(title)
    q = cv2.imread(str(run.folder / "validation" / "best" / f"{row}.png"), cv2.IMREAD_UNCHANGED)
    sample = data.sample(index)
    expected = thresholds.iou(thresholds.curve(q, sample.mask, sample.valid))
    before = {name: picture(panel(viewer, name)) for name in ("prediction", "errors")}
    slider, counts = viewer.locator(".threshold"), viewer.locator(".counts")
    script = "(slider, value) => { slider.value = value; slider.dispatchEvent(new Event('input', {bubbles: true})); }"
    for threshold in (0.3, 0.9, 0.71):  # not let go: Python knows of none of them
        slider.evaluate(script, threshold)
        expect(counts).to_contain_text(f"IoU {expected[thresholds.cut_of(threshold)]:.4f}")
        assert wait_until(lambda t=threshold: number(viewer, "threshold") == t)
    assert all(picture(panel(viewer, name)) != one for name, one in before.items())
    slider.evaluate(script, 0.5)
    assert wait_until(lambda: number(viewer, "threshold") == 0.5)
    assert wait_until(lambda: all(picture(panel(viewer, name)) == one for name, one in before.items()))  # and back
    best = viewer.locator("[data-jump=all]")
    wanted = re.search(r"[\d.]+$", best.inner_text())[0]
    best.click()
    expect(viewer.locator(".threshold-value")).to_have_text(wanted)
    tab.wait_for_selector(browser.SETTLED)
    viewer.locator("[data-jump=default]").click()
    expect(viewer.locator(".threshold-value")).to_have_text("0.50")
    tab.wait_for_selector(browser.SETTLED)
    assert not tab.problems


def test_mistakes_are_flown_to_by_click_and_by_key(app, tab, home):
    viewer = opened(tab, app, "data=demo&run=first&beside=second")
    listed = viewer.locator(".regions button")
    listed.nth(1).click()
    expect(listed.nth(1)).to_have_attribute("aria-pressed", "true")
    assert wait_until(lambda: number(viewer, "zoom") > 2 and rests(viewer)), camera(viewer)
    first = middle(viewer)
    panel(viewer, "errors").focus()
    tab.keyboard.press("n")
    expect(listed.nth(2)).to_have_attribute("aria-pressed", "true")
    assert wait_until(lambda: middle(viewer) != first and rests(viewer))
    tab.keyboard.press("p")
    expect(listed.nth(1)).to_have_attribute("aria-pressed", "true")
    assert wait_until(lambda: middle(viewer) == first and rests(viewer)), (first, camera(viewer))
    tab.wait_for_selector(browser.SETTLED)
    assert middle(viewer) == first  # Python was told, and has taken nothing away
    panel(viewer, "errors2").focus()  # the other run's mistakes
    expect(viewer.locator("[data-side=other]")).to_have_attribute("aria-pressed", "true")
    tab.keyboard.press("n")
    expect(listed.nth(0)).to_have_attribute("aria-pressed", "true")
    assert wait_until(lambda: middle(viewer) != first and rests(viewer))
    tab.wait_for_selector(browser.SETTLED)
    tab.keyboard.press("Escape")
    panel(viewer, "errors2").click()  # in the middle of the panel, where the chosen one lies
    expect(viewer.locator(".regions button[aria-pressed=true]")).to_have_count(1)
    assert not tab.problems


def test_sixteen_bits_are_read_out_as_stored_and_their_window_is_moved(app, tab, home):
    viewer = opened(tab, app, "data=deep&run=deep-run")
    stored = cv2.imread(str(home / "deep" / "images" / "d1.png"), cv2.IMREAD_UNCHANGED)
    canvas = panel(viewer, "image")
    canvas.focus()
    tab.keyboard.press("0")
    box, zoom = canvas.bounding_box(), number(viewer, "zoom")
    tab.mouse.move(box["x"] + box["width"] / 2 + 20.5 * zoom, box["y"] + box["height"] / 2 - 10.5 * zoom)
    readout = viewer.locator(".readout")
    expect(readout).to_contain_text(re.compile(r"row \d+ +col \d+ +grey \d+ +probability [\d.]+"))
    row, col, value = map(int, re.search(r"row (\d+) +col (\d+) +grey (\d+)", readout.inner_text()).groups())
    assert value == stored[row, col] > 255 and abs(row - 37) <= 1 and abs(col - 84) <= 1
    tab.mouse.move(0, 0)
    before = grey(canvas)
    viewer.locator("[data-window=full]").click()
    expect(viewer.locator(".window-value")).to_have_text(f"{stored.min()} – {stored.max()}")
    script = "(slider, value) => { slider.value = value; slider.dispatchEvent(new Event('input', {bubbles: true})); }"
    middle = int(np.median(stored))
    viewer.locator(".contrast .black").evaluate(script, middle)
    expect(viewer.locator(".window-value")).to_have_text(f"{middle} – {stored.max()}")
    assert wait_until(lambda: (grey(canvas) == 0).mean() > (before == 0).mean() + 0.2)  # half of it is black now
    assert not tab.problems
