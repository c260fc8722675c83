"""Take changes of a version back: into the next version, so that this one stays as it is too."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from seglib.data.dataset import Dataset
from seglib.data.lineage import Done, Version
from seglib.runs import acting, jobs
from seglib.runs.store import Run
from ui import change_pictures
from ui.errors import act_job, act_version
from ui.literal import literal

_PICKED, _FOLDER = "act_back_table", "act_back_folder"


def draw(name: str, data: Dataset, run: Run | None, version: Version) -> None:
    """name: of the version in routes; run: whose settings a training on the next version would take over."""
    st.caption(
        f"This data set is a version of **{literal(version.source.get('name', '?'))}**. Tick what is to be as it was "
        "there: it goes into a new folder, and this version stays as it is."
    )
    job = act_job.last(data.path, "version")
    if job is not None and act_job.draw(job, data.path, run):
        return
    event = st.dataframe(
        change_pictures.listed(version.done),
        hide_index=True,
        key=_PICKED,
        on_select="rerun",
        selection_mode="multi-row",
        height=min(330, 36 * (len(version.done) + 1) + 2),
        alt="Every change of this version, with numbers before and after",
    )
    picked = [version.done[number] for number in event.selection.rows if number < len(version.done)]
    _pictures(name, data, picked[:3])
    _make(name, data, version, picked)


def _pictures(name: str, data: Dataset, picked: Sequence[Done]) -> None:
    index_of = {record.image: index for index, record in enumerate(data.records)}
    with st.container(horizontal=True):
        for done in picked:
            index = index_of.get(done.change.image)
            if index is not None:
                st.html(change_pictures.pair(name, data, index, done.change, done.effect.what), width="content")


def _make(name: str, data: Dataset, version: Version, picked: Sequence[Done]) -> None:
    folder = st.text_input(
        "Folder of the next version",
        value=str(act_version.free_folder(data.path)),
        key=f"{_FOLDER}_{name}",
        help="A new folder; nothing is overwritten.",
    )
    _, problem = act_version.checked(data.path, folder)
    if problem:
        st.error(literal(problem), icon=":material/folder_off:")
    n = len(picked)
    st.button(
        f"Take {n} {'change' if n == 1 else 'changes'} back" if n else "Take back",
        type="primary",
        icon=":material/undo:",
        key="act_back",
        disabled=bool(problem) or not n,
        on_click=_start,
        args=(name, data, version),
    )


def _start(name: str, data: Dataset, version: Version) -> None:
    """With the rows and the folder of now: a click may come before the page was drawn with them."""
    rows, key = st.session_state[_PICKED].selection.rows, f"{_FOLDER}_{name}"
    ids = [version.done[number].change.id for number in rows if number < len(version.done)]
    folder, problem = act_version.checked(data.path, st.session_state[key])
    if folder is None or problem or not ids:
        st.toast(literal(problem or "Tick what is to be taken back."))
        return
    job = jobs.start("version", acting.taking_back_inputs(data.path, ids, folder), again=True)
    act_job.remember(data.path, "version", job)
    st.session_state.pop(key, None)
