"""Mistakes: which wrong regions come back run after run, in a table and in pictures."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd

from seglib.errors.recurrence import recurrent
from seglib.exceptions import InputError
from seglib.report import panels
from seglib.report.lost import NOTHING, measured_of
from seglib.report.predictions import views_of
from seglib.report.sheet import Cell, sheet
from seglib.report.shown import Plot, Several, Table, Words, note, several
from seglib.report.study import Material, Study
from seglib.report.style import CLASS_NAMES, KIND_NAMES
from seglib.runs import predicted
from seglib.runs.store import Run

TOLD, DRAWN = 12, 8  # of the recurrent mistakes
MOST_RUNS = 24  # held against each other; more take minutes
LEAST_CROP_PX, COLUMNS = 48, 4
LEAST_RADIUS_PX = 6.0


def recurrent_mistakes(study: Study) -> Table | Several | Words:
    """The mistakes that most runs make and that cost most, one table a data set."""
    return several(_table(study, material) for material in study.materials)


def _table(study: Study, material: Material) -> Table | Words:
    n_runs, everything, table = _recurring(study, material)
    if table is None:
        return note(f"{material.name}: {NOTHING}")
    columns = ("No.", "Image", "Kind", "What", "Row", "Column", "Pixels", "Images", "Made by", "Not by")
    found = _top(table, TOLD)
    rows = tuple(_line(number, row, n_runs, study, material) for number, row in enumerate(found, start=1))
    always = int((everything.n_seen == n_runs).sum())
    notes = (
        f"{len(everything)} regions are wrong in at least one of {n_runs} runs, {always} of them in all.",
        "One place: regions of one kind that overlap by a third or whose centres lie within a cell's radius. In the "
        "order of share of runs × mean pixels. Made by: so many runs. Not by: set-ups none of whose runs makes it.",
        "Images: at this place something of this kind is wrong in so many images of the same group, such as the "
        "frames of "
        "one movie; only the worst of them stands here.",
    )
    caption = f"{material.name}: recurrent mistakes of {n_runs} runs, best weights, val, threshold {study.threshold:g}."
    return Table(columns, rows, caption, notes, frozenset(("No.", "Row", "Column", "Pixels", "Images")))


def _line(number: int, row: Any, n_runs: int, study: Study, material: Material) -> tuple[str, ...]:
    makers = set(row.seen_in)
    free = [
        s.label for s in study.setups if not any(r.id in makers for r in s.runs) and set(s.runs) & set(material.runs)
    ]
    return (
        str(number), row.image.rpartition("/")[2], KIND_NAMES[row.kind], CLASS_NAMES[row.class_],
        *(f"{value:.0f}" for value in (row.centre_row, row.centre_col, row.n_pixels)), str(row.n_images),
        f"{row.n_seen} of {n_runs}",
        "; ".join(free) or ("–" if row.n_seen == n_runs else "some seeds"),
    )  # fmt: skip


def _top(table: pd.DataFrame, n: int) -> list[Any]:
    return list(table.head(n).rename(columns={"class": "class_"}).itertuples(index=False))


def once_a_place(table: pd.DataFrame, group_of: dict[str, str], most: int = TOLD) -> pd.DataFrame:
    """The first rows that are of different places: frames of one movie show one mistake many times.

    Two rows are of one place when they are of one group and kind and the centre of one lies within the other's radius
    (of the disc of equal area). n_images: in how many images of the group that place is wrong.
    """
    centre = table[["centre_row", "centre_col"]].to_numpy(float)
    radius = np.fmax(LEAST_RADIUS_PX, np.sqrt(table.n_pixels.to_numpy(float) / np.pi))
    family = np.array([f"{group_of.get(image, image)}|{kind}" for image, kind in zip(table.image, table.kind)])
    free, kept, n_images = np.ones(len(table), bool), [], []
    while free.any() and len(kept) < most:
        first = int(free.argmax())
        near = np.hypot(*(centre - centre[first]).T) <= np.fmax(radius, radius[first])
        here = near & (family == family[first])
        kept.append(first)
        n_images.append(int(table.image[here].nunique()))
        free &= ~here
    return table.iloc[kept].assign(n_images=n_images)


@lru_cache(maxsize=16)
def _recurring(study: Study, material: Material) -> tuple[int, pd.DataFrame | None, pd.DataFrame | None]:
    """(number of runs held against each other, all their mistakes, the first of each place), on the images that all of
    them were validated on."""
    found = {run: m for run in material.runs[:MOST_RUNS] if (m := measured_of(study, run)) is not None}
    if not found:
        return 0, None, None
    images = set.intersection(*(set(m.budgets.image) for m in found.values()))
    tables = [m.regions[m.regions.image.isin(images)] for m in found.values()]
    group_of = {image: group for m in found.values() for image, group in zip(m.budgets.image, m.budgets.group)}
    everything = recurrent(tables, [run.id for run in found])
    return len(found), everything, once_a_place(everything, group_of)


def mistakes_in_pictures(study: Study) -> Plot | Several | Words:
    """Crops of the top recurrent mistakes: the image above, the errors of the best run below."""
    return several(_crops(study, material) for material in study.materials)


def _crops(study: Study, material: Material) -> Plot | Words:
    n_runs, _, table = _recurring(study, material)
    run = study.best_run(material)
    if table is None or run is None:
        return note(f"{material.name}: {NOTHING}")
    if material.dataset is None:
        return note(material.why)
    rows = _top(table, DRAWN)
    try:
        views = _views(study, material, run, [row.image for row in rows])
    except InputError as error:
        return note(f"{material.name}: {error}")
    if not rows:
        return note(f"{material.name}: no run makes any mistake on val.")
    caption = (
        f"{material.name}: the first {len(rows)} of the table above. Above: the drawn outline (green) and the wrong "
        "region as the last run that makes it has it (orange: false positive, blue: miss). Below: the errors of "
        f"run {run.name}, the best one, at threshold {study.threshold:g}; where it is free of a mistake that "
        "others make, the place is free."
    )
    return _grid(rows, views, n_runs, caption)


def _views(study: Study, material: Material, run: Run, images: Sequence[str]) -> dict[str, panels.Seen]:
    source = predicted.of_validation(run, "best")
    row_of = {image: row for row, image in enumerate(source.scores().image)}
    names = list(dict.fromkeys(images))
    return dict(zip(names, views_of(material, source, [row_of[name] for name in names], study.threshold)))


def _grid(mistakes: Sequence[Any], views: dict[str, panels.Seen], n_runs: int, caption: str) -> Plot:
    rows: list[list[Cell]] = []
    for first in range(0, len(mistakes), COLUMNS):
        above: list[Cell] = []
        below: list[Cell] = []
        for number, row in enumerate(mistakes[first : first + COLUMNS], start=first + 1):
            view = views[row.image]
            box = _box(row, view.gray.shape)
            title = f"{number}. {CLASS_NAMES[row.class_]}, {row.n_seen} of {n_runs} runs"
            above.append((panels.with_region(view, row, box), title))
            below.append((panels.errors(panels.cropped(view, box)), ""))
        rows += [above, below]
    return sheet(rows, panels.LEGEND, "Crops of the recurrent mistakes.", caption, columns=COLUMNS)


def _box(row: Any, shape: tuple[int, int]) -> tuple[int, int, int, int]:
    """(top, left, bottom, right) of a square about the region, three times its size, within the image."""
    side = min(*shape, max(LEAST_CROP_PX, 3 * max(int(row.height), int(row.width))))
    middle = (int(row.row) + int(row.height) // 2, int(row.col) + int(row.width) // 2)
    top, left = (min(max(0, m - side // 2), size - side) for m, size in zip(middle, shape))
    return top, left, top + side, left + side
