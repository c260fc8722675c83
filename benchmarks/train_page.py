"""The Train page with many runs and a very long one, live: seconds to the page, to a click, and to a live redraw.

    .venv/bin/python benchmarks/train_page.py [--runs 50] [--steps 100000] [--validations 200] [--times 15]

Makes --runs copies of the run that ships in checkpoints/demo and one training of --steps steps that goes on: this
process holds its lock and adds steps while all of this is measured. Then

draw     the server's share, in this process without a browser: one whole script run of the page, and inside it the
         live view, which redraws itself every 1.5 s
open     headless Chromium: from the address to the settled page with its curves; a fresh server, then a new tab
click    from a click (New training, and back to Curves) to the settled page that shows it

Median and 95th percentile. Only valid on a machine that is otherwise idle; the load is printed beside, and for the
server's share the processor time of its thread, which a busy machine changes less.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(REPOSITORY), str(REPOSITORY / "tests")]

from browser import SETTLED, open_tab, running_app  # noqa: E402

from seglib.runs import identity, lock, record  # noqa: E402
from seglib.runs.events import EventFile  # noqa: E402
from seglib.runs.files import read_json, write_json  # noqa: E402
from seglib.runs.store import Run  # noqa: E402

GOAL_S, WAIT_MS = 0.3, 300_000
STEPS_PER_S = 20
STRIP, SIDE_PX = 6, 192


def copies(root: Path, data: Path, n: int) -> None:
    """`n` runs on `data`, each a copy of the one that ships, told apart by name and learning rate."""
    for number in range(n):
        folder = root / f"copy-{number:03}"
        shutil.copytree(REPOSITORY / "checkpoints" / "demo", folder)
        settings = read_json(folder / "config.json")
        settings["data"]["path"], settings["optimizer"]["lr"] = str(data), 1e-3 * (number + 1)
        write_json(folder / "config.json", settings)


def long_run(root: Path, data: Path, steps: int, validations: int) -> Run:
    """A training of so many steps that says it still runs, in this process."""
    run = Run(root / "long")
    run.folder.mkdir(parents=True)
    settings = read_json(REPOSITORY / "checkpoints" / "demo" / "config.json")
    settings["data"]["path"], settings["training"] = str(data), settings["training"] | {"minutes": None, "steps": 10**6}
    record.update(run.folder, "running", **identity.mine().to_dict())
    file = EventFile(run.folder / "events.jsonl")
    file.append({"kind": "started", "step": 0, "planned_steps": 10**6})
    rng = np.random.default_rng(0)
    for step in range(1, steps + 1):
        file.append(one_step(step, rng))
        if step % 100 == 0:
            file.append({"kind": "memory", "step": step, "process_bytes": 8e8 + 100 * step, "device_bytes": None})
        if step % max(1, steps // validations) == 0:
            file.append(one_validation(run, step, rng))
    file.close()
    write_json(run.folder / "config.json", settings)
    return run


def one_step(step: int, rng: np.random.Generator) -> dict:
    loss = float(0.1 + step**-0.5 + 0.02 * rng.random())
    rate, speed = 1e-3 * (1 - step / 2e6), 20 + float(rng.normal())
    moment = {"step": step, "epoch": step / 100, "elapsed_s": step / STEPS_PER_S}
    return {"kind": "step", **moment, "loss": loss, "lr": rate, "grad_norm": 1.0, "samples_per_s": speed}


def one_validation(run: Run, step: int, rng: np.random.Generator) -> dict:
    """The event, and its files: a table of scores and a strip of predictions."""
    source = REPOSITORY / "checkpoints" / "demo" / "validation" / "000450" / "images.parquet"
    folder = run.folder / "validation" / f"{step:06d}"
    (folder / "strip").mkdir(parents=True)
    shutil.copy(source, folder)
    images = scored_images(source)
    for k in range(STRIP):
        blob = np.zeros((SIDE_PX, SIDE_PX), np.uint8)
        cv2.circle(blob, (90 + k, 90 + step % 20), 40, 255, -1)
        cv2.imwrite(str(folder / "strip" / f"{k}.png"), cv2.GaussianBlur(blob, (0, 0), 3))
    named = [{"number": k, "image": image} for k, image in enumerate(images[:STRIP])]
    (folder / "strip" / "images.json").write_text(json.dumps(named), encoding="utf-8")
    summary = {"pooled_iou": float(0.9 - step**-0.5 + 0.01 * rng.random())}
    moment = {"step": step, "epoch": step / 100, "elapsed_s": step / STEPS_PER_S}
    return {"kind": "validation", **moment, "best": True, "val": summary, "train": summary}


def scored_images(table: Path) -> list[str]:
    import pandas as pd

    return list(pd.read_parquet(table, columns=["image"])["image"])


@contextlib.contextmanager
def going_on(run: Run, step: int) -> Iterator[None]:
    """Hold the run's lock and add steps, as its trainer would."""
    over, rng = threading.Event(), np.random.default_rng(1)
    file = EventFile(run.folder / "events.jsonl")

    def work() -> None:
        for number in range(step + 1, 10**6):
            file.append(one_step(number, rng))
            if over.wait(1 / STEPS_PER_S):
                return

    thread = threading.Thread(target=work)
    with lock.hold(run.folder):
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()
            file.close()


