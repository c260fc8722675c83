"""A prediction job as the Predict page knows it: what it was asked, and its results at any threshold."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import streamlit as st

from seglib.data.dataset import Dataset
from seglib.exceptions import InputError
from seglib.predict import limits, outputs
from seglib.runs import jobs
from seglib.runs.store import Run
from seglib.training.config import ModelConfig
from ui.uploads import Picture, unique_names


@dataclass(frozen=True)
class Task:
    """What a job was asked, in words for the page."""

    job: jobs.Job
    run: Run
    checkpoint: str
    names: tuple[str, ...]


def start(run: Run, checkpoint: str, pictures: Sequence[Picture]) -> jobs.Job:
    """Predict these pictures; the same ones with the same weights are not predicted twice."""
    inputs = {
        "run": str(run.folder),
        "checkpoint": checkpoint,
        "images": [str(picture.path) for picture in pictures],
        "names": [picture.name for picture in pictures],
    }
    return jobs.start("predict", inputs)


def unlabelled(data: Dataset) -> list[Picture]:
    """The pictures of a data set without a mask; their sizes are known only once they are read."""
    indices = data.unlabelled()
    names = unique_names(data.records[i].image for i in indices)
    return [Picture(name, data.image_path(i), (0, 0)) for name, i in zip(names, indices)]


def task(job_id: str) -> Task:
    """The job behind ?job=. Raises InputError if there is none, or none of this kind."""
    folder = jobs.cache_root() / "jobs" / job_id
    if not re.fullmatch(r"[0-9a-f]{64}", job_id) or not folder.is_dir() or jobs.Job(folder).kind != "predict":
        raise InputError("These results are gone (the cache was emptied). Predict again.")
    job = jobs.Job(folder)
    inputs = job.inputs
    names = inputs.get("names") or [Path(path).name for path in inputs.get("images", [])]
    return Task(job, Run(inputs["run"]), inputs.get("checkpoint", "best"), tuple(names))


def weights_of(run: Run) -> list[str]:
    """The checkpoints a run has to predict with, best first."""
    return [which for which in ("best", "last") if run.has_checkpoint(which)]


def usable(runs: Iterable[Run]) -> list[Run]:
    return [run for run in runs if weights_of(run)]


def model_of(run: Run) -> ModelConfig | None:
    """None where the run is gone or its config is not understood."""
    try:
        return run.config().model
    except InputError:
        return None


def warning(model: ModelConfig, shapes: Iterable[tuple[int, int]]) -> str | None:
    """A line if some of these pictures are predicted in tiles by a network that minds."""
    text, n = limits.tile_warning(model), sum(not limits.fits(shape, model) for shape in shapes)
    return f"{n} {'picture is' if n == 1 else 'pictures are'} predicted in tiles: {text}" if text and n else None


def table(job: jobs.Job, threshold: float, most: int = 32) -> list[dict[str, Any]]:
    """The figures of every picture at `threshold`, with a bar while they are measured; the last few are kept."""
    kept, key = _tables(), (job.id, written(job), threshold)
    if key not in kept:
        bar = st.progress(0.0, text="Measuring …")
        try:
            kept[key] = outputs.table(job.result, threshold, lambda done, total: bar.progress(done / total))
        finally:
            bar.empty()
        while len(kept) > most:
            kept.pop(next(iter(kept)), None)
    return kept[key]


@st.cache_resource(show_spinner=False)
def _tables() -> dict[tuple[str, int, float], list[dict[str, Any]]]:
    return {}


def written(job: jobs.Job) -> int:
    """Time of the results; 0 where they are gone."""
    file = job.result / outputs.TABLE
    return file.stat().st_mtime_ns if file.is_file() else 0
