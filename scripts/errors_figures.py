"""Where a few runs of one data set lose their IoU, in numbers and in plots that show no pixel of its images.

    python scripts/errors_figures.py RUN… --out docs/images --prefix colony [--checkpoints DIR]

The runs are seeds of one set-up, judged on the same val images; the first is the one in view. Leaves PREFIX-lost.png
(waterfall, and the seeds beside it), PREFIX-field.png (where in the field of view), PREFIX-cells.png (error rate of
cells against what they are like) and PREFIX-back.png (in how many runs a place is wrong), and prints what they show.
docs/errors-on-colony.md is made of it.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.ticker import NullFormatter

sys.path.insert(0, str(Path(__file__).parents[1]))
from seglib.data.dataset import Dataset
from seglib.errors import drivers
from seglib.errors.budget import CLASSES
from seglib.errors.ceiling import COLUMNS, STEPS, ceiling, cost
from seglib.errors.colours import CLASS_COLOURS
from seglib.errors.field_map import FieldMap, field_map
from seglib.errors.recurrence import recurrent
from seglib.errors.report import Measured, measure
from seglib.metrics import Counts
from seglib.report.style import CLASS_NAMES, FN, FP, drawing, figure, legend_below
from seglib.runs import predicted
from seglib.runs.predicted import Predicted
from seglib.runs.store import find_run
from seglib.runs.work import evaluated_data

MIN_PIXELS = 4  # smaller crumbs come and go with every step
SHOWN = ("n_pixels", "standing_out", "focus", "frame")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", nargs="+")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--prefix", default="errors")
    parser.add_argument("--checkpoints", type=Path)
    args = parser.parse_args()
    looked = [predicted.of_validation(find_run(name, args.checkpoints), "best") for name in args.runs]
    data = evaluated_data({"run": str(looked[0].run.folder)})
    measured = [_measured(look, data) for look in looked]
    names = [look.run.id for look in looked]
    shapes, edges = _masks(data)
    groups = {record.image: record.group for record in data.records}
    with drawing():
        plots = {
            "lost": lost(dict(zip(names, measured)), edges),
            "field": field(field_map(_large(measured[0]), shapes, groups)),
            "cells": cells(measured[0].cells),
            "back": back(names, measured),
        }
    for name, plot in plots.items():
        plot.savefig(args.out / f"{args.prefix}-{name}.png", dpi=110)


def _measured(look: Predicted, data: Dataset) -> Measured:
    stored = look.stored()
    return stored if stored is not None and stored.complete else measure(look.cases(data))


def _masks(data: Dataset) -> tuple[dict[str, tuple[int, int]], dict[str, int]]:
    """(height, width) of every val image, and the ceiling of all their masks together."""
    shapes, sums = {}, dict.fromkeys(COLUMNS, 0)
    for index in data.indices("val"):
        sample = data.sample(index)
        shapes[sample.name] = sample.labels.shape
        for name, parts in ceiling(sample.mask, sample.valid).items():
            sums[name] += parts
    return shapes, sums


def _large(measured: Measured) -> pd.DataFrame:
    return measured.regions[measured.regions.n_pixels >= MIN_PIXELS]


def lost(measured: dict[str, Measured], edges: dict[str, int]):
    """1 - IoU of every run, taken apart; lines at what a moved outline would cost."""
    fig = figure(9, 1.3 + 0.4 * len(measured))
    axis, left = fig.subplots(), np.zeros(len(measured))
    budgets, handles = [found.pooled() for found in measured.values()], []
    for name in CLASSES:
        values = np.array([100 * b[name] / b["union"] for b in budgets])
        handles.append(axis.barh(list(measured), values, left=left, color=CLASS_COLOURS[name], edgecolor="white"))
        left = left + values
        print(f"{name:18}", *(f"{value:7.3f}" for value in values))
    print(f"{'1 - IoU':18}", *(f"{value:7.3f}" for value in left))
    for (step, pixels), line in zip(STEPS.items(), ("--", ":")):
        moved = 100 * cost(edges, step)
        axis.axvline(moved, color="black", linestyle=line, label=f"every outline moved by {pixels:g} px")
        print(f"outline moved by {pixels:g} px: {moved:.2f} points")
    axis.legend(loc="lower right")
    axis.invert_yaxis()
    axis.set_xlabel("1 − IoU in points (hundredths), pooled over the val images, threshold 0.5")
    legend_below(fig, handles, [CLASS_NAMES[name] for name in CLASSES])
    return fig


def field(found: FieldMap):
    """Share of the pixels that is wrong, over the field of view."""
    fig = figure(9, 3.6)
    for axis, (kind, title) in zip(fig.subplots(1, 2), (("fp", "False positives"), ("fn", "Misses"))):
        shown = axis.imshow(100 * found.density[kind], cmap="cividis", extent=(0, 1, 1, 0), vmin=0)
        axis.set(title=f"{title}: mean % of the pixels wrong", xlabel="share of the width", ylabel="of the height")
        axis.grid(False)
        fig.colorbar(shown, ax=axis)
        spots = found.spots[found.spots.kind == kind]
        print(f"{kind}: {len(spots)} spots beyond chance ({found.units} counted, {found.n_groups} groups)")
    return fig


def cells(table: pd.DataFrame):
    """Error rate of the cells against what they are like: a point a cell, a line of bins of equal numbers, pooled."""
    about = drivers.per_cell(table)
    for driver in drivers.ranking(about, drivers.OF_CELLS):
        print(drivers.sentence(driver, drivers.OF_CELLS[driver.name]))
    fig = figure(9, 2.8)
    for axis, name in zip(fig.subplots(1, len(SHOWN), sharey=True), SHOWN):
        covariate, curve = drivers.OF_CELLS[name], drivers.curve(about, name)
        axis.plot(about[name], 100 * about.wrong / about.union, ".", color=FN, alpha=0.3, markersize=2)
        axis.plot(curve.middle, 100 * curve.error, "o-", color="black", markersize=3)
        axis.set_xscale("log" if covariate.log else "linear")
        axis.xaxis.set_minor_formatter(NullFormatter())
        axis.set(xlabel=f"{covariate.title} ({covariate.unit})" if covariate.unit else covariate.title)
    fig.axes[0].set(ylabel="wrong px / union of the cells, %", ylim=(0, 40))
    return fig


def back(names: list[str], measured: list[Measured]):
    """Places by the number of runs that are wrong there, and what putting them right would win."""
    budget = measured[-1].pooled()
    wrong = sum(budget[name] for name in CLASSES)
    counts = Counts(tp=budget["union"] - wrong, fp=_pixels(measured[-1], "fp"), fn=_pixels(measured[-1], "fn"))
    places = recurrent([_large(found) for found in measured], names, counts=counts)
    fig = figure(9, 2.6)
    numbers, pixels = fig.subplots(1, 2)
    for kind, colour, shift in (("fp", FP, -0.2), ("fn", FN, 0.2)):
        of_kind = places[places.kind == kind]
        seen = range(1, len(names) + 1)
        n = [int((of_kind.n_seen == k).sum()) for k in seen]
        px = [float(of_kind.n_pixels[of_kind.n_seen == k].sum()) for k in seen]
        label = {"fp": "false positives", "fn": "misses"}[kind]
        numbers.bar([k + shift for k in seen], n, 0.4, color=colour, label=label)
        pixels.bar([k + shift for k in seen], px, 0.4, color=colour, label=label)
        print(f"{label}: places in 1…{len(names)} runs {n}, mean px there together {[round(x) for x in px]}")
    numbers.set(xlabel="runs that are wrong there", ylabel=f"places of {MIN_PIXELS} px or more", xticks=list(seen))
    pixels.set(xlabel="runs that are wrong there", ylabel="wrong px (mean of the runs)", xticks=list(seen))
    numbers.legend()
    top = places[places.alive].nlargest(10, "won")
    print(top[["image", "kind", "class", "row", "col", "n_pixels", "n_seen", "won"]].to_string(index=False))
    return fig


def _pixels(measured: Measured, kind: str) -> int:
    regions: Any = measured.regions
    return int(regions.n_pixels[regions.kind == kind].sum())


if __name__ == "__main__":
    main()
