"""Runs whose predictions are disturbed masks: every file of a training, written by the code that trains, without one.

    made_up_errors(home, n_images=200, n_checkpoints=20)   # home/demo (a data set) and home/checkpoints/made-up

Some mistakes stay from checkpoint to checkpoint, some come and go, all of them grow fewer: what comes back, what grew
and what a section does with 100,000 regions can be looked at in seconds. Small numbers make a fixture for tests.
"""

from __future__ import annotations

import functools
from collections.abc import Generator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from seglib.data.cache import SampleCache
from seglib.data.dataset import Dataset, open_dataset
from seglib.data.demo import make_demo
from seglib.data.records import Record, read_csv, write_csv
from seglib.data.sample import Sample
from seglib.runs.diagnosis import Diagnosis
from seglib.runs.events import EventFile
from seglib.runs.files import write_json
from seglib.runs.store import Run, portable
from seglib.settings import plain
from seglib.training.clock import Clock
from seglib.training.config import resolve
from seglib.training.pause import Pause
from seglib.training.validation import Validator

STEPS_APART = 50
MISSED = 0.04  # share of the cells that are not found at all
EDGE_PX = 6  # from probability 0 to 1


def made_up_errors(
    home: Path,
    *,
    n_images: int = 6,
    size: int = 256,
    n_checkpoints: int = 3,
    roughness: float = 1.0,
    seed: int = 0,
    run_id: str = "made-up",
    data: Path | None = None,
) -> Run:
    """A finished run in home/checkpoints with `n_checkpoints` validations of `n_images` val images.

    data: a data set with val images; None makes one in home/demo. roughness: the larger, the more regions (at 1 about
    25 an image of 256²). seed: another one is another training of the same network.
    """
    folder = data or make_data(home / "demo", n_images, size)
    run = Run(home / "checkpoints" / run_id)
    run.folder.mkdir(parents=True)
    settings = {"data.path": portable(folder), "training.steps": STEPS_APART * n_checkpoints, "training.seed": seed}
    write_json(run.folder / "config.json", plain(resolve(settings=settings | {"training.minutes": None})))
    write_json(run.folder / "run.json", {"state": "finished", "reason": "", "history": []})
    dataset = open_dataset(folder)
    write_json(run.folder / "environment.json", {"data": {"fingerprint": "made-up"}})
    _validate(run, dataset, n_checkpoints, roughness, seed)
    return run


def make_data(folder: Path, n_images: int, size: int = 256) -> Path:
    """Demo pictures, `n_images` of them val and at least one whole movie train; movies of four frames or so."""
    make_demo(folder, n_images=n_images + 8, size=size)
    records, given = [], 0
    first = read_csv(folder / "dataset.csv")[0].group
    for record in read_csv(folder / "dataset.csv"):
        is_val = bool(record.mask) and record.group != first and given < n_images
        given += is_val
        split = "train" if record.group == first else "val" if is_val else ""
        records.append(replace(record, split=split, group=_alone(record, split)))
    write_csv(folder, records)
    assert given == n_images, f"{given} of {n_images} val pictures"
    return folder


def _alone(record: Record, split: str) -> str:
    """Pictures that are left over are a group of their own, so that no group is cut."""
    return record.group if split else f"{record.group}_left"


def _validate(run: Run, dataset: Dataset, n_checkpoints: int, roughness: float, seed: int) -> None:
    network = MadeUpNetwork(SampleCache(dataset), roughness, seed)
    pause = Pause(run.folder, Clock(), lambda: False)
    validator, diagnosis = Validator(dataset, network, seed, run.folder, pause), Diagnosis(run, dataset)
    events, best = EventFile(run.folder / "events.jsonl"), -1.0
    events.append({"kind": "started", "step": 0, "planned_steps": STEPS_APART * n_checkpoints})
    for number in range(1, n_checkpoints + 1):
        step = STEPS_APART * number
        network.learned(number / n_checkpoints, step)
        val, train = _result(validator.validate(network, step, lambda: False))
        better = (val.pooled_iou or 0) > best
        best = max(best, val.pooled_iou or 0)
        at = {"step": step, "epoch": number, "elapsed_s": 10.0 * number}
        events.append({"kind": "step", **at, "loss": 1 / step, "lr": 1e-3, "grad_norm": 1.0, "samples_per_s": 20.0})
        if better:
            _result(validator.keep_as_best())
        of = {"val": vars(val), "train": vars(train)}
        events.append({"kind": "validation", **at, "best": better, **of})
        diagnosis.add(step, 1e9)
    events.append({"kind": "finished", **at, "reason": "steps"})
    events.close()


def _result(noted: Generator) -> Any:
    while True:
        try:
            next(noted)
        except StopIteration as end:
            return end.value


@dataclass
class MadeUpNetwork:
    """Stands for the samples and for the network: it knows of which picture it was given the pixels."""

    samples: SampleCache
    roughness: float
    seed: int
    skill: float = 1.0
    step: int = 0

    def learned(self, skill: float, step: int) -> None:
        self.skill, self.step = skill, step

    def __getitem__(self, index: int) -> Sample:
        self._index, self._sample = index, self.samples[index]
        return self._sample

    def probabilities(self, image: np.ndarray) -> np.ndarray:
        """(H, W) uint8: the mask of that picture, disturbed."""
        assert image is self._sample.image
        rough = 0.5 * self.roughness * (2.0 - self.skill)
        stays = noise(self._sample.labels.shape, (self.seed, self._index))
        changes = noise(self._sample.labels.shape, (self.seed, self._index, self.step))
        rng = np.random.default_rng((7, self.seed, self._index))
        return disturbed(self._sample.labels, rng, rough * (0.8 * stays + 0.6 * changes))


@functools.lru_cache(maxsize=4096)
def noise(shape: tuple[int, int], seed: tuple[int, ...], sigma_px: float = 5.0) -> np.ndarray:
    """(H, W) float16: smooth noise of mean 0 and standard deviation 1."""
    rng = np.random.default_rng(seed)
    found = cv2.GaussianBlur(rng.standard_normal(shape, np.float32), (0, 0), sigma_px)
    return (found / found.std()).astype(np.float16)


def disturbed(labels: np.ndarray, rng: np.random.Generator, rough_px: np.ndarray, missed: float = MISSED) -> np.ndarray:
    """(H, W) uint8 probabilities: the mask with a wavering edge, a share of the cells missing, two specks invented.

    rough_px: (H, W), how far the edge stands out (or in, where negative); less than half a pixel changes nothing.
    """
    kept = np.append(False, rng.random(int(labels.max())) >= missed)[labels].view(np.uint8)
    for _ in range(2):
        row, col = (int(rng.integers(0, side)) for side in labels.shape)
        cv2.circle(kept, (col, row), int(rng.integers(3, 7)), 1, -1)
    inside, outside = (cv2.distanceTransform(part, cv2.DIST_L2, 5) for part in (kept, 1 - kept))
    edge_px = np.where(kept, inside - 0.5, 0.5 - outside)  # from the edge, positive within
    return np.clip(255 * (0.5 + (edge_px + rough_px) / EDGE_PX) + 0.5, 0, 255).astype(np.uint8)
