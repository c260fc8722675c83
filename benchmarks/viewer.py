"""The error viewer in headless Chromium without a GPU: time of a frame, and time to open an image.

    .venv/bin/python benchmarks/viewer.py [--sizes 512 2048] [--images 6] [--frames 150] [--times 9]

Makes demo pictures of each size (2048² is put together from 512²) and two made-up runs on them, starts the app on
places of its own and opens its Errors page. Then, with four panels (one run) and six (two runs):

frame    from one animation frame to the next while the hand moves at every frame: panning, zooming with the wheel, the
         threshold dragged, the black end of the contrast window dragged; zoomed to 1:1 first, panning also seen whole.
         Beside it the script's own share of a frame, which a busy machine changes less
open     from the key, or the click, to the next image painted: right arrow (its pixels are there already), the page's
         Next button, a click on an image of the strip far from the one in view

Median and 95th percentile; the goals are 18 and 34 ms while panning, and 400 ms (512²) or 900 ms (2048²) to open. Only
valid where nothing else runs; the load is printed beside.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(REPOSITORY), str(REPOSITORY / "tests")]

from browser import SETTLED, open_tab, running_app, visit  # noqa: E402
from made_up_errors import made_up_errors, make_data  # noqa: E402

from seglib.data.dataset import open_dataset  # noqa: E402

FRAME_MS, HIGH_MS = 18, 34
OPEN_MS = {512: 400, 2048: 900}
WAIT_MS = 90_000
TILE_PX = 512

# One act a frame for n frames -> ms from frame to frame. The first few warm up.
FRAMES = """([canvas, what, n]) => new Promise((done) => {
  const root = canvas.closest(".viewer"), box = canvas.getBoundingClientRect(), times = [];
  const [x, y] = [box.left + box.width / 2, box.top + box.height / 2];
  const at = (k) => ({ clientX: x + 60 * Math.sin(k / 9), clientY: y + 45 * Math.sin(k / 13), pointerId: 1 });
  const slide = (slider, share) => {
    slider.value = +slider.min + share * (slider.max - slider.min);
    slider.dispatchEvent(new Event("input"));
  };
  const acts = {
    pan: (k) => canvas.dispatchEvent(new PointerEvent("pointermove", at(k))),
    zoom: (k) => canvas.dispatchEvent(new WheelEvent("wheel", { ...at(k), deltaY: 60 * Math.cos(k / 11) })),
    threshold: (k) => slide(root.querySelector(".threshold"), 0.5 + 0.4 * Math.sin(k / 15)),
    contrast: (k) => slide(root.querySelector(".contrast .black"), 0.2 + 0.2 * Math.sin(k / 15)),
  };
  const plain = requestAnimationFrame, work = [];
  let k = 0, own = 0;
  const timed = (act) => (now) => { const start = performance.now(); act(now); own += performance.now() - start; };
  window.requestAnimationFrame = (act) => plain(timed(act));
  const frame = (now) => {
    times.push(now);
    work.push(own);
    own = 0;
    if (k > n + 10) {
      window.requestAnimationFrame = plain;
      return done([times.slice(11).map((time, i) => time - times[i + 10]), work.slice(11)]);
    }
    timed(() => acts[what](k++))();
    plain(frame);
  };
  plain(frame);
})"""
# Resolves with the ms from now until another image is painted.
PAINTED = """(root) => {
  const start = performance.now();
  root.painted = new Promise((done) => {
    const seen = new MutationObserver(() => {
      seen.disconnect();
      requestAnimationFrame(() => setTimeout(() => done(performance.now() - start)));
    });
    seen.observe(root, { attributes: true, attributeFilter: ["data-ready"] });
  });
}"""


def mosaic_data(folder: Path, n_images: int, size: int) -> Path:
    """`n_images` val pictures of size² and a few train pictures, each of demo pictures side by side."""
    side = size // TILE_PX
    if side <= 1:
        return make_data(folder, n_images, size)
    tiles = open_dataset(make_data(folder.with_name(folder.name + "-tiles"), side * side, TILE_PX))
    samples = [tiles.sample(i) for i, record in enumerate(tiles.records) if record.mask]
    rows = ["image,mask,group,split"]
    for part in ("images", "masks"):
        (folder / part).mkdir(parents=True)
    for number in range(n_images + 1):
        chosen = [samples[(number + k) % len(samples)] for k in range(side * side)]
        for part, arrays in (
            ("images", [s.image for s in chosen]),
            ("masks", [np.where(s.labels > 0, s.labels + 1000 * k, 0) for k, s in enumerate(chosen)]),
        ):
            whole = np.vstack([np.hstack(arrays[side * r : side * (r + 1)]) for r in range(side)])
            cv2.imwrite(
                str(folder / part / f"m{number}.png"), whole.astype(np.uint8 if part == "images" else np.uint16)
            )
        split = "val" if number else "train"
        rows.append(f"images/m{number}.png,masks/m{number}.png,{split},{split}")
    (folder / "dataset.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return folder


def said(name: str, ms: list[float], goals: tuple[float, float] | None, work: list[float] = ()) -> bool:
    median, high = np.percentile(ms, (50, 95))
    good = goals is None or (median <= goals[0] and high <= goals[1])
    verdict = "" if goals is None else "   ok" if good else "   TOO SLOW"
    own = "   script {:5.1f}, {:5.1f}".format(*np.percentile(work, (50, 95))) if len(work) else ""
    print(f"  {name:28} median {median:6.1f} ms   95 % {high:6.1f} ms{own}   ({len(ms)}){verdict}", flush=True)
    return good


def at_rest(tab) -> None:
    tab.locator(".viewer[data-ready]").wait_for()
    shown = Path(tab.locator(".viewer").get_attribute("data-title")).stem
    tab.get_by_role("heading", name=shown, exact=True).wait_for()  # the page has followed
    tab.wait_for_selector(SETTLED)
    tab.wait_for_timeout(800)  # what comes next is fetched meanwhile


def frames(tab, n: int, panels: int) -> bool:
    canvas = tab.locator('.viewer canvas[data-panel="truth"]')
    canvas.scroll_into_view_if_needed()
    good = True
    for what, key in (("pan", "1"), ("pan", "0"), ("zoom", "1"), ("threshold", "1"), ("contrast", "1")):
        canvas.focus()
        tab.keyboard.press(key)
        tab.wait_for_timeout(300)
        box = canvas.bounding_box()
        tab.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        if what == "pan":
            tab.mouse.down()
        ms, work = tab.evaluate(f"(args) => ({FRAMES})(args)", [canvas.element_handle(), what, n])
        tab.mouse.up()
        goals = (FRAME_MS, HIGH_MS) if what == "pan" and panels == 4 else None
        good &= said(f"{what}, {'1:1' if key == '1' else 'whole'}, {panels} panels", ms, goals, work)
    canvas.focus()
    tab.keyboard.press("0")
    return good


def opens(tab, size: int, times: int) -> bool:
    root, good = tab.locator(".viewer"), True
    ways = {"arrow key": _arrow, "Next button": _next, "click in the strip": _strip}
    for name, act in ways.items():
        spent = []
        for number in range(times):
            at_rest(tab)
            root.evaluate(PAINTED)
            act(tab, number)
            spent.append(root.evaluate("root => root.painted"))
        goal = OPEN_MS.get(size)
        good &= said(f"open by {name}", spent, goal and (goal, goal))
    return good


def _arrow(tab, number: int) -> None:
    tab.locator('.viewer canvas[data-panel="truth"]').focus()
    ahead = tab.get_by_role("button", name="Next").is_enabled()
    tab.keyboard.press("ArrowRight" if ahead else "ArrowLeft")


def _next(tab, number: int) -> None:
    button = tab.get_by_role("button", name="Next")
    (button if button.is_enabled() else tab.get_by_role("button", name="Previous")).click()


def _strip(tab, number: int) -> None:
    """The first and the last in turn."""
    items = tab.locator(".gallery.strip").first.locator("button[data-index]")
    (items.last if items.first.get_attribute("aria-pressed") == "true" else items.first).click()


def measure(size: int, asked: argparse.Namespace) -> bool:
    good = True
    with tempfile.TemporaryDirectory(prefix="viewer-") as folder:
        home = Path(folder)
        start = time.perf_counter()
        data = mosaic_data(home / "demo", asked.images, size)
        for seed, run in enumerate(("one", "two")):
            made_up_errors(home, data=data, n_checkpoints=1, seed=seed, run_id=run)
        print(f"{size}², {asked.images} images, made in {time.perf_counter() - start:.0f} s", flush=True)
        with running_app(home) as address, open_tab() as tab:
            tab.set_default_timeout(WAIT_MS)
            for panels, beside in ((4, ""), (6, "&beside=two")):
                print(f"  load {os.getloadavg()[0]:.1f}")
                visit(tab, f"{address}/errors?data=demo&run=one{beside}")
                at_rest(tab)
                good &= frames(tab, asked.frames, panels)
                if panels == 4 or asked.all:
                    good &= opens(tab, size, asked.times)
            assert not tab.problems, tab.problems
    return good


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[512, 2048])
    parser.add_argument("--images", type=int, default=6)
    parser.add_argument("--frames", type=int, default=150)
    parser.add_argument("--times", type=int, default=9)
    parser.add_argument("--all", action="store_true", help="open images with six panels too")
    asked = parser.parse_args()
    print(f"{platform.machine()}, {os.cpu_count()} cores, Chromium without a GPU")
    good = [measure(size, asked) for size in asked.sizes]
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
