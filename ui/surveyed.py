"""The survey of a data set as a job: started when a page wants it, drawn while it works, read once when done."""

from __future__ import annotations

import contextlib
import hashlib
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

from seglib.data import survey
from seglib.data.checks import Report
from seglib.data.dataset import Dataset
from seglib.data.survey import Survey
from seglib.exceptions import InputError
from seglib.runs import jobs
from ui import opened, progress
from ui.data import measures
from ui.literal import literal
from ui.registry import Entry

AT_ONCE = 1500  # pictures that are looked at without asking


def of(entry: Entry, data: Dataset) -> Survey | None:
    """The survey of this data set; None while it is made, with a line that shows how far it is."""
    inputs = inputs_of(entry, data)
    if not _ready(inputs, len(data.records)):
        return None
    job = jobs.find("survey", inputs)
    try:
        return _load(str(job.result), _written(job))
    except InputError as error:
        st.error(literal(error), icon=":material/error:")
        _again(inputs, "Look again")
        return None


def inputs_of(entry: Entry, data: Dataset) -> dict[str, Any]:
    """The inputs of the job: they change when a picture, a mask or the split does."""
    return _inputs(entry, _stamp(data, opened.tag(data, 0), len(data.records)))


def findings_of_broken(entry: Entry) -> Report | None:
    """What is wrong with a folder that does not open, as far as it can be looked at."""
    inputs = _inputs(entry, _newest(entry.path))
    return survey.load_report(jobs.find("survey", inputs).result) if _ready(inputs, 0) else None


@st.cache_resource(max_entries=8, show_spinner=False)
def _table(_found: Survey, folder: str, written: int) -> pd.DataFrame:
    return measures.table_of(_found)


def table(found: Survey) -> pd.DataFrame:
    """`measures.table_of` of a survey, made once. Not to be changed: everybody gets the same one."""
    return _table(found, *key_of(found))


def key_of(found: Survey) -> tuple[str, int]:
    """What caches of things derived from a survey go by."""
    return str(found.folder), (found.folder / "report.json").stat().st_mtime_ns


def say_not_yet() -> None:
    """What a view shows in place of figures that are not there yet."""
    st.caption("The figures appear here as soon as every picture has been looked at.")


def _inputs(entry: Entry, stamp: str) -> dict[str, Any]:
    choices = {"grouping": entry.grouping, "split": entry.split, "fold": entry.fold}
    return {"data": str(entry.path), **choices, "stamp": stamp}


def _ready(inputs: dict[str, Any], n_images: int) -> bool:
    """Whether the result is there; draws what is to be said if not."""
    job = jobs.find("survey", inputs)
    if not (job.folder / "job.json").exists():
        if n_images > AT_ONCE:
            st.info(f"{n_images:,} pictures are too many to look at without asking.", icon=":material/hourglass_top:")
            _again(inputs, f"Look at all {n_images:,} pictures")
            return False
        job = jobs.start("survey", inputs)
    state = job.state()
    if state.live:
        _watch(job)
    elif state.name != "done":  # how far it came is read only now: of a job that is done that is a long file
        progress.draw(progress.of_job(job), key="survey")
        _again(inputs, "Look again")
    return state.name == "done"


def _again(inputs: dict[str, Any], label: str) -> None:
    st.button(label, icon=":material/search:", key="survey_again", on_click=_restart, args=(inputs,))


def _restart(inputs: dict[str, Any]) -> None:
    jobs.start("survey", inputs, again=True)


@st.fragment(run_every=0.7)
def _watch(job: jobs.Job) -> None:
    standing = progress.of_job(job)
    if not standing.live:
        st.rerun()
    text = f"Looking at every picture once for statistics and findings: {standing.text or 'starting'}"
    progress.draw(replace(standing, text=text), key="survey", cancel=job.cancel)


def _written(job: jobs.Job) -> int:
    file = job.result / "report.json"
    return file.stat().st_mtime_ns if file.exists() else 0


@st.cache_resource(max_entries=8, show_spinner=False)
def _load(folder: str, written: int) -> Survey:
    return survey.load(Path(folder))


@st.cache_data(ttl=20, max_entries=16, show_spinner=False)
def _stamp(_data: Dataset, tag: str, n: int) -> str:
    """Changes when any picture or mask does; asked of the disk every 20 s at most."""
    digest = hashlib.sha256(tag.encode())
    for record in _data.records[:n]:
        for relative in filter(None, (record.image, record.mask, record.ignore)):
            with contextlib.suppress(OSError):  # gone since: then the name stands there without size and time
                status = os.stat(f"{_data.path}/{relative}")  # noqa: PTH116  twice as fast, and there are thousands
                digest.update(f"{status.st_mtime_ns}|{status.st_size}|".encode())
            digest.update(f"{relative};".encode())
    return digest.hexdigest()


def _newest(folder: Path) -> str:
    """Changes when files come, go or are written; of a folder that does not open there are no records to ask."""
    digest = hashlib.sha256()
    for place in (folder, folder / "images", folder / "masks"):
        for file in sorted(place.iterdir()) if place.is_dir() else ():
            status = file.stat()
            digest.update(f"{file.name}|{status.st_size}|{status.st_mtime_ns};".encode())
    return digest.hexdigest()
