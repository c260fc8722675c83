"""Predicted: what one checkpoint of a run said of the images of one split: counts, probabilities, wrong regions.

For val the validations of the training left it in the run's folder; for train (or where those files are gone) a job
`evaluate` makes it. Both have the same files, so whoever reads need not know which it was. No torch.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seglib.exceptions import InputError
from seglib.metrics import Counts
from seglib.runs import jobs, validation

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    import pandas as pd

    from seglib.data.dataset import Dataset
    from seglib.errors.report import Case, Measured
    from seglib.runs.store import Run

STORED_THRESHOLD = 0.5  # of the counts, regions and budgets that lie on disk
COUNTS = ("tp", "fp", "fn", "tn")


@dataclass(frozen=True)
class Predicted:
    """which: best or last. folder: <row>.png (q), numbered as the rows of `scores`. tables: folder of the parquet
    files. step: of the validation; None for a job's. job: the job that made it, if one did."""

    run: Run
    which: str
    split: str
    folder: Path
    tables: Path
    step: int | None = None
    job: jobs.Job | None = None

    @property
    def stamp(self) -> str:
        """Changes when the predictions do."""
        files = (self.folder / "step", self.tables / "images.parquet", self.tables / "budgets.parquet")
        times = (str(f.stat().st_mtime_ns) if f.exists() else "-" for f in files)
        return "|".join([str(self.folder), str(self.step), *times])

    def scores(self) -> pd.DataFrame:
        """One row an image: image, group, tp, fp, fn, tn, n_valid at STORED_THRESHOLD."""
        return _read(self.tables / "images.parquet")

    def q(self, number: int) -> np.ndarray:
        """(H, W) uint8 probabilities of the image in row `number`. Raises InputError where they are gone."""
        file = self.folder / f"{number}.png"
        if not file.is_file():
            raise InputError(f"{file} is not there: the probabilities of this image are gone; evaluate the run again.")
        return validation.decoded(file.read_bytes(), file)

    def has(self, number: int) -> bool:
        """Whether the image in row `number` has probabilities on disk."""
        return (self.folder / f"{number}.png").is_file()

    def sizes(self) -> dict[str, tuple[int, int]]:
        """image -> (height, width) in px, from the first bytes of its file; images whose file is gone are missing."""
        found = {}
        for number, image in enumerate(self.scores().image):
            with contextlib.suppress(OSError), (self.folder / f"{number}.png").open("rb") as file:
                head = file.read(24)
                if len(head) == 24:
                    found[image] = (int.from_bytes(head[20:24], "big"), int.from_bytes(head[16:20], "big"))
        return found

    def missing(self, n_images: int) -> int:
        """How many of the images have no probabilities on disk."""
        return sum(not self.has(number) for number in range(n_images))

    def stored(self) -> Measured | None:
        """What was measured at STORED_THRESHOLD; None where nothing is (yet). Runs of before 0.4 lack some tables:
        those are empty, and `complete` says so."""
        from seglib.errors.report import Measured
        from seglib.runs.diagnosis import TABLES

        files = {name: self.tables / f"{name}.parquet" for name in TABLES}
        tables = {name: _read(file) for name, file in files.items() if file.exists()}
        return Measured(**tables) if {"regions", "budgets"} <= set(tables) else None

    def cases(self, dataset: Dataset) -> Iterator[Case]:
        """The images one by one, as `seglib.errors.report.measure` takes them; those gone from the data set are left
        out. Raises InputError for probabilities that are gone."""
        from seglib.runs.diagnosis import case

        index_of = {record.image: index for index, record in enumerate(dataset.records) if record.mask}
        for number, image in enumerate(self.scores().image):
            if image in index_of:
                yield case(dataset.sample(index_of[image]), self.q(number))


def of_validation(run: Run, which: str) -> Predicted:
    """The val images, as the training left them. Raises InputError for a run without a validation (set)."""
    step = validation.step_of(run, which)
    folder = run.folder / "validation"
    return Predicted(run, which, "val", folder / which, folder / f"{step:06d}", step)


def of_job(run: Run, which: str, split: str, job: jobs.Job) -> Predicted:
    """What a job `evaluate` that is done has made."""
    return Predicted(run, which, split, job.result, job.result, job=job)


def evaluate_inputs(run: Run, which: str, split: str, data: Path) -> dict[str, Any]:
    """Inputs of the job `evaluate` that predicts a split; data: where the run's data set lies now."""
    inputs = {"run": str(run.folder), "split": split, "checkpoint": which, "threshold": STORED_THRESHOLD}
    return inputs if data.resolve() == run.data_path() else {**inputs, "data": str(data), "moved": True}


def errors_inputs(predicted: Predicted, threshold: float, data: Path) -> dict[str, Any]:
    """Inputs of the job `errors`: wrong regions and budgets at another threshold than the stored one."""
    inputs = evaluate_inputs(predicted.run, predicted.which, predicted.split, data)
    made_by = {"job": predicted.job.id} if predicted.job else {"step": predicted.step}
    return {**inputs, **made_by, "threshold": round(float(threshold), 4)}


def from_inputs(run: Run, inputs: dict[str, Any]) -> Predicted:
    """The inverse of `errors_inputs`, for the worker."""
    if inputs.get("job"):
        folder = jobs.cache_root() / "jobs" / inputs["job"]
        return of_job(run, inputs["checkpoint"], inputs["split"], jobs.Job(folder))
    return of_validation(run, inputs["checkpoint"])


def at_threshold(scores: pd.DataFrame, measured: Measured) -> pd.DataFrame:
    """`scores` with the counts at the threshold of `measured`; images that were not measured are left out."""
    budgets = measured.budgets.set_index("image")["union"]
    wrong = measured.regions.groupby(["image", "kind"]).n_pixels.sum().unstack(fill_value=0)
    table = scores[scores.image.isin(budgets.index)].reset_index(drop=True)
    for kind in ("fp", "fn"):
        found = wrong.get(kind, {})
        table[kind] = table.image.map(found).fillna(0).astype("int64")
    table["tp"] = table.image.map(budgets).astype("int64") - table.fp - table.fn
    table["tn"] = table.n_valid - table.tp - table.fp - table.fn
    return table


def counts(scores: pd.DataFrame) -> list[Counts]:
    """One Counts an image."""
    return [Counts(*map(int, row)) for row in scores[[*COUNTS]].to_numpy()]


def train_scores(run: Run, which: str) -> pd.DataFrame | None:
    """Counts of train images at STORED_THRESHOLD beside those of val: all of them where the run has finished and
    `which` is best, else the fixed sample that every validation scores; None where neither is there."""
    try:
        sample = validation.folder_of(run, validation.step_of(run, which)) / "train.parquet"
    except InputError:
        sample = None
    whole = run.folder / "validation" / "best" / "train.parquet"
    file = whole if which == "best" and whole.exists() else sample
    return _read(file) if file is not None and file.exists() else None


def _read(file: Path) -> pd.DataFrame:
    import pandas as pd  # half a second that a list of runs does not need

    try:
        return pd.read_parquet(file)
    except (OSError, ValueError) as error:
        raise InputError(f"{file} cannot be read: {str(error).splitlines()[0]}; remove it and look again.") from None
