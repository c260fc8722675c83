"""More votes: the trainings that are missing before every image has been judged by models that never saw it. No torch.

With `data.fold=i` fold i is val: a run on every fold judges every labelled image once, two seeds on every fold twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from seglib.data.records import Record
from seglib.runs.store import Run
from seglib.runs.votes import MIN_VOTES
from seglib.training.config import Config

_USELESS = ("failed", "cancelled", "interrupted")
Wanted = tuple[Config, str | None, str]  # as `seglib.runs.queue.submit_many` takes it


@dataclass(frozen=True)
class FoldRun:
    """A run that has, or will have, fold `fold` as val."""

    run: Run
    fold: int
    seed: int


def folds_of(records: Iterable[Record]) -> list[int]:
    """The folds of the labelled pictures, ascending; [] where dataset.csv has none."""
    return sorted({record.fold for record in records if record.mask and record.fold is not None})


def fold_runs(runs: Iterable[Run]) -> list[FoldRun]:
    """Those of `runs` that have a fold as val and may come to a good end, by fold and seed."""
    found = []
    for run in runs:
        settings = run.settings()
        fold = settings.get("data", {}).get("fold")
        if isinstance(fold, int) and run.state().name not in _USELESS:
            found.append(FoldRun(run, fold, settings.get("training", {}).get("seed", 0)))
    return sorted(found, key=lambda one: (one.fold, one.seed, one.run.id))


def missing_folds(config: Config, folds: Sequence[int], existing: Sequence[FoldRun], each: int = MIN_VOTES) -> list:
    """The trainings that make `each` runs of every fold, all else as in `config`; seeds that are taken are passed over.

    Returns [(config, None, name)], in the order in which they help most: every fold once before any fold twice.
    """
    wanted = []
    for fold in folds:
        taken = {one.seed for one in existing if one.fold == fold}
        seeds = (seed for seed in range(config.training.seed, config.training.seed + 10_000) if seed not in taken)
        for number in range(len(taken), each):
            wanted.append((number, fold, next(seeds)))
    return [_with(config, fold, seed) for _, fold, seed in sorted(wanted)]


def another_seed(config: Config, runs: Iterable[Run]) -> Wanted:
    """The same training with the first seed that no run on the same split has."""
    mine = config.data
    taken = {
        settings.get("training", {}).get("seed", 0)
        for run in runs
        if (settings := run.settings()).get("data", {}).get("fold") == mine.fold
    }
    seed = next(seed for seed in range(config.training.seed, config.training.seed + 10_000) if seed not in taken)
    return _with(config, mine.fold, seed)


def _with(config: Config, fold: int | None, seed: int) -> Wanted:
    data = config.data if fold is None else replace(config.data, fold=fold, grouping=None, split=None)
    name = f"seed {seed}" if fold is None else f"fold {fold}, seed {seed}"
    return replace(config, data=data, training=replace(config.training, seed=seed)), None, name
