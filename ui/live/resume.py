"""Resume: more of what limits the run. One that reached its end needs more, another may just go on."""

from __future__ import annotations

import streamlit as st

from seglib.runs import launcher, queue
from seglib.runs.store import Run
from ui import progress
from ui.live.action import act

_WORDS = {"minutes": "Minutes in all", "steps": "Steps in all", "epochs": "Epochs in all"}


def draw(run: Run, standing: progress.Standing) -> None:
    limits = limits_of(run)
    with st.popover("Resume", icon=":material/play_arrow:", key="train_resume"):
        st.caption("Goes on from the last checkpoint. New totals, not additions.")
        asked = {key: _limit_input(run, key, value, standing.state == "finished") for key, value in limits.items()}
        more = {key: value for key, value in asked.items() if value is not None and value > limits[key]}
        nothing_left = standing.state == "finished" and not more
        why_not = "It has reached its end: raise a limit." if nothing_left else None
        with st.container(horizontal=True):
            st.button(
                "Resume training",
                type="primary",
                key="train_resume_start",
                on_click=act,
                args=(launcher.resume, run),
                kwargs=more,
                disabled=nothing_left,
                help=why_not or "Now, whatever else runs.",
            )
            st.button(
                "Queue it",
                key="train_resume_queue",
                on_click=act,
                args=(queue.submit_resume, run),
                kwargs=more,
                disabled=nothing_left,
                help=why_not or "After the runs that work and wait; at once where there is room.",
            )


def limits_of(run: Run) -> dict[str, float]:
    """The limits the run goes by now: those of its config, raised by resumes."""
    stored = {**run.settings().get("training", {}), **run.record().get("budget", {})}
    return {key: stored[key] for key in _WORDS if stored.get(key) is not None}


def _limit_input(run: Run, key: str, value: float, finished: bool) -> float | None:
    suggested = value * 2 if finished else value
    return st.number_input(
        _WORDS[key],
        min_value=value,
        value=suggested,
        key=f"train_more_{key}_{run.id}",
        format="%g" if key == "minutes" else "%d",
    )
