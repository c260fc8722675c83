"""Compare: runs beside each other, and experiments that answer a question with its uncertainty."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from seglib.data.dataset import Dataset
from seglib.exceptions import InputError
from seglib.experiments.opened import Experiment
from seglib.runs.store import Run
from ui import queue, report, state
from ui.compare import experiments, new, runs
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
        _report(runs.draw(mine, head), [])
    elif view == EXPERIMENTS:
        shown = experiments.draw()
        _report([], [shown] if shown is not None else [])
    else:
        new.draw(_data())
    _queue()


def _data() -> Dataset | None:
    try:
        return state.current_dataset()
    except InputError as error:
        state.say_not_opened(error)
        return None


def _view() -> str:
    """?experiment=… alone opens that experiment."""
    asked, options = st.query_params.get("show"), [RUNS, EXPERIMENTS, NEW]
    at_first = EXPERIMENTS if "experiment" in st.query_params else RUNS
    st.session_state.setdefault("show", asked if asked in options else at_first)
    return st.segmented_control(
        "Show",
        options,
        required=True,
        key="show",
        bind="query-params",
        label_visibility="collapsed",
    )


def _report(of_runs: Sequence[Run], of_experiments: Sequence[Experiment]) -> None:
    if of_runs or of_experiments:
        title = "Report: notebook, page and zip to hand in"
        fold = st.expander(title, icon=":material/description:", key="report_fold", on_change="rerun")
        if fold.open:
            with fold:
                report.draw(of_runs, of_experiments)


def _queue() -> None:
    """Folded: what waits concerns every view, but is not what one comes here for."""
    with st.expander("Queue of trainings", icon=":material/low_priority:", key="queue_fold"):
        queue.draw()


main()
