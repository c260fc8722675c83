"""The numbers of a split, each named with how it was averaged and what an empty mask counts as.

Four stand on the page: pixels pooled, images alike, cells, outlines. The others are one click away.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import pandas as pd
import streamlit as st

from seglib.data.dataset import Dataset
from seglib.errors import found as finding
from seglib.errors.report import Measured
from seglib.exceptions import InputError
from seglib.metrics import Counts, mean_per_image, pooled
from seglib.runs import jobs, predicted
from seglib.runs.predicted import Predicted, counts
from ui.errors.words import number

# key -> (name, how it is averaged, what an image or a set without a cell counts as)
NUMBERS = {
    "pooled_iou": (
        "Pooled IoU",
        "Pixels of all images added up first, then intersection over union.",
        "An image with neither cell nor prediction adds nothing.",
    ),
    "mean_iou": (
        "Mean IoU",
        "Mean of the images' own IoU: each image weighs the same.",
        "An image with neither cell nor prediction has no IoU and is left out.",
    ),
    "cells": (
        "Cells found",
        f"Cells of the masks with a predicted cell at IoU ≥ {finding.FOUND_IOU}, one to one, added up over the images. "
        "Touching cells predicted as one are cut half way between them.",
        "An image without a cell adds none.",
    ),
    "boundary_f": (
        "Boundary F",
        f"Edge pixels of masks and predictions with one of the other side at most {finding.TOLERANCE_PX} px away, "
        "added up over the images: harmonic mean of both shares.",
        "An image without an edge adds nothing; with edges on one side only it adds misses.",
    ),
    "dice": (
        "Pooled Dice",
        "2 · IoU / (1 + IoU) of the added-up pixels.",
        "As the pooled IoU.",
    ),
    "precision": (
        "Pixel precision",
        "Of all pixels called cell, the share that is, pooled. Low = false positives.",
        "Undefined where nothing is called cell.",
    ),
    "recall": (
        "Pixel recall",
        "Of all cell pixels, the share that was found, pooled. Low = misses.",
        "Undefined where the masks have no cell.",
    ),
    "cell_precision": (
        "Cell precision",
        "Of all predicted cells, the share that is a found cell, pooled. Low = invented cells.",
        "Predicted cells in an image without a cell count as wrong.",
    ),
    "cell_f1": (
        "Cell F1",
        "2 · found / (cells of the masks + predicted cells), pooled.",
        "As the cell precision.",
    ),
}
FIRST = ("pooled_iou", "mean_iou", "cells", "boundary_f")


@dataclass(frozen=True)
class Figures:
    """Sums over n_images; n_undefined of them have no IoU of their own. found: sums of `seglib.errors.found`, None
    where the cells are not counted."""

    pixels: Counts
    mean_iou: float
    n_images: int
    n_undefined: int
    found: Mapping[str, int] | None = None

    @property
    def pooled_iou(self) -> float:
        return self.pixels.iou

    def text(self, key: str) -> str:
        """The number of that name (see NUMBERS) as it stands on the page; `not counted` where it is not known."""
        if key in ("dice", "precision", "recall"):
            return number(getattr(self.pixels, key))
        if key in ("pooled_iou", "mean_iou"):
            return number(getattr(self, key))
        if self.found is None:
            return "not counted"
        if key == "cells":
            return f"{self.found['n_found']:,} of {self.found['n_cells']:,}"
        of = {"boundary_f": finding.boundary_f, "cell_precision": finding.precision, "cell_f1": finding.f1}[key]
        return number(of(self.found))

    def cells_share(self) -> str:
        """`92 %` of the cells; empty where they are not counted or there is none."""
        share = finding.recall(self.found) if self.found else float("nan")
        return f"{share:.0%}".replace("%", "\u00a0%") if share == share else ""


def figures(scores: pd.DataFrame, found: pd.DataFrame | None = None) -> Figures:
    """scores: one row an image with tp, fp, fn, tn. found: found.parquet of the same images, if known."""
    each = counts(scores)
    mean_iou, n_undefined = mean_per_image(each, "iou")
    known = found is not None and len(found) > 0
    sums = {name: int(found[name].sum()) for name in finding.COLUMNS} if known else None
    return Figures(pooled(each), mean_iou, len(each), n_undefined, sums)


def of_other_split(chosen: Predicted, data: Dataset) -> Figures | None:
    """The numbers to hold beside: train for val, val for train. Cells are known where that split was evaluated."""
    if chosen.split == "train":
        try:
            source = predicted.of_validation(chosen.run, chosen.which)
        except InputError:
            return None
        return _kept(source.stamp, source)
    job = jobs.find("evaluate", predicted.evaluate_inputs(chosen.run, chosen.which, "train", data.path))
    if (job.result / "budgets.parquet").exists() and job.state().name == "done":
        source = predicted.of_job(chosen.run, chosen.which, "train", job)
        return _kept(source.stamp, source)
    scores = predicted.train_scores(chosen.run, chosen.which)
    return None if scores is None or not len(scores) else figures(scores)


@st.cache_resource(max_entries=8, show_spinner=False)
def _kept(stamp: str, _source: Predicted) -> Figures | None:
    scores, measured = _source.scores(), _source.stored()
    return figures(scores, None if measured is None else measured.found) if len(scores) else None


def of_measured(scores: pd.DataFrame, measured: Measured | None) -> Figures:
    """Those of the images in `scores`, which are at the threshold of `measured`."""
    return figures(scores, None if measured is None else measured.found)


def draw(
    split: str,
    own: Figures,
    other: Figures | None,
    threshold: float,
    sizes: Mapping[str, int],
    count: Callable[[], None] | None = None,
) -> None:
    """Four numbers of `split`, those of the other split small below them. sizes: images of each split. count: what
    counts the cells, offered where they are not counted."""
    grid = st.grid(len(FIRST), min_column_width=150, gap="small")
    for key in FIRST:
        name, averaged, empty = NUMBERS[key]
        with grid.cell():
            small = _small(key, own, other, _beside(split))
            st.metric(name, own.text(key), small, delta_color="off", delta_arrow="off", help=f"{averaged} {empty}")
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.caption(averaging(split, own, other, threshold, sizes), width="stretch")
        if own.found is None and count is not None:
            st.button("Count the cells", icon=":material/calculate:", key="errors_count", on_click=count)
        with st.popover("All numbers", icon=":material/table_rows:"):
            st.markdown(table(split, own, other))


def _beside(split: str) -> str:
    return {"val": "train", "train": "val"}[split]


def _small(key: str, own: Figures, other: Figures | None, beside: str) -> str | None:
    """What stands below a number: for cells their share, and the other split's number where it is known."""
    own_share = own.cells_share() if key == "cells" else ""
    theirs = "" if other is None else other.cells_share() if key == "cells" else other.text(key)
    parts = [own_share] if own_share else []
    if theirs and theirs != "not counted":
        parts.append(f"{beside} {theirs}")
    return " · ".join(parts) or None


