"""From the slider to the painted picture on the Augment page, in headless Chromium: milliseconds, and where they go.

    .venv/bin/python benchmarks/preview.py [--updates 60] [--size 512] [--address http://127.0.0.1:8501]

Starts the app on a data set of its own (pictures of 512², drawn by `make_demo`), opens /augment and moves the slider of
the elastic displacement. Two ways:

one by one   an input event, then nothing until the picture is on screen: the time of one update
dragged      a real mouse moves the thumb 60 times a second; for each picture painted, the age of the slider's value
             that it shows, and how many pictures a second came

"On screen" is the second animation frame after the canvases were filled: the first one began before they were shown.
The stages of an update: what the server computed (its Server-Timing), the rest of the wait for its first byte, the
transfer, filling the canvases, and the browser's way to the screen.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import platform
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPOSITORY))
from seglib.data.demo import make_demo  # noqa: E402

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
FLAGS += ["--disable-component-update", "--disable-sync"]
SETTLED = "[data-testid=stApp][data-test-script-state=notRunning]"
SLIDER = 'input[type=range][data-path="elastic.displacement_px"]'
GOALS_MS = {1: 60.0, 8: 200.0}
WARM_UP = 5

# Each update waits for its picture. `data-drawn` counts the pictures, it is written when all canvases are filled.
ONE_BY_ONE = """
async (slider, updates) => {
  const root = slider.closest(".preview"), rows = [];
  const drawn = () => new Promise((done) => {
    const seen = new MutationObserver(() => { seen.disconnect(); done(performance.now()); });
    seen.observe(root, { attributes: true, attributeFilter: ["data-drawn"] });
  });
  const frame = () => new Promise(requestAnimationFrame);
  for (let i = 0; i < updates; i++) {
    performance.clearResourceTimings();
    const painted = drawn(), start = performance.now();
    slider.value = 2 + (i % 24) * 0.5;
    slider.dispatchEvent(new Event("input", { bubbles: true }));
    const filled = await painted;
    await frame(); await frame();
    const end = performance.now();
    const one = performance.getEntriesByType("resource").filter((e) => e.name.includes("/seg/augment/")).pop();
    const server = one?.serverTiming?.find((t) => t.name === "compute")?.duration ?? 0;
    rows.push({
      total: end - start, server, wait: one.responseStart - start, transfer: one.responseEnd - one.responseStart,
      fill: filled - one.responseEnd, screen: end - filled, bytes: one.transferSize,
    });
    await new Promise((done) => setTimeout(done, 30));
  }
  return rows;
}
"""

# The component says with `data-shows` which value of the slider its pictures show.
WATCH = """
(slider) => {
  const root = slider.closest(".preview"), moved = new Map(), ages = [];
  slider.addEventListener("input", () => moved.set(slider.value, performance.now()), true);
  new MutationObserver(() => {
    const since = moved.get(slider.dataset.shows ?? slider.value);
    const note = () => since && ages.push(performance.now() - since);
    requestAnimationFrame(() => requestAnimationFrame(note));
  }).observe(root, { attributes: true, attributeFilter: ["data-drawn"] });
  root.ages = ages;
}
"""


@contextlib.contextmanager
def app(home: Path, size: int) -> Iterator[str]:
    """Address of the app with places of its own."""
    make_demo(home / "demo", n_images=8, size=size)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    places = {"CHECKPOINTS": "checkpoints", "CACHE": "cache", "DATASETS": "datasets.json", "DEMO": "demo"}
    environment = {**os.environ, **{f"SEGLIB_{key}": str(home / name) for key, name in places.items()}}
    command = [sys.executable, "-m", "streamlit", "run", "app.py", f"--server.port={port}"]
    with (home / "server.log").open("wb") as log:
        server = subprocess.Popen(command, cwd=REPOSITORY, env=environment, stdout=log, stderr=subprocess.STDOUT)
    try:
        for _ in range(300):
            with contextlib.suppress(OSError):
                urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=1)
                break
            time.sleep(0.2)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(20)


def opened(page: Page, address: str) -> None:
    page.goto(f"{address}/augment")
    page.wait_for_selector(SETTLED, timeout=60_000)
    page.wait_for_selector(".preview[data-drawn] canvas", timeout=60_000)


def shows(page: Page, samples: int) -> None:
    """Choose the number of samples, as a person does."""
    page.locator(".preview select.count").select_option(str(samples))
    page.wait_for_timeout(500)


def one_by_one(page: Page, updates: int) -> list[dict[str, float]]:
    slider = page.locator(SLIDER).last
    page.locator('input[type=range][data-path="elastic.probability"]').evaluate(
        "(s) => { s.value = 1; ['input', 'change'].forEach((kind) => s.dispatchEvent(new Event(kind))); }"
    )
    page.wait_for_timeout(1500)
    return slider.evaluate(ONE_BY_ONE, updates + WARM_UP)[WARM_UP:]


def dragged(page: Page, seconds: float = 4.0) -> tuple[list[float], float]:
    """(ages in ms, pictures a second) while a mouse drags the upper thumb to and fro."""
    slider = page.locator(SLIDER).last
    slider.scroll_into_view_if_needed()
    slider.evaluate(WATCH)
    box = slider.bounding_box()
    value = float(slider.input_value())
    x, y = box["x"] + 7 + (box["width"] - 14) * value / 40, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    start, step = time.perf_counter(), 0
    while time.perf_counter() - start < seconds:
        step += 1
        page.mouse.move(x + 60 * abs((step / 60) % 2 - 1), y)
        page.wait_for_timeout(max(0, 1000 * (start + step / 60 - time.perf_counter())))
    page.mouse.up()
    ages = slider.evaluate("(s) => s.closest('.preview').ages")
    return ages, len(ages) / seconds


def quantiles(values: list[float]) -> tuple[float, float]:
    """Median and 95th percentile."""
    return statistics.median(values), statistics.quantiles(values, n=20)[-1] if len(values) > 1 else values[0]


def report(samples: int, rows: list[dict[str, float]], ages: list[float], rate: float) -> bool:
    median, high = quantiles([row["total"] for row in rows])
    stage = {name: statistics.median(row[name] for row in rows) for name in rows[0]}
    goal = GOALS_MS[samples]
    verdict = "reached" if median < goal else "MISSED"
    print(f"{samples} sample{'s' * (samples > 1)}")
    fastest = min(row["total"] for row in rows)
    figures = f"median {median:6.1f} ms   95 % {high:6.1f} ms   fastest {fastest:6.1f} ms"
    print(f"  one by one  {figures}   goal {goal:g} ms: {verdict}")
    waited = stage["wait"] - stage["server"]
    print(
        f"  of these    server {stage['server']:.1f} · rest of the wait {waited:.1f} · transfer "
        f"{stage['transfer']:.1f} · canvases {stage['fill']:.1f} · to the screen {stage['screen']:.1f} ms; "
        f"{stage['bytes'] / 1e6:.2f} MB"
    )
    if ages:
        median, high = quantiles(ages)
        print(f"  dragged     median {median:6.1f} ms   95 % {high:6.1f} ms   {rate:.1f} pictures a second")
    return verdict == "reached"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--updates", type=int, default=60)
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--address", help="of an app that runs already; otherwise one is started")
    options = parser.parse_args()
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    reached = True
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")
    print(f"{platform.machine()}, {os.cpu_count()} cores, load {load:.1f} before; pictures of {options.size}²")
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        address = options.address or stack.enter_context(app(Path(folder), options.size))
        playwright = stack.enter_context(sync_playwright())
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        for samples in GOALS_MS:
            page = browser.new_page(viewport={"width": 1440, "height": 1000})
            opened(page, address)
            shows(page, samples)
            rows = one_by_one(page, options.updates)
            reached &= report(samples, rows, *dragged(page))
            page.close()
        browser.close()
    return 0 if reached else 1


if __name__ == "__main__":
    sys.exit(main())
