"""The sidebar: which data set, which run, and the way to another folder."""

from __future__ import annotations

import streamlit as st

from seglib.exceptions import InputError
from ui import folders, registry, state


def draw() -> None:
    with st.sidebar:
        _datasets()
        _runs()


def _datasets() -> None:
    try:
        known = list(registry.entries())
    except InputError as error:
        st.error(str(error))
        return
    name = state.dataset_name()
    names = known if name in known else [*known, name]
    st.session_state["sidebar_data"] = name
    st.selectbox("Data set", names, key="sidebar_data", on_change=_picked_data, help="The whole app is about this one.")
    if name in known:
        st.caption(f"`{_shortened(str(registry.find(name).path))}`")
    else:
        st.error(f"No data set is called {name!r} here. Open its folder below.")
    if st.button("Open a folder", icon=":material/folder_open:", width="stretch", key="open_folder"):
        folders.show()
    folders.keep_open()


def _runs() -> None:
    try:
        runs = state.runs_of(state.current_entry())
    except InputError:
        return
    if not runs:
        st.session_state[state.RUN] = None  # the one in the URL was trained on other data
        st.caption("No run on this data set yet.")
        return
    run = state.current_run()
    labels = {r.id: _label(r) for r in runs}
    st.session_state["sidebar_run"] = st.session_state[state.RUN] = run.id
    st.selectbox(
        "Run",
        list(labels),
        format_func=labels.get,
        key="sidebar_run",
        on_change=_picked_run,
        help="The training whose predictions are shown. Best first.",
    )


def _label(run) -> str:
    iou = run.best_iou()
    mark = "" if run.independent else " (not independent)"
    return f"{run.name} · IoU {iou:.3f}{mark}" if iou is not None else run.name


def _picked_data() -> None:
    state.choose_dataset(st.session_state["sidebar_data"])


def _picked_run() -> None:
    state.choose_run(st.session_state["sidebar_run"])


def _shortened(path: str, limit: int = 44) -> str:
    return path if len(path) <= limit else "…" + path[-limit + 1 :]
