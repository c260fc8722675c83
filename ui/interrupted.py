"""Runs that a restart or a signal cut off: one line at the top, each with Resume and Dismiss."""

from __future__ import annotations

import streamlit as st

from seglib.exceptions import InputError
from seglib.runs import interrupted
from seglib.runs import queue as runs_queue
from seglib.runs.store import Run
from ui import progress, state
from ui.literal import literal

_ERROR, _TOAST = "interrupted_error", "interrupted_toast"
_OPEN_UP_TO = 3  # runs that are named at once; more are folded


def draw() -> None:
    """Nothing where no run was cut off."""
    if said := st.session_state.pop(_TOAST, None):
        st.toast(said, icon=":material/play_arrow:")
    if message := st.session_state.pop(_ERROR, None):
        st.error(literal(message), icon=":material/error:")
    runs = interrupted.interrupted(state.all_runs())
    if not runs:
        return
    title = "1 run was interrupted" if len(runs) == 1 else f"{len(runs)} runs were interrupted"
    with st.expander(title, icon=":material/power_off:", expanded=len(runs) <= _OPEN_UP_TO, key="train_interrupted"):
        for run in runs:
            _row(run)
        if len(runs) > 1:
            with st.container(horizontal=True):
                st.button("Resume all", icon=":material/play_arrow:", key="resume_all", on_click=_resume, args=(runs,))
                st.button("Dismiss all", icon=":material/close:", key="dismiss_all", on_click=_dismiss, args=(runs,))


def _row(run: Run) -> None:
    standing = progress.of_run(run)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        told = f"**{literal(run.name)}** · {standing.text} · {literal(standing.reason)}"
        st.markdown(told, width="stretch")
        st.button(
            "Resume",
            icon=":material/play_arrow:",
            key=f"resume_{run.id}",
            on_click=_resume,
            args=([run],),
            help="Through the queue, from its last checkpoint.",
        )
        st.button(
            "Dismiss",
            icon=":material/close:",
            key=f"dismiss_{run.id}",
            type="tertiary",
            on_click=_dismiss,
            args=([run],),
            help="Leave it as it is; it stays in the list of runs.",
        )


def _resume(runs: list[Run]) -> None:
    refused, going = [], []
    for run in runs:
        try:
            going.append(runs_queue.submit_resume(run))
        except InputError as error:
            refused.append(str(error))
    if refused:
        st.session_state[_ERROR] = " ".join(refused)
    if going:
        waits = sum(run.state().name == "queued" for run in going)
        name = literal(going[0].name) if len(going) == 1 else f"{len(going)} runs"
        st.session_state[_TOAST] = f"{name}: {'in the queue' if waits == len(going) else 'going on'}"


def _dismiss(runs: list[Run]) -> None:
    for run in runs:
        interrupted.dismiss(run)
