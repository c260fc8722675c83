"""Taking mistakes apart and following them, on one thread.

    python benchmarks/errors.py [--rounds 15] [--size 512]           # one image: budget, regions, scikit-image
    python benchmarks/errors.py --matching [--rounds 3]              # places followed over images and checkpoints

regionprops labels the false positives and the misses and reads box, area, centroid, axes and mean probability: what a
table of regions needs without its text, its cells or a budget. The contestants take turns, so that a busy
machine slows all alike; what counts is the median, and processor time beside wall time.

--matching follows made-up mistakes, about 25 an image and checkpoint of which four in five come back, as the page, the
job and `python -m seglib errors` do (`seglib.errors.recurrence.recurrent`), for growing numbers of images and of
checkpoints, and one row object a region (`tests/slow_matcher.py`, the method before 0.4) for the smallest. Sizes take
turns in every round; ratios are to the first row of each block.
"""

# ruff: noqa: E402
from __future__ import annotations

import os

# Before NumPy is imported, which reads them once
for _library in ("OMP", "OPENBLAS", "MKL", "NUMEXPR", "VECLIB_MAXIMUM"):
    os.environ[f"{_library}_NUM_THREADS"] = "1"

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from skimage.measure import label, regionprops_table

_ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(_ROOT), str(_ROOT / "tests")]
import slow_matcher

from seglib.errors.budget import anatomy
from seglib.errors.recurrence import recurrent
from seglib.errors.regions import regions

Case = tuple[np.ndarray, np.ndarray]
_PROPERTIES = ("bbox", "area", "centroid", "axis_major_length", "axis_minor_length", "extent", "intensity_mean")


