"""Ceilings of many images: what moving every outline costs, kept in `cache/` because no run changes it. No torch."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seglib.data.dataset import Dataset, Record
from seglib.errors.ceiling import COLUMNS, ceiling

if TYPE_CHECKING:
    import pandas as pd

    from seglib.runs.work import Progress, StopAsked

KIND = "ceiling"
TABLE = "ceiling.parquet"


def measure(dataset: Dataset, indices: Sequence[int], progress: Callable[[int], None] = lambda done: None):
    """One row an image: image, group and the counts of `seglib.errors.ceiling`. progress is told how many are done.

    Raises InputError, naming the file, for a picture or mask that cannot be read.
    """
    import pandas as pd

    rows = []
    for index in indices:
        sample = dataset.sample(index)
        rows.append({"image": sample.name, "group": sample.group, **ceiling(sample.mask, sample.valid)})
        progress(len(rows))
    return pd.DataFrame(rows, columns=["image", "group", *COLUMNS])


def inputs(dataset: Dataset, indices: Sequence[int], tags: Sequence[str]) -> dict[str, Any]:
    """Inputs of the job; tags: one text an image that changes when its files do."""
    records = [dataset.records[index] for index in indices]
    pictures = [[record.image, record.mask, record.ignore, record.group] for record in records]
    stamp = hashlib.sha256("|".join(tags).encode()).hexdigest()
    return {"data": str(dataset.path), "pictures": pictures, "stamp": stamp}


def job(inputs: dict[str, Any], result: Path, progress: Progress, should_stop: StopAsked) -> None:
    """The job `ceiling`. result: ceiling.parquet, as `measure` gives it."""
    from seglib.runs.diagnosis import write_table
    from seglib.runs.work import Cancelled

    names = ("image", "mask", "ignore", "group")
    records = tuple(Record(**dict(zip(names, picture))) for picture in inputs["pictures"])

    def told(done: int) -> None:
        if should_stop():
            raise Cancelled
        progress(done / len(records), f"image {done} of {len(records)}")

    dataset = Dataset(Path(inputs["data"]), records, has_csv=False)
    write_table(result / TABLE, measure(dataset, range(len(records)), told))


def read(result: Path) -> pd.DataFrame:
    """What the job left."""
    import pandas as pd

    return pd.read_parquet(result / TABLE)
