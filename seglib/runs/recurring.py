"""Recurring: which looks are held against each other, and the places where mistakes come back in them. No torch.

Small sets are followed while one waits; larger ones by the job `recurrence`, which leaves what `read` reads.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seglib.exceptions import InputError
from seglib.metrics import Counts
from seglib.runs import jobs, looks, validation
from seglib.runs.files import read_json, write_json
from seglib.runs.looks import Look
from seglib.runs.store import Run

if TYPE_CHECKING:
    import pandas as pd

MIN_PIXELS = 4  # smaller crumbs come and go with every step
AT_ONCE_REGIONS = 15_000  # in all looks: followed in less than a second
_COLUMNS = 2  # counts up when the table gets another column: what an older version left is no answer
_TABLE, _NOTE = "recurrent.parquet", "looks.json"


@dataclass(frozen=True)
class Question:
    """kind: what the looks are: checkpoint, run or transform. run, which: the checkpoint in view, the last look.
    others: the runs held beside it. made: the id of the job `transforms`."""

    kind: str
    run: Run
    which: str
    others: tuple[Run, ...] = ()
    made: str = ""

    def looks(self) -> list[Look]:
        """Raises InputError where files are gone or cannot be read."""
        if self.kind == "checkpoint":
            return looks.of_run(self.run, self.which)
        if self.kind == "run":
            return looks.of_runs([*self.others, self.run], self.which)
        return looks.of_transforms(self._job())

    def tables(self) -> list[Path]:
        """The files of regions, one a look (one in all for transforms)."""
        if self.kind == "transform":
            return [self._job().result / "regions.parquet"]
        if self.kind == "checkpoint":
            found = [(self.run, step) for step in looks.steps_of(self.run, self.which)]
        else:
            found = looks.with_regions([*self.others, self.run], self.which)
        return [validation.folder_of(run, step) / "regions.parquet" for run, step in found]

    def stamp(self) -> str:
        """Changes when the looks do, or what they are called."""
        called = "|".join(looks.names([*self.others, self.run]).values())
        return "|".join([self.kind, called, *(f"{file}:{file.stat().st_mtime_ns}" for file in self.tables())])

    def n_regions(self) -> int:
        """In all looks, crumbs included; read from the files' ends. Raises InputError for one that cannot be read."""
        from pyarrow import parquet

        n = 0
        for file in self.tables():
            try:
                n += parquet.ParquetFile(file).metadata.num_rows
            except (OSError, ValueError) as error:
                why = str(error).splitlines()[0]
                raise InputError(f"{file} cannot be read: {why}; remove the file or the run.") from None
        return n

    def inputs(self) -> dict[str, Any]:
        """Of the job."""
        return {
            "kind": self.kind,
            "run": str(self.run.folder),
            "checkpoint": self.which,
            "others": [str(run.folder) for run in self.others],
            "made": self.made,
            "stamp": self.stamp(),
            "columns": _COLUMNS,
        }

    @classmethod
    def from_inputs(cls, inputs: dict[str, Any]) -> Question:
        others = tuple(Run(folder) for folder in inputs["others"])
        return cls(inputs["kind"], Run(inputs["run"]), inputs["checkpoint"], others, inputs["made"])

    def _job(self) -> jobs.Job:
        return jobs.Job(jobs.cache_root() / "jobs" / self.made)


@dataclass(frozen=True)
class Recurring:
    """table: as `seglib.errors.recurrence.recurrent` makes it, and `track`, the number of a mistake that goes through
    the frames of a movie (`seglib.errors.frames`). names: of the looks, the last is in view. counts:
    of that one, all images added up; n_images: that it judged. left_out: regions below MIN_PIXELS, in all looks."""

    table: pd.DataFrame
    names: list[str]
    counts: Counts
    n_images: int
    left_out: int


def follow(found: list[Look], progress: Callable[[float], None] = lambda share: None, *, least: int = 2) -> Recurring:
    """Raises InputError for fewer looks than `least`: in one alone nothing can come back."""
    from seglib.errors.frames import tracks
    from seglib.errors.recurrence import recurrent

    if len(found) < least:
        raise InputError("only one set of mistakes is stored: nothing can come back yet.")
    large = [look.regions[look.regions.n_pixels >= MIN_PIXELS] for look in found]
    names = [look.name for look in found]
    now = found[-1]
    table = recurrent(large, names, progress, counts=now.counts, images=[look.images for look in found])
    groups = {image: movie for look in found for image, movie in look.groups.items()}
    table["track"] = tracks(table, groups)
    left_out = sum(len(look.regions) for look in found) - sum(map(len, large))
    return Recurring(table, names, now.counts, len(now.images), left_out)


def write(folder: Path, found: Recurring) -> None:
    from dataclasses import asdict

    from seglib.runs.diagnosis import write_table

    write_table(folder / _TABLE, found.table)
    note = {"names": found.names, "counts": asdict(found.counts), "n_images": found.n_images}
    write_json(folder / _NOTE, {**note, "left_out": found.left_out})


def read(folder: Path) -> Recurring:
    """What `write` left. Raises InputError where it is gone or cannot be read."""
    import pandas as pd

    note = read_json(folder / _NOTE)
    try:
        table = pd.read_parquet(folder / _TABLE)
        return Recurring(table, note["names"], Counts(**note["counts"]), note["n_images"], note["left_out"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{folder} does not hold what the job left: {error}; do the job again.") from None
