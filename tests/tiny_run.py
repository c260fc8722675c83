"""A data set and a training so small that tests can afford real ones."""

from __future__ import annotations

import functools
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from seglib.runs import launcher, worker
from seglib.runs.store import Run
from seglib.training.config import Config, resolve


def make_data(folder: Path) -> Path:
    """Two movies of three labelled 48 × 64 pictures, and two pictures without a mask."""
    rng = np.random.default_rng(0)
    for part in ("images", "masks"):
        (folder / part).mkdir(parents=True)
    for name in ("a_t000", "a_t001", "a_t002", "b_t000", "b_t001", "b_t002", "b_t003", "b_t004"):
        mask = np.zeros((48, 64), np.uint8)
        cv2.circle(mask, (int(rng.integers(12, 50)), int(rng.integers(12, 36))), 9, 255, -1)
        image = (60 + 0.5 * mask + rng.normal(0, 5, mask.shape)).astype(np.uint8)
        cv2.imwrite(str(folder / "images" / f"{name}.png"), image)
        if name not in ("b_t003", "b_t004"):
            cv2.imwrite(str(folder / "masks" / f"{name}.png"), mask)
    return folder


def tiny_config(data: Path, **settings: Any) -> Config:
    small = {
        "data.path": str(data),
        "data.crop_px": 32,
        "model.depth": 1,
        "model.channels": 2,
        "training.steps": 4,
        "training.minutes": None,
        "training.validate_every": 2,
        "training.device": "cpu",
        "training.precision": "float32",
    }
    return resolve(settings=small | {key.replace("__", "."): value for key, value in settings.items()})


@functools.cache
def _trained() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="tiny-run-"))
    run = launcher.create(tiny_config(make_data(folder / "data")), "tiny", folder / "checkpoints")
    state = worker.run_training(run.folder)
    assert state.name == "finished", state
    return folder


def finished_run(tmp_path: Path) -> Run:
    """A copy of a run of four steps in tmp_path/checkpoints/tiny; trained once a session."""
    shutil.copytree(_trained() / "checkpoints", tmp_path / "checkpoints")
    return Run(tmp_path / "checkpoints" / "tiny")


def wait_until(true: Callable[[], bool], seconds: float = 60.0) -> bool:
    """Whether `true()` became true in time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if true():
            return True
        time.sleep(0.02)
    return False
