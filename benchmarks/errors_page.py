"""The Errors page with 200 images, 20 checkpoints and 100,000 regions: how long every click takes, and the memory.

    .venv/bin/python benchmarks/errors_page.py [--images 200] [--checkpoints 20] [--times 9] [--home FOLDER]

Makes a data set of --images pictures of 256² and two runs on it whose predictions are disturbed masks (the first with
--checkpoints validations), every file written by the code that trains (tests/made_up_errors.py). Then

server   script runs of the page in this process, without a browser: wall time and processor time of the thread that
         runs the script, which a busy machine changes less. --profile NAME says where the time of one goes.
click    headless Chromium: from the press of the button to the page settled and painted, the reruns of fragments and
         those that a choice brings about included. Thumbnails that load later are not waited for.
memory   of the server after all that: resident now, and the highest

Median and 95th percentile of --times; processor time beside wall time: of the server and the tab's main thread, which
a busy machine changes less. The goal is 500 ms a click and 1 GB; the shorter of the two times is held against it, for
server and tab work side by side and a busy machine makes wait. With --home the files are made once and kept.
"""

from __future__ import annotations

import argparse
import os
import platform
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path[1:1] = [str(REPOSITORY), str(REPOSITORY / "tests")]
os.environ.setdefault("OMP_NUM_THREADS", "1")

from browser import SETTLED, free_port, open_tab, serve  # noqa: E402
from playwright.sync_api import Locator, Page  # noqa: E402
from playwright.sync_api import TimeoutError as NotInTime  # noqa: E402

GOAL_MS, GOAL_MB = 500, 1000
RUN, SECOND = "made-up", "second"
FIRST = "Where the IoU goes"
WAIT_MS = 60_000
_WATCH = """
window.__log = [];
new MutationObserver((all) => {
  for (const { target } of all) window.__log.push([performance.now(), target.dataset.testScriptState]);
}).observe(document, { subtree: true, attributes: true, attributeFilter: ["data-test-script-state"] });
"""
_PRESSED = """() => {
  window.__log = []; window.__pressed = null;
  for (const kind of ["pointerdown", "keydown"])
    document.addEventListener(kind, () => { window.__pressed ??= performance.now(); }, { capture: true, once: true });
}"""
# settled: a run has ended after the press, and for a while nothing runs again
_DONE = """() => {
  const log = window.__log, last = log[log.length - 1];
  if (!last || last[1] !== "notRunning" || !log.some((e) => e[1] === "running")) return false;
  return performance.now() - last[0] > 350 && { ms: last[0] - window.__pressed };
}"""


def make(home: Path, n_images: int, n_checkpoints: int) -> None:
    from made_up_errors import made_up_errors

    if (home / "checkpoints" / SECOND / "run.json").exists():
        return
    begun = time.perf_counter()
    first = made_up_errors(home, n_images=n_images, n_checkpoints=n_checkpoints, run_id=RUN)
    made_up_errors(home, n_checkpoints=1, run_id=SECOND, seed=1, data=first.data_path())
    print(f"made in {time.perf_counter() - begun:.0f} s")


def about(home: Path) -> str:
    import pandas as pd

    files = sorted((home / "checkpoints" / RUN / "validation").glob("*/regions.parquet"))
    n_regions = sum(len(pd.read_parquet(file, columns=["kind"])) for file in files)
    n_images = len(pd.read_parquet(files[0].with_name("images.parquet")))
    return f"{n_images} images, {len(files)} checkpoints, {n_regions:,} regions in all"


def machine() -> str:
    model = next((x.split(":")[1].strip() for x in _lines("/proc/cpuinfo") if x.startswith("model name")), "")
    load = ", ".join(f"{x:.1f}" for x in os.getloadavg())
    return f"{model or platform.machine()}, {os.cpu_count()} cores, load {load}"


def _lines(file: str) -> list[str]:
    return Path(file).read_text(encoding="utf-8").splitlines() if Path(file).exists() else []


def said(name: str, ms: list[float], processor: list[float] = ()) -> None:
    if not len(ms):
        print(f"{name:44} was not there")
        return
    median, high = np.percentile(ms, (50, 95))
    own = f"   processor {np.median(processor):5.0f} ms" if len(processor) else ""
    judged = min(high, np.percentile(processor, 95)) if len(processor) else high
    mark = "" if name.startswith("open") else "  ok" if judged < GOAL_MS else "  too slow"
    print(f"{name:44} median {median:6.0f} ms   95 % {high:6.0f} ms{own}   ({len(ms)}){mark}", flush=True)


# ---- the server's share


