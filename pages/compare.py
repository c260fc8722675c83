"""Compare: runs beside each other, and experiments that answer a question with its uncertainty."""

from __future__ import annotations

import streamlit as st

from seglib.exceptions import InputError
from ui import state
from ui.compare import experiments, runs
from ui.literal import literal

RUNS, EXPERIMENTS, NEW = "Runs", "Experiments", "New experiment"


def main() -> None:
    head = st.container(horizontal=True, vertical_alignment="bottom")
    head.title("Compare", width="stretch")
    try:
        mine = state.runs_of(state.current_entry())
    except InputError as error:
        st.error(literal(error), icon=":material/folder_off:")
        st.stop()
    view = _view()
    if view == RUNS:
        runs.draw(mine, head)
    elif view == EXPERIMENTS:
        experiments.draw()


def _view() -> str:
    """?experiment=… alone opens that experiment."""
    return st.segmented_control(
        "Show",
        [RUNS, EXPERIMENTS, NEW],
        default=EXPERIMENTS if "experiment" in st.query_params else RUNS,
        required=True,
        key="show",
        bind="query-params",
        label_visibility="collapsed",
    )


main()
