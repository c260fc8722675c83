"""Drivers: how the error rate goes with what a cell or an image is like, and which of these explains most.

Error rate of a cell: wrong pixels in its zone / its union (its pixels and the false foreground in its zone); an
invented cell has 1. Error rate of an image, and of any set of cells: sum of wrong pixels / sum of unions = 1 - IoU.

All of it says what goes together, not what causes what: small cells have more edge per pixel, and frames late in a
movie have more cells. Cells of one movie are not independent of each other; therefore intervals are over whole groups
or stretches of frames (their draws are given by the caller), and a rank correlation comes without a p-value.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import rankdata

QUARTER = 0.25
MOST_OF = 0.6  # where ties put more than this into the "quarter" it stands out from nothing
LEAST = 8  # cells or images; of fewer nothing is said


@dataclass(frozen=True)
class Covariate:
    """title and unit stand on axes; low, high are what the cells at its ends are called: `the smallest quarter`."""

    title: str
    unit: str
    low: str
    high: str
    about: str
    log: bool = False
    whole: bool = False


# of a cell; columns of seglib.errors.cells, `standing_out` is the size of `contrast`
OF_CELLS = {
    "n_pixels": Covariate("Cell size", "px", "smallest", "largest", "Pixels of the cell.", log=True, whole=True),
    "density": Covariate(
        "Density", "cells", "loneliest", "most crowded", "Other cells with their centre within 3 radii.", whole=True
    ),
    "n_touching": Covariate(
        "Touching cells", "cells", "touching the fewest others", "touching the most others",
        "Other cells it touches.", whole=True,
    ),
    "border_px": Covariate(
        "Distance to the image border", "px", "nearest the border", "farthest from the border",
        "From the cell's box to the edge of the picture.", whole=True,
    ),
    "focus": Covariate(
        "Focus", "", "blurriest", "sharpest",
        "Variance, in the cell's box, of the Laplacian of the picture smoothed by 1 px, in standard deviations of the "
        "picture. Small = out of focus.", log=True,
    ),
    "background": Covariate(
        "Background level", "of full scale", "on the darkest ground", "on the brightest ground",
        "Median grey value of the pixels of no cell at most 4 px away, 0 to 1 of what the file can hold.",
    ),
    "standing_out": Covariate(
        "Contrast", "sd", "palest", "most contrasted",
        "How far the cell's mean grey value is from that around it, darker or brighter, in standard deviations of the "
        "picture.",
    ),
    "frame": Covariate(
        "Frame number", "", "in the earliest frames", "in the latest frames",
        "Number at the end of the file's name.", whole=True,
    ),
}  # fmt: skip
# of an image: medians over its true cells
OF_IMAGES = {
    "n_pixels": Covariate(
        "Cell size", "px", "with the smallest cells", "with the largest cells", "Median pixels of its cells.", log=True
    ),
    "n_cells": Covariate("Number of cells", "", "emptiest", "fullest", "True cells in the image.", whole=True),
    "density": Covariate(
        "Density", "cells", "sparsest", "most crowded", "Mean number of cells within 3 radii of a cell's centre."
    ),
    "focus": Covariate("Focus", "", "blurriest", "sharpest", "Median focus of its cells.", log=True),
    "background": Covariate(
        "Background level",
        "of full scale",
        "on the darkest ground",
        "on the brightest ground",
        "Median background of its cells.",
    ),
    "standing_out": Covariate("Contrast", "sd", "palest", "most contrasted", "Median contrast of its cells."),
    "frame": Covariate("Frame number", "", "earliest", "latest", "Number at the end of the file's name.", whole=True),
}


def per_cell(cells: pd.DataFrame, invented: bool = True) -> pd.DataFrame:
    """cells.parquet with `wrong` (px), `error` (rate), `standing_out`; frame NaN where the name has none.

    invented: whether cells that only the prediction has are kept. Without them the sums are no longer those of 1 - IoU.
    """
    table = cells if invented else cells[cells.kind == "truth"]
    table = table[table.union > 0].reset_index(drop=True)
    wrong = table.fn + table.fp
    frame = table.frame.where(table.frame >= 0).astype(float)
    return table.assign(wrong=wrong, error=wrong / table.union, standing_out=table.contrast.abs(), frame=frame)


def per_image(cells: pd.DataFrame) -> pd.DataFrame:
    """One row an image: image, group, wrong, union, error and what OF_IMAGES names; images without a cell in mask and
    prediction have no IoU and no row. Without a true cell all but the frame is NaN."""
    table = per_cell(cells)
    truth = table[table.kind == "truth"].groupby("image", sort=False)
    sums = table.groupby("image", sort=False).agg(
        group=("group", "first"), wrong=("wrong", "sum"), union=("union", "sum"), frame=("frame", "first")
    )
    medians = truth[["n_pixels", "focus", "background", "standing_out"]].median()
    found = sums.join(medians).join(truth.density.mean())
    found["n_cells"] = truth.size().reindex(found.index, fill_value=0)
    return found.assign(error=found.wrong / found.union).reset_index()


@dataclass(frozen=True)
class Driver:
    """The end of a covariate where the error rate is highest.

    name: of the covariate. low: whether it is the end of the small values. limit: up to or from which value. items:
    share of the cells (or images) that lie there; a quarter but for ties. union, wrong: share of all pixels of unions
    and of all wrong pixels there, of the n that have a value. rank: Spearman's correlation with the error rate.
    """

    name: str
    low: bool
    limit: float
    items: float
    union: float
    wrong: float
    rank: float
    n: int

    @property
    def excess(self) -> float:
        """Share of the wrong pixels beyond the share of the pixels; 0 = as wrong as all others."""
        return self.wrong - self.union


def ranking(table: pd.DataFrame, covariates: dict[str, Covariate]) -> list[Driver]:
    """What explains most first: by the excess of its worst end. table: of `per_cell` or `per_image`.

    A covariate that has no value, or nearly one for all, is left out; so is everything with fewer than LEAST rows.
    """
    found = [end for name in covariates if name in table for end in [worst_end(table, name)] if end is not None]
    return sorted(found, key=lambda driver: -driver.excess)


def worst_end(table: pd.DataFrame, name: str) -> Driver | None:
    """The quarter with the smallest or with the largest values, whichever has more wrong pixels beyond its share."""
    known = table[np.isfinite(table[name])]
    total_wrong, total_union = int(known.wrong.sum()), int(known.union.sum())
    if len(known) < LEAST or not total_wrong:
        return None
    value = known[name].to_numpy(float)
    ends = []
    for low in (True, False):
        sign = 1 if low else -1
        limit = sign * float(np.quantile(sign * value, QUARTER, method="inverted_cdf"))
        there = value <= limit if low else value >= limit
        if there.mean() <= MOST_OF:
            shares = known.union[there].sum() / total_union, known.wrong[there].sum() / total_wrong
            ends.append((shares[1] - shares[0], low, limit, float(there.mean()), *map(float, shares)))
    if not ends:
        return None
    _, *worst = max(ends, key=lambda end: end[0])
    return Driver(name, *worst, spearman(value, known.error.to_numpy(float)), len(known))


def at_the_end(table: pd.DataFrame, driver: Driver) -> pd.DataFrame:
    """The rows that the driver speaks of."""
    value = table[driver.name]
    return table[value <= driver.limit if driver.low else value >= driver.limit]


def sentence(driver: Driver, covariate: Covariate, noun: str = "cells") -> str:
    """`The smallest 25 % of the cells (up to 210 px) have 12 % of the cell pixels and 31 % of the wrong ones.`"""
    limit = f"{driver.limit:,.0f}" if covariate.whole else f"{driver.limit:.3g}"
    unit = f" {covariate.unit}" if covariate.unit and covariate.unit != "cells" else ""
    which = end(driver, covariate, f"{driver.items:.0%} of the {noun}".replace("%", " %"))
    ends = f"{'' if limit == '0' else 'up to '}{limit}{unit}" if driver.low else f"from {limit}{unit} on"
    shares = f"{driver.union:.0%} of the cell pixels and {driver.wrong:.0%} of the wrong ones".replace("%", " %")
    return f"The {which} ({covariate.title.lower()} {ends}) have {shares}."


def end(driver: Driver, covariate: Covariate, what: str = "cells") -> str:
    """`smallest cells`, `cells nearest the border`."""
    name = covariate.low if driver.low else covariate.high
    return f"{what} {name}" if " the " in name else f"{name} {what}"


def spearman(a: np.ndarray, b: np.ndarray) -> float:
    """Rank correlation, ties at their mean rank; NaN where one of them is constant."""
    a, b = rankdata(a), rankdata(b)
    if np.ptp(a) == 0 or np.ptp(b) == 0:
        return float("nan")
    return float(np.corrcoef(a, b)[0, 1])


def along_frames(images: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """group -> its images in the order of their frame number; groups with fewer than two frames are left out."""
    known = images[np.isfinite(images.frame)].sort_values("frame", kind="stable")
    return {group: rows for group, rows in known.groupby("group") if rows.frame.nunique() > 1}
