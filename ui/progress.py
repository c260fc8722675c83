"""One drawing for everything that takes long, a run or a job: how far, how long still, and Cancel."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import streamlit as st

from seglib.runs.events import Progress
from seglib.runs.jobs import Job
from seglib.runs.store import Run
from ui.literal import literal

LEAST_DONE = 0.03  # share of a job before its pace says how long it will take

BADGES = {
    "queued": ("gray", ":material/schedule:"),
    "starting": ("blue", ":material/hourglass_top:"),
    "running": ("blue", ":material/play_arrow:"),
    "stopping": ("orange", ":material/hourglass_bottom:"),
    "stopped": ("orange", ":material/stop:"),
    "finished": ("green", ":material/check:"),
    "done": ("green", ":material/check:"),
    "failed": ("red", ":material/error:"),
    "interrupted": ("red", ":material/power_off:"),
    "cancelled": ("orange", ":material/cancel:"),
}


@dataclass(frozen=True)
class Standing:
    """How far something is. fraction is None while its length is unknown; seconds_left is None likewise."""

    state: str
    reason: str
    live: bool
    fraction: float | None
    text: str
    seconds_left: float | None = None


def of_run(run: Run) -> Standing:
    """Where a training stands, as run.json, its lock and events.jsonl say."""
    state, progress = run.state(), run.progress()
    fraction = min(1.0, progress.step / progress.planned_steps) if progress.planned_steps else None
    steps = f"step {progress.step}" + (f" of {progress.planned_steps}" if progress.planned_steps else "")
    return Standing(state.name, state.reason, state.live, fraction, steps + best(progress), progress.seconds_left)


def best(progress: Progress) -> str:
    """` · best 0.9312 at step 480, 2 min ago`; '' before the first validation or without a val set."""
    if progress.best_iou is None:
        return ""
    since, ended = progress.seconds_since_best, bool(progress.finished)
    ago = f", {duration(since)} {'before the end' if ended else 'ago'}" if since is not None and since >= 1 else ""
    return f" · best {progress.best_iou:.4f} at step {progress.best_step}{ago}"


def of_job(job: Job) -> Standing:
    """Where a job stands; its time left follows from its start and the share done."""
    state, progress = job.state(), job.progress()
    left = None
    if state.name == "running" and state.since and progress.fraction >= LEAST_DONE:
        left = (time.time() - state.since) * (1 - progress.fraction) / progress.fraction
    return Standing(state.name, state.reason, state.live, progress.fraction, progress.text, left)


def draw(standing: Standing, *, key: str, cancel: Callable[[], None] | None = None, label: str = "Cancel") -> None:
    """A badge, a bar while it lives, and a button that calls `cancel`."""
    with st.container(horizontal=True, vertical_alignment="center"):
        badge(standing.state)
        if standing.live:
            st.progress(standing.fraction or 0.0, text=line(standing), width="stretch")
            if cancel is not None:
                st.button(
                    label,
                    icon=":material/stop:",
                    key=f"{key}_cancel",
                    on_click=cancel,
                    disabled=standing.state == "stopping",
                )
        else:
            st.caption(line(standing))
    if standing.state in ("failed", "interrupted") and standing.reason:
        st.error(literal(standing.reason), icon=":material/error:")


def badge(state: str) -> None:
    colour, icon = BADGES.get(state, ("gray", ":material/help:"))
    st.badge(state, icon=icon, color=colour)


def line(standing: Standing) -> str:
    """`step 120 of 500 · best 0.9312 at step 100, 40 s ago · about 3 min left`."""
    parts = [standing.text] if standing.text else []
    if standing.live and standing.seconds_left is not None:
        parts.append(f"about {duration(standing.seconds_left)} left")
    return " · ".join(parts) or standing.state


def duration(seconds: float) -> str:
    """`45 s`, `7 min`, `2 h 05 min`."""
    if seconds < 90:
        return f"{max(0, round(seconds))} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60:02d} min"
