"""Answers: an experiment's runs -> one table, the paired differences and a sentence per factor. No torch.

A sentence claims no more than its interval allows: `ahead` only where the interval over images lies on one side of zero
and no seed says the opposite.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

import numpy as np

from seglib.exceptions import InputError
from seglib.experiments import statistics
from seglib.experiments.design import ONE_AT_A_TIME
from seglib.experiments.outcome import Outcome, outcome, overlaps
from seglib.experiments.wording import claim, method_of, scope_of
from seglib.runs.store import Run

ALL_PAIRS = 3  # up to so many levels every pair is compared, of more each with the first
BEST_OF_SEEN = (
    "The best checkpoint of every run was chosen on these same val images, so each IoU is somewhat flattered; that "
    "holds for all set-ups alike."
)


@dataclass(frozen=True)
class Setup:
    """One run of an experiment: its level of every factor (as labels), its seed, what it left (None: not yet)."""

    levels: Mapping[str, str]
    seed: int
    run_id: str
    outcome: Outcome | None


@dataclass(frozen=True)
class Level:
    """All runs of one level, or of one combination of levels. IoU is pooled over the val images.

    points: (seed, run id, best val IoU or None where there is none yet). mean, low, high: of those, low and high being
    the worst and the best run. last_val, best_train (all train images), last_train (fixed sample), minutes: means.
    """

    label: str
    runs: tuple[str, ...]
    points: tuple[tuple[int, str, float | None], ...]
    mean: float | None
    low: float | None
    high: float | None
    last_val: float | None
    best_train: float | None
    last_train: float | None
    minutes: float | None


@dataclass(frozen=True)
class Difference:
    """a − b in points (hundredths of pooled IoU), over pairs of runs that differ in this factor alone.

    low, high: 95 % interval over images, None where there are too few. per_seed: (seed, difference). seed_low,
    seed_high: 95 % interval over seeds, None below 5. scope: what the interval speaks of. units: what was drawn.
    """

    a: str
    b: str
    points: float
    low: float | None
    high: float | None
    per_seed: tuple[tuple[int, float], ...]
    seed_low: float | None
    seed_high: float | None
    scope: str
    method: str
    n_pairs: int
    units: statistics.Units

    @property
    def n_seeds(self) -> int:
        return len(self.per_seed)


@dataclass(frozen=True)
class FactorAnswer:
    """What an experiment says of one factor; `others` are averaged over."""

    key: str
    label: str
    levels: tuple[Level, ...]
    differences: tuple[Difference, ...]
    sentences: tuple[str, ...]
    notes: tuple[str, ...]


def answer(experiment: Any) -> tuple[FactorAnswer, ...]:
    """One answer a factor of a `seglib.experiments.experiment.Experiment`, from its runs that have ended."""
    design, setups = experiment.design(), setups_of(experiment)
    return tuple(
        factor_answer(f.key, f.title, [f.label(value) for value in f.values], _about(design, f.key, setups))
        for f in design.factors
        if f.values
    )


def _about(design: Any, key: str, setups: list[Setup]) -> list[Setup]:
    """The setups that answer for one factor: all, but of one factor at a time those with all else as in the base."""
    if design.sampler != ONE_AT_A_TIME:
        return setups
    base = {k: design.factor(k).label(value) for k, value in design.base_levels().items() if k != key}
    around = (s for s in setups if all(s.levels[k] == label for k, label in base.items()))
    return [replace(s, levels={key: s.levels[key]}) for s in around]


def combinations_of(experiment: Any) -> tuple[Level, ...]:
    """One row a set-up, whatever the factors: its levels side by side, all its seeds."""
    found: dict[str, list[Setup]] = {}
    for setup in setups_of(experiment):
        found.setdefault(", ".join(setup.levels.values()), []).append(setup)
    return tuple(_level(label, setups) for label, setups in found.items())


def setups_of(experiment: Any) -> list[Setup]:
    factors = {factor.key: factor for factor in experiment.design().factors}
    found = []
    for trial in experiment.trials():
        run: Run | None = experiment.run_of(trial)
        levels = {key: factors[key].label(value) for key, value in trial.levels.items()}
        ended = run is not None and not run.state().live  # half a training says nothing of a whole one
        found.append(Setup(levels, trial.seed, trial.run_id, outcome(run) if ended else None))
    return found


def factor_answer(key: str, label: str, levels: Sequence[str], setups: Sequence[Setup]) -> FactorAnswer:
    """Levels of one factor compared: with each other (up to ALL_PAIRS of them) or each with the first."""
    of_level = {level: [s for s in setups if s.levels.get(key) == level] for level in levels}
    pairs = combinations(levels, 2) if len(levels) <= ALL_PAIRS else ((levels[0], other) for other in levels[1:])
    differences, notes = [], []
    for first, second in pairs:
        try:
            found = compare(key, (second, of_level[second]), (first, of_level[first]))
        except InputError as error:
            notes.append(f"{second} and {first}: {error}")
            continue
        if found is not None:
            differences.append(found)
    return FactorAnswer(
        key,
        label,
        tuple(_level(level, of_level[level]) for level in levels),
        tuple(differences),
        tuple(claim(d) for d in differences),
        tuple(notes) + _notes(key, setups, differences),
    )


def compare(key: str, a: tuple[str, Sequence[Setup]], b: tuple[str, Sequence[Setup]]) -> Difference | None:
    """a − b over all pairs of runs equal in seed and in every other factor; None if there is no such pair.

    Raises InputError where the two were scored on different images.
    """
    mates = {_rest(s, key): s.outcome for s in b[1] if s.outcome is not None}
    pairs = [
        (s.seed, s.outcome, mates[_rest(s, key)]) for s in a[1] if s.outcome is not None and _rest(s, key) in mates
    ]
    if not pairs:
        return None
    both = overlaps([x for _, x, _ in pairs] + [y for _, _, y in pairs])
    n, first = len(pairs), pairs[0][1]
    one, other = (statistics.Overlaps(both.tp[part], both.union[part]) for part in (slice(n), slice(n, None)))
    return difference((a[0], one), (b[0], other), first.names, first.groups, [seed for seed, *_ in pairs])


def difference(
    a: tuple[str, statistics.Overlaps],
    b: tuple[str, statistics.Overlaps],
    names: Sequence[str],
    groups: Sequence[str],
    seeds: Sequence[int],
) -> Difference:
    """a − b, each its name and what its runs counted on the same N images. names, groups: of the images. seeds: of the
    runs, the i-th of a being paired with the i-th of b."""
    interval = statistics.difference(a[1], b[1], names, groups)
    per_seed = _per_seed(seeds, 100 * (a[1].pooled() - b[1].pooled()))
    over_seeds = statistics.over_seeds([value for _, value in per_seed])
    low, high = (None if bound is None else 100 * bound for bound in (interval.low, interval.high))
    units, n_images = interval.units, len(names)
    return Difference(
        a[0], b[0], 100 * interval.difference, low, high, per_seed, *(over_seeds or (None, None)),
        scope_of(units), method_of(units, n_images), len(seeds), units,
    )  # fmt: skip


def _rest(setup: Setup, key: str) -> tuple[Any, ...]:
    """All but this factor: what two runs must share to be a pair."""
    return setup.seed, tuple(sorted((k, v) for k, v in setup.levels.items() if k != key))


def _per_seed(seeds: Sequence[int], differences: np.ndarray) -> tuple[tuple[int, float], ...]:
    return tuple((seed, float(differences[[s == seed for s in seeds]].mean())) for seed in sorted(set(seeds)))


def _level(label: str, setups: Sequence[Setup]) -> Level:
    done = [s.outcome for s in setups if s.outcome is not None]
    best = [o.best_val for o in done if np.isfinite(o.best_val)]
    points = tuple((s.seed, s.run_id, _finite(s.outcome.best_val) if s.outcome else None) for s in setups)
    return Level(
        label=label,
        runs=tuple(s.run_id for s in setups),
        points=points,
        mean=_mean(best),
        low=min(best, default=None),
        high=max(best, default=None),
        last_val=_mean([o.last_val for o in done]),
        best_train=_mean([o.best_train for o in done]),
        last_train=_mean([o.last_train for o in done]),
        minutes=_mean([o.minutes for o in done]),
    )


def _mean(values: Sequence[float]) -> float | None:
    """None without values, or where one of them is missing: a mean of some runs would be shown as of all."""
    return _finite(float(np.mean(values))) if len(values) else None


def _finite(value: float) -> float | None:
    return value if np.isfinite(value) else None


def _notes(key: str, setups: Sequence[Setup], differences: Sequence[Difference]) -> tuple[str, ...]:
    others = sorted({other for s in setups for other in s.levels if other != key})
    averaged = (
        [f"Averaged over {', '.join(others)}: only runs that agree in all of these are paired."] if others else []
    )
    of_method: dict[str, list[str]] = {}
    for d in differences:
        of_method.setdefault(d.method, []).append(f"{d.a} − {d.b}")
    methods = [f"Interval of {', '.join(pairs)}: {method}" for method, pairs in of_method.items()]
    several = f"{len(differences)} comparisons, each with its own 95 % interval: with many, one may be wrong by chance."
    return (*averaged, *methods, *([several] if len(differences) > 1 else []), *([BEST_OF_SEEN] if differences else []))
