"""The images of a prediction as a table: what is wrong in each, which pass the filters, and which come first."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from seglib.errors.budget import CLASSES
from seglib.errors.report import Measured
from seglib.runs.predicted import counts

# order -> (columns, ascending, the column whose value stands on the card)
ORDERS = {
    "Worst IoU first": (["iou", "damage"], [True, False], "damage"),
    "Most wrong pixels first": (["damage", "iou"], [False, True], "share"),
    "Largest mistake first": (["largest", "iou"], [False, True], "largest"),
    "Most cells missed first": (["missed", "iou"], [False, True], "missed"),
    "By group": (["group", "image"], [True, True], "damage"),
    "By name": (["image"], [True], "damage"),
}


@dataclass(frozen=True)
class Filters:
    """What an image must have to be listed; the default lets all pass. iou: from and to, both in; an image without
    an IoU passes only where nothing is asked of it."""

    group: str | None = None
    text: str = ""
    mistake: str | None = None
    iou: tuple[float, float] | None = None

    @property
    def n_set(self) -> int:
        return sum([self.group is not None, bool(self.text.strip()), self.mistake is not None, self.iou is not None])


def described(scores: pd.DataFrame, measured: Measured | None = None) -> pd.DataFrame:
    """scores with, for each image: iou (NaN where undefined), damage (wrong pixels, fp + fn), share (of the wrong
    pixels of all images), and where `measured` is known largest (pixels of its largest mistake), n_cells, missed (cells
    not found at IoU 0.5) and the pixels of each class of the budget."""
    table = scores.assign(iou=[c.iou for c in counts(scores)], damage=scores.fp + scores.fn)
    table["share"] = table.damage / max(1, int(table.damage.sum()))
    if measured is None:
        return table
    largest = measured.regions.groupby("image").n_pixels.max()
    table["largest"] = table.image.map(largest).fillna(0).astype("int64")
    table = table.merge(measured.budgets[["image", *CLASSES]], on="image", how="left")
    if len(measured.found):
        found = measured.found.assign(missed=measured.found.n_cells - measured.found.n_found)
        table = table.merge(found[["image", "n_cells", "missed"]], on="image", how="left")
    return table


def orders(table: pd.DataFrame) -> list[str]:
    """The orders that what is known allows."""
    return [name for name, (columns, *_) in ORDERS.items() if set(columns) <= set(table.columns)]


def listed(table: pd.DataFrame, order: str, filters: Filters | None = None) -> pd.DataFrame:
    """The rows of `described` that pass, sorted; where the first column is not known, last."""
    by, ascending, _ = ORDERS[order]
    passing = table if filters is None else table[_passing(table, filters)]
    return passing.sort_values(by, ascending=ascending, kind="stable", na_position="last", ignore_index=True)


def _passing(table: pd.DataFrame, filters: Filters) -> np.ndarray:
    chosen = np.ones(len(table), bool)
    if filters.group is not None:
        chosen &= (table.group == filters.group).to_numpy()
    if filters.text.strip():
        chosen &= table.image.str.contains(filters.text.strip(), case=False, regex=False).to_numpy(bool)
    if filters.mistake is not None:
        chosen &= (table[filters.mistake] > 0).to_numpy(bool)
    if filters.iou is not None:
        chosen &= table.iou.between(*filters.iou).to_numpy()
    return chosen


def neighbours(images: list[str], image: str) -> tuple[str | None, str | None]:
    """The images before and after; the first where `image` is not in the list."""
    if image not in images:
        return None, images[0] if images else None
    at = images.index(image)
    return (images[at - 1] if at else None), (images[at + 1] if at + 1 < len(images) else None)


def note(row, order: str) -> str:
    """What a card says of its image: its IoU, and the number that the order goes by."""
    iou = "no IoU" if row.iou != row.iou else f"IoU {row.iou:.3f}"
    column = ORDERS[order][2]
    value = getattr(row, column)
    if column == "missed":
        return f"{iou} · {value:.0f} of {row.n_cells:.0f} missed" if value == value else iou
    text = {"damage": "{} px", "share": "{:.1%} of all", "largest": "one of {} px"}[column].format(value)
    return f"{iou} · {text}"
