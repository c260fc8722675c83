"""Weakness: how well a run does on its val images after each of a grid of fixed augmentations. No torch.

As in training, an image is normalised first and changed then: brightness and contrast are changes that the
normalisation cannot take away again. Pixels that show nothing of the image (`valid` False: reflected corners) are not
scored, so a strong rotation or a small scale is scored on fewer of them.

The job `weakness` (seglib.experiments.weakness_job) writes map.json first, then one line a cell into cells.jsonl:
integers per image, from which everything here is derived. So a map can be read while it fills.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from seglib.data.dataset import Dataset, open_dataset
from seglib.exceptions import InputError
from seglib.experiments.grid import Cell, Grid, choose_images, from_plain
from seglib.metrics import Counts, mean_per_image, pooled
from seglib.runs import events, validation
from seglib.runs.files import read_json
from seglib.runs.store import Run

KIND = "weakness"
PLAN, CELLS = "map.json", "cells.jsonl"
WORST = 6  # images of a cell whose probabilities are kept, to be looked at


def own_data(run: Run, folder: Path | None = None) -> Dataset:
    """The run's own images, split as the run had them; folder: where they lie now, if they were moved.

    Raises InputError where they are not there any more.
    """
    data, folder = run.config().data, Path(folder or run.data_path())
    if not folder.is_dir():
        raise InputError(f"the data set of run {run.id} is not at {folder} any more; name it with --data DIR.")
    return open_dataset(folder, grouping=data.grouping, split=data.split, fold=data.fold)


def inputs(
    run: Run, which: str, dataset: Dataset, grid: Grid, n_images: int | None = None, threshold: float = 0.5
) -> dict[str, Any]:
    """Inputs of the job: run, checkpoint, data, grid, images asked about, threshold. Changed files are other inputs.

    dataset: as `own_data` gives it. n_images: so many val images (None: all), as `choose_images` draws them.
    Raises InputError without val images, or for a threshold outside (0, 1].
    """
    if not 0 < threshold <= 1:
        raise InputError(f"threshold is {threshold}; allowed: above 0, up to 1.")
    indices = choose_images(dataset, n_images, grid.seed)
    return {
        "run": str(run.folder),
        "checkpoint": which,
        "data": str(dataset.path.resolve()),
        "grid": grid.plain(),
        "indices": indices,
        "threshold": round(float(threshold), 4),
        "files": _stamp(dataset, indices),
    }


def not_val_then(run: Run, dataset: Dataset, indices: Sequence[int]) -> list[str]:
    """Which of these images were not among the val images when the run was trained: it may have learned from them, and
    then its IoU on them flatters. Nothing where the run kept no validation."""
    try:
        scored = set(validation.scores(run, "best").image)
    except InputError:
        return []
    return [dataset.records[i].image for i in indices if dataset.records[i].image not in scored] if scored else []


def _stamp(dataset: Dataset, indices: Sequence[int]) -> str:
    """Changes when one of the pictures or masks does."""
    digest = hashlib.sha1(usedforsecurity=False)
    for index in indices:
        record = dataset.records[index]
        for relative in filter(None, (record.image, record.mask, record.ignore)):
            file = dataset.path / relative
            status = file.stat() if file.exists() else None
            digest.update(f"{relative}|{status and status.st_mtime_ns}|{status and status.st_size};".encode())
    return digest.hexdigest()


@dataclass(frozen=True)
class Score:
    """What one cell came to. An IoU is NaN where it is nowhere defined.

    pooled_iou: counts summed over the images, then divided. mean_iou: of the images' own IoU; n_undefined of them have
    none (neither cell nor predicted cell) and are left out. total: the sums; total.n_valid: pixels scored.
    """

    pooled_iou: float
    mean_iou: float
    n_undefined: int
    total: Counts


def score(counts: Sequence[Counts]) -> Score:
    """Of one Counts an image."""
    total = pooled(counts)
    mean, n_undefined = mean_per_image(counts, "iou")
    return Score(total.iou, mean, n_undefined, total)


@dataclass(frozen=True)
class WeaknessMap:
    """counts: cell -> one Counts an image, of the cells that are done; None: the unaugmented images. worst: the rows of
    the images whose probabilities are kept. images: (number in the data set, name), in the order of the counts."""

    grid: Grid
    images: tuple[tuple[int, str], ...]
    n_val: int
    threshold: float
    border: str
    normalisation: str
    counts: dict[Cell | None, list[Counts]]
    worst: dict[Cell | None, list[int]]

    @cached_property
    def scores(self) -> dict[Cell | None, Score]:
        return {cell: score(counts) for cell, counts in self.counts.items()}

    @property
    def baseline(self) -> Score | None:
        """Of the images as they are; None while it is not computed."""
        return self.scores.get(None)

    @property
    def complete(self) -> bool:
        return None in self.counts and all(cell in self.counts for cell in self.grid.cells())

    def share_scored(self, cell: Cell) -> float:
        """Pixels scored in this cell, of those scored in the images as they are."""
        whole = self.scores[None].total.n_valid if None in self.scores else 0
        return self.scores[cell].total.n_valid / whole if whole else math.nan

    def profile(self, path: str) -> list[tuple[float, float]]:
        """(value, pooled IoU) along one axis, where the other changes least; of the cells that are done."""
        grid = self.grid
        along_x = path == grid.x
        other, values = (grid.y_axis, grid.y_values) if along_x else (grid.x_axis, grid.x_values)
        at = other.nearest_to_neutral(values) if other is not None else 0
        cells = [(i, at) if along_x else (at, i) for i in range(len(grid.x_values if along_x else grid.y_values))]
        return [(grid.at(cell)[path], self.scores[cell].pooled_iou) for cell in cells if cell in self.scores]


def plan(
    grid: Grid, dataset: Dataset, indices: Sequence[int], threshold: float, border: str, normalisation: str
) -> dict[str, Any]:
    """What map.json holds: all that a map is, but the counts."""
    return {
        "grid": grid.plain(),
        "images": [[int(i), dataset.records[i].image] for i in indices],
        "n_val": len(dataset.indices("val")),
        "threshold": threshold,
        "border": border,
        "normalisation": normalisation,
    }


def line(cell: Cell | None, counts: Sequence[Counts], worst: Sequence[int]) -> dict[str, Any]:
    """One line of cells.jsonl."""
    numbers = [[c.tp, c.fp, c.fn, c.tn] for c in counts]
    return {"cell": cell and list(cell), "counts": numbers, "worst": list(worst)}


def as_map(written: dict[str, Any], lines: Sequence[dict[str, Any]]) -> WeaknessMap:
    """The map of a plan and the lines written so far."""
    cells = {tuple(row["cell"]) if row["cell"] else None: row for row in lines}
    return WeaknessMap(
        grid=from_plain(written["grid"]),
        images=tuple((int(index), str(name)) for index, name in written["images"]),
        n_val=int(written["n_val"]),
        threshold=float(written["threshold"]),
        border=str(written["border"]),
        normalisation=str(written["normalisation"]),
        counts={cell: [Counts(*map(int, row)) for row in found["counts"]] for cell, found in cells.items()},
        worst={cell: [int(i) for i in found["worst"]] for cell, found in cells.items()},
    )


def read(folder: Path) -> WeaknessMap | None:
    """What a job has left in its result folder so far; None before its first line."""
    written = read_json(folder / PLAN)
    lines, _ = events.tail(folder / CELLS)
    try:
        return as_map(written, lines) if written and lines else None
    except (KeyError, TypeError, ValueError):
        raise InputError(f"{folder / PLAN} or {CELLS} beside it is damaged; compute the map again.") from None


def probability_file(cell: Cell | None, row: int) -> str:
    """Name of the PNG of q of image `row` in a cell, in the result folder; kept for the worst images alone."""
    return f"{'none' if cell is None else f'{cell[0]}_{cell[1]}'}_{row}.png"


def to_json(found: WeaknessMap) -> dict[str, Any]:
    """The map as `weakness --json` prints it, undefined ratios as null."""

    def ratios(of: Score) -> dict[str, Any]:
        numbers = {"pooled_iou": of.pooled_iou, "mean_iou": of.mean_iou}
        defined = {key: None if math.isnan(value) else value for key, value in numbers.items()}
        return {**defined, "n_undefined": of.n_undefined, **asdict(of.total)}

    grid = found.grid
    cells = [
        {**grid.at(cell), **ratios(found.scores[cell])}
        for cell in sorted(grid.cells(), key=lambda c: (c[1], c[0]))
        if cell in found.scores
    ]
    return {
        "split": "val",
        "n_images": len(found.images),
        "n_val": found.n_val,
        "threshold": found.threshold,
        **grid.plain(),
        "unaugmented": ratios(found.baseline) if found.baseline else None,
        "cells": cells,
        "images": [name for _, name in found.images],
    }