def measure_server(times: int, profile: str | None) -> None:
    from streamlit.runtime.scriptrunner import script_runner
    from streamlit.testing.v1 import AppTest
    from train_page import Timed, profiled

    runner, original = script_runner.ScriptRunner, script_runner.ScriptRunner._run_script
    at = AppTest.from_file(str(REPOSITORY / "ui" / "shell.py"), default_timeout=300)
    at.query_params["data"], at.query_params["run"] = "demo", RUN
    at.run().switch_page("../pages/errors.py").run()
    sections = at.get_by_key("errors_section").options
    for name in sections:
        at.get_by_key("errors_section").set_value(name).run()  # what it keeps is made now
        for what, change in (("again", lambda: None), ("next image", lambda: at.button(key="errors_next").click())):
            timed = Timed(original)
            runner._run_script = lambda *arguments, timed=timed: timed(*arguments)
            for _ in range(times):
                change()
                at.run()
            runner._run_script = original
            assert not at.exception, at.exception
            said(f"server: {name}, {what}", *(1000 * np.array(part) for part in (timed.seconds, timed.processor)))
        if profile and profile in name:
            profiled(at.run, name)


# ---- clicks


class Took(NamedTuple):
    """processor_ms: of the server's process and the tab's main thread together; a busy machine changes it less."""

    wall_ms: float
    processor_ms: float


class Clicks:
    """Times of clicks in one tab, by name. server: its process."""

    def __init__(self, tab: Page, server: subprocess.Popen):
        self.tab, self.server = tab, server
        self._chrome = tab.context.new_cdp_session(tab)
        self._chrome.send("Performance.enable", {"timeDomain": "threadTicks"})

    def timed(self, press: Callable[[], None]) -> Took:
        """From the press of a button or key to the settled page."""
        before = self._processor_ms()
        self.tab.evaluate(_PRESSED)
        press()
        found = self.tab.wait_for_function(_DONE, timeout=WAIT_MS, polling=100).json_value()
        return Took(float(found["ms"]), self._processor_ms() - before)

    def often(self, name: str, times: int, *presses: Callable[[], None]) -> None:
        """Each of the presses in turn, `times` in all; what is not on the page is said."""
        found = []
        try:
            for number in range(times):
                found.append(self.timed(presses[number % len(presses)]))
        except NotInTime as error:
            print(f"  {name}: {str(error).splitlines()[0]}")
        said(f"click: {name}", [t.wall_ms for t in found], [t.processor_ms for t in found])

    def _processor_ms(self) -> float:
        """Of the server, and of the tab's main thread."""
        fields = _lines(f"/proc/{self.server.pid}/stat")[0].rpartition(")")[2].split()
        ticks = sum(map(int, fields[11:13])) / os.sysconf("SC_CLK_TCK")
        metrics = {m["name"]: m["value"] for m in self._chrome.send("Performance.getMetrics")["metrics"]}
        return 1000 * (ticks + metrics["TaskDuration"])

    def choose(self, label: str, number: int) -> Callable[[], None]:
        """Press for the option `number` (from the end if negative) of a select box; only its last key counts."""

        def press() -> None:
            box = self.tab.get_by_role("combobox", name=label)
            box.click()
            options = self.tab.get_by_role("option")
            options.first.wait_for()
            place = number % options.count()
            self.tab.evaluate(_PRESSED)
            options.nth(place).click()

        return press


def option(tab: Page, name: str) -> Locator:
    """One of a segmented control."""
    return tab.locator("[data-testid=stButtonGroup] button").filter(has_text=name).first


def measure_clicks(server: subprocess.Popen, times: int) -> None:
    url = f"http://127.0.0.1:{server.args[-1].rpartition('=')[2]}/errors?data=demo&run={RUN}"
    for visit in ("fresh server", "new tab"):
        with open_tab() as tab:
            tab.set_default_timeout(30_000)
            tab.add_init_script(_WATCH)
            begun = time.perf_counter()
            tab.goto(url)
            option(tab, FIRST).wait_for(timeout=WAIT_MS)
            tab.wait_for_selector(SETTLED)
            said(f"open: {visit}", [1000 * (time.perf_counter() - begun)])
            if visit == "new tab":
                _all_clicks(tab, Clicks(tab, server), times)


