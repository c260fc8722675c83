"""Changes on disk: what the job `changes` (`seglib.runs.tasks`) leaves of two predictions of the same images. No torch.

`seglib.errors.compare` says what a change is; here it meets runs, data sets and files.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seglib.exceptions import InputError
from seglib.runs import diagnosis, predicted
from seglib.runs.predicted import Predicted

if TYPE_CHECKING:
    from seglib.data.dataset import Dataset
    from seglib.errors.compare import Changes, Pair

_TABLES = ("images", "wins", "losses")


def pairs(a: Predicted, b: Predicted, dataset: Dataset) -> Iterator[Pair]:
    """The images that both have predicted and that are in the data set, one by one, in the order of a. Raises
    InputError for probabilities that are gone or damaged."""
    index_of = {record.image: index for index, record in enumerate(dataset.records) if record.mask}
    row_of = {image: number for number, image in enumerate(b.scores().image)}
    for number, image in enumerate(a.scores().image):
        if image in index_of and image in row_of:
            name, group, gray, q, labels, valid = diagnosis.case(dataset.sample(index_of[image]), a.q(number))
            yield name, group, gray, q, b.q(row_of[image]), labels, valid


def inputs_of(a: Predicted, b: Predicted, threshold: float, data: Path, stamp: str = "") -> dict[str, Any]:
    """Inputs of the job `changes`; data: where the data set lies now. stamp: of what else the result depends on, such
    as the masks."""
    one, other = (predicted.errors_inputs(p, threshold, data) for p in (a, b))
    return {**one, "beside": other, "stamp": f"{a.stamp} {b.stamp} {stamp}"}


def write(folder: Path, found: Changes) -> None:
    """images.parquet, wins.parquet and losses.parquet."""
    for name in _TABLES:
        diagnosis.write_table(folder / f"{name}.parquet", getattr(found, name))


def read(folder: Path) -> Changes:
    """What `write` left. Raises InputError naming a file that is gone or cannot be read."""
    import pandas as pd

    from seglib.errors.compare import Changes

    tables = []
    for name in _TABLES:
        file = folder / f"{name}.parquet"
        try:
            tables.append(pd.read_parquet(file))
        except (OSError, ValueError) as error:
            raise InputError(f"{file} cannot be read: {str(error).splitlines()[0]}; compare the runs again.") from None
    return Changes(*tables)
