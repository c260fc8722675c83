"""The ceiling beside the budget: what moving every outline by half a pixel and by one costs, marked and in words."""

from __future__ import annotations

import math
from collections.abc import Mapping

import pandas as pd
import streamlit as st

from seglib.errors.ceiling import COLUMNS, MOVES, STEPS, cost, iou
from seglib.runs import ceilings, jobs
from ui import opened, progress
from ui.errors import source
from ui.errors.scene import Scene
from ui.errors.waterfall import Mark

AT_ONCE_PIXELS = 12_000_000  # measured while the person waits, half a second; more than that is a job
_SHORT = {"half": "± ½ px", "one": "± 1 px"}


def table(scene: Scene) -> pd.DataFrame | None:
    """One row an image (image, group, counts of `seglib.errors.ceiling`); None while it is not measured, which is
    shown, with what measures it. Raises InputError for a picture or mask that cannot be read."""
    indices = list(scene.indices.values())
    tags = [opened.tag(scene.data, index) for index in indices]
    if int(scene.scores.n_valid.sum()) <= AT_ONCE_PIXELS:
        return _at_once("|".join(tags), scene, indices)
    inputs = ceilings.inputs(scene.data, indices, tags)
    job = jobs.find(ceilings.KIND, inputs)
    known = (job.folder / "job.json").exists()
    state = job.state() if known else None
    if state and state.name == "done" and (job.result / ceilings.TABLE).exists():
        return _of_job(job.id, job)
    if state and state.live:
        source.watch(job, "errors_ceiling_job")
        return None
    if state:
        progress.draw(progress.of_job(job), key="errors_ceiling_job")
    st.button(
        f"Measure what half a pixel costs on these {len(indices):,} images",
        icon=":material/straighten:",
        key="errors_ceiling",
        on_click=_start,
        args=(inputs,),
        help="Moves the outlines of the masks and compares them with themselves. Done once for a data set.",
    )
    return None


def _start(inputs: dict) -> None:
    jobs.start(ceilings.KIND, inputs, again=True)


@st.cache_resource(max_entries=8, show_spinner="Moving the outlines of the masks …")
def _at_once(tags: str, _scene: Scene, _indices: list[int]) -> pd.DataFrame:
    return ceilings.measure(_scene.data, _indices)


@st.cache_resource(max_entries=8, show_spinner=False)
def _of_job(identity: str, _job: jobs.Job) -> pd.DataFrame:
    return ceilings.read(_job.result)


def pooled(rows: pd.DataFrame) -> dict[str, int]:
    return {name: int(rows[name].sum()) for name in COLUMNS}


def marks(counts: Mapping[str, int] | None) -> list[Mark]:
    """What is written where: the IoU that moved outlines leave, mean of the three moves; none without a cell."""
    values = [(_SHORT[step], 1 - cost(counts, step)) for step in STEPS] if counts else []
    return [(text, value) for text, value in values if not math.isnan(value)]


def told(counts: Mapping[str, int], budget: Mapping[str, int]) -> str:
    """What it means for this budget; empty where the masks have no cell."""
    half, one = cost(counts, "half"), cost(counts, "one")
    if math.isnan(half) or not budget["union"]:
        return ""
    each = ", ".join(f"{move} {1 - iou(counts, move, 'half'):.3f}" for move in MOVES)
    lost = budget["boundary_1px"] / budget["union"]
    edges = f"The {lost:.3f} lost at edges 1 px off is"
    if lost <= half:
        verdict = f"{edges} no more than that, so within what two people drawing the same cells differ by."
    elif lost <= one:
        verdict = f"{edges} between half a pixel and a whole one, which costs {one:.3f}."
    else:
        verdict = f"{edges} more than a whole pixel costs ({one:.3f}): there is something to win."
    return (
        f"Moving every outline of the masks by half a pixel already costs {half:.3f} IoU (dashed; {each}), pixels "
        f"of the images added up. {verdict}"
    )