def said(name: str, seconds: list[float], processor: list[float] = ()) -> None:
    median, high = np.percentile(seconds, (50, 95))
    mark = "" if name.startswith("open") or "first" in name else "  ok" if high < GOAL_S else "  too slow"
    own = f"   processor {1000 * np.median(processor):4.0f} ms" if len(processor) else ""
    print(f"{name:30} median {1000 * median:5.0f} ms   95 % {1000 * high:5.0f} ms{own}   ({len(seconds)}){mark}")


class Timed:
    """A function, timed at every call: wall and processor time of its thread."""

    def __init__(self, function: Callable) -> None:
        self.function, self.seconds, self.processor = function, [], []

    def __call__(self, *arguments):
        start = time.perf_counter(), time.thread_time()
        try:
            return self.function(*arguments)
        finally:
            self.seconds.append(time.perf_counter() - start[0])
            self.processor.append(time.thread_time() - start[1])


def measure_server(times: int, profile: bool) -> None:
    """Script runs of the page in this process, each in its own thread as in the server; the live view timed inside."""
    from streamlit.runtime.scriptrunner.script_runner import ScriptRunner
    from streamlit.testing.v1 import AppTest

    from ui import live_training

    run_script, draw = ScriptRunner._run_script, live_training._draw
    for view in ("Curves", "New training"):
        at = AppTest.from_file(str(REPOSITORY / "ui" / "shell.py"), default_timeout=120)
        at.query_params["data"], at.query_params["run"] = "demo", "long"
        whole, inner = Timed(run_script), Timed(draw)
        ScriptRunner._run_script = lambda *arguments, timed=whole: timed(*arguments)
        live_training._draw = inner
        at.switch_page("../pages/train.py").run()
        said(f"draw: first run, {view}", whole.seconds, whole.processor)
        at.get_by_key("train_view").set_value(view).run()
        for timed in (whole, inner):
            timed.seconds.clear(), timed.processor.clear()
        for _ in range(times):
            at.run()
        assert not at.exception, at.exception
        said(f"draw: page, {view}", whole.seconds, whole.processor)
        if inner.seconds:
            said("draw: live view alone", inner.seconds, inner.processor)
        if profile:
            ScriptRunner._run_script = run_script
            profiled(at.run, view)


def profiled(action: Callable, name: str) -> None:
    """Where the time of one script run goes."""
    import cProfile
    import pstats

    from streamlit.runtime.scriptrunner import script_runner

    run_script, threads = script_runner.ScriptRunner._run_script, cProfile.Profile()

    def inside(self, *arguments):
        threads.enable()
        try:
            return run_script(self, *arguments)
        finally:
            threads.disable()

    script_runner.ScriptRunner._run_script = inside
    try:
        action()
    finally:
        script_runner.ScriptRunner._run_script = run_script
    print(f"--- {name}")
    pstats.Stats(threads).sort_stats("cumulative").print_stats("work/|ui/|seglib|pages", 45)


def measure_browser(address: str, times: int) -> None:
    url = f"{address}/train?data=demo&run=long"
    curve = "[data-testid=stEchartsChart] canvas, [data-testid=stECharts] canvas, canvas[data-zr-dom-id]"
    for visit in ("open: fresh server", "open: new tab"):
        with open_tab() as tab:
            tab.set_default_timeout(WAIT_MS)
            start = time.perf_counter()
            tab.goto(url)
            tab.wait_for_selector(SETTLED)
            tab.get_by_text("Curves", exact=True).first.click()
            tab.locator(curve).first.wait_for()
            said(visit, [time.perf_counter() - start])
            if visit.endswith("tab"):
                clicks(tab, curve, times)


def clicks(tab, curve: str, times: int) -> None:
    """There and back, as often as asked; each from the click to what it shows, settled."""
    form = tab.get_by_role("button", name="Add to the queue")  # as the long run lives
    spent: dict[str, list[float]] = {"New training": [], "Curves": []}
    for _ in range(times):
        for name, sign in (("New training", form), ("Curves", tab.locator(curve).first)):
            start = time.perf_counter()
            tab.get_by_text(name, exact=True).first.click()
            sign.wait_for()
            tab.wait_for_selector(SETTLED)
            spent[name].append(time.perf_counter() - start)
            time.sleep(0.3)
    for name, seconds in spent.items():
        said(f"click: {name}", seconds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--runs", type=int, default=50)
    parser.add_argument("--steps", type=int, default=100_000)
    parser.add_argument("--validations", type=int, default=200)
    parser.add_argument("--times", type=int, default=15)
    parser.add_argument("--profile", action="store_true", help="where the time of a script run goes")
    parser.add_argument("--no-browser", action="store_true")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="train-page-") as home:
        measure(Path(home), asked)


def measure(home: Path, asked: argparse.Namespace) -> None:
    from seglib.data.demo import make_demo

    data = make_demo(home / "demo")
    places = {"CHECKPOINTS": "checkpoints", "CACHE": "cache", "DATASETS": "datasets.json", "DEMO": "demo"}
    os.environ.update({f"SEGLIB_{key}": str(home / name) for key, name in places.items()})
    copies(home / "checkpoints", data, asked.runs)
    run = long_run(home / "checkpoints", data, asked.steps, asked.validations)
    print(f"{asked.runs} runs and one of {asked.steps:,} steps; load before {os.getloadavg()[0]:.1f}")
    with going_on(run, asked.steps):
        measure_server(asked.times, asked.profile)
        if not asked.no_browser:
            with running_app(home) as address:
                measure_browser(address, asked.times)
    print(f"load after {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
