"""Cost: what augmenting one sample takes, which part of a recipe takes it, and its share of a training step. No torch.

Processor time of one thread, so that a busy machine does not make a recipe dearer. A part that happens to one sample in
ten costs a tenth of what it takes, so the figure is the mean over draws of the recipe, each timed twice and the shorter
time taken.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace

import cv2

from seglib.augment.pipeline import generator
from seglib.augment.recipe import Recipe
from seglib.data.sample import Sample
from seglib.runs import estimate
from seglib.runs.store import Run
from seglib.training.config import Config
from seglib.training.draws import seen

MOST_DRAWS, LEAST_DRAWS = 64, 8
BUDGET_S = 0.25  # the draws stop after this long, so that a page need not wait
PART_DRAWS, PART_ROUNDS = 24, 3  # for every part: draws are compared in pairs, so fewer tell as much
_SEED = 0
_ALONE = threading.Lock()


@dataclass(frozen=True)
class Cost:
    """ms: mean over n_draws draws, for a square of crop_px."""

    ms: float
    n_draws: int
    crop_px: int


@dataclass(frozen=True)
class PartCost:
    """ms: what a sample costs less, in the mean, with this part alone switched off. Parts that share work (rotation and
    bending move pixels in one go) add up to less than the whole."""

    name: str
    probability: float
    ms: float


@dataclass(frozen=True)
class Step:
    """What a step of training takes and needs. source: as of `estimate.seconds_per_step`; run: whose speed, or ''."""

    seconds: float
    batch_size: int
    workers: int
    source: str
    run: str

    def share(self, ms: float) -> float:
        """Processor time of a step's samples, of the time of a step."""
        return self.batch_size * ms / 1000 / self.seconds

    def limits(self, ms: float) -> bool:
        """Whether the loader, one thread or `workers` processes, would be slower than the steps."""
        return self.share(ms) / max(1, self.workers) > 1

    def workers_needed(self, ms: float) -> int:
        """Processes that prepare samples as fast as steps use them up."""
        return max(1, math.ceil(self.share(ms)))


def measure(sample: Sample, recipe: Recipe, crop_px: int, budget_s: float = BUDGET_S) -> Cost:
    """sample: normalised, as `seglib.training.draws.Normalise` leaves it."""
    times: list[float] = []
    with _one_thread():
        _seconds(sample, recipe, crop_px, 0)  # tables of the first draw are computed once
        while len(times) < LEAST_DRAWS or (len(times) < MOST_DRAWS and 2 * sum(times) < budget_s):
            times.append(min(_seconds(sample, recipe, crop_px, len(times)) for _ in range(2)))
    return Cost(1000 * sum(times) / len(times), len(times), crop_px)


def by_part(sample: Sample, recipe: Recipe, crop_px: int, n_draws: int = PART_DRAWS) -> list[PartCost]:
    """Every part that happens at all, the dearest first. The draws are the same but for the part left out."""
    parts = active_parts(recipe)
    variants = [recipe, *(without(recipe, part) for part in parts)]
    times = [[math.inf] * n_draws for _ in variants]
    with _one_thread():
        for _ in range(PART_ROUNDS):  # apart from each other, so that a disturbance meets one of them
            for number in range(n_draws):
                for taken, variant in zip(times, variants):
                    taken[number] = min(taken[number], _seconds(sample, variant, crop_px, number))
    whole, *others = (1000 * sum(taken) / n_draws for taken in times)
    found = [PartCost(part, getattr(recipe, part).probability, whole - ms) for part, ms in zip(parts, others)]
    return sorted(found, key=lambda part: -part.ms)


def active_parts(recipe: Recipe) -> list[str]:
    """Names of the parts with a probability above 0."""
    names = [f.name for f in fields(recipe) if hasattr(getattr(recipe, f.name), "probability")]
    return [name for name in names if getattr(recipe, name).probability > 0]


def without(recipe: Recipe, part: str) -> Recipe:
    return replace(recipe, **{part: replace(getattr(recipe, part), probability=0.0)})


def step(config: Config, runs: Sequence[Run]) -> Step:
    """A step of training with `config`, timed by the most similar of `runs` on this machine, else guessed."""
    seconds, source, run = estimate.seconds_per_step(config, runs)
    return Step(seconds, config.training.batch_size, config.training.workers, source, run)


def _seconds(sample: Sample, recipe: Recipe, crop_px: int, number: int) -> float:
    """Draw `number` of the recipe, as training makes it."""
    clock, rng = _clock(), generator(_SEED, number, 0)
    start = clock()
    seen(sample, recipe, rng, crop_px)
    return clock() - start


def _clock() -> Callable[[], float]:
    """The thread's processor time where it is fine enough (on Windows it moves in steps of 16 ms)."""
    return time.thread_time if time.get_clock_info("thread_time").resolution < 1e-4 else time.perf_counter


@contextmanager
def _one_thread() -> Iterator[None]:
    """As in a loader process; one measurement at a time, or the second would find 1 and leave it."""
    with _ALONE:
        before = cv2.getNumThreads()
        cv2.setNumThreads(1)
        try:
            yield
        finally:
            cv2.setNumThreads(before)
