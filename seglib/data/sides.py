"""Sides: what a survey says of another split than the one it was made with, without a look at any picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from seglib.data.survey_files import Survey

SIDES = ("train", "val")
_LEVELS = {"p01": 0.01, "p05": 0.05, "p25": 0.25, "median_grey": 0.5, "p75": 0.75, "p95": 0.95, "p99": 0.99}


def sided(found: Survey, parts: Mapping[str, str]) -> pd.DataFrame:
    """`found.images` of the pictures that `parts` (image -> train, val or anything else) puts on a side."""
    split = found.images["image"].map(dict(parts))
    return found.images.assign(split=split)[split.isin(SIDES)]


def cells_of(cells: pd.DataFrame, images: pd.DataFrame) -> dict[str, np.ndarray]:
    """Side -> diameters in px of its whole cells. cells: index, diameter_px, cut, as from `Survey.cell_columns`."""
    side = cells["index"].map(dict(zip(images["index"], images["split"])))
    whole = ~cells["cut"].astype(bool)
    return {name: cells.loc[whole & (side == name), "diameter_px"].to_numpy() for name in SIDES}


def grey_shares(images: pd.DataFrame, edges: Sequence[float]) -> dict[str, np.ndarray]:
    """Side -> (len(edges) - 1,) share of the grey values between two edges, every picture counting the same.

    From each picture's percentiles, straight lines between them; its lowest and highest hundredth is left out.
    """
    shares = {}
    for name, rows in images.groupby("split"):
        values = rows[list(_LEVELS)].dropna().to_numpy(float)
        if len(values):
            levels = list(_LEVELS.values())
            below = np.mean([np.interp(edges, _rising(row), levels) for row in values], axis=0)
            shares[name] = np.diff(below)
    return shares


def _rising(row: np.ndarray) -> np.ndarray:
    """Percentiles that are equal, moved apart by next to nothing: np.interp needs an order."""
    return row + 1e-9 * max(1.0, float(np.abs(row).max())) * np.arange(len(row))


def grey_edges_of(images: pd.DataFrame, bins: int = 64) -> np.ndarray:
    """(bins + 1,) edges from the lowest 1st to the highest 99th percentile of any picture."""
    low, high = float(images["p01"].min()), float(images["p99"].max())
    return np.linspace(low, high if high > low else low + 1.0, bins + 1)


def table(images: pd.DataFrame, diameters: Mapping[str, np.ndarray], grey_unit: int) -> pd.DataFrame:
    """One row a side as `summary.differences` compares them: foreground pooled, medians of diameter and grey value."""
    rows = []
    for name, own in images.groupby("split"):
        area, known = own["height"] * own["width"] * (1 - own["ignored"]), own["foreground"].notna()
        pixels = area[known].sum()
        sizes = diameters.get(name, ())
        rows.append(
            {
                "split": name,
                "diameter_median": float(np.median(sizes)) if len(sizes) else np.nan,
                "foreground_pooled": float((own["foreground"] * area)[known].sum() / pixels) if pixels else np.nan,
                "median_grey": float(own["median_grey"].median()) * grey_unit,
            }
        )
    return pd.DataFrame(rows)


def largest_gap(one: Sequence[float], other: Sequence[float]) -> float:
    """Largest difference between the cumulative sums of two histograms over the same bins, each scaled to sum 1.

    0 = alike, 1 = nothing in common: the statistic of Kolmogorov and Smirnov for two samples. NaN for an empty one.
    """
    sums = [np.cumsum(np.asarray(counts, float)) for counts in (one, other)]
    if any(not len(total) or not total[-1] > 0 for total in sums):
        return float("nan")
    return float(np.abs(sums[0] / sums[0][-1] - sums[1] / sums[1][-1]).max())
