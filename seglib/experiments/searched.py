"""Searched: the trials of a search one after another, and the best there was after each. No torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from seglib.experiments.opened import Experiment


@dataclass(frozen=True)
class Tried:
    """One trial. levels: factor title -> value in words. iou: best pooled val IoU so far; best: of this and all before.

    state: a field of Standing; pruned: why it was given up, '' where it was not.
    """

    number: int
    run_id: str
    levels: dict[str, Any]
    iou: float | None
    best: float | None
    state: str
    pruned: str
    minutes: float


def tried(experiment: Experiment) -> list[Tried]:
    """In the order they were asked for. Raises InputError where the experiment is damaged."""
    factors = {factor.key: factor for factor in experiment.design().factors}
    found: list[Tried] = []
    best: float | None = None
    for trial in experiment.trials():
        run = experiment.run_of(trial)
        iou = run.best_iou() if run is not None else None
        best = max((v for v in (best, iou) if v is not None), default=None)
        levels = {_title(factors, key): _level(factors[key], value) for key, value in trial.levels.items()}
        minutes = run.elapsed_s / 60 if run is not None else 0.0
        state = experiment.state_of(trial)
        found.append(Tried(trial.number, trial.run_id, levels, iou, best, state, trial.pruned, minutes))
    return found


def _title(factors: dict[str, Any], key: str) -> str:
    """A factor's title, or its key where two are called the same."""
    titles = [factor.title for factor in factors.values()]
    title = factors[key].title
    return (title if titles.count(title) == 1 else key).capitalize()


def _level(factor: Any, value: Any) -> Any:
    """Numbers stay numbers, so that a table sorts them."""
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else factor.label(value)
