"""The job that makes a version: its bar, and when it is done the new data set, opened or trained on."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from seglib.data.lineage import counted
from seglib.runs import acting, jobs
from seglib.runs.files import read_json
from seglib.runs.store import Run
from ui import clone, navigation, progress, registry, state
from ui.literal import literal

_JOBS = "act_jobs"


def remember(data: Path, kind: str, job: jobs.Job) -> None:
    st.session_state.setdefault(_JOBS, {})[str(data), kind] = str(job.folder)


def last(data: Path, kind: str) -> jobs.Job | None:
    """The job of that kind started here last for this data set."""
    folder = st.session_state.get(_JOBS, {}).get((str(data), kind))
    return jobs.Job(Path(folder)) if folder else None


def forget(data: Path, kind: str) -> None:
    st.session_state.get(_JOBS, {}).pop((str(data), kind), None)


def draw(job: jobs.Job, data: Path, run: Run | None) -> bool:
    """How it stands; True while it works or when the version is there, so that nothing else is to be asked.

    data: what it was made from; run: whose settings a training on it would take over.
    """
    standing = progress.of_job(job)
    if standing.live:
        _watch(job)
        return True
    if standing.state != "done":
        progress.draw(standing, key="act_job")
        return False
    told = read_json(job.result / acting.VERSION)
    folder = Path(told.get("folder", ""))
    if not told or not folder.is_dir():
        forget(data, "version")
        return False
    _made(told, folder, data, run)
    return True


@st.fragment(run_every=0.7)
def _watch(job: jobs.Job) -> None:
    standing = progress.of_job(job)
    progress.draw(standing, key="act_job", cancel=job.cancel)
    if not standing.live:
        st.rerun()


def _made(told: dict, folder: Path, data: Path, run: Run | None) -> None:
    entry = registered(folder)
    images = told["images"]
    how = "linked, they take no room twice" if not images["copied"] else f"{images['copied']:,} copied"
    st.success(
        f"**{literal(entry.name)}** in {literal(folder)}: {counted([c['action'] for c in told['changes']])}. Compared "
        f"with the original file by file: only what is listed in changes.json differs. Images: {how}.",
        icon=":material/check:",
    )
    for line in told.get("notes", []):
        st.caption(f":material/info: {literal(line)}.")
    with st.container(horizontal=True, vertical_alignment="center"):
        if st.button("Train on it", icon=":material/model_training:", type="primary", key="act_train"):
            train_on(entry, run)
        if st.button("Look at it", icon=":material/image:", key="act_look"):
            look_at(entry)
        st.button(
            "Make another",
            icon=":material/add:",
            key="act_another",
            on_click=forget,
            args=(data, "version"),
        )


def registered(folder: Path) -> registry.Entry:
    """Its name in the app; how pictures belong together is as in the original, where no dataset.csv decides."""
    known = next((entry for entry in registry.entries().values() if entry.path == folder.resolve()), None)
    if known is not None:
        return known
    own = state.current_entry()
    if (folder / "dataset.csv").is_file():
        return registry.add(folder, fold=own.fold)
    return registry.add(folder, own.grouping, own.split)


def look_at(entry: registry.Entry) -> None:
    state.choose_dataset(entry.name)
    navigation.go("data")


def train_on(entry: registry.Entry, run: Run | None) -> None:
    """The Train page with that data set and this run's settings; a line there can undo them."""
    state.choose_dataset(entry.name)
    if run is not None:
        clone.take_all(run, without=() if entry.fold is not None else ("data.fold",))
    st.session_state["train_view_next"] = "New training"
    navigation.go("train")
