"""Survey: one pass over a data set that gives its findings and its statistics, kept in small files.

Sizes of cells are of whole cells: one cut by the border of the picture says little, so it is counted but not measured.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from seglib.data.checks import check
from seglib.data.dataset import Dataset
from seglib.data.facts import Look
from seglib.data.findings import Finding
from seglib.data.grey import SPLITS, GreyTally, grey_edges, sampled, statistics
from seglib.data.report import Report
from seglib.data.splits import frame_of
from seglib.data.summary import differences, summary
from seglib.data.survey_files import CellsWriter, ImageRows, Survey, load, load_report, save, save_report

__all__ = ["SPLITS", "Survey", "differences", "grey_edges", "groups", "load", "load_report", "part_of", "pictures_of"]
__all__ += ["sampled", "save_report", "summary", "survey"]


def part_of(dataset: Dataset, index: int) -> str:
    """train, val, unused (a mask but no split) or unlabelled."""
    record = dataset.records[index]
    return (record.split or "unused") if record.mask else "unlabelled"


def survey(dataset: Dataset, folder: Path | str, progress: Callable[[int, int], None] | None = None) -> Survey:
    """Look at every picture once and leave what was seen in `folder`, which exists; `load` reads it again.

    Memory holds a few hundred numbers a picture; cells are written as they come. Never raises InputError: what cannot
    be read is a finding and has no row.
    """
    folder = Path(folder)
    with CellsWriter(folder) as cells:
        tally = _Tally(dataset, cells)
        report = check(dataset, progress, tally.add)
    edges, grey, unit = tally.grey.histograms()
    images = _with_nearest(tally.images.table(), report)
    found = Survey(report, images, grey, edges, unit, tally.grey.n_grey, folder)
    save(found)
    return found


def _with_nearest(images: pd.DataFrame, report: Report) -> pd.DataFrame:
    """The columns nearest_train and nearest_distance of the val pictures."""
    numbers = dict(zip(images["image"], images["index"]))
    train = {near.image: numbers[near.train] for near in report.nearest}
    distance = {near.image: near.distance for near in report.nearest}
    names = images["image"]
    images["nearest_train"] = names.map(train).fillna(-1).astype(images["nearest_train"].dtype)
    images["nearest_distance"] = names.map(distance).astype(float)
    return images


class _Tally:
    """Collects rows and grey values while `check` goes through the pictures."""

    def __init__(self, dataset: Dataset, cells: CellsWriter):
        self.dataset, self.cells = dataset, cells
        self.images = ImageRows()
        self.grey = GreyTally(len(dataset.records))

    def add(self, look: Look) -> None:
        facts, index = look.facts, look.facts.index
        record, split = self.dataset.records[index], part_of(self.dataset, index)
        self.grey.add(split, look.image, look.valid, seed=index)
        mask = None if look.cells is None else look.labels > 0
        row = {
            "index": index,
            "image": record.image,
            "split": split,
            "group": record.group,
            "frame": frame_of(record.image),
            "kind": facts.kind,
            "height": facts.shape[0],
            "width": facts.shape[1],
            "understood": "",
            "ignored": 1 - float(look.valid.mean()),
            **dict.fromkeys(("n_cells", "n_cut", "n_touching"), 0),
            "saturated": facts.saturated,
            "nearest_train": -1,
        }
        row |= statistics(look.gray, mask, look.valid, seed=index)
        self.images.add(row | self._of_cells(look, split))

    def _of_cells(self, look: Look, split: str) -> dict[str, Any]:
        if look.cells is None:
            return {}
        table = look.cells
        if len(table):
            cut = {"touches_border": "cut"}
            self.cells.add(table.rename(columns=cut).assign(index=look.facts.index, split=split))
        whole = table[~table["touches_border"]]
        names = ("diameter_px", "eccentricity", "solidity")
        return {
            "understood": look.facts.mask.understood,
            "foreground": look.facts.mask.foreground,
            "n_cells": len(table),
            "n_cut": int(table["touches_border"].sum()),
            "n_touching": look.facts.mask.n_touching,
            **{f"median_{name}": float(np.median(whole[name])) if len(whole) else np.nan for name in names},
        }


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
