"""Mistakes: where the lost IoU of every set-up goes, and which wrong regions come back run after run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

import pandas as pd

from seglib.errors.budget import CLASSES
from seglib.errors.recurrence import recurrent
from seglib.errors.report import Measured, measure
from seglib.exceptions import InputError
from seglib.report import panels
from seglib.report.predictions import views_of
from seglib.report.shown import Plot, Several, Table, Words, as_plot, note, several
from seglib.report.study import Material, Setup, Study
from seglib.report.style import CLASS_COLOURS, CLASS_NAMES, KIND_NAMES, drawing, figure, legend_below
from seglib.runs import predicted
from seglib.runs.predicted import STORED_THRESHOLD
from seglib.runs.store import Run

TOLD, DRAWN = 12, 8  # of the recurrent mistakes
MOST_RUNS = 24  # held against each other; more take minutes
LEAST_CROP_PX = 48
_NOTHING = "no run has a validation whose mistakes could be looked at."


def where_the_iou_goes(study: Study) -> Plot | Words:
    """Stacked bars: 1 - IoU of every set-up, taken apart into kinds of mistakes."""
    shares = _shares(study)
    if not shares:
        return note(f"Where the IoU goes: {_NOTHING}")
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
        return note(f"Where the IoU goes: {_NOTHING}")
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


def recurrent_mistakes(study: Study) -> Table | Several | Words:
    """The mistakes that most runs make and that cost most, one table a data set."""
    return several(_table(study, material) for material in study.materials)


def _table(study: Study, material: Material) -> Table | Words:
    n_runs, table = _recurring(study, material)
    if table is None:
        return note(f"{material.name}: {_NOTHING}")
    columns = ("No.", "Image", "Kind", "What", "Row", "Column", "Pixels", "Made by", "Not by")
    rows = tuple(_line(number, row, n_runs, study, material) for number, row in enumerate(_top(table, TOLD), start=1))
    always = int((table.n_seen == n_runs).sum())
    notes = (
        f"{len(table)} places are wrong in at least one of {n_runs} runs, {always} of them in all.",
        "One place: regions of one kind that overlap by a third or whose centres lie within a cell's radius. In the "
        "order of share of runs × mean pixels. Made by, Not by: number of runs, by set-up where not all of it agree.",
    )
    caption = f"{material.name}: recurrent mistakes of {n_runs} runs, best weights, val, threshold {study.threshold:g}."
    return Table(columns, rows, caption, notes, frozenset(("No.", "Row", "Column", "Pixels")))


def _line(number: int, row: Any, n_runs: int, study: Study, material: Material) -> tuple[str, ...]:
    makers = set(row.seen_in)
    free = [
        s.label for s in study.setups if not any(r.id in makers for r in s.runs) and set(s.runs) & set(material.runs)
    ]
    return (
        str(number), row.image.rpartition("/")[2], KIND_NAMES[row.kind], CLASS_NAMES[row.class_],
        f"{row.centre_row:.0f}", f"{row.centre_col:.0f}", f"{row.n_pixels:.0f}", f"{row.n_seen} of {n_runs}",
        "; ".join(free) or ("–" if row.n_seen == n_runs else "some seeds"),
    )  # fmt: skip


def _top(table: pd.DataFrame, n: int) -> Iterator[Any]:
    return table.head(n).rename(columns={"class": "class_"}).itertuples(index=False)


@lru_cache(maxsize=16)
def _recurring(study: Study, material: Material) -> tuple[int, pd.DataFrame | None]:
    """(number of runs held against each other, their mistakes), on the images that all of them were validated on."""
    found = {run: m for run in material.runs[:MOST_RUNS] if (m := measured_of(study, run)) is not None}
    if not found:
        return 0, None
    images = set.intersection(*(set(m.budgets.image) for m in found.values()))
    tables = [m.regions[m.regions.image.isin(images)] for m in found.values()]
    return len(found), recurrent(tables, [run.id for run in found])


def mistakes_in_pictures(study: Study) -> Plot | Several | Words:
    """Crops of the top recurrent mistakes: the image above, the errors of the best run below."""
    return several(_crops(study, material) for material in study.materials)


def _crops(study: Study, material: Material) -> Plot | Words:
    n_runs, table = _recurring(study, material)
    run = study.best_run(material)
    if table is None or run is None:
        return note(f"{material.name}: {_NOTHING}")
    if material.dataset is None:
        return note(material.why)
    rows = list(_top(table, DRAWN))
    try:
        views = _views(study, material, run, [row.image for row in rows])
    except InputError as error:
        return note(f"{material.name}: {error}")
    if not rows:
        return note(f"{material.name}: no run makes any mistake on val.")
    caption = (
        f"{material.name}: the first {len(rows)} of the table above. Above: the image with the drawn outline "
        f"(green). Below: "
        f"errors of run {run.name}, the best one, at threshold {study.threshold:g}; where it is free of a mistake that "
        "others make, the place is free."
    )
    return _grid(rows, views, n_runs, caption)


def _views(study: Study, material: Material, run: Run, images: Sequence[str]) -> dict[str, panels.Seen]:
    source = predicted.of_validation(run, "best")
    row_of = {image: row for row, image in enumerate(source.scores().image)}
    names = list(dict.fromkeys(images))
    return dict(zip(names, views_of(material, source, [row_of[name] for name in names], study.threshold)))


def _grid(rows: Sequence[Any], views: dict[str, panels.Seen], n_runs: int, caption: str) -> Plot:
    columns = 4
    blocks = -(-len(rows) // columns)
    with drawing():
        fig = figure(9.6, blocks * 5.3 + 0.35)
        grid = fig.subplots(2 * blocks, columns, squeeze=False)
        for axis in grid.ravel():
            axis.set_axis_off()
        for number, row in enumerate(rows):
            block, column = divmod(number, columns)
            view = views[row.image]
            box = _box(row, view.gray.shape)
            title = f"{number + 1}. {CLASS_NAMES[row.class_]}, {row.n_seen} of {n_runs} runs"
            part = panels.cropped(view, box)
            panels.show(grid[2 * block, column], panels.truth(part), title)
            panels.show(grid[2 * block + 1, column], panels.errors(part))
        legend_below(fig, *(part[:3] for part in panels.legend()))
        return as_plot(fig, "Crops of the recurrent mistakes.", caption, pictures=True)


def _box(row: Any, shape: tuple[int, int]) -> tuple[int, int, int, int]:
    """(top, left, bottom, right) of a square about the region, three times its size, within the image."""
    side = min(*shape, max(LEAST_CROP_PX, 3 * max(int(row.height), int(row.width))))
    middle = (int(row.row) + int(row.height) // 2, int(row.col) + int(row.width) // 2)
    top, left = (min(max(0, m - side // 2), size - side) for m, size in zip(middle, shape))
    return top, left, top + side, left + side
