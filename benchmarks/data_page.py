"""The Data page with 10,000 pictures in headless Chromium: seconds to the page, to a filter, and the server's memory.

    .venv/bin/python benchmarks/data_page.py [--sizes 1000 10000] [--visits 3] [--keep DIR]

Draws data sets of small pictures (96², movies of 100 frames; kept in --keep, made once), starts the app on places of
its own and, for each data set and a fresh server: looks at every picture by the page's own button (the first indexing
pass with its progress bar, made once and kept), then measures in a new tab

open      from the address to the settled page with every picture in the window loaded; the first visit of a fresh
          server, then the fastest of the others
filter    from a click on the part `val` to the new pictures, all loaded
page      from a click on the next page to the new pictures, all loaded
memory    of the server process (its resident set) after all of this, beside what a data set of another size takes
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import psutil
from playwright.sync_api import Browser, Page, sync_playwright

REPOSITORY = Path(__file__).resolve().parents[1]
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
FLAGS += ["--disable-component-update", "--disable-sync"]
SETTLED = "[data-testid=stApp][data-test-script-state=notRunning]"
SIDE_PX, FRAMES = 96, 100
GOAL_S = 3.0
# Every picture of the grid that stands in the window has loaded, and there are some. Components are in shadow roots.
PICTURES = """
() => {
  const roots = [...document.querySelectorAll("*")].map((e) => e.shadowRoot).filter(Boolean);
  const all = [document, ...roots].flatMap((root) => [...root.querySelectorAll(".gallery img")]);
  const seen = all.filter((i) => { const r = i.getBoundingClientRect(); return r.bottom > 0 && r.top < innerHeight; });
  const idle = document.querySelector("[data-testid=stApp]")?.dataset.testScriptState === "notRunning";
  return idle && seen.length && seen.every((i) => i.complete && i.naturalWidth) ? seen.map((i) => i.src).join() : "";
}
"""


def make(folder: Path, n: int) -> Path:
    """`n` pictures of discs that grow over the frames of a movie; every fifth movie is val."""
    if (folder / "dataset.csv").exists():
        return folder
    rows = ["image,mask,group,split"]
    for kind in ("images", "masks"):
        (folder / kind).mkdir(parents=True, exist_ok=True)
    for number in range(n):
        movie, frame = divmod(number, FRAMES)
        rng = np.random.default_rng(movie)
        mask = np.zeros((SIDE_PX, SIDE_PX), np.uint8)
        for label in range(1, 3 + frame // 12):
            center = tuple(int(v) for v in rng.integers(8, SIDE_PX - 8, 2))
            cv2.circle(mask, center, int(rng.integers(4, 9)), label, -1)
        noise = np.random.default_rng(number).normal(0, 6, mask.shape)
        image = np.clip(80 + movie % 30 + 70.0 * (mask > 0) + noise, 0, 255).astype(np.uint8)
        name = f"movie{movie:03}_t{frame:03}.png"
        cv2.imwrite(str(folder / "images" / name), image)
        cv2.imwrite(str(folder / "masks" / name), mask)
        split = "val" if movie % 5 == 4 else "train"
        rows.append(f"images/{name},masks/{name},movie{movie:03},{split}")
    (folder / "dataset.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return folder


@contextlib.contextmanager
def server(home: Path) -> Iterator[tuple[str, psutil.Process]]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    places = {"CHECKPOINTS": "checkpoints", "CACHE": "cache", "DATASETS": "datasets.json", "DEMO": "demo"}
    environment = {**os.environ, **{f"SEGLIB_{key}": str(home / name) for key, name in places.items()}}
    command = [sys.executable, "-m", "streamlit", "run", "app.py", f"--server.port={port}"]
    process = subprocess.Popen(command, cwd=REPOSITORY, env=environment, stdout=subprocess.DEVNULL)
    try:
        for _ in range(300):
            with contextlib.suppress(OSError):
                urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=1)
                break
            time.sleep(0.2)
        yield f"http://127.0.0.1:{port}", psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait(20)


def shown(tab: Page, before: str = "") -> str:
    """The addresses of the pictures in the window once all of them have loaded and they are others than `before`."""
    script = f"(before) => {{ const s = ({PICTURES})(); return s !== before && s; }}"
    return tab.wait_for_function(script, arg=before).json_value()


def seconds(action) -> float:
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


@contextlib.contextmanager
def new_tab(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1440, "height": 1000})
    tab = context.new_page()
    tab.set_default_timeout(60_000)
    try:
        yield tab
    finally:
        context.close()


def index(browser: Browser, address: str) -> float | None:
    """Seconds of the first look at every picture, started as a person does; None where it was made before."""
    with new_tab(browser) as tab:
        tab.goto(address)
        shown(tab)
        if not tab.get_by_role("button", name="Look at all").count() and not tab.get_by_role("progressbar").count():
            return None
        start = time.perf_counter()
        button = tab.get_by_role("button", name="Look at all")
        if button.count():
            button.click()
        tab.get_by_role("progressbar").first.wait_for()
        print(f"    progress bar after {time.perf_counter() - start:.1f} s, pictures stay in view meanwhile")
        tab.get_by_role("progressbar").first.wait_for(state="detached", timeout=1_800_000)
        return time.perf_counter() - start


def visit(browser: Browser, address: str) -> dict[str, float]:
    with new_tab(browser) as tab:
        found = {"open": seconds(lambda: (tab.goto(address), shown(tab)))}
        before = shown(tab)
        val = tab.get_by_role("radio", name="val")
        found["filter"] = seconds(lambda: (val.click(), shown(tab, before)))
        before = shown(tab)
        page = tab.get_by_role("button", name="Page 2", exact=True)
        found["page"] = seconds(lambda: (page.click(), shown(tab, before)))
        return found


def measured(browser: Browser, home: Path, name: str, visits: int) -> dict[str, float]:
    with server(home) as (address, _):
        took = index(browser, f"{address}/data?data={name}")
        print(f"    indexing: {'made before' if took is None else f'{took:.1f} s'}")
    with server(home) as (address, process):
        rows = [visit(browser, f"{address}/data?data={name}") for _ in range(1 + visits)]
        megabytes = process.memory_info().rss / 1e6
    best = {key: min(row[key] for row in rows[1:]) for key in rows[0]}
    return {"first": rows[0]["open"], **best, "memory": megabytes}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[1000, 10_000])
    parser.add_argument("--visits", type=int, default=3)
    parser.add_argument("--keep", type=Path, default=Path(tempfile.gettempdir()) / "seglib-data-page")
    args = parser.parse_args()
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    if not chromium:
        sys.exit("no Chromium: install it, or set CHROMIUM")
    home = args.keep.resolve()
    folders = {f"n{n}": make(home / f"n{n}", n) for n in args.sizes}
    make(home / "demo", 20)
    (home / "datasets.json").write_text(json.dumps({name: {"path": str(path)} for name, path in folders.items()}))
    print(f"{'pictures':>9}{'first s':>9}{'open s':>9}{'filter s':>9}{'page s':>9}{'memory MB':>11}")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        for n, name in zip(args.sizes, folders):
            row = measured(browser, home, name, args.visits)
            verdict = "met" if row["first"] < GOAL_S else "missed"
            figures = "".join(f"{row[key]:9.2f}" for key in ("first", "open", "filter", "page"))
            print(f"{n:9,}{figures}{row['memory']:11.0f}   goal {GOAL_S:g} s at the first visit: {verdict}", flush=True)
        browser.close()


if __name__ == "__main__":
    main()
