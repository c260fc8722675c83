"""Lost: where the IoU of every set-up goes, in points of each kind of mistake."""

from __future__ import annotations

from functools import lru_cache

from seglib.errors.budget import CLASSES
from seglib.errors.colours import CLASS_COLOURS
from seglib.errors.report import Measured, measure
from seglib.exceptions import InputError
from seglib.report.shown import Plot, Table, Words, as_plot, note
from seglib.report.study import Setup, Study
from seglib.report.style import CLASS_NAMES, drawing, figure, legend_below
from seglib.runs import predicted
from seglib.runs.predicted import STORED_THRESHOLD
from seglib.runs.store import Run

NOTHING = "no run has a validation whose mistakes could be looked at."


def where_the_iou_goes(study: Study) -> Plot | Words:
    """Stacked bars: 1 - IoU of every set-up, taken apart into kinds of mistakes."""
    shares = _shares(study)
    if not shares:
        return note(f"Where the IoU goes: {NOTHING}")
    with drawing():
        fig = figure(9, 0.9 + 0.32 * len(shares))
        axis = fig.subplots()
        left = [0.0] * len(shares)
        handles = []
        for name in CLASSES:
            values = [100 * share[name] for _, share in shares]
            bars = axis.barh(
                range(len(shares)), values, left=left, color=CLASS_COLOURS[name], edgecolor="white", linewidth=0.4
            )
            handles.append(bars)
            left = [a + b for a, b in zip(left, values)]
        axis.set_yticks(range(len(shares)), [setup.label for setup, _ in shares])
        axis.invert_yaxis()
        axis.set_xlabel("1 − IoU in points (hundredths), pooled over val")
        legend_below(fig, handles, [CLASS_NAMES[name] for name in CLASSES])
        caption = (
            f"Where the IoU of every set-up is lost: best weights, val, threshold {study.threshold:g}, mean over its "
            "seeds. Every wrong pixel belongs to one kind; the kinds add up to 1 − IoU."
        )
        return as_plot(fig, "Stacked bars of the kinds of mistakes of every set-up.", caption)


def iou_lost_per_setup(study: Study) -> Table | Words:
    """The same in numbers."""
    shares = _shares(study)
    if not shares:
        return note(f"Where the IoU goes: {NOTHING}")
    kept = [name for name in CLASSES if any(share[name] > 0 for _, share in shares)]
    columns = ("Set-up", *(CLASS_NAMES[name] for name in kept), "together")
    rows = tuple(
        (setup.label, *(f"{100 * share[name]:.2f}" for name in kept), f"{100 * sum(share.values()):.2f}")
        for setup, share in shares
    )
    caption = "Points of IoU (hundredths) lost to each kind of mistake, pooled over val, mean over seeds."
    notes = (
        "Missed and invented: cells that the prediction hardly touches, and predicted ones that are none. Edge: so "
        "many "
        "pixels from the drawn outline; two people drawing the same cell differ by about one.",
    )
    return Table(columns, rows, caption, notes, frozenset(columns[1:]))


def _shares(study: Study) -> list[tuple[Setup, dict[str, float]]]:
    """Of every set-up that was measured: the share of the union that each kind takes, mean over its runs."""
    found = []
    for setup in study.setups:
        measured = [m for run in setup.runs if (m := measured_of(study, run)) is not None]
        pools = [m.pooled() for m in measured]
        each = [{name: pool[name] / pool["union"] for name in CLASSES} for pool in pools if pool["union"]]
        if each:
            found.append((setup, {name: sum(e[name] for e in each) / len(each) for name in CLASSES}))
    return found


def measured_of(study: Study, run: Run) -> Measured | None:
    """Regions and budgets of a run's best weights on val; None where there are none and none can be measured."""
    return _measured(study, run, study.threshold)


@lru_cache(maxsize=64)
def _measured(study: Study, run: Run, threshold: float) -> Measured | None:
    try:
        source = predicted.of_validation(run, "best")
        stored = source.stored() if threshold == STORED_THRESHOLD else None
        dataset = study.material_of(run).dataset
        if stored is not None or dataset is None:
            return stored
        return measure(source.cases(dataset), threshold)
    except InputError:
        return None
