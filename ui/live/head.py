"""The head of a training: its name and state, how far it is, why it stands where it stands, what can be done."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from seglib.runs import launcher
from seglib.runs.store import Run
from ui import navigation, progress
from ui.literal import literal
from ui.live import resume, waiting
from ui.live.action import act, refused

FORCE_AFTER_S = 20.0  # a step and a checkpoint may take a while; then the person may insist


def draw(run: Run, standing: progress.Standing) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.header(run.name, anchor=False, width="content")
        progress.badge(standing.state)
        st.space("stretch")
        if standing.live:
            _stop_buttons(run, standing)
        elif standing.state == "queued":
            waiting.take_out(run)
        else:
            _after(run, standing)
    if standing.live:
        st.progress(standing.fraction or 0.0, text=line(standing))
    if standing.state == "queued":
        waiting.draw(run)
    else:
        _why(run, standing)
    refused()


def timed(run: Run, standing: progress.Standing) -> progress.Standing:
    """Until the number of steps is fixed, the share of the minutes that is over."""
    minutes = resume.limits_of(run).get("minutes")
    if standing.fraction is not None or not minutes:
        return standing
    elapsed_s = run.progress().elapsed_s
    fraction = min(1.0, elapsed_s / (minutes * 60))
    return replace(standing, fraction=fraction, seconds_left=max(0.0, minutes * 60 - elapsed_s))


def line(standing: progress.Standing) -> str:
    """What stands over the bar of a training that lives."""
    if standing.state == "starting":
        return "Starting: loading torch and the images …"
    if standing.state == "stopping":
        return "Stopping: finishing the step, saving …"
    if standing.state == "running" and standing.reason:  # it waits for something
        return standing.text
    if standing.seconds_left == 0:
        return f"{standing.text} · last validation, saving …"
    return progress.line(standing)


def _why(run: Run, standing: progress.Standing) -> None:
    """The reason of its state, and the way on."""
    if standing.state in ("failed", "interrupted"):
        reason = standing.reason or "It ended without saying why; see the log below."
        st.error(literal(reason), icon=":material/error:")
        st.caption(way_on(run))
    elif standing.state == "running" and standing.reason:
        st.warning(literal(standing.reason[:1].upper() + standing.reason[1:]), icon=":material/pause_circle:")
    elif standing.reason:
        st.caption(literal(standing.reason[:1].upper() + standing.reason[1:]))


def way_on(run: Run) -> str:
    """What to do about a training that broke off."""
    if run.has_checkpoint("last"):
        return f"**Resume** goes on from its last checkpoint; it had come to step {run.last_step}."
    return "It left no checkpoint to go on from. **New training**, from this run, starts it again with its settings."


def _stop_buttons(run: Run, standing: progress.Standing) -> None:
    asked_s = launcher.asked_to_stop_s(run) if standing.state == "stopping" else None
    if asked_s is not None and asked_s > FORCE_AFTER_S:
        st.button(
            "End by force",
            icon=":material/dangerous:",
            key="train_force",
            on_click=act,
            args=(launcher.escalate, run),
            help="It has not answered. Ends the process; the last checkpoint is untouched.",
        )
    else:
        st.button(
            "Stop",
            icon=":material/stop:",
            key="train_stop",
            on_click=act,
            args=(launcher.stop, run),
            disabled=standing.state == "stopping",
            help="Finishes the step, saves, ends. It can be resumed.",
        )


def _after(run: Run, standing: progress.Standing) -> None:
    if run.has_checkpoint("last"):
        resume.draw(run, standing)
    if run.progress().best_step is not None:
        navigation.link("errors", "See its mistakes", run=run.id)
        navigation.link("compare", "Compare", run=run.id)
