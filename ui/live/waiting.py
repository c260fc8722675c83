"""A run that waits in the queue: its place, what it waits for, and the way out."""

from __future__ import annotations

import streamlit as st

from seglib.runs import queue
from seglib.runs.store import Run
from ui.literal import literal
from ui.live.action import act


def draw(run: Run) -> None:
    """One line; looking at it starts what there is room for."""
    queue.advance()
    st.info(line(run, queue.read()), icon=":material/schedule:")


def take_out(run: Run) -> None:
    """The button that takes it out of the queue."""
    st.button(
        "Take out",
        icon=":material/close:",
        key="train_take_out",
        on_click=act,
        args=(queue.cancel, run),
        help="Out of the queue. It can be started again with its settings.",
    )


def line(run: Run, now: queue.Queue) -> str:
    """`Place 2 of 5 in the queue. 1 training at a time; **quick** runs now.`"""
    if run.id not in now.order:
        return "It is about to start."
    place = f"Place {now.order.index(run.id) + 1} of {len(now.order)} in the queue."
    if now.held:
        return f"{place} The queue is held: nothing starts until it is released."
    many = "1 training at a time" if now.at_once == 1 else f"{now.at_once} trainings at a time"
    names = ", ".join(f"**{literal(other.name)}**" for other in queue.running())
    return f"{place} {many}; {names} runs now." if names else f"{place} {many}."
