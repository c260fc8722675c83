"""The comparison of all normalisations on all pictures, as a job: asked for, drawn while it works, read when done."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import streamlit as st

from seglib.data import separation
from seglib.data.dataset import Dataset
from seglib.data.separation import Comparison
from seglib.exceptions import InputError
from seglib.runs import jobs
from ui import progress, registry, surveyed
from ui.literal import literal

AT_ONCE = 400  # pictures that are compared without asking


def of(entry: registry.Entry, data: Dataset) -> Comparison | None:
    """The comparison; None while it is not there, with what is to be said or pressed."""
    inputs = surveyed.inputs_of(entry, data)
    job = jobs.find("normalisation", inputs)
    if not (job.folder / "job.json").exists():
        n = len(data.records)
        if n > AT_ONCE:
            st.info(f"{n:,} pictures are too many to compare on without asking.", icon=":material/hourglass_top:")
            _button(inputs, f"Compare on all {n:,} pictures")
            return None
        job = jobs.start("normalisation", inputs)
    standing = progress.of_job(job)
    if standing.live:
        _watch(job)
    elif standing.state != "done":
        progress.draw(standing, key="comparison")
        _button(inputs, "Compare again")
    else:
        return _loaded(job, inputs)
    return None


def _loaded(job: jobs.Job, inputs: dict[str, Any]) -> Comparison | None:
    file = job.result / "methods.json"
    try:
        return _load(str(job.result), file.stat().st_mtime_ns if file.is_file() else 0)
    except InputError as error:
        st.error(literal(error), icon=":material/error:")
        _button(inputs, "Compare again")
        return None


def _button(inputs: dict[str, Any], label: str) -> None:
    st.button(label, icon=":material/compare:", key="comparison_start", on_click=_start, args=(inputs,))


def _start(inputs: dict[str, Any]) -> None:
    jobs.start("normalisation", inputs, again=True)


@st.fragment(run_every=0.7)
def _watch(job: jobs.Job) -> None:
    standing = progress.of_job(job)
    if not standing.live:
        st.rerun()
    progress.draw(standing, key="comparison", cancel=job.cancel)


@st.cache_resource(max_entries=8, show_spinner=False)
def _load(folder: str, written: int) -> Comparison:
    return separation.load(Path(folder))
