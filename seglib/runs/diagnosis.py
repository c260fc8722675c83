"""Wrong regions of many images as one table: what regions.parquet holds, for trainings and jobs alike. No torch."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from seglib.data.readers import to_gray
from seglib.data.sample import Sample
from seglib.errors.regions import COLUMNS, regions
from seglib.metrics import foreground


def region_table(predicted: Iterable[tuple[Sample, np.ndarray]], threshold: float = 0.5) -> pd.DataFrame:
    """One row per wrong region: `image` (its name), then the columns of `seglib.errors.regions`.

    predicted: samples with their q (H, W) uint8.
    """
    tables = [_of_image(sample, q, threshold) for sample, q in predicted]
    filled = [table for table in tables if len(table)]
    if not filled:
        empty = pd.DataFrame({name: pd.Series(dtype=dtype) for name, dtype in COLUMNS.items()})
        empty.insert(0, "image", pd.Series(dtype="str"))
        return empty
    return pd.concat(filled, ignore_index=True)


def _of_image(sample: Sample, q: np.ndarray, threshold: float) -> pd.DataFrame:
    gray = to_gray(sample.image)
    table = regions(sample.mask, foreground(q, threshold), sample.labels, sample.valid, q=q, gray=gray)
    table.insert(0, "image", sample.name)
    return table


def write_table(file: Path, table: pd.DataFrame) -> None:
    """As parquet, whole or not at all."""
    temporary = file.with_name(file.name + ".tmp")
    table.to_parquet(temporary, index=False)
    temporary.replace(file)