def _all_clicks(tab: Page, clicks: Clicks, times: int) -> None:
    press = lambda name: lambda: option(tab, name).click()  # noqa: E731
    sections = [text.strip() for text in tab.locator(".st-key-errors_section button").all_inner_texts()]
    for name in sections:
        if name != sections[0]:
            first = clicks.timed(press(name))
            said(f"open: first look at {name}", [first.wall_ms], [first.processor_ms])
            _back_and_forth(clicks, f"section {name}", times, press(sections[0]), press(name))
        clicks.often(f"next image, in {name}", times, lambda: tab.locator(".st-key-errors_next button").click())
        _within(tab, clicks, name, times)
        _from_galleries(tab, clicks, name, times)
    press(sections[0])()
    tab.wait_for_selector(SETTLED)
    clicks.often("order of the images", times, *(clicks.choose("Order", n) for n in (1, 2, 0)))
    clicks.often("group", times, clicks.choose("Group", 1), clicks.choose("Group", 0))
    clicks.often("checkpoint", times, press("last"), press("best"))
    clicks.often("threshold", times, *(_key(tab, "Threshold", key) for key in ("ArrowRight", "ArrowLeft")))
    clicks.often("beside", times, clicks.choose("Beside", 0), lambda: tab.get_by_label("Clear value").first.click())


def _back_and_forth(clicks: Clicks, name: str, times: int, away: Callable, there: Callable) -> None:
    found = []
    for _ in range(times):
        clicks.timed(away)
        found.append(clicks.timed(there))
    said(f"click: {name}", [t.wall_ms for t in found], [t.processor_ms for t in found])


def _within(tab: Page, clicks: Clicks, section: str, times: int) -> None:
    """What can be chosen in a section: its select boxes and the first segmented controls."""
    below = tab.locator(".st-key-errors_section")
    boxes = [
        b
        for b in tab.locator("[data-testid=stMain]").get_by_role("combobox").all()
        if _below(b, below) and b.is_enabled()
    ]
    for label in filter(None, (box.get_attribute("aria-label") for box in boxes)):
        name = label.rsplit(". ", 1)[-1]
        clicks.often(f"{section}: {name}", times, clicks.choose(name, 1), clicks.choose(name, 0))
    groups = [g for g in tab.locator("[data-testid=stButtonGroup]").all() if _below(g, below)]
    for group in groups[1:4]:
        buttons = group.locator("button").filter(has_text=re.compile(r"\w"))  # not that of the help
        if 1 < buttons.count() < 6:
            press = [lambda b=buttons, n=n: b.nth(n).click() for n in (1, 0)]
            clicks.often(f"{section}: {' | '.join(t.strip() for t in buttons.all_inner_texts())[:28]}", times, *press)


def _below(element: Locator, mark: Locator) -> bool:
    place, limit = element.bounding_box(), mark.bounding_box()
    return bool(place and limit and place["y"] >= limit["y"])


def _from_galleries(tab: Page, clicks: Clicks, section: str, times: int) -> None:
    cards = tab.locator("[data-testid=stBidiComponentRegular] .card, .gallery button").all()
    mark = tab.locator(".st-key-errors_section")
    cards = [card for card in cards if _below(card, mark)][:6]
    if cards:
        clicks.often(f"{section}: a crop", times, *(lambda card=card: card.click() for card in cards))


def _key(tab: Page, label: str, key: str) -> Callable[[], None]:
    def press() -> None:
        tab.get_by_label(label).first.focus()
        tab.keyboard.press(key)

    return press


# ---- memory


def memory(server: subprocess.Popen) -> tuple[float, float]:
    """MB: resident now, and the highest so far."""
    found = dict(x.split(":") for x in _lines(f"/proc/{server.pid}/status") if x.startswith(("VmRSS", "VmHWM")))
    return tuple(int(found[name].split()[0]) / 1e3 for name in ("VmRSS", "VmHWM"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--images", type=int, default=200)
    parser.add_argument("--checkpoints", type=int, default=20)
    parser.add_argument("--times", type=int, default=9)
    parser.add_argument("--home", type=Path, help="where the files are made, and kept")
    parser.add_argument("--profile", help="where the time of a script run of this section goes")
    parser.add_argument("--no-browser", action="store_true")
    parser.add_argument("--no-server", action="store_true")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="errors-page-") as temporary:
        measure(asked.home or Path(temporary), asked)


def measure(home: Path, asked: argparse.Namespace) -> None:
    places = {"CHECKPOINTS": "checkpoints", "CACHE": "cache", "DATASETS": "datasets.json", "DEMO": "demo"}
    os.environ.update({f"SEGLIB_{key}": str(home / name) for key, name in places.items()})
    home.mkdir(parents=True, exist_ok=True)
    make(home, asked.images, asked.checkpoints)
    print(f"{about(home)}; {machine()}")
    if not asked.no_server:
        measure_server(asked.times, asked.profile)
    if not asked.no_browser:
        server = serve(home, free_port())
        try:
            measure_clicks(server, asked.times)
            now, highest = memory(server)
            mark = "ok" if highest < GOAL_MB else "too much"
            print(f"{'memory of the server':44} now {now:6.0f} MB   highest {highest:6.0f} MB   {mark}")
        finally:
            server.terminate()
            server.wait(20)
    print(machine())


if __name__ == "__main__":
    main()
