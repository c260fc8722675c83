"""Suspects: the job that looks through all images for labels that are probably wrong. No torch, no network runs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from seglib.data.dataset import Dataset, open_dataset
from seglib.data.substitute import csv_of
from seglib.errors import suggestions as suggested
from seglib.errors.suggestions import Typical, Usual
from seglib.exceptions import InputError
from seglib.runs import votes
from seglib.runs.diagnosis import write_table
from seglib.runs.files import read_json, write_json
from seglib.runs.store import Run
from seglib.runs.votes import Vote

TABLE, NOTES = "suggestions.parquet", "notes.json"
Told = Callable[[int, str], None]


class Cancelled(Exception):
    """The person wants no more of it. (Not that of `seglib.runs.tasks`: torch comes with it, and pages read this.)"""


def inputs_of(runs: Iterable[Run], data: Dataset, grouping: str | None, split: str | None, stamp: str) -> dict:
    """Inputs of the job. stamp: changes when a mask does, which nothing else here would tell."""
    inputs = {"runs": sorted(str(run.folder) for run in runs), "data": str(data.path), "stamp": stamp}
    return inputs | ({} if csv_of(data.path) else {"grouping": grouping, "split": split})


def suggestions(
    inputs: dict[str, Any], result: Path, progress: Callable[[float, str], None], should_stop: Callable[[], bool]
) -> None:
    """Probable label errors of every image that at least two of the runs may vote on.

    inputs: as `inputs_of` makes them. result: suggestions.parquet as `seglib.errors.suggestions.ranked` gives it, and
    notes.json: n_images that were looked at, votes (image -> ids of the runs), left_out (image -> why).
    """
    dataset = open_dataset(inputs["data"], grouping=inputs.get("grouping"), split=inputs.get("split"))
    known = votes.of_runs([Run(folder) for folder in inputs["runs"]])
    index_of = {record.image: index for index, record in enumerate(dataset.records) if record.mask}
    images = votes.covered(known, index_of)
    if not images:
        raise InputError("there is no image on which two of these runs may vote: each was trained on it, or has no q.")

    def told(done: int, of: str) -> None:
        if should_stop():
            raise Cancelled
        progress(done / (2 * len(images)), of)

    cell = suggested.typical(_sizes(dataset, [index_of[image] for image in images], told))
    tables, usual, left_out = _looked_at(dataset, index_of, {image: known[image] for image in images}, cell, told)
    write_table(result / TABLE, suggested.ranked(tables, suggested.together(usual)))
    voters = {image: [vote.run.id for vote in known[image]] for image in images}
    write_json(result / NOTES, {"n_images": len(tables), "votes": voters, "left_out": left_out})
    progress(1.0, f"{len(tables)} images")


def _sizes(dataset: Dataset, indices: Sequence[int], told: Told) -> Iterable[np.ndarray]:
    for done, index in enumerate(indices):
        told(done, f"how large a cell is: {dataset.records[index].image}")
        sample = dataset.sample(index)
        yield suggested.sizes(sample.labels, sample.valid)


def _looked_at(
    dataset: Dataset, index_of: dict[str, int], known: dict[str, list[Vote]], cell: Typical, told: Told
) -> tuple[list[tuple[str, pd.DataFrame]], list[Usual], dict[str, str]]:
    """(image, its suggestions), how sure the models are elsewhere, and the images that were left out, with the reason:
    one bad file stops nothing."""
    tables, usual, left_out = [], [], {}
    for done, (image, voters) in enumerate(known.items(), start=len(known)):
        told(done, image)
        sample = dataset.sample(index_of[image])
        try:
            seen = [vote.q() for vote in voters], sample.labels, sample.valid, cell
            tables.append((image, suggested.suggest(*seen)))
            usual.append(suggested.certainty(*seen))
        except InputError as error:
            left_out[image] = str(error)
    return tables, usual, left_out


def left_out(result: Path) -> dict[str, str]:
    """Image -> why it was left out, of a job that is done."""
    return dict(read_json(result / NOTES).get("left_out") or {})
