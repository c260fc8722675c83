"""Taking one image's mistakes apart on one thread: our budget and regions, and scikit-image's regionprops.

    python benchmarks/errors.py [--rounds 15] [--size 512]

regionprops labels the false positives and the misses and reads box, area, centroid, axes and mean probability: what a
table of regions needs without its text, its cells or a budget. The contestants take turns, so that a busy
machine slows all alike; what counts is the median, and processor time beside wall time.
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
from skimage.measure import label, regionprops_table

sys.path.insert(0, str(Path(__file__).parents[1]))
from seglib.errors.budget import anatomy
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--size", type=int, default=512)
    args = parser.parse_args()
    cv2.setNumThreads(1)
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
