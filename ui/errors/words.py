"""Kinds of mistake in plain language: what each class of the budget is called, and what it means."""

from __future__ import annotations

import re
from typing import Any

import pandas as pd

# class -> (one of them, many of them, what it is and what it tells)
WORDS = {
    "missed_cell": (
        "missed cell",
        "Missed cells",
        "Whole cells the prediction hardly touches. Look whether they are out of focus, pale or at the edge.",
    ),
    "missed_bud": (
        "missed bud",
        "Missed buds",
        "Missed cells at most half the size of the cell they touch. Small cells need enough depth at full resolution.",
    ),
    "hallucinated_cell": (
        "invented cell",
        "Invented cells",
        "Predicted cells where the mask has none: dust, debris, halos, or a cell the person did not draw.",
    ),
    "bridge": (
        "bridge",
        "Bridges",
        "Wrong cell pixels that join two cells into one. A border weight in the loss helps against them.",
    ),
    "split": ("split", "Splits", "Missing pixels that cut one cell into pieces."),
    "hole": ("hole", "Holes", "Missing pixels inside a cell, closed all around: often a vacuole."),
    "boundary_1px": (
        "edge, 1 px",
        "Edges, 1 px off",
        "Right at the drawn outline. Two people drawing the same cell differ as much; nobody gets this to zero.",
    ),
    "boundary_2px": ("edge, 2 px", "Edges, 2 px off", "The second pixel from the drawn outline."),
    "boundary_3px": ("edge, 3 px", "Edges, 3 px off", "The third pixel from the drawn outline: no matter of taste."),
    "other": ("other", "Everything else", "Wrong pixels further from any edge, in cells that were found."),
}  # fmt: skip
KINDS = {"fp": "false positive", "fn": "miss"}


def one(name: str) -> str:
    """`missed_bud` -> `missed bud`: a single region of that class."""
    return WORDS[name][0]


def many(name: str) -> str:
    return WORDS[name][1]


def meaning(name: str) -> str:
    return WORDS[name][2]


def slug(section: str) -> str:
    """A section's name as it stands in the URL: `Label or model?` -> `label-or-model`."""
    return "-".join(re.findall(r"[a-z0-9]+", section.lower()))


def number(value: float | None, digits: int = 4) -> str:
    """A ratio as it stands everywhere; an undefined one in words."""
    return "undefined" if value is None or value != value else f"{value:.{digits}f}"


# ---- kinds of mistakes that look alike

_SPECK_PX = 40  # mean size below which an invented thing is no cell
_THICK_PX = 2.0  # rims are thinner


def kind_names(rows: pd.DataFrame) -> list[str]:
    """A suggestion for each cluster, from its measured properties; no two alike.

    rows: of `seglib.errors.clusters.Kinds`. Out of focus and pale are said against the other clusters of its kind.
    """
    names = [_kind_name(row, rows[rows.kind == row.kind]) for row in rows.itertuples()]
    for tell in (_by_size, _by_number):
        for name in {name for name in names if names.count(name) > 1}:
            alike = [i for i, other in enumerate(names) if other == name]
            for order, i in enumerate(alike):
                names[i] = tell(name, rows.iloc[i], order)
    return names


def _by_size(name: str, row: pd.Series, order: int) -> str:
    return f"{name}, about {row.mean_pixels:.0f} px"


def _by_number(name: str, row: pd.Series, order: int) -> str:
    return f"{name} ({order + 1})"


def _kind_name(row: Any, others: pd.DataFrame) -> str:
    words = [_invented(row) if row.kind == "fp" else _missing(row)]
    words += ["at the image border"] if row.at_border > 0.5 else []
    blurred = row.focus == row.focus and len(others) > 1 and row.focus < others.focus.median() - 1.5
    words += ["out of focus"] if blurred else ["bright"] if row.contrast > 1 else ["dark"] if row.contrast < -1 else []
    return ", ".join(words)


def _invented(row: Any) -> str:
    """What stands where the mask has nothing."""
    if row.main_class == "bridge":
        return "Bridges between cells"
    if row.main_class == "hallucinated_cell":
        if row.elongation > 3:
            return "Long thin things taken for cells"
        return "Specks taken for cells" if row.mean_pixels < _SPECK_PX else "Invented cells"
    if _thick(row):
        return "Gaps between cells filled" if row.touching >= 1.5 else "Lumps at a cell"
    return "Rims too wide between cells" if row.touching >= 1.5 else "Rims too wide"


def _missing(row: Any) -> str:
    """What is lacking where the mask has a cell."""
    whole = {"missed_cell": "Missed cells", "missed_bud": "Missed buds", "split": "Cells cut in two", "hole": "Holes"}
    if row.main_class in whole:
        return whole[row.main_class]
    return "Parts of cells missing" if _thick(row) else "Rims too narrow"


def _thick(row: Any) -> bool:
    """More than a rim; where the thickness was not measured, by size and shape."""
    known = row.thickness_px == row.thickness_px
    return row.thickness_px > _THICK_PX if known else row.mean_pixels > 25 and row.elongation < 3
