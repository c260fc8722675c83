"""Outcome: what one run left to compare: counts of its val images at the best and the last step, and its train IoU."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from seglib.exceptions import InputError
from seglib.experiments.statistics import Overlaps
from seglib.runs import validation
from seglib.runs.store import Run


@dataclass(frozen=True)
class Outcome:
    """Counts of one run.

    names, groups, tp, union: of its N val images at the best step. The ratios are pooled IoU, NaN where undefined or
    missing: last_val of the last step, best_train of all train images with the best weights (written when a training
    ends by itself), last_train of the fixed sample of train images at the last step.
    """

    names: tuple[str, ...]
    groups: tuple[str, ...]
    tp: np.ndarray
    union: np.ndarray
    last_val: float
    best_train: float
    last_train: float
    minutes: float

    @property
    def best_val(self) -> float:
        return float(self.tp.sum() / self.union.sum()) if self.union.sum() else float("nan")


def outcome(run: Run) -> Outcome | None:
    """What is there of `run`; None without a readable validation on val images."""
    try:
        best, last = validation.scores(run, "best"), validation.step_of(run, "last")
    except InputError:
        return None
    if best.empty:
        return None
    folder = run.folder / "validation"
    return Outcome(
        names=tuple(map(str, best["image"])),
        groups=tuple(map(str, best["group"])),
        tp=best["tp"].to_numpy(np.int64),
        union=(best["tp"] + best["fp"] + best["fn"]).to_numpy(np.int64),
        last_val=_pooled(validation.folder_of(run, last) / "images.parquet"),
        best_train=_pooled(folder / "best" / "train.parquet"),
        last_train=_pooled(validation.folder_of(run, last) / "train.parquet"),
        minutes=run.elapsed_s / 60,
    )


def _pooled(file: Path) -> float:
    import pandas as pd

    try:
        table = pd.read_parquet(file, columns=["tp", "fp", "fn"])
    except (OSError, ValueError):
        return float("nan")
    union = int(table.to_numpy().sum())
    return int(table["tp"].sum()) / union if union else float("nan")


def overlaps(outcomes: list[Outcome]) -> Overlaps:
    """The counts of several runs on the same images. Raises InputError where their val images differ."""
    first = outcomes[0]
    if any((o.names, o.groups) != (first.names, first.groups) for o in outcomes):
        raise InputError("these runs were scored on different val images; their IoUs cannot be compared.")
    return Overlaps(np.stack([o.tp for o in outcomes]), np.stack([o.union for o in outcomes]))
