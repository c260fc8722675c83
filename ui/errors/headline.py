"""The numbers of a split, each named with how it was averaged and what an empty mask counts as."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd
import streamlit as st

from seglib.metrics import mean_per_image, pooled
from seglib.runs.predicted import counts
from ui.errors.words import number

_EMPTY = "Without a cell in mask and prediction an image has no IoU: it is left out of the mean and adds nothing here."
METRICS = {
    "pooled_iou": ("Pooled IoU", f"Pixels of all images are added up first, then intersection over union. {_EMPTY}"),
    "mean_iou": ("Mean IoU", f"Mean of the images' own IoU: each image weighs the same. {_EMPTY}"),
    "dice": ("Pooled Dice", "2 · IoU / (1 + IoU) of the added-up pixels. Undefined where there is no cell at all."),
    "precision": ("Precision", "Pooled: of all pixels called cell, the share that is. Low = false positives."),
    "recall": ("Recall", "Pooled: of all cell pixels, the share that was found. Low = misses."),
}


@dataclass(frozen=True)
class Figures:
    """Ratios from 0 to 1, NaN where undefined; n_undefined of the n_images have no IoU of their own."""

    pooled_iou: float
    mean_iou: float
    dice: float
    precision: float
    recall: float
    n_images: int
    n_undefined: int


def figures(scores: pd.DataFrame) -> Figures:
    """scores: one row an image with tp, fp, fn, tn."""
    each = counts(scores)
    total, (mean_iou, n_undefined) = pooled(each), mean_per_image(each, "iou")
    return Figures(total.iou, mean_iou, total.dice, total.precision, total.recall, len(each), n_undefined)


def draw(split: str, own: Figures, other: Figures | None, threshold: float, sizes: Mapping[str, int]) -> None:
    """Five numbers of `split`, those of the other split small below them. sizes: images of each split."""
    beside = {"val": "train", "train": "val"}[split]
    grid = st.grid(len(METRICS), min_column_width=130, gap="small")
    for key, (label, about) in METRICS.items():
        with grid.cell():
            text = f"{beside} {number(getattr(other, key))}" if other else None
            st.metric(label, number(getattr(own, key)), text, delta_color="off", delta_arrow="off", help=about)
    st.caption(averaging(split, own, other, threshold, sizes))


def averaging(split: str, own: Figures, other: Figures | None, threshold: float, sizes: Mapping[str, int]) -> str:
    """Which images the numbers are of, how many have no IoU, and at which threshold."""
    left_out = f"{own.n_undefined} with neither cell nor prediction left out" if own.n_undefined else "none left out"
    text = (
        f"**{split}**: {_of(own.n_images, sizes.get(split, 0))}, {left_out} of the mean, at threshold {threshold:.2f}."
    )
    if other:
        beside = {"val": "train", "train": "val"}[split]
        text += f" Small: **{beside}**, {_of(other.n_images, sizes.get(beside, 0))}, at threshold 0.50."
    return text


def _of(n_images: int, n_all: int) -> str:
    """`all 20 images`, or `8 of 20 images`: a validation scores only as many train images as there are val images."""
    plural = "image" if max(n_images, n_all) == 1 else "images"
    return f"all {n_images} {plural}" if n_images >= n_all else f"{n_images} of {n_all} {plural}"
