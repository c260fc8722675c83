"""The sidebar: which data set, which run, and the way to another folder."""

from __future__ import annotations

import streamlit as st

from seglib.exceptions import InputError
from seglib.runs.store import Run
from ui import folders, registry, state
from ui.literal import literal


def draw() -> None:
    with st.sidebar:
        _datasets()
        _runs()


def _datasets() -> None:
    try:
        known = list(registry.entries())
    except InputError as error:
        st.error(literal(error))
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
    run = state.current_run()
    asked = st.session_state.get(state.RUN)
    if asked and (run is None or run.id != asked):
        st.session_state[state.NOT_SHOWN] = asked
    if line := state.not_shown():
        st.warning(line, icon=":material/info:")
    if not runs:
        st.session_state[state.RUN] = None  # the one in the URL was trained on other data
        st.caption("No run on this data set yet.")
        return
    labels = labels_of(runs)
    st.session_state["sidebar_run"] = st.session_state[state.RUN] = run.id
    st.selectbox(
        "Run",
        list(labels),
        format_func=labels.get,
        key="sidebar_run",
        on_change=_picked_run,
        help="The training whose predictions are shown. Best first.",
    )


def labels_of(runs: list[Run]) -> dict[str, str]:
    """What each run is called in the list. Two of one name and IoU are told apart by their folder: a choice is sent
    back by its words."""
    labels = {run.id: _label(run) for run in runs}
    words = list(labels.values())
    return {i: f"{label} · {i}" if words.count(label) > 1 else label for i, label in labels.items()}


def _label(run: Run) -> str:
    """The IoU is what runs are told apart by, so a long name gives way: its beginning and its end stay."""
    iou = run.best_iou()
    mark = "" if run.independent else " (not independent)"
    name = run.name if iou is None or len(run.name) <= 19 else f"{run.name[:9]}…{run.name[-9:]}"
    return f"{name} · IoU {iou:.3f}{mark}" if iou is not None else name


def _picked_data() -> None:
    state.choose_dataset(st.session_state["sidebar_data"])


def _picked_run() -> None:
    state.choose_run(st.session_state["sidebar_run"])


def _shortened(path: str, limit: int = 44) -> str:
    return path if len(path) <= limit else "…" + path[-limit + 1 :]
