"""Train: set up a network, see what it is and how long it takes, start it, watch it; the list of all runs."""

from __future__ import annotations

import streamlit as st

from seglib.data.dataset import Dataset
from seglib.exceptions import InputError
from seglib.runs.store import Run
from ui import form, live_training, progress, run_list, set_up, start_card, state
from ui.literal import literal

NEW, CURVES = "New training", "Curves"


def main() -> None:
    st.title("Train")
    try:
        entry = state.current_entry()
    except InputError as error:
        st.error(literal(error), icon=":material/folder_off:")
        st.stop()
    data = _data_or_line()
    runs, current = state.runs_of(entry), state.current_run()
    if _view(current) == CURVES:
        _curves(current, data)
    else:
        _live_line(runs)
        set_up.draw(entry, data, lambda config, problem: start_card.draw(config, problem, data))
    run_list.draw(runs, current, entry)


def _data_or_line() -> Dataset | None:
    """The data set in view; without one there is nothing to train on, but runs can still be looked at."""
    try:
        return state.current_dataset()
    except InputError as error:
        state.say_not_opened(error)
        return None


def _view(current: Run | None) -> str:
    """Setting up or watching; a run in view that still trains is watched."""
    if "train_view_next" in st.session_state:
        st.session_state["train_view"] = st.session_state.pop("train_view_next")
    if form.take_recipe() | form.take_normalisation():  # both are taken
        st.session_state["train_view"] = NEW
    if "train_view" not in st.session_state:
        st.session_state["train_view"] = CURVES if current is not None and current.state().live else NEW
    return st.segmented_control("View", [NEW, CURVES], key="train_view", required=True, label_visibility="collapsed")


def _live_line(runs: list[Run]) -> None:
    """Somebody is training on this data set already: say so, one click away."""
    for run in (run for run in runs if run.state().live):
        with st.container(horizontal=True, vertical_alignment="center", border=True):
            progress.badge(run.state().name)
            st.markdown(f"**{literal(run.name)}** · {progress.line(progress.of_run(run))}", width="stretch")
            st.button("Watch", key=f"train_watch_{run.id}", on_click=run_list.watch, args=(run,))


def _curves(current: Run | None, data: Dataset | None) -> None:
    if current is None:
        st.info("No run on this data set yet: set one up under **New training**.", icon=":material/info:")
        return
    live_training.draw(current, data)


main()
