"""Estimate: how long a training will take, before it starts: from runs timed on this machine, else a rough guess.

No torch. Time is scaled by the network's multiply-adds: a training step passes forward once and back at twice that
cost, a validation only forward.
"""

from __future__ import annotations

import math
import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from statistics import median

from seglib.data.dataset import Dataset
from seglib.exceptions import InputError
from seglib.models.plan import multiply_adds
from seglib.runs import events
from seglib.runs.store import Run
from seglib.training import schedule
from seglib.training.config import Config

MIN_TIMED_STEPS = 5
TRAINING_COST = 3.0  # of a pass forward
# Preset `quick` on 2 cores of a server: 1.3e10 while little else ran, 0.7e10 while the machine was busy.
ROUGH_RATE = 1.2e10  # multiply-adds a second and core
ROUGH_CORES = 8  # more cores than these hardly help a batch of four
PER_SAMPLE_S = 0.01  # reading, augmenting, cutting
# the same network and batch on this machine, another one, none, or real steps in the pre-flight check
MEASURED, SCALED, ROUGH, HERE = "measured", "scaled", "rough", "here"


@dataclass(frozen=True)
class Work:
    """What a data set asks for. draws_per_epoch depends on crop_px; validated: images scored at each validation."""

    draws_per_epoch: int
    validated: int
    image_px: float


@dataclass(frozen=True)
class Estimate:
    """minutes of training and validation, start-up not counted. source: as above; run: whose speed or ''."""

    minutes: float
    steps: int
    epochs: float
    seconds_per_step: float
    source: str
    run: str = ""

    @property
    def explanation(self) -> str:
        if self.source == MEASURED:
            return f"From the speed of run {self.run}: the same network and batch on this machine."
        if self.source == HERE:
            return "Measured here: real steps of these very settings on this machine, in the pre-flight check."
        if self.source == SCALED:
            return f"From the speed of run {self.run} on this machine, scaled to this network's multiply-adds."
        return "A rough guess, right within a factor of three: no run has been timed on this machine yet."


def work(dataset: Dataset, crop_px: int, looked_at: int = 6) -> Work:
    """Reads a few pictures for their size; the rest are taken to be like them."""
    train, val = dataset.indices("train"), dataset.indices("val")
    some = train[:: max(1, len(train) // looked_at)]
    sizes = [dataset.sample(i).labels.size for i in some]
    mean_px = sum(sizes) / len(sizes) if sizes else 0.0
    draws = max(len(train), math.ceil(len(train) * mean_px / crop_px**2))
    return Work(draws, len(val) + min(len(val) or len(train), len(train)), mean_px)


def estimate(config: Config, work: Work, runs: Sequence[Run]) -> Estimate:
    """`runs`: candidates for a measured speed; those of another machine or device are passed over."""
    step_s, source, run = seconds_per_step(config, runs)
    image_s = _arithmetic_s(config, step_s) * work.image_px / config.data.crop_px**2
    validation_s = work.validated * (image_s + PER_SAMPLE_S / 2)
    return planned(config, work, step_s, validation_s, source, run)


def planned(
    config: Config, work: Work, step_s: float, validation_s: float, source: str = HERE, run: str = ""
) -> Estimate:
    """The training that steps and validations of this length make: as the trainer plans it."""
    limit, minutes = schedule.counted_steps(config, work.draws_per_epoch), config.training.minutes
    steps = limit
    if minutes is not None:
        steps = schedule.timed_plan(config, 0, minutes * 60, step_s, validation_s, validation_s / 2, limit).steps
    every = config.training.validate_every
    validations = steps // every if every else min(schedule.VALIDATIONS, steps)
    seconds = steps * step_s + validations * validation_s
    needed = seconds / 60 if minutes is None else min(minutes, seconds / 60) if limit and steps == limit else minutes
    epochs = steps * config.training.batch_size / max(work.draws_per_epoch, 1)
    return Estimate(needed, steps, epochs, step_s, source, run)


def prediction_s(config: Config, image_px: float, runs: Sequence[Run]) -> tuple[float, str, str]:
    """(seconds to augment and predict one image of so many pixels, source, name of the run it comes from or '')."""
    step_s, source, run = seconds_per_step(config, runs)
    seconds = _arithmetic_s(config, step_s) * image_px / config.data.crop_px**2 + PER_SAMPLE_S / 2
    return seconds, source, run


def _arithmetic_s(config: Config, step_s: float) -> float:
    """Seconds one crop takes forward, of a step's time."""
    batch = config.training.batch_size
    return max(step_s - batch * PER_SAMPLE_S, step_s / 2) / (batch * TRAINING_COST)


def seconds_per_step(config: Config, runs: Sequence[Run]) -> tuple[float, str, str]:
    """(seconds, source, name of the run it comes from or ''). The most similar timed run of this machine decides."""
    wanted = step_arithmetic(config)
    timed = [(run, *found) for run in runs if (found := _timed(run, config)) is not None]
    if not timed:
        rate = ROUGH_RATE * min(os.cpu_count() or 1, ROUGH_CORES)
        return wanted / rate + config.training.batch_size * PER_SAMPLE_S, ROUGH, ""
    run, other, seconds = min(timed, key=lambda t: abs(math.log(wanted / step_arithmetic(t[1]))))
    same = other.model == config.model and other.training.batch_size == config.training.batch_size
    ratio = wanted / step_arithmetic(other)
    source = MEASURED if same and other.data.crop_px == config.data.crop_px else SCALED
    if source == SCALED:  # reading and augmenting do not grow with the network
        samples_s = min(PER_SAMPLE_S * other.training.batch_size, seconds / 2)
        seconds = (seconds - samples_s) * ratio + samples_s * config.training.batch_size / other.training.batch_size
    return seconds, source, run.name


def step_arithmetic(config: Config) -> float:
    """Multiply-adds of one training step."""
    return TRAINING_COST * config.training.batch_size * multiply_adds(config.model, config.data.crop_px)


def _timed(run: Run, config: Config) -> tuple[Config, float] | None:
    """The run's config and its seconds a step, if it was timed on this machine and device."""
    about = run.environment()
    here = (platform.platform(), os.cpu_count())
    device = config.training.device
    if (about.get("platform"), about.get("processors")) != here or device not in ("auto", about.get("device")):
        return None
    file, settings = run.folder / "events.jsonl", run.folder / "config.json"
    try:
        other, seconds = _config(run, settings.stat().st_mtime_ns), _step_s(file, file.stat().st_mtime_ns)
    except (InputError, OSError):
        return None
    return (other, seconds * other.training.batch_size) if seconds else None


@lru_cache(maxsize=256)
def _config(run: Run, stamp: int) -> Config:
    return run.config()


@lru_cache(maxsize=256)
def _step_s(file: Path, stamp: int) -> float | None:
    """Median seconds a sample, the first steps (warming up) left out where there are more."""
    found = [e["samples_per_s"] for e in events.tail(file)[0] if e.get("kind") == "step" and e.get("samples_per_s")]
    steady = found[MIN_TIMED_STEPS:] or found
    return 1 / median(steady) if len(found) >= MIN_TIMED_STEPS else None
