"""Does the app answer while a training uses all cores? Health and reruns of three pages, without and with a training.

    .venv/bin/python benchmarks/busy.py [--data FOLDER] [--health 200] [--clicks 30]

Starts the app on places of its own and measures, first with no training, then while one with the preset `quick` runs
with as many threads as it takes:

health   GET /_stcore/health, 20 a second
click    headless Chromium: from a click on a page's own choice of view until the script has run and its page stands,
         in Train (New training and Curves), Data (the first two views) and Errors (two of its sections)

Median and 95th percentile; the goal is under 1 s. The browser shares the machine with app and training, as a person's
does. Only valid where nothing else runs; the load is printed beside.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

import numpy as np

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(REPOSITORY), str(REPOSITORY / "tests")]

from browser import SETTLED, open_tab, running_app  # noqa: E402

from seglib.data.demo import make_demo  # noqa: E402
from seglib.runs import launcher  # noqa: E402
from seglib.runs.files import read_json, write_json  # noqa: E402
from seglib.runs.store import Run  # noqa: E402
from seglib.training.config import resolve  # noqa: E402

GOAL_S, START_S, WAIT_MS = 1.0, 300, 300_000
# page -> two choices of its own that show something else, and what shows that each is there
PAGES = {
    "train": (
        ("New training", "text=/Start training|Add to the queue/"),
        ("Curves", "canvas[data-zr-dom-id], [data-testid=stECharts]"),
    ),
    "data": (("Statistics", None), ("Images", None)),
    "errors": (("Same place", None), ("Where the IoU goes", None)),
}
# Resolves when a script run that began after this call has ended.
RERUN = """
() => new Promise((done) => {
  const app = document.querySelector("[data-testid=stApp]");
  let ran = false;
  const watch = new MutationObserver(() => {
    const state = app.dataset.testScriptState;
    if (state === "running") ran = true;
    else if (ran) { watch.disconnect(); done(); }
  });
  watch.observe(app, { attributes: true, attributeFilter: ["data-test-script-state"] });
})
"""


def health(address: str, times: int) -> list[float]:
    seconds = []
    for _ in range(times):
        start = time.perf_counter()
        urllib.request.urlopen(f"{address}/_stcore/health", timeout=30).read()
        seconds.append(time.perf_counter() - start)
        time.sleep(0.05)
    return seconds


def clicks(address: str, data: str, run: str, times: int) -> dict[str, list[float]]:
    """Seconds of each click, page by page, in one tab."""
    spent = {}
    with open_tab() as tab:
        tab.set_default_timeout(WAIT_MS)
        for page, choices in PAGES.items():
            tab.goto(f"{address}/{page}?data={data}&run={run}")
            tab.get_by_text(choices[0][0], exact=True).first.wait_for()
            for name, _ in choices:  # once before it counts: what is made on first use is made
                tab.get_by_text(name, exact=True).first.click()
                tab.wait_for_selector(SETTLED, state="attached")
                time.sleep(1)
            spent[page] = [one_click(tab, *choices[number % 2]) for number in range(times)]
    return spent


def one_click(tab, name: str, sign: str | None) -> float:
    time.sleep(0.4)
    start = time.perf_counter()
    tab.evaluate(f"() => {{ window.rerun = ({RERUN})(); }}")  # in braces: a promise given back is waited for
    tab.get_by_text(name, exact=True).first.click()
    tab.evaluate("window.rerun")
    if sign:
        tab.locator(sign).first.wait_for()
    return time.perf_counter() - start


def said(name: str, seconds: list[float]) -> bool:
    median, high = np.percentile(seconds, (50, 95))
    verdict = "ok" if high < GOAL_S else "TOO SLOW"
    print(f"  {name:16} median {1000 * median:5.0f} ms   95 % {1000 * high:5.0f} ms   {verdict}", flush=True)
    return high < GOAL_S


def measure(address: str, data: str, run: str, asked: argparse.Namespace) -> bool:
    print(f"  load {os.getloadavg()[0]:.1f}")
    good = said("health", health(address, asked.health))
    for page, seconds in clicks(address, data, run, asked.clicks).items():
        good &= said(f"click {page}", seconds)
    return good


def finished_run(root: Path, data: Path) -> Run:
    """The run that ships, as if it had been trained on `data`: its pictures are the demo's."""
    folder = root / "shipped"
    shutil.copytree(REPOSITORY / "checkpoints" / "demo", folder)
    settings = read_json(folder / "config.json")
    settings["data"]["path"] = str(data)
    write_json(folder / "config.json", settings)
    return Run(folder)


def trained_meanwhile(data: Path, root: Path) -> Run:
    """A training that goes on for as long as this takes; returns once it makes steps."""
    os.environ.pop("OMP_NUM_THREADS", None)
    run = launcher.start(resolve("quick", settings={"data.path": str(data), "training.minutes": 60.0}), "busy", root)
    end = time.monotonic() + START_S
    while run.progress().step < 30:
        if time.monotonic() > end or not run.state().live:
            raise SystemExit(f"the training did not start: {run.state()} {run.state().reason}\n{run.log_tail()}")
        time.sleep(0.5)
    return run


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, help="a folder of images and masks to train on; else the demo")
    parser.add_argument("--health", type=int, default=200)
    parser.add_argument("--clicks", type=int, default=30)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="busy-") as home:
        root = Path(home) / "checkpoints"
        demo = make_demo(Path(home) / "demo")
        run = finished_run(root, demo)
        with running_app(Path(home)) as address:
            print("without a training")
            measure(address, "demo", run.id, asked)
            busy = trained_meanwhile(asked.data or demo, root)
            threads = busy.environment().get("threads")
            print(f"while {busy.id} trains on {(asked.data or demo).name} with {threads} threads")
            try:
                good = measure(address, "demo", run.id, asked)
                print(f"  it came to step {busy.last_step}")
            finally:
                launcher.escalate(busy)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