def case(size: int) -> Case:
    """(labels int32, q uint8): a grid of discs, found with wavering edges and some speckle."""
    rng = np.random.default_rng(0)
    row, col = np.mgrid[:size, :size]
    disc = np.hypot(row % 48 - 24, col % 48 - 24) < 18
    labels = np.where(disc, 1 + row // 48 * (size // 48 + 1) + col // 48, 0).astype(np.int32)
    noise = cv2.GaussianBlur(rng.normal(size=(size, size)).astype(np.float32), (0, 0), 4)
    soft = cv2.GaussianBlur(disc.astype(np.float32), (0, 0), 2) + 3 * noise
    return labels, np.clip(255 * soft, 0, 255).astype(np.uint8)


def ours(labels: np.ndarray, q: np.ndarray, with_regions: bool = True) -> int:
    mask, foreground, valid = labels > 0, q >= 127.5, np.ones(labels.shape, bool)
    parts = anatomy(mask, foreground, labels, valid)
    return len(regions(mask, foreground, labels, valid, q=q, gray=q, parts=parts)) if with_regions else parts.union


def scikit_image(labels: np.ndarray, q: np.ndarray) -> int:
    mask, foreground = labels > 0, q >= 127.5
    tables = [
        regionprops_table(label(wrong, connectivity=2), intensity_image=q, properties=_PROPERTIES)
        for wrong in (foreground & ~mask, mask & ~foreground)
    ]
    return sum(len(table["area"]) for table in tables)


METHODS: dict[str, Callable[[np.ndarray, np.ndarray], int]] = {
    "budget and regions": ours,
    "budget alone": lambda labels, q: ours(labels, q, with_regions=False),
    "scikit-image regionprops": scikit_image,
}


def looks(n_images: int, n_looks: int, per_image: int = 25, size: int = 512, stays: float = 0.8) -> list[pd.DataFrame]:
    """Tables of regions: in every image `per_image` places that drift; at a look each is there with probability
    `stays`, else something else is wrong elsewhere."""
    rng = np.random.default_rng(0)
    n = n_images * per_image
    image = np.repeat([f"{i:04d}.png" for i in range(n_images)], per_image)
    kind, side = rng.choice(["fp", "fn"], n), rng.integers(3, 16, (n, 2))
    place = rng.integers(0, size - 20, (n, 2))
    tables = []
    for _ in range(n_looks):
        there = rng.random(n) < stays
        at = np.where(there[:, None], place + rng.integers(-1, 2, (n, 2)), rng.integers(0, size - 20, (n, 2))).clip(0)
        # a hole in every other row, so that run lengths are not one run
        codes = ["0 " + " ".join([f"{w - 1} 1"] * (h - 1) + [str(w)]) for h, w in side]
        columns = {"image": image, "region": np.arange(n), "class": "other", "kind": kind, "rle": codes}
        columns |= dict(zip(("row", "col", "height", "width"), (*at.T, *side.T)))
        columns |= {"n_pixels": side.prod(1) - side[:, 0] + 1, "cell_radius_px": 10.0, "probability": 0.8}
        tables.append(pd.DataFrame(columns))
    return tables


SIZES = {
    "images, at 10 checkpoints": [(25, 10), (50, 10), (100, 10), (200, 10), (400, 10)],
    "checkpoints, of 100 images": [(100, 5), (100, 10), (100, 20), (100, 40)],
}


def matching(rounds: int) -> None:
    tables = {size: looks(*size) for block in SIZES.values() for size in block}
    followers = dict.fromkeys(tables, recurrent) | {"rows": slow_matcher.recurrent}
    times: dict[object, list[float]] = {size: [] for size in followers}
    for _ in range(rounds + 1):
        for size, follow in followers.items():
            begun = time.process_time()
            follow(tables[(25, 10) if size == "rows" else size])
            times[size].append(time.process_time() - begun)
    cpu = {size: statistics.median(values[1:]) for size, values in times.items()}
    for title, block in SIZES.items():
        print(f"\nmatching by {title}; processor time, median of {rounds}")
        print(f"{'images':>8}{'checkpoints':>13}{'regions':>10}{'s':>8}{'regions/s':>11}{'x regions':>11}{'x time':>8}")
        first = block[0]
        for size in block:
            n, base = sum(map(len, tables[size])), sum(map(len, tables[first]))
            print(f"{size[0]:8}{size[1]:13}{n:10}{cpu[size]:8.2f}{n / cpu[size]:11.0f}{n / base:11.1f}", end="")
            print(f"{cpu[size] / cpu[first]:8.1f}")
    n = sum(map(len, tables[(25, 10)]))
    print(f"\none row object a region, {n} regions: {cpu['rows']:.2f} s, {n / cpu['rows']:.0f} regions/s, ", end="")
    print(f"{cpu['rows'] / cpu[(25, 10)]:.1f} times the time")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--matching", action="store_true")
    parser.add_argument("--rounds", type=int, help="15; with --matching 3")
    parser.add_argument("--size", type=int, default=512)
    args = parser.parse_args()
    cv2.setNumThreads(1)
    if args.matching:
        matching(args.rounds or 3)
        return
    args.rounds = args.rounds or 15
    labels, q = case(args.size)
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in METHODS}
    for _ in range(args.rounds + 1):
        for name, method in METHODS.items():
            wall, cpu = time.perf_counter(), time.process_time()
            method(labels, q)
            times[name].append((time.perf_counter() - wall, time.process_time() - cpu))
    # the first round warms up; both figures are of one image
    medians = {n: [statistics.median(x) for x in zip(*t[1:], strict=True)] for n, t in times.items()}
    base = medians["budget and regions"][1]
    print(f"{args.size} x {args.size}, {ours(labels, q)} regions, one thread, median of {args.rounds}")
    print(f"{'':26}{'wall ms':>9}{'cpu ms':>9}{'images/s of cpu':>17}{'ratio':>8}")
    for name, (wall, cpu) in medians.items():
        print(f"{name:26}{wall * 1e3:9.1f}{cpu * 1e3:9.1f}{1 / cpu:17.0f}{cpu / base:8.2f}")


if __name__ == "__main__":
    main()
