"""Work: what every job is given: who hears of its progress, who may stop it, its data set. No torch, unlike tasks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

Progress = Callable[[float, str], None]
StopAsked = Callable[[], bool]


class Cancelled(Exception):
    """The person wants no more of it."""


def evaluated_data(inputs: dict[str, Any]):
    """The run's data set; its grouping and split hold as long as no dataset.csv decides."""
    from seglib.data.dataset import open_dataset
    from seglib.data.substitute import csv_of
    from seglib.runs.store import Run

    run = Run(inputs["run"])
    data = run.config().data
    if inputs.get("data") and not inputs.get("moved") and Path(inputs["data"]).resolve() != run.data_path():
        return open_dataset(inputs["data"])
    folder = inputs["data"] if inputs.get("moved") else run.data_path()
    if csv_of(folder) is not None:
        return open_dataset(folder, fold=data.fold)
    return open_dataset(folder, grouping=data.grouping, split=data.split)
