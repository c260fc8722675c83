"""Wrong regions, budgets and cells on disk, for trainings and jobs alike: the parquet files of TABLES. No torch."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pandas as pd

from seglib.data.cache import SampleCache
from seglib.data.dataset import Dataset
from seglib.data.readers import to_gray
from seglib.data.sample import Sample
from seglib.errors.report import Case, Measured, measure
from seglib.files import put_in_place, removed_on_failure
from seglib.runs import validation
from seglib.runs.store import Run
from seglib.training.room import is_full

TABLES = ("cells", "found", "thresholds", "regions", "budgets")  # budgets last: who sees it finds the others
SHARE = 0.03  # of a training's time that goes into regions while it trains; the rest is done after its end
_WAITING_BYTES = 256 * 1024**2
_CACHE_BYTES = 512 * 1024**2


def case(sample: Sample, q: np.ndarray) -> Case:
    """What `seglib.errors.report.measure` wants of a sample and its q (H, W) uint8."""
    return sample.name, sample.group, to_gray(sample.image), q, sample.labels, sample.valid


def write_tables(folder: Path, measured: Measured) -> None:
    """<name>.parquet for each of TABLES; a table of cells that nobody filled is left out."""
    for name in TABLES:
        table = getattr(measured, name)
        if len(table) or name != "cells":
            write_table(folder / f"{name}.parquet", table)


def write_table(file: Path, table: pd.DataFrame) -> None:
    """As parquet, whole or not at all."""
    temporary = file.with_name(file.name + ".tmp")
    with removed_on_failure(temporary):
        table.to_parquet(temporary, index=False)
    put_in_place(temporary, file)


class Diagnosis:
    """Wrong regions and budgets of a run's validations, without holding the training up.

    A validation is looked at when it comes, as long as that took less than SHARE of the time so far; else its
    probabilities wait, as the PNG bytes they are, until `finish`.
    """

    def __init__(self, run: Run, dataset: Dataset):
        self.run, self.indices = run, dataset.indices("val")
        self.samples = SampleCache(dataset, limit=_CACHE_BYTES)
        self._waiting: dict[int, list[bytes]] = {}
        self._spent_s = 0.0

    def add(self, step: int, elapsed_s: float) -> None:
        """Take the probabilities in validation/last as those of `step`."""
        if self.indices:
            files = [validation.probability_file(self.run, "last", i) for i in range(len(self.indices))]
            self._waiting[step] = [file.read_bytes() for file in files]
            full = sum(len(png) for pngs in self._waiting.values() for png in pngs) > _WAITING_BYTES
            if full or self._spent_s <= SHARE * elapsed_s:
                self._write(step)

    def finish(self, newest_only: bool) -> None:
        """Write what waits; with `newest_only` (a person waits for the stop) only the last validation's."""
        for step in sorted(self._waiting, reverse=True)[: 1 if newest_only else None]:
            self._write(step)

    def _write(self, step: int) -> None:
        begun = time.perf_counter()
        target = validation.folder_of(self.run, step)
        pngs = self._waiting.pop(step)
        cases = (case(self.samples[i], validation.decoded(png, target)) for i, png in zip(self.indices, pngs))
        try:
            write_tables(target, measure(cases))
        except Exception as error:
            if is_full(error):  # there may be room at the end
                self._waiting[step] = pngs
            raise
        finally:
            self._spent_s += time.perf_counter() - begun