def table(split: str, own: Figures, other: Figures | None) -> str:
    """All numbers as a Markdown table: what, of which split, how averaged, and what emptiness counts as."""
    heads = ["Number", split, *([_beside(split)] if other else []), "How it is averaged", "Without a cell"]
    lines = [" | ".join(heads), " | ".join(["---"] * len(heads))]
    for key, (name, averaged, empty) in NUMBERS.items():
        values = [_full(each, key) for each in (own, other) if each is not None]
        lines.append(" | ".join([f"**{name}**", *values, averaged, empty]))
    return "\n".join(f"| {line} |" for line in lines)


def _full(each: Figures, key: str) -> str:
    share = each.cells_share() if key == "cells" else ""
    return f"{each.text(key)}, {share}" if share else each.text(key)


def averaging(split: str, own: Figures, other: Figures | None, threshold: float, sizes: Mapping[str, int]) -> str:
    """Which images the numbers are of, how many have no IoU, and at which threshold."""
    left_out = f"{own.n_undefined} with neither cell nor prediction left out" if own.n_undefined else "none left out"
    text = (
        f"**{split}**: {_of(own.n_images, sizes.get(split, 0))}, {left_out} of the mean, at threshold {threshold:.2f}."
    )
    if own.found is not None:
        unmatched = own.found["n_predicted"] - own.found["n_found"]
        text += f" {unmatched:,} of {own.found['n_predicted']:,} predicted cells match no cell of a mask."
    if other:
        beside = _beside(split)
        text += f" Small: **{beside}**, {_of(other.n_images, sizes.get(beside, 0))}, at threshold 0.50."
    return text


def _of(n_images: int, n_all: int) -> str:
    """`all 20 images`, or `8 of 20 images`: a validation scores only as many train images as there are val images."""
    plural = "image" if max(n_images, n_all) == 1 else "images"
    return f"all {n_images} {plural}" if n_images >= n_all else f"{n_images} of {n_all} {plural}"
