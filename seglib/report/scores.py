"""Scores: train and val IoU of every set-up and of every run, the target marked, and how each number is averaged."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from seglib.data.splits import NOT_INDEPENDENT
from seglib.experiments.runs_table import comparable
from seglib.metrics import pooled
from seglib.report.history import History, Score
from seglib.report.lost import measured_of
from seglib.report.shown import Table, ratio
from seglib.report.study import Setup, Study
from seglib.runs import predicted
from seglib.runs.predicted import STORED_THRESHOLD
from seglib.runs.store import Run

REACHED = "✓"
POOLED = (
    "Pooled: the pixels of all images counted as one. Val best, mean: of the images' own IoU, each counting the same."
)
EMPTY = (
    "An image with neither a cell nor a predicted one has no IoU: it adds nothing to the pooled counts and is left out "
    "of the mean"
)
TRAIN = (
    "Train, all: every train image with the best weights, measured at the end of a run. Train, last: a fixed sample of "
    "the train images, as many as val has, with the last weights."
)


def iou_per_setup(study: Study) -> Table:
    """One row a set-up: the mean over its seeds, with the smallest and the largest."""
    columns = (
        "Set-up", "Seeds", "Val best", "Val best, mean", "Val last", "Train, all", "Train, last",
        f"Target {study.target:g}",
    )  # fmt: skip
    takes: list[Callable[[History], float | None]] = [
        lambda h: _pooled(h.best),
        lambda h: h.best.mean if h.best else None,
        lambda h: _pooled(h.last),
        lambda h: _pooled(h.train_all),
        lambda h: _pooled(h.train_last),
    ]
    rows, best = [], [_mean(_known(study, s, takes[0])) for s in study.setups]
    for setup in study.setups:
        values = [_known(study, setup, take) for take in takes]
        reached = sum(v >= study.target for v in values[0])
        mark = f"{REACHED} {reached} of {len(setup.runs)}" if reached else "not reached" if values[0] else "–"
        rows.append((setup.label, str(len(setup.runs)), *map(_spread, values), mark))
    top = max((v for v in best if v is not None), default=None)
    one_set = len(study.materials) == 1
    strong = frozenset(n for n, v in enumerate(best) if one_set and v is not None and v == top)
    caption = "Pooled IoU per set-up at threshold 0.5: the mean over its seeds, below it the smallest and the largest."
    bold = ["Bold: the highest mean of these runs; whether it is ahead is another question."] if strong else []
    notes = (*_notes(study), *bold)
    return Table(columns, tuple(rows), caption, notes, frozenset(columns[1:]), strong=strong)


def iou_per_run(study: Study) -> Table:
    """One row a run."""
    columns = (
        "Run", "Set-up", "Seed", "Val best", "at step", "Val best, mean", "Val last", "Train, all",
        "Train, last", f"Target {study.target:g}",
    )  # fmt: skip
    if study.threshold != STORED_THRESHOLD:
        columns = (*columns, f"Val best at {study.threshold:g}")
    rows = []
    for setup in study.setups:
        for run, seed in zip(setup.runs, setup.seeds):
            past = study.history(run)
            best = _pooled(past.best)
            rows.append((
                run.name, setup.label, str(seed), ratio(best), str(past.best.step) if past.best else "–",
                ratio(past.best.mean if past.best else None), ratio(_pooled(past.last)), ratio(_pooled(past.train_all)),
                ratio(_pooled(past.train_last)), "–" if best is None else REACHED if best >= study.target else "no",
                *([ratio(_recounted(study, run))] if study.threshold != STORED_THRESHOLD else []),
            ))  # fmt: skip
    return Table(columns, tuple(rows), "Pooled IoU per run at threshold 0.5.", _notes(study), frozenset(columns[2:]))


def _notes(study: Study) -> tuple[str, ...]:
    undefined = max((s.n_undefined for run in study.runs if (s := study.history(run).best)), default=0)
    notes = [POOLED, f"{EMPTY}{f' (up to {undefined} val images here)' if undefined else ''}.", TRAIN]
    without = [run.name for run in study.runs if not study.history(run).val]
    if without:
        notes.append(f"No validation: {', '.join(without)}; a run without a val set keeps its last weights.")
    unended = [run.name for run in study.runs if study.history(run).train_all is None]
    if unended:
        notes.append(f"Train IoU of all images is measured at the end of a run; not there: {', '.join(unended)}.")
    if mixed := comparable(study.runs):
        notes.append(mixed)
    flattered = [material.name for material in study.materials if not material.independent]
    if flattered:
        notes.append(f"{', '.join(flattered)}: train and val are {NOT_INDEPENDENT}; the val IoU flatters.")
    return tuple(notes)


def _recounted(study: Study, run: Run) -> float | None:
    """Pooled val IoU of the best weights at the study's threshold, from the stored probabilities; None without them."""
    measured = measured_of(study, run)
    if measured is None:
        return None
    scores = predicted.at_threshold(predicted.of_validation(run, "best").scores(), measured)
    return pooled(predicted.counts(scores)).iou


def _pooled(score: Score | None) -> float | None:
    return score.pooled if score else None


def _known(study: Study, setup: Setup, take: Callable[[History], float | None]) -> list[float]:
    values = (take(study.history(run)) for run in setup.runs)
    return [value for value in values if value is not None]


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None


def _spread(values: Sequence[float]) -> str:
    if len(values) < 2:
        return ratio(_mean(values))
    return f"{ratio(_mean(values))}\n{ratio(min(values))} to {ratio(max(values))}"
