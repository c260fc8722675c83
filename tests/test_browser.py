"""The main job in a real browser: bend cells, train for 20 seconds, watch the curve, click a mistake."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator

import pytest
from conftest import REPOSITORY
from playwright.sync_api import expect, sync_playwright

from seglib.data.demo import make_demo

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
FLAGS += ["--disable-component-update", "--disable-sync"]
SETTLED = "[data-testid=stApp][data-test-script-state=notRunning]"
SLOW_MS = 60_000  # a busy machine of two cores
expect.set_options(timeout=SLOW_MS)

pytestmark = [
    pytest.mark.browser,
    pytest.mark.timeout(600),
    pytest.mark.skipif(not CHROMIUM and not os.environ.get("CI"), reason="no Chromium on this machine"),
]


@pytest.fixture(scope="module")
def app(tmp_path_factory) -> Iterator[str]:
    """Address of the real app with places of its own, ended at the end."""
    home = tmp_path_factory.mktemp("browser")
    demo = make_demo(home / "demo", n_images=12)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    places = {"CHECKPOINTS": "checkpoints", "CACHE": "cache", "DATASETS": "datasets.json"}
    environment = {**os.environ, **{f"SEGLIB_{key}": str(home / name) for key, name in places.items()}}
    environment["SEGLIB_DEMO"] = str(demo)
    command = [sys.executable, "-m", "streamlit", "run", "app.py", f"--server.port={port}"]
    with (home / "server.log").open("wb") as log:
        server = subprocess.Popen(command, cwd=REPOSITORY, env=environment, stdout=log, stderr=subprocess.STDOUT)
    try:
        wait_for_server(server, f"http://127.0.0.1:{port}/_stcore/health", home / "server.log")
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(20)


def wait_for_server(server, url, log):
    for _ in range(300):
        try:
            urllib.request.urlopen(url, timeout=1)
            return
        except OSError:
            assert server.poll() is None, log.read_text(encoding="utf-8")
            time.sleep(0.2)
    pytest.fail(f"no answer within 60 s: {log.read_text(encoding='utf-8')}")


@pytest.fixture(scope="module")
def tab(app):
    """One browser tab; errors on the console of any page fail the test that ends with it."""
    assert CHROMIUM, "CI must have Chromium: see .ci/run"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page(viewport={"width": 1440, "height": 1000})
        page.set_default_timeout(SLOW_MS)
        page.problems = []
        page.on("console", lambda m: page.problems.append(m.text) if is_problem(m) else None)
        page.on("pageerror", lambda error: page.problems.append(str(error)))
        yield page
        browser.close()


def is_problem(message) -> bool:
    """Console errors but Streamlit's own: on a deep link it asks for `/PAGE/_stcore/…` and expects the 404."""
    return message.type == "error" and "/_stcore/" not in message.location.get("url", "")


def visit(tab, address):
    tab.goto(address)
    tab.wait_for_selector(SETTLED)
    assert tab.locator("[data-testid=stException]").count() == 0, tab.locator("[data-testid=stException]").inner_text()


def pixels(tab) -> list[str]:
    """What the canvases of the preview show, one text each."""
    return tab.eval_on_selector_all(".preview canvas", "all => all.map(c => c.toDataURL())")


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
