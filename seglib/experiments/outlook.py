"""Outlook: what a design asks for before it is started, and how long what was started will still take. No torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from seglib.data.dataset import open_dataset
from seglib.experiments.design import OPTUNA, Design
from seglib.experiments.opened import Experiment
from seglib.experiments.trained import Trained
from seglib.runs import estimate
from seglib.runs.store import Run, checkpoints_root
from seglib.training.config import Config


@dataclass(frozen=True)
class Planned:
    """One run that a design asks for. told: its levels in words; run_id: the run it was trained as already, or ''."""

    told: str
    seed: int
    run_id: str
    minutes: float


@dataclass(frozen=True)
class Outlook:
    """runs: of a grid, all of them; of a search, none (they are not known yet). minutes: of all that is to be trained,
    one after another, start-up not counted. explanation: where the time comes from."""

    runs: tuple[Planned, ...]
    n: int
    minutes: float
    explanation: str

    @property
    def n_trained(self) -> int:
        return sum(bool(run.run_id) for run in self.runs)


@dataclass(frozen=True)
class _Time:
    minutes: float
    explanation: str


def outlook(design: Design, runs: Sequence[Run], root: Path | None = None) -> Outlook:
    """`design` as it would be carried out now; runs: those whose speed may be measured.

    Raises InputError for a design that cannot be carried out.
    """
    design.check()
    if design.sampler == OPTUNA:
        first = design.config({f.key: f.low if f.is_range else f.values[0] for f in design.factors}, design.seeds[0])
        one = _estimate(first, runs)
        return Outlook((), design.n_trials or 0, one.minutes * (design.n_trials or 0), one.explanation)
    trained = Trained(root or checkpoints_root())
    planned, told = [], ""
    for levels in design.combinations():
        configs = {seed: design.config(levels, seed) for seed in design.seeds}
        one = _estimate(configs[design.seeds[0]], runs)
        told = told or one.explanation
        for seed, config in configs.items():
            found = trained.run_of(config)
            planned.append(Planned(design.told(levels), seed, found.id if found else "", one.minutes))
    return Outlook(tuple(planned), len(planned), sum(p.minutes for p in planned if not p.run_id), told)


def _estimate(config: Config, runs: Sequence[Run]) -> _Time:
    """A budget of minutes alone says itself how long a run takes; steps and epochs need a measured speed."""
    data, budget = config.data, config.training
    if budget.minutes is not None and budget.steps is None and budget.epochs is None:
        return _Time(budget.minutes, "Training and validation; starting up takes some seconds more a run.")
    dataset = open_dataset(data.path, grouping=data.grouping, split=data.split, fold=data.fold)
    found = estimate.estimate(config, estimate.work(dataset, data.crop_px), runs)
    return _Time(found.minutes, found.explanation)


def seconds_left(experiment: Experiment, at_once: int = 1) -> float | None:
    """Until all its trials are trained, `at_once` at a time; None where nothing says how long one takes."""
    states = [(experiment.run_of(trial), experiment.state_of(trial)) for trial in experiment.trials()]
    done = [run.elapsed_s for run, state in states if run is not None and state == "done"]
    usual_s = median(done) if done else None
    left = [_of_one(run, usual_s) for run, state in states if run is not None and state in ("running", "queued")]
    if any(one is None for one in left):
        return None
    return max(sum(left) / max(at_once, 1), *left) if left else 0.0


def _of_one(run: Run, usual_s: float | None) -> float | None:
    """By its own pace, else its budget of minutes, else as long as the others took."""
    now, minutes = run.progress(), run.settings().get("training", {}).get("minutes")
    if now.seconds_left is not None:
        return now.seconds_left
    whole = minutes * 60 if minutes else usual_s
    return None if whole is None else max(0.0, whole - now.elapsed_s)
