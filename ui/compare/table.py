"""Rows of runs -> the table as it is shown. Pure but for the columns' settings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import streamlit as st
from pandas.io.formats.style import Styler

from seglib.data.splits import NOT_INDEPENDENT
from seglib.experiments import runs_table
from ui.compare.palette import look

Row = Mapping[str, Any]
NO_VAL = "no val set"
OF = {runs_table.ALL: "all", runs_table.SAMPLE: "sample", None: ""}


def frame(rows: Sequence[Row], keys: Sequence[str], target: float, with_data: bool = False) -> pd.DataFrame:
    """One row a run, its differing settings by their labels. keys: as `runs_table.differing` gives them."""
    best = runs_table.best(rows)
    headings = unique_labels(keys)
    settings = {key: cells([row.get(key) for row in rows]) for key in keys}
    return pd.DataFrame(
        [
            {
                "Run": row["name"],
                "Best val": row["best_val_iou"],
                "Mark": mark(row, best is not None and row["run"] == best["run"] and len(rows) > 1, target),
                **({"Data": row["data"]} if with_data else {}),
                **{headings[key]: settings[key][i] for key in keys},
                "Last val": row["last_val_iou"],
                "Best train": row["best_train_iou"],
                "of": OF[row["train_of"]],
                "Last train": row["last_train_iou"],
                "Minutes": row["minutes"],
                "Steps": row["steps"],
                "State": row["state"],
            }
            for i, row in enumerate(rows)
        ]
    )


def coloured(table: pd.DataFrame) -> Styler:
    """The same with each run's line as it is drawn in the curves."""
    looks = [look(place) for place in range(len(table))]
    table = table.copy()
    table.insert(1, "Line", [one.text for one in looks])
    colours = [f"color: {one.colour}; font-weight: bold" for one in looks]
    return table.style.apply(lambda column: colours, subset=["Line"])


def mark(row: Row, is_best: bool, target: float) -> str:
    """Icon and word: the best of the table, whether it reaches the target, and what its IoU must not be taken for."""
    iou = row["best_val_iou"]
    words = ["★ best"] if is_best else []
    if iou is not None and iou >= target:
        words.append(f"✓ reaches {target:g}")
    if row["validated"] is False:
        words.append(NO_VAL)
    if not row["independent"]:
        words.append("⚠ not independent")
    return " · ".join(words)


def cells(values: Sequence[Any]) -> list[Any]:
    """A column of settings: numbers where all are, so that they sort as such, else words."""
    numbers = all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in values)
    return list(values) if numbers else [runs_table.value_text(value) for value in values]


def unique_labels(keys: Sequence[str]) -> dict[str, str]:
    """key -> heading; two of one label are told apart by their section: `Depth` but `Name (model)`."""
    labels = {key: runs_table.label(key) for key in keys}
    words = [*labels.values(), "Run", "Mark", "Data", "State", "Steps", "Minutes"]
    return {key: f"{text} ({key.partition('.')[0]})" if words.count(text) > 1 else text for key, text in labels.items()}


def columns(target: float) -> dict[str, Any]:
    """How the columns are shown and what their headings mean."""
    text, number = st.column_config.TextColumn, st.column_config.NumberColumn
    val = "Pooled IoU of the val set: pixels are summed over all its images first."
    sample = "of a fixed sample of train images, as many as there are val images"
    return {
        "Line": text("Line", width=56, help="As the run is drawn in the curves."),
        "Run": text(width=190, pinned=True),
        "Mark": text(
            width=165,
            help=f"★ the best val IoU of this table. ✓ at or above the target {target:g}. Not independent: train and "
            f"val are {NOT_INDEPENDENT}, their IoU flatters.",
        ),
        "Best val": number("Best val IoU", format="%.4f", help=f"{val} At the best validation."),
        "Last val": number("Last val IoU", format="%.4f", help=f"{val} At the last validation."),
        "Best train": number(
            "Best train IoU",
            format="%.4f",
            help="Pooled, with the best weights: of all train images once the training came to its end, till then "
            f"{sample}. The next column says which.",
        ),
        "of": text("of", width=56, help="What the best train IoU is of: all train images, or a sample."),
        "Last train": number("Last train IoU", format="%.4f", help=f"Pooled, at the last validation, {sample}."),
        "Minutes": number(format="%.1f", help="Training and validation, over all resumes."),
        "Steps": number(format="localized"),
    }
