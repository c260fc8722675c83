"""The card that starts a training or queues it: how long it takes, its name, the buttons, the same as a command."""

from __future__ import annotations

import re
from collections.abc import Callable

import streamlit as st

from seglib.data.dataset import Dataset
from seglib.exceptions import InputError
from seglib.experiments.preflight import RED
from seglib.runs import estimate, launcher
from seglib.runs import queue as runs_queue
from seglib.runs.store import Run
from seglib.training.command import queue_command, train_command
from seglib.training.config import Config, to_json
from ui import form, preflight, progress, state
from ui.literal import literal

_ERROR, _TOAST, _ASKED = "train_error", "train_toast", "train_asked"


def draw(config: Config | None, problem: str, data: Dataset | None) -> None:
    """config: what the form stands for, None where it is not understood; problem: why it cannot start, '' if it can."""
    if said := st.session_state.pop(_TOAST, None):
        st.toast(said, icon=":material/queue:")
    ready = config is not None and data is not None and bool(data.indices("train"))
    if ready:
        _expected(config, data)
        preflight.draw(config, data)
    if st.session_state.pop("train_clear_name", False):
        st.session_state["train_name"] = ""
    name = st.text_input(
        "Name", key="train_name", placeholder="optional; else date, network and loss", max_chars=100, help="Of the run."
    )
    run_id = run_id_of(name)
    problem = problem or _taken(run_id)
    doubt = _doubt(config, data) if ready and not problem else ""
    start = _buttons(problem, asked=bool(doubt) and st.session_state.get(_ASKED) == doubt)
    if problem:
        st.error(literal(problem), icon=":material/block:")
    if message := st.session_state.pop(_ERROR, None):
        st.error(literal(message), icon=":material/error:")
    for warning in config.recipe.warnings() if config is not None else ():
        st.warning(f"{warning} See what it does under **Augment**.", icon=":material/warning:")
    if config is not None:
        _command(config, run_id or "my-run")
    if start is not None and config is not None:
        if doubt and st.session_state.get(_ASKED) != doubt:
            st.session_state[_ASKED] = doubt
            st.rerun()
        _start(start, config, run_id, name)


def _doubt(config: Config, data: Dataset) -> str:
    """The settings themselves where their pre-flight has found something red, else ''. They are asked about once."""
    return to_json(config) if preflight.verdict(config, data) == RED else ""


def _buttons(problem: str, asked: bool) -> Callable[..., Run] | None:
    """What was pressed: `queue.submit`, which starts at once where there is room, or `launcher.start`.

    asked: it was pressed before, with something red in sight; the next press counts.
    """
    if asked:
        line = "The pre-flight found something red, see above. Press again if you want to train all the same."
        st.warning(line, icon=":material/front_hand:")
    now, live = runs_queue.read(), runs_queue.running()
    waits = now.held or bool(now.order) or len(live) >= now.at_once
    label, icon = ("Add to the queue", ":material/queue:") if waits else ("Start training", ":material/play_arrow:")
    label += " all the same" if asked else ""
    off = {"disabled": bool(problem), "help": problem or None, "width": "stretch"}
    submitted = st.button(label, type="primary", icon=icon, key="train_start", **off)
    if submitted or not waits:
        return runs_queue.submit if submitted else None
    beside = "Start now beside it" if len(live) == 1 else f"Start now beside {len(live) or 'the queue'}"
    started = st.button(beside, icon=":material/play_arrow:", key="train_start_beside", **off)
    st.caption(_cost(now, len(live)))
    return launcher.start if started else None


def _cost(now: runs_queue.Queue, n_live: int) -> str:
    """What waiting and starting beside mean."""
    place = f"It would be number {len(now.order) + 1} in the queue{', which is on hold' if now.held else ''}."
    if not n_live:
        return f"{place} Started now, it does not wait for its turn."
    slower = "twice" if n_live == 1 else f"{n_live + 1} times"
    return f"{place} Beside it, all share this machine: each may take {slower} as long."


def _command(config: Config, run: str) -> None:
    with st.expander("The same on the command line", icon=":material/terminal:", key="train_command"):
        st.code(train_command(config, form.base(), run), "bash", wrap_lines=True)
        st.caption("Or at the end of the queue, without waiting for it:")
        st.code(queue_command(config, form.base(), run), "bash", wrap_lines=True)


def _expected(config: Config, data: Dataset) -> None:
    """How long it will take, said before it starts."""
    try:
        expected = preflight.expected(config, data)
        if expected is None:
            expected = estimate.estimate(config, work_of(data, config.data.crop_px), state.all_runs())
    except InputError as error:
        st.caption(f":material/schedule: How long it takes cannot be told: {literal(error)}")
        return
    given = config.training.minutes is not None and expected.minutes == config.training.minutes
    minutes = f"{expected.minutes:g} min" if given else f"about {progress.duration(expected.minutes * 60)}"
    about = "at most " if given and config.training.patience else ""
    steps = f"{'about ' if given else ''}{expected.steps:,} steps ({_epochs(expected.epochs)})"
    why = literal(expected.explanation)  # it names a run
    st.markdown(f":material/schedule: **{about}{minutes}**, {steps}", help=why + _counted())
    st.caption(why)
    if not data.indices("val"):
        st.caption(":material/info: No validation set: nothing will be scored, the last weights count as the best.")


def _epochs(epochs: float) -> str:
    text = f"{epochs:.1g}" if epochs < 1 else f"{epochs:.0f}"
    return f"{text} {'epoch' if text == '1' else 'epochs'}"


def _counted() -> str:
    return " Training and validation; starting up takes some seconds more."


@st.cache_data(max_entries=32, show_spinner=False, hash_funcs={Dataset: lambda d: (str(d.path), d.records)})
def work_of(data: Dataset, crop_px: int) -> estimate.Work:
    return estimate.work(data, crop_px)


def run_id_of(name: str) -> str | None:
    """A folder's name made of what the person typed; None for none."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name.strip()).strip("-._")[:100] or None


def _taken(run_id: str | None) -> str:
    taken = run_id is not None and any(run.id == run_id for run in state.all_runs())
    return f"A run called {run_id} exists already; choose another name." if taken else ""


def _start(start: Callable[..., Run], config: Config, run_id: str | None, name: str) -> None:
    """Watch what begins at once; stay at the form where the run waits for its turn."""
    try:
        run = start(config, run_id, name=name if name.strip() != run_id else "")
    except InputError as error:
        st.session_state[_ERROR] = str(error)
        st.rerun()
    order = runs_queue.read().order
    if run.id in order:
        place = order.index(run.id) + 1
        st.session_state[_TOAST] = f"{literal(run.name)} is number {place} of {len(order)} in the queue"
    else:
        state.choose_run(run.id)
        st.session_state["train_view_next"] = "Curves"
    st.session_state["train_clear_name"] = True
    st.rerun()
