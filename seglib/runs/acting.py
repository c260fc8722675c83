"""Acting on verdicts: a new version of a data set, and what is exported. No torch.

The command line calls `make`, `take_back` and `write_export` itself, the app by the jobs of
`seglib.runs.acting_jobs`, whose inputs are made here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from seglib.data.changes import Change
from seglib.data.dataset import Dataset
from seglib.data.sample import Sample
from seglib.data.version import Version, make_version, without
from seglib.errors import corrections, review
from seglib.errors.export import Exported
from seglib.errors.export import export as write
from seglib.exceptions import InputError
from seglib.runs import predicted
from seglib.runs.predicted import Predicted

VERSION, EXPORTED = "version.json", "exported.json"
ZIP = "export.zip"
Progress = Callable[[float, str], None]
StopAsked = Callable[[], bool]


def version_inputs(
    dataset: Dataset, choices: dict[str, Any], changes: Iterable[Change], folder: Path
) -> dict[str, Any]:
    """Inputs of the job `version`. choices: grouping, split and fold with which the data set is open."""
    listed = [asdict(change) for change in changes]
    return {"data": str(dataset.path), **choices, "changes": listed, "folder": str(folder)}


def taking_back_inputs(version: Path, ids: Iterable[str], folder: Path) -> dict[str, Any]:
    """Inputs of the job `version` that takes changes of a version back."""
    return {"data": str(version), "take_back": list(ids), "folder": str(folder)}


def make(
    dataset: Dataset, out: Path, changes: Sequence[Change], progress: Progress, should_stop: StopAsked
) -> tuple[Version, int]:
    """The version, and how many verdicts went with it: those that changed nothing still stand there."""
    made = make_version(dataset, out, changes, progress, should_stop)
    return made, _carry(dataset.path, out, {done.change.id for done in made.done})


def take_back(
    version: Path, ids: Sequence[str], out: Path, progress: Progress, should_stop: StopAsked
) -> tuple[Version, int]:
    """The version without these changes, and how many verdicts went with it."""
    made = without(version, ids, out, progress, should_stop)
    return made, _carry(version, out, set())


def _carry(data: Path, out: Path, used: set[str]) -> int:
    """Verdicts that were not acted on, and the names of kinds of mistakes, into the review of the new folder."""
    found = review.read(data)
    standing = review.latest(found.verdicts)
    open_ones = [v for v in standing if (change := corrections.change_of(v)) is None or change.id not in used]
    if open_ones or found.names:
        review.append_all(out, [*open_ones, *found.names])
    return len(open_ones)


def told(made: Version, carried: int) -> dict[str, Any]:
    """JSON of what was made."""
    return {
        "folder": str(made.folder),
        "source": dict(made.source),
        "changes": [{**asdict(done.change), **asdict(done.effect)} for done in made.done],
        "left_out": [{**asdict(change), "reason": reason} for change, reason in made.left_out],
        "images": {"linked": made.n_linked, "copied": made.n_copied},
        "verdicts_kept": carried,
        "notes": list(made.notes),
    }


# ---- export


def export_inputs(found: Predicted, threshold: float, data: Path, crops: str, labels: bool) -> dict[str, Any]:
    """Inputs of the job `export`; stamp: what was said of the data set so far."""
    inputs = predicted.errors_inputs(found, threshold, data)
    return {**inputs, "crops": crops, "labels": labels, "stamp": review.stamp(data)}


def write_export(
    folder: Path,
    source: Predicted,
    dataset: Dataset,
    threshold: float,
    crops: str,
    labels: bool,
    progress: Progress,
    go_on: Callable[[], None] = lambda: None,
) -> Exported:
    """Fill the empty `folder` with what `source` predicts of the images of `dataset`.

    Raises InputError where none of its images is in the data set, or a prediction is gone.
    """
    index_of = {record.image: index for index, record in enumerate(dataset.records) if record.mask}
    rows = [(number, index_of[image]) for number, image in enumerate(source.scores().image) if image in index_of]
    if not rows:
        images = f"the {source.split} images of run {source.run.id}"
        raise InputError(f"{dataset.path}: none of {images} is in this data set; name the one it was trained on.")

    def item(k: int) -> tuple[Sample, np.ndarray]:
        number, index = rows[k]
        return dataset.sample(index), source.q(number)

    about = {"run": source.run.id, "checkpoint": source.which, "split": source.split, "data": dataset.path.name}
    return write(
        folder,
        len(rows),
        item,
        review.standing(dataset.path),
        threshold=threshold,
        crops=crops,
        labels=labels,
        source=about,
        progress=progress,
        go_on=go_on,
    )
