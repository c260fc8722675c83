"""Train: set up a network, see what it is and how long it takes, start it, watch it; the list of all runs."""

from __future__ import annotations

import streamlit as st

from seglib.data.dataset import Dataset
from seglib.exceptions import InputError
from seglib.runs import queue as runs_queue
from seglib.runs.store import Run
from seglib.training.config import Config
from ui import form, interrupted, live_training, queue, run_list, set_up, start_card, state
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
    interrupted.draw()
    if _view(current) == CURVES:
        _curves(current, data)
        if runs_queue.read().order:
            queue.draw()
    else:
        set_up.draw(entry, data, lambda config, problem: _start(config, problem, data))
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


def _start(config: Config | None, problem: str, data: Dataset | None) -> None:
    with st.container(border=True):
        start_card.draw(config, problem, data)
    queue.draw()


def _curves(current: Run | None, data: Dataset | None) -> None:
    if current is None:
        st.info("No run on this data set yet: set one up under **New training**.", icon=":material/info:")
        return
    live_training.draw(current, data)


main()
