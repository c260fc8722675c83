"""Survey: one pass over a data set that gives its findings and its statistics, kept in small files.

Sizes of cells are of whole cells: one cut by the border of the picture says little, so it is counted but not measured.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from seglib.data.checks import Finding, Report, check
from seglib.data.dataset import Dataset
from seglib.data.facts import Facts
from seglib.data.readers import to_gray
from seglib.exceptions import InputError

SPLITS = ("train", "val", "unused", "unlabelled")
SAMPLED = 2_000_000  # grey values kept of a whole data set, at most
PER_IMAGE = 4096
BINS = 128


@dataclass(frozen=True)
class Survey:
    """What one look at every picture told.

    images: one row a readable picture: index, image, split, kind, height, width, understood, foreground (share of the
    pixels, 0 for an empty mask, NaN without a mask), n_cells, n_cut, median_diameter_px (of the uncut), median_grey.
    cells: one row a cell: index, split, diameter_px, cut.
    grey: split -> counts (BINS,) of grey values drawn from its pictures, the same number from each; `edges` (BINS+1,)
    in units of `grey_unit` (255, 65535, or 1 where types differ); n_grey: drawn from each picture.
    """

    report: Report
    images: pd.DataFrame
    cells: pd.DataFrame
    grey: dict[str, list[int]]
    edges: list[float]
    grey_unit: int
    n_grey: int


def part_of(dataset: Dataset, index: int) -> str:
    """train, val, unused (a mask but no split) or unlabelled."""
    record = dataset.records[index]
    return (record.split or "unused") if record.mask else "unlabelled"


def survey(dataset: Dataset, progress: Callable[[int, int], None] | None = None) -> Survey:
    """Look at every picture once. Never raises InputError: what cannot be read is a finding and has no row."""
    tally = _Tally(dataset)
    report = check(dataset, progress, tally.add)
    edges, grey, unit = tally.grey_histograms()
    images = pd.DataFrame(tally.images, columns=_IMAGE_COLUMNS)
    cells = pd.concat(tally.cells, ignore_index=True) if tally.cells else pd.DataFrame(columns=_CELL_COLUMNS)
    return Survey(report, images, cells, grey, edges, unit, tally.n_grey)


_IMAGE_COLUMNS = [
    *("index", "image", "split", "kind", "height", "width", "understood"),
    *("foreground", "n_cells", "n_cut", "median_diameter_px", "median_grey"),
]
_CELL_COLUMNS = ["index", "split", "diameter_px", "cut"]


class _Tally:
    """Collects rows and grey values while `check` goes through the pictures."""

    def __init__(self, dataset: Dataset):
        self.dataset = dataset
        self.n_grey = max(64, min(PER_IMAGE, SAMPLED // max(1, len(dataset.records))))
        self.images: list[dict[str, Any]] = []
        self.cells: list[pd.DataFrame] = []
        self._grey: dict[str, list[np.ndarray]] = {}
        self._types: set[str] = set()

    def add(self, facts: Facts, image: np.ndarray) -> None:
        split = part_of(self.dataset, facts.index)
        grey = sampled(image, self.n_grey, seed=facts.index)
        self._grey.setdefault(split, []).append(grey)
        self._types.add(image.dtype.name)
        row = {
            "index": facts.index,
            "image": self.dataset.records[facts.index].image,
            "split": split,
            "kind": facts.kind,
            "height": facts.shape[0],
            "width": facts.shape[1],
            "understood": "",
            "foreground": np.nan,
            "n_cells": 0,
            "n_cut": 0,
            "median_diameter_px": np.nan,
            "median_grey": float(np.median(grey)),
        }
        self.images.append(row | self._of_mask(facts, split))

    def _of_mask(self, facts: Facts, split: str) -> dict[str, Any]:
        mask = facts.mask
        if mask is None:
            return {}
        diameters = 2 * np.sqrt(mask.areas_px / np.pi)
        if len(diameters):
            table = {"index": facts.index, "split": split, "diameter_px": diameters, "cut": mask.cut}
            self.cells.append(pd.DataFrame(table))
        whole = diameters[~mask.cut]
        return {
            "understood": mask.understood,
            "foreground": mask.foreground,
            "n_cells": len(diameters),
            "n_cut": int(mask.cut.sum()),
            "median_diameter_px": float(np.median(whole)) if len(whole) else np.nan,
        }

    def grey_histograms(self) -> tuple[list[float], dict[str, list[int]], int]:
        values = {split: np.concatenate(parts) for split, parts in self._grey.items()}
        if not values:
            return [], {}, 1
        unit = {"uint8": 255, "uint16": 65535}.get(next(iter(self._types)), 1) if len(self._types) == 1 else 1
        edges = grey_edges(np.concatenate(list(values.values())))
        counts = {split: np.histogram(values[split], edges)[0].tolist() for split in SPLITS if split in values}
        return (edges * unit).tolist(), counts, unit


def sampled(image: np.ndarray, n: int, seed: int = 0) -> np.ndarray:
    """(n,) float32: grey values (as `to_gray` gives them) at n pixels drawn with replacement; all, if there are fewer.

    What differs between a histogram of 4,096 of a million pixels and of all of them is not seen at 128 bins.
    """
    pixels = image.reshape(-1, *image.shape[2:])
    if len(pixels) > n:
        pixels = pixels[np.random.default_rng(seed).integers(0, len(pixels), n)]
    return to_gray(pixels[:, None]).ravel()


def grey_edges(values: np.ndarray, bins: int = BINS) -> np.ndarray:
    """(bins+1,) edges over all values but the outermost thousandth on each side, which would squeeze the rest."""
    low, high = (float(v) for v in np.quantile(values, (0.001, 0.999)))
    if high <= low:
        low, high = low - 0.5, high + 0.5
    margin = 0.02 * (high - low)
    bottom = max(low - margin, 0.0) if low >= 0 else low - margin
    return np.linspace(bottom, high + margin, bins + 1)


def summary(found: Survey) -> pd.DataFrame:
    """One row a split that has pictures, ready to be shown; the columns say how they were averaged.

    images · cells · cells per image (mean; an empty mask counts as 0) · foreground pooled (all pixels of the split
    together) · foreground mean of images (an empty mask counts as 0) · diameters (10 %, median, 90 %) of uncut cells.
    """
    rows = []
    for split in SPLITS:
        images = found.images[found.images["split"] == split]
        if images.empty:
            continue
        cells = found.cells[(found.cells["split"] == split) & ~found.cells["cut"].astype(bool)]
        area = images["height"] * images["width"]
        quantiles = cells["diameter_px"].astype(float).quantile([0.1, 0.5, 0.9])
        masked = split != "unlabelled"
        rows.append(
            {
                "split": split,
                "images": len(images),
                "cells": int(images["n_cells"].sum()) if masked else None,
                "cells_per_image": float(images["n_cells"].mean()) if masked else None,
                "foreground_pooled": float((images["foreground"] * area).sum() / area.sum()) if masked else None,
                "foreground_mean": float(images["foreground"].mean()) if masked else None,
                "diameter_p10": quantiles[0.1],
                "diameter_median": quantiles[0.5],
                "diameter_p90": quantiles[0.9],
                "median_grey": float(images["median_grey"].median()) * found.grey_unit,
            }
        )
    return pd.DataFrame(rows)


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


def save(found: Survey, folder: Path) -> None:
    """Write report.json, images.parquet, cells.parquet and grey.json into `folder`."""
    save_report(found.report, folder)
    grey = {"counts": found.grey, "edges": found.edges, "unit": found.grey_unit, "n": found.n_grey}
    (folder / "grey.json").write_text(json.dumps(grey), encoding="utf-8")
    found.images.to_parquet(folder / "images.parquet")
    found.cells.to_parquet(folder / "cells.parquet")


def load(folder: Path) -> Survey:
    """What `save` wrote. Raises InputError where it is incomplete."""
    folder = Path(folder)
    try:
        grey = json.loads((folder / "grey.json").read_text(encoding="utf-8"))
        tables = [pd.read_parquet(folder / f"{name}.parquet") for name in ("images", "cells")]
        report = load_report(folder)
    except (OSError, ValueError, KeyError) as error:
        raise InputError(f"{folder}: the survey cannot be read ({error}); look at the data again.") from None
    return Survey(report, *tables, grey["counts"], grey["edges"], grey["unit"], grey["n"])


def save_report(report: Report, folder: Path) -> None:
    """Only the findings: all there is of a data set that does not open."""
    (folder / "report.json").write_text(json.dumps(asdict(report)), encoding="utf-8")


def load_report(folder: Path) -> Report:
    values = json.loads((Path(folder) / "report.json").read_text(encoding="utf-8"))
    found = [Finding(**{**finding, "files": tuple(finding["files"])}) for finding in values.pop("findings")]
    return Report(findings=tuple(found), **values)


def pictures_of(finding: Finding, dataset: Dataset) -> list[int]:
    """Numbers of the pictures a finding names, by image, mask or ignore file."""
    where = {}
    for index, record in enumerate(dataset.records):
        for file in (record.image, record.mask, record.ignore):
            if file:
                where[file] = index
    return sorted({where[file] for file in finding.files if file in where})


def groups(indices: Sequence[int], dataset: Dataset) -> dict[str, int]:
    """How many of these pictures each group has, in the data set's order."""
    counts: dict[str, int] = {}
    for index in indices:
        group = dataset.records[index].group
        counts[group] = counts.get(group, 0) + 1
    return counts
