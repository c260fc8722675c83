"""Summary: a survey in one row a split, and what differs between train and val."""

from __future__ import annotations

import pandas as pd

from seglib.data.grey import SPLITS
from seglib.data.survey_files import Survey


def summary(found: Survey) -> pd.DataFrame:
    """One row a split that has pictures, ready to be shown; the columns say how they were averaged.

    images · cells · cells per image (mean; an empty mask counts as 0) · foreground pooled (all pixels of the split
    together) · foreground mean of images (an empty mask counts as 0) · diameters (10 %, median, 90 %) of uncut cells.
    """
    rows = []
    sizes = found.cell_columns(["split", "cut", "diameter_px"])
    for split in SPLITS:
        images = found.images[found.images["split"] == split]
        if images.empty:
            continue
        cells = sizes[(sizes["split"] == split) & ~sizes["cut"].astype(bool)]
        area = images["height"] * images["width"] * (1 - images["ignored"])
        quantiles = cells["diameter_px"].astype(float).quantile([0.1, 0.5, 0.9])
        masked = split != "unlabelled"
        rows.append(
            {
                "split": split,
                "images": len(images),
                "cells": int(images["n_cells"].sum()) if masked else None,
                "cells_per_image": float(images["n_cells"].mean()) if masked else None,
                "foreground_pooled": _pooled(images["foreground"], area) if masked else None,
                "foreground_mean": float(images["foreground"].mean()) if masked else None,
                "diameter_p10": quantiles[0.1],
                "diameter_median": quantiles[0.5],
                "diameter_p90": quantiles[0.9],
                "median_grey": float(images["median_grey"].median()) * found.grey_unit,
            }
        )
    return pd.DataFrame(rows)


def _pooled(share: pd.Series, area: pd.Series) -> float:
    """Pictures whose mask could not be read have no share and do not count."""
    known = share.notna()
    return float((share[known] * area[known]).sum() / area[known].sum()) if known.any() else float("nan")


def differences(table: pd.DataFrame, factor: float = 1.25) -> list[str]:
    """Lines on what differs between train and val by more than `factor`, from a `summary`."""
    if not {"train", "val"} <= set(table.get("split", ())):
        return []
    train, val = (table[table["split"] == split].iloc[0] for split in ("train", "val"))
    named = {
        "diameter_median": "the median cell diameter",
        "foreground_pooled": "the share of cell pixels",
        "median_grey": "the median grey value",
    }
    lines = []
    for column, name in named.items():
        a, b = train[column], val[column]
        if min(a, b) > 0 and max(a, b) / min(a, b) > factor:
            lines.append(f"{name} is {_figure(a, column)} in train and {_figure(b, column)} in val")
    return lines


def _figure(value: float, column: str) -> str:
    if column == "foreground_pooled":
        return f"{value:.1%}"
    return f"{value:.1f} px" if column == "diameter_median" else f"{value:.4g}"
