"""Answers: what an experiment says of each factor: a table, a plot, and the sentences word for word."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from seglib.exceptions import InputError
from seglib.experiments.answers import Difference, FactorAnswer, Level, answer
from seglib.report.shown import Plot, Several, Table, Words, as_plot, note, ratio
from seglib.report.study import Study
from seglib.report.style import COLOURS, MARKS, drawing, figure


def table_of_factor(study: Study, experiment: str, key: str) -> Several | Table | Words:
    """Levels of a factor with their IoU, and the paired differences between them."""
    found = _answer(study, experiment, key)
    if isinstance(found, Words):
        return found
    levels = _levels(found.label, found.levels, study.target)
    return Several((levels, _differences(found.differences))) if found.differences else levels


def _levels(label: str, levels: Sequence[Level], target: float) -> Table:
    columns = (
        label,
        "Seeds",
        "Val best, mean",
        "lowest",
        "highest",
        "Val last",
        "Train, all",
        "Train, last",
        "Minutes",
        f"Target {target:g}",
    )
    rows = tuple(
        (
            level.label, str(len({seed for seed, _, iou in level.points if iou is not None})),
            *map(ratio, (level.mean, level.low, level.high, level.last_val, level.best_train, level.last_train)),
            "–" if level.minutes is None else f"{level.minutes:.1f}",
            "–" if level.high is None else "✓" if level.high >= target else "no",
        )
        for level in levels
    )  # fmt: skip
    notes = (
        "Pooled IoU, threshold 0.5: means over all runs of the level; lowest and highest are single runs. Train, all: "
        "every train image with the best weights. Train, last: a fixed sample with the last weights. Target: reached "
        "by the best run.",
    )
    return Table(columns, rows, f"{label}: levels.", notes, frozenset(columns[1:]))


def _differences(differences: Sequence[Difference]) -> Table:
    columns = ("Difference", "Points", "95 % interval", "Seeds", "Each seed", "Interval over seeds", "Holds")
    rows = tuple(
        (
            f"{d.a} − {d.b}", _signed(d.points), _interval(d.low, d.high), str(d.n_seeds),
            ", ".join(_signed(value) for _, value in d.per_seed), _interval(d.seed_low, d.seed_high), d.scope,
        )
        for d in differences
    )  # fmt: skip
    notes = (
        "In points: hundredths of pooled val IoU. Paired: the same images, the same seed. The interval is over "
        "images; one "
        "over seeds is given from 5 seeds on.",
    )
    return Table(columns, rows, "Paired differences.", notes, frozenset(("Points", "Seeds")))


def answer_to_factor(study: Study, experiment: str, key: str) -> Several | Words:
    """The sentences, word for word, and how they came about."""
    found = _answer(study, experiment, key)
    if isinstance(found, Words):
        return found
    said = Words(found.sentences or ("Nothing can be compared yet: no pair of runs has been validated.",), "answer")
    return Several((said, Words(found.notes, "notes"))) if found.notes else said


def plot_of_factor(study: Study, experiment: str, key: str) -> Plot | Words:
    """Left: every run as a point, seeds joined. Right: the differences with their intervals."""
    found = _answer(study, experiment, key)
    if isinstance(found, Words):
        return found
    if not any(iou is not None for level in found.levels for *_, iou in level.points):
        return note(f"{found.label}: no run has a validation yet.")
    with drawing():
        fig = figure(9, max(2.6, 1.3 + 0.42 * max(len(found.levels), len(found.differences))))
        left, right = fig.subplots(1, 2)
        _points(left, found.levels, study.target)
        left.set_title(f"val IoU by {found.label}")
        _intervals(right, found.differences)
        caption = (
            f"{found.label}. Left: best pooled val IoU of every run, one mark a seed; the bar is their mean. Right: "
            f"paired "
            "differences in points (hundredths of pooled IoU) with the 95 % interval over images; small marks are "
            "seeds. "
            "An interval that holds 0 does not tell which is ahead."
        )
        return as_plot(fig, f"Val IoU of the levels of {found.label}, and their differences.", caption)


def _points(axis: Any, levels: Sequence[Level], target: float) -> None:
    seeds = sorted({seed for level in levels for seed, *_ in level.points})
    for row, level in enumerate(levels):
        for seed, _, iou in level.points:
            if iou is not None:
                number = seeds.index(seed)
                axis.plot(iou, row + 0.06 * (number % 5 - 2), MARKS[number % len(MARKS)], markersize=5,
                          color=COLOURS[number % len(COLOURS)])  # fmt: skip
        if level.mean is not None:
            axis.plot([level.mean] * 2, [row - 0.28, row + 0.28], "-", color="#333333", linewidth=1.6)
    axis.axvline(target, color="#777777", linewidth=0.8, linestyle="--")
    axis.annotate(f"target {target:g}", (target, 1), xycoords=("data", "axes fraction"), fontsize=7, color="#555555",
                  ha="right", va="top", rotation=90)  # fmt: skip
    axis.set_yticks(range(len(levels)), [level.label for level in levels])
    axis.set_ylim(len(levels) - 0.5, -0.5)
    axis.set_xlabel("best pooled val IoU")
    if len(seeds) <= 8:
        for number, seed in enumerate(seeds):
            axis.plot([], [], MARKS[number % len(MARKS)], color=COLOURS[number % len(COLOURS)], label=f"seed {seed}")
        axis.legend(loc="upper left", bbox_to_anchor=(0, -0.28), ncols=4)


def _intervals(axis: Any, differences: Sequence[Difference]) -> None:
    axis.axvline(0, color="#777777", linewidth=0.8)
    for row, d in enumerate(differences):
        if d.low is not None and d.high is not None:
            axis.plot([d.low, d.high], [row, row], "-", color=COLOURS[0], linewidth=2.4, solid_capstyle="butt")
        axis.plot(d.points, row, "o", color=COLOURS[0], markersize=7)
        for _, value in d.per_seed:
            axis.plot(value, row + 0.22, "|", color="#333333", markersize=6)
    axis.set_yticks(range(len(differences)), [f"{d.a} − {d.b}" for d in differences])
    axis.set_ylim(max(1, len(differences)) - 0.5, -0.5)
    axis.set_xlabel("difference in points")
    axis.set_title("paired differences")
    if not differences:
        axis.text(0.5, 0.5, "nothing to compare yet", transform=axis.transAxes, ha="center")


def _answer(study: Study, experiment: str, key: str) -> FactorAnswer | Words:
    found = next((e for e in study.experiments if e.id == experiment), None)
    if found is None:
        return note(f"The experiment {experiment} is not among those of this report.")
    try:
        answers = {a.key: a for a in _answers(found)}
    except InputError as error:
        return note(f"The experiment {experiment} cannot be answered: {error}")
    return answers.get(key) or note(f"The experiment {experiment} says nothing of {key}.")


@lru_cache(maxsize=8)
def _answers(experiment: Any) -> tuple[FactorAnswer, ...]:
    return answer(experiment)


def _interval(low: float | None, high: float | None) -> str:
    return "–" if low is None or high is None else f"{_signed(low)} to {_signed(high)}"


def _signed(value: float) -> str:
    return f"{value:+.2f}".replace("-", "−")
