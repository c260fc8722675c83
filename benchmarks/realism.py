"""The realism meter: milliseconds for 64 draws of 512², in the library and from a released slider in headless Chromium.

    .venv/bin/python benchmarks/realism.py [--rounds 7] [--releases 12] [--size 512] [--address http://127.0.0.1:8501]

Library: all readings of a recipe and their gauges, on one thread and on two; the picture files are read before.
Browser: the app on a data set of its own; the slider of the elastic displacement is moved and let go, and what counts
is the time until the first figures stand on the page, until all 64 draws are judged (the goal: 1.5 s) and until the
values that would be green are named. The preview draws its own pictures at the same time, as it does for a person.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
from playwright.sync_api import Page, sync_playwright
from preview import FLAGS, REPOSITORY, SLIDER, app, opened

sys.path.insert(0, str(REPOSITORY))
from seglib.augment import realism
from seglib.augment.recipe import load_recipe
from seglib.augment.verdict import gauges
from seglib.data.dataset import open_dataset

GOAL_MS = 1500.0
# `data-first` and `data-complete` are the meter's own figures of the measurement in progress; counted from the release.
RELEASE = """
async (slider, [root, value]) => {
  const found = {}, start = performance.now(), note = (name) => { found[name] ??= performance.now() - start; };
  await new Promise((done) => {
    let fresh = false;
    const seen = new MutationObserver(() => {
      fresh ||= !root.dataset.complete;
      if (fresh && root.dataset.first) note("first");
      if (fresh && root.dataset.complete) note("complete");
      if (found.complete && root.dataset.advised === "true") { note("advised"); seen.disconnect(); done(); }
    });
    seen.observe(root, { attributes: true });
    slider.value = value;
    for (const kind of ["input", "change"]) slider.dispatchEvent(new Event(kind, { bubbles: true }));
  });
  return found;
}
"""


def library(sources: realism.Material, rounds: int) -> None:
    for name in ("none", "gentle", "strong"):
        recipe = load_recipe(name)
        numbers = realism.draw_numbers(sources)

        def one(recipe=recipe) -> None:
            readings = list(realism.read(sources, recipe, 0))
            gauges(sources, readings, recipe, advise=False)

        def two(recipe=recipe, numbers=numbers) -> None:
            with ThreadPoolExecutor(2) as pool:
                made = pool.map(lambda n: realism.reading(sources.pictures[n[0]], n[0], recipe, 0, n[1]), numbers)
                gauges(sources, list(made), recipe, advise=False)

        for threads, function in (("one thread", one), ("two threads", two)):
            took = milliseconds(function, rounds)
            print(f"{name:8}{threads:12}{min(took):8.0f} ms at best, {statistics.median(took):6.0f} ms median")


def milliseconds(function: Callable[[], None], rounds: int) -> list[float]:
    took = []
    for _ in range(rounds + 1):
        start = time.perf_counter()
        function()
        took.append(1000 * (time.perf_counter() - start))
    return took[1:]


def browser(page: Page, address: str, releases: int) -> bool:
    opened(page, address)
    page.wait_for_selector(".meter[data-advised=true]", timeout=60_000)
    slider = page.locator(SLIDER).last
    page.locator('.controls.random input[type=range][data-path="elastic.probability"]').evaluate(
        "(s) => { s.value = 1; ['input', 'change'].forEach((kind) => s.dispatchEvent(new Event(kind))); }"
    )
    page.wait_for_timeout(4000)
    meter, found = page.locator(".meter").element_handle(), []
    for turn in range(releases):
        found.append(slider.evaluate(RELEASE, [meter, 2 + 0.5 * (turn % 5)]))
        page.wait_for_timeout(300)
    for name in ("first", "complete", "advised"):
        took = sorted(row[name] for row in found)
        print(
            f"{name:10}{took[0]:8.0f} ms at best, {statistics.median(took):6.0f} ms median, {took[-1]:6.0f} ms at worst"
        )
    median = statistics.median(row["complete"] for row in found)
    print(f"goal: complete within {GOAL_MS:.0f} ms of the release: {'reached' if median <= GOAL_MS else 'MISSED'}")
    return median <= GOAL_MS


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--releases", type=int, default=12)
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--address", help="of a running app; default: start one")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    print(f"Python {platform.python_version()}, OpenCV {cv2.__version__}; 64 draws of {options.size}²\n")
    with tempfile.TemporaryDirectory() as home, app(Path(home), options.size) as own, sync_playwright() as playwright:
        library(realism.material(open_dataset(Path(home) / "demo")), options.rounds)
        chromium = playwright.chromium.launch(executable_path=_chromium(), args=FLAGS)
        print(f"\nfrom the release of a slider, Chromium {chromium.version}")
        page = chromium.new_page(viewport={"width": 1440, "height": 1000})
        reached = browser(page, options.address or own, options.releases)
        chromium.close()
    return 0 if reached else 1


def _chromium() -> str:
    return os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome") or ""


if __name__ == "__main__":
    sys.exit(main())
