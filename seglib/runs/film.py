"""The film of a training: a few val images, each at every validation, as small probabilities. No torch.

What the trainer left in validation/<step>/strip/: <k>.png (q, uint8, at most 256 px) and images.json. Only validations
that the events know are shown: what a killed process left beyond the step it is resumed from is not part of it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from seglib.runs import curves, validation
from seglib.runs.store import Run


@dataclass(frozen=True)
class Frame:
    """One validation. stamp changes when its pictures do; ious: one an image, None = no cell in mask or prediction."""

    step: int
    stamp: str
    ious: tuple[float | None, ...]


@dataclass(frozen=True)
class Film:
    """images: their names in the data set, in the order of the pictures; frames: oldest first; best: a step or None."""

    images: tuple[str, ...]
    frames: tuple[Frame, ...]
    best: int | None


def of(run: Run) -> Film | None:
    """The film so far; None for a run that kept no strips."""
    steps = [event["step"] for event in curves.of(run).validations if isinstance(event.get("step"), int)]
    stamped = [(step, stamp) for step in steps if (stamp := _stamp(_listing(run, step)))]
    if not stamped:
        return None
    listed = _listed(str(_listing(run, stamped[-1][0])), stamped[-1][1])
    if not listed:
        return None
    numbers = tuple(number for number, _ in listed)
    frames = (Frame(step, stamp, _ious(_table(run, step), stamp, numbers)) for step, stamp in stamped)
    return Film(tuple(image for _, image in listed), tuple(frames), run.progress().best_step)


def picture(run: Run, step: int, k: int) -> Path:
    """The file of the k-th image at that validation; it need not exist."""
    return validation.folder_of(run, step) / "strip" / f"{int(k)}.png"


def _listing(run: Run, step: int) -> Path:
    return validation.folder_of(run, step) / "strip" / "images.json"


def _table(run: Run, step: int) -> str:
    return str(validation.folder_of(run, step) / "images.parquet")


def _stamp(file: Path) -> str:
    try:
        return f"{os.stat(file).st_mtime_ns:x}"  # noqa: PTH116
    except OSError:
        return ""


@lru_cache(maxsize=256)
def _listed(file: str, stamp: str) -> tuple[tuple[int, str], ...]:
    """(row in images.parquet, image) of each picture; none where the file says something else."""
    try:
        rows = json.loads(Path(file).read_text(encoding="utf-8"))
        return tuple((int(row["number"]), str(row["image"])) for row in rows)
    except (OSError, ValueError, TypeError, KeyError):
        return ()


@lru_cache(maxsize=16384)
def _ious(table: str, stamp: str, numbers: Sequence[int]) -> tuple[float | None, ...]:
    """At full size, from the counts; a table that is missing or short gives None."""
    import pyarrow.parquet as parquet  # a tenth of a second, not for those who only list runs

    try:
        with parquet.ParquetFile(table) as file:  # a third of the time of read_table
            columns = file.read(["tp", "fp", "fn"], use_threads=False).to_pydict()
    except (OSError, ValueError):
        return (None,) * len(numbers)
    counts = list(zip(columns["tp"], columns["fp"], columns["fn"]))
    return tuple(_iou(*counts[number]) if number < len(counts) else None for number in numbers)


def _iou(tp: int, fp: int, fn: int) -> float | None:
    return round(tp / (tp + fp + fn), 4) if tp + fp + fn else None
