"""Report: budget, regions, what comes back and what looks alike, for one checkpoint of one run."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from seglib.errors import cells as each_cell
from seglib.errors import found as finding
from seglib.errors.budget import CLASSES, anatomy, pool
from seglib.errors.cells import no_cells
from seglib.errors.clusters import clusters
from seglib.errors.recurrence import recurrent
from seglib.errors.regions import COLUMNS, regions
from seglib.errors.thresholds import HISTOGRAMS, histograms
from seglib.exceptions import InputError
from seglib.metrics import Counts, foreground

# image name, group, gray (H, W), q (H, W) uint8, labels (H, W) integer, valid (H, W) bool
Case = tuple[str, str, np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def no_found() -> pd.DataFrame:
    """found.parquet of no image: image, group and the counts of `seglib.errors.found`."""
    return pd.DataFrame(columns=["image", "group", *finding.COLUMNS])


def no_thresholds() -> pd.DataFrame:
    """thresholds.parquet of no image."""
    return pd.DataFrame(columns=["image", "group", *HISTOGRAMS])


@dataclass(frozen=True)
class Measured:
    """regions: one row a region, `image` first (regions.parquet). budgets: one row an image: image, group, union and
    the pixels of each class. found: one row an image: image, group and the counts of `seglib.errors.found`. cells: one
    row a cell with the columns of `seglib.errors.cells.CELLS`. thresholds: one row an image: image, group and the
    histograms of `seglib.errors.thresholds`, which hold at every threshold. Runs from before lack the last three: see
    `complete`."""

    regions: pd.DataFrame
    budgets: pd.DataFrame
    found: pd.DataFrame = field(default_factory=no_found)
    cells: pd.DataFrame = field(default_factory=no_cells)
    thresholds: pd.DataFrame = field(default_factory=no_thresholds)

    @property
    def complete(self) -> bool:
        """Whether everything is measured that this version measures."""
        cells_there = len(self.cells) > 0 or not self.budgets["union"].any()
        return cells_there and len(self.found) == len(self.thresholds) == len(self.budgets)

    def counts(self) -> Counts:
        """Pixels of all images added up; without tn, which no budget knows."""
        wrong = self.regions.groupby("kind").n_pixels.sum()
        fp, fn = int(wrong.get("fp", 0)), int(wrong.get("fn", 0))
        return Counts(tp=int(self.budgets["union"].sum()) - fp - fn, fp=fp, fn=fn)

    def pooled(self, group: str | None = None) -> dict[str, int]:
        """Pixels of each class and `union`, summed over all images or those of one group."""
        chosen = self.budgets if group is None else self.budgets[self.budgets.group == group]
        return pool(chosen[[*CLASSES, "union"]].to_dict("records"))


def measure(
    cases: Iterable[Case], threshold: float = 0.5, progress: Callable[[int], None] = lambda done: None
) -> Measured:
    """Regions, budget, cells and what was found of every case; one image in memory at a time. progress is told how many
    are done.

    Raises InputError, naming the image, where the arrays of a case do not fit together.
    """
    tables, budgets, counts, levels, cells = [], [], [], [], []
    for name, group, gray, q, labels, valid in cases:
        try:
            table, pixels, found, of_cells = _one(name, gray, q, labels, valid, threshold)
        except InputError as error:
            raise InputError(f"{name}: {error}") from None
        table.insert(0, "image", name)
        tables.append(table)
        budgets.append({"image": name, "group": group, **pixels})
        counts.append({"image": name, "group": group, **found})
        levels.append({"image": name, "group": group, **dict(zip(HISTOGRAMS, histograms(q, labels > 0, valid)))})
        cells.append((name, group, of_cells))
        progress(len(budgets))
    empty = pd.DataFrame({c: pd.Series(dtype=t) for c, t in {"image": "str", **COLUMNS}.items()})
    filled = [t for t in tables if len(t)]
    return Measured(
        pd.concat(filled, ignore_index=True) if filled else empty,
        pd.DataFrame(budgets, columns=["image", "group", *CLASSES, "union"]),
        pd.DataFrame(counts, columns=no_found().columns),
        each_cell.table(cells),
        pd.DataFrame(levels, columns=no_thresholds().columns),
    )


def _one(name: str, gray, q, labels, valid, threshold: float) -> tuple[pd.DataFrame, dict, dict, dict]:
    """Regions, budget, what was found and the columns of the cells of one image."""
    if q.shape != labels.shape:
        raise InputError(f"probabilities have shape {q.shape}, labels {labels.shape}; they must be the same.")
    mask, predicted = labels > 0, foreground(q, threshold)
    parts = anatomy(mask, predicted, labels, valid)
    table = regions(mask, predicted, labels, valid, q=q, gray=gray, parts=parts)
    found = finding.found(mask, predicted, labels, valid, parts)
    return table, parts.budget(), found, each_cell.cells(gray, predicted, labels, valid, parts, name)


def errors_report(
    cases: Iterable[Case],
    threshold: float = 0.5,
    *,
    run: str = "",
    checkpoint: str = "best",
    earlier: Sequence[tuple[str, pd.DataFrame]] = (),
    progress: Callable[[int], None] = lambda done: None,
) -> dict[str, Any]:
    """One entry of `runs` in `python -m seglib errors RUN… --json`.

    earlier: (name, table of regions with `image`) of other checkpoints or runs on the same images, in order of time,
    before this one. Without any, what is "recurrent" is what is there now, with persistence 1.
    """
    return as_report(measure(cases, threshold, progress), threshold, run=run, checkpoint=checkpoint, earlier=earlier)


def as_report(
    measured: Measured,
    threshold: float,
    *,
    run: str = "",
    checkpoint: str = "best",
    earlier: Sequence[tuple[str, pd.DataFrame]] = (),
    back: pd.DataFrame | None = None,
) -> dict[str, Any]:
    """The same from what was measured before: plain JSON values, null where a number is undefined.

    back: the table `recurrent` where it is made already; `earlier` is not looked at then.
    """
    budget = measured.pooled()
    if back is None:
        tables, names = [t for _, t in earlier] + [measured.regions], [n for n, _ in earlier] + [checkpoint]
        back = recurrent(tables, names, counts=measured.counts())
    return {
        "run": run,
        "checkpoint": checkpoint,
        "threshold": float(threshold),
        "budget": {"union": budget["union"], "classes": {name: budget[name] for name in CLASSES}},
        "regions": _records(measured.regions),
        "recurrent": _records(back),
        "clusters": _records(clusters(measured.regions)),
    }


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    return [{k: _json(v) for k, v in row.items()} for row in table.to_dict("records")]


def _json(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _json(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_json(v) for v in value]
    value = value.item() if isinstance(value, np.generic) else value
    return None if isinstance(value, float) and not math.isfinite(value) else value
