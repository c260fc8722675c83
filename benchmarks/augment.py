"""Rotation and elastic deformation of one image and its mask on one thread: ours, SciPy and albumentations.

Run by `make bench`, in an environment of its own (requirements-bench.txt):

    PYTHONPATH=. .venv-bench/bin/python benchmarks/augment.py [--rounds 12] [--size 512]

All do the same: a new random field each time, smoothed with the same sigma, then a rotation; the mask by nearest
neighbour. The contestants take turns, so that a busy machine slows all alike; what counts is the median of the
processor time (all threads of the process, so that none gains by a second one).
"""

# ruff: noqa: E402
from __future__ import annotations

import os

# Before NumPy is imported, which reads them once
for _library in ("OMP", "OPENBLAS", "MKL", "NUMEXPR", "VECLIB_MAXIMUM"):
    os.environ[f"{_library}_NUM_THREADS"] = "1"
os.environ["NO_ALBUMENTATIONS_UPDATE"] = "1"

import argparse
import platform
import shlex
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import albumentations
import cv2
import numpy as np
import scipy
from scipy import ndimage

from seglib.augment.draw import recipe_draw
from seglib.augment.pipeline import apply, generator
from seglib.augment.recipe import Elastic, Recipe, Rotation

SIGMA_PX, DISPLACEMENT_PX = 16.0, 3.0
# Standard deviation that Gaussian smoothing leaves of white noise of variance 1: 1 / (2 sigma sqrt(pi))
SMOOTHED = 1 / (2 * SIGMA_PX * np.sqrt(np.pi))
BURST = 4
GOALS = {"SciPy": 30.0, "albumentations": 4.0}

Pair = tuple[np.ndarray, np.ndarray]
Method = Callable[[np.ndarray, np.ndarray, int], Pair]


def picture(size: int) -> Pair:
    """(image float32, labels int32): blurred noise and a grid of discs."""
    rng = np.random.default_rng(0)
    image = cv2.GaussianBlur(rng.standard_normal((size, size)).astype(np.float32), (0, 0), 1.5)
    row, col = np.mgrid[:size, :size]
    disc = np.hypot(row % 32 - 16, col % 32 - 16) < 11
    return image, np.where(disc, 1 + row // 32 * (size // 32) + col // 32, 0).astype(np.int32)


def ours() -> Method:
    recipe = Recipe(
        elastic=Elastic(probability=1.0, displacement_px=(DISPLACEMENT_PX,) * 2, sigma_px=(SIGMA_PX,) * 2),
        rotation=Rotation(probability=1.0),
    )

    def run(image: np.ndarray, labels: np.ndarray, index: int) -> Pair:
        result = apply(recipe_draw(recipe, generator(0, 0, index)), image, labels, np.ones(image.shape, bool))
        return result.image, result.labels

    return run


def with_scipy(order: int) -> Method:
    """gaussian_filter, map_coordinates, rotate: the usual recipe, in float32."""

    def run(image: np.ndarray, labels: np.ndarray, index: int) -> Pair:
        rng = np.random.default_rng(index)
        grid = np.meshgrid(*(np.arange(side, dtype=np.float32) for side in image.shape), indexing="ij")
        strength = DISPLACEMENT_PX / SMOOTHED
        noise = (rng.standard_normal(image.shape, dtype=np.float32) for _ in range(2))
        places = [g + strength * ndimage.gaussian_filter(n, SIGMA_PX) for g, n in zip(grid, noise)]
        bent = ndimage.map_coordinates(image, places, order=order, mode="reflect")
        bent_labels = ndimage.map_coordinates(labels, places, order=0, mode="reflect")
        angle = rng.uniform(-180, 180)
        return (
            ndimage.rotate(bent, angle, reshape=False, order=order, mode="reflect"),
            ndimage.rotate(bent_labels, angle, reshape=False, order=0, mode="reflect"),
        )

    return run


def with_albumentations(interpolation: int, approximate: bool = False) -> Method:
    # its noise is uniform in [-1, 1], of variance 1/3
    bend = albumentations.ElasticTransform(
        alpha=DISPLACEMENT_PX / SMOOTHED * np.sqrt(3),
        sigma=SIGMA_PX,
        interpolation=interpolation,
        approximate=approximate,
        border_mode=cv2.BORDER_REFLECT,
        p=1.0,
    )
    turn = albumentations.Rotate(limit=180, interpolation=interpolation, border_mode=cv2.BORDER_REFLECT, p=1.0)
    both = albumentations.Compose([bend, turn], seed=0)

    def run(image: np.ndarray, labels: np.ndarray, index: int) -> Pair:
        result = both(image=image, mask=labels)
        return result["image"], result["mask"]

    return run


def medians(methods: dict[str, Method], size: int, rounds: int) -> dict[str, float]:
    """Median seconds of each. In every round each runs BURST times in a row; the first round warms up, uncounted."""
    image, labels = picture(size)
    times: dict[str, list[float]] = {name: [] for name in methods}
    for turn in range(rounds + 1):
        for name, method in methods.items():
            for index in range(turn * BURST, (turn + 1) * BURST):
                start = time.process_time()
                new_image, new_labels = method(image, labels, index)
                elapsed = time.process_time() - start
                assert new_image.shape == new_labels.shape == image.shape, name
                if turn:
                    times[name].append(elapsed)
    return {name: statistics.median(seconds) for name, seconds in times.items()}


def processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--size", type=int, default=512)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    cubic, linear = cv2.INTER_CUBIC, cv2.INTER_LINEAR
    methods = {
        "seglib, linear": ours(),
        "SciPy, cubic": with_scipy(3),
        "SciPy, linear": with_scipy(1),
        "albumentations, cubic": with_albumentations(cubic),
        "albumentations, linear": with_albumentations(linear),
        "albumentations, linear, approximate": with_albumentations(linear, approximate=True),
    }
    result = medians(methods, options.size, options.rounds)
    print(f"machine   {processor()}, {platform.system()}, one thread each")
    versions = {"numpy": np, "opencv": cv2, "scipy": scipy, "albumentations": albumentations}
    named = [f"Python {platform.python_version()}", *(f"{name} {m.__version__}" for name, m in versions.items())]
    print(f"versions  {', '.join(named)}")
    print(f"command   {shlex.join([Path(sys.executable).name, *sys.argv])}")
    print(
        f"task      {options.size}² float32 image and int32 mask: elastic (sigma {SIGMA_PX:g} px, "
        f"displacement {DISPLACEMENT_PX:g} px) and rotation; median of {options.rounds * BURST}\n"
    )
    own = result["seglib, linear"]
    for name, seconds in result.items():
        print(f"{name:38}{1000 * seconds:9.2f} ms{seconds / own:8.1f} ×")
    # the same interpolation as ours, and the peers' fastest but for albumentations' approximation of the smoothing
    reached = {peer: result[f"{peer}, linear"] / own for peer in GOALS}
    print()
    for peer, goal in GOALS.items():
        verdict = "reached" if reached[peer] >= goal else "MISSED"
        print(f"goal: {goal:g} × faster than {peer} (linear): {reached[peer]:.1f} × — {verdict}")
    return 0 if all(reached[peer] >= goal for peer, goal in GOALS.items()) else 1


if __name__ == "__main__":
    sys.exit(main())
