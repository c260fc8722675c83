"""The card that starts a training: how long it takes, its name, the button, the same as a command."""

from __future__ import annotations

import re

import streamlit as st

from seglib.data.dataset import Dataset
from seglib.exceptions import InputError
from seglib.runs import estimate, launcher
from seglib.training.command import train_command
from seglib.training.config import Config
from ui import form, progress, state
from ui.literal import literal

_ERROR = "train_error"


def draw(config: Config | None, problem: str, data: Dataset | None) -> None:
    """config: what the form stands for, None where it is not understood; problem: why it cannot start, '' if it can."""
    if config is not None and data is not None and data.indices("train"):
        _expected(config, data)
    if st.session_state.pop("train_clear_name", False):
        st.session_state["train_name"] = ""
    name = st.text_input(
        "Name", key="train_name", placeholder="optional; else date, network and loss", max_chars=100, help="Of the run."
    )
    run_id = run_id_of(name)
    problem = problem or _taken(run_id)
    started = st.button(
        "Start training",
        type="primary",
        icon=":material/play_arrow:",
        key="train_start",
        disabled=bool(problem),
        help=problem or None,
        width="stretch",
    )
    if problem:
        st.error(literal(problem), icon=":material/block:")
    if message := st.session_state.pop(_ERROR, None):
        st.error(literal(message), icon=":material/error:")
    for warning in config.recipe.warnings() if config is not None else ():
        st.warning(f"{warning} See what it does under **Augment**.", icon=":material/warning:")
    if config is not None:
        with st.expander("The same on the command line", icon=":material/terminal:", key="train_command"):
            st.code(train_command(config, form.base(), run_id or "my-run"), "bash", wrap_lines=True)
    if started and config is not None:
        _start(config, run_id, name)


def _expected(config: Config, data: Dataset) -> None:
    """How long it will take, said before it starts."""
    try:
        work = work_of(data, config.data.crop_px)
        expected = estimate.estimate(config, work, state.all_runs())
    except InputError as error:
        st.caption(f":material/schedule: How long it takes cannot be told: {error}")
        return
    given = config.training.minutes is not None and expected.minutes == config.training.minutes
    minutes = f"{expected.minutes:g} min" if given else f"about {progress.duration(expected.minutes * 60)}"
    about = "at most " if given and config.training.patience else ""
    steps = f"{'about ' if given else ''}{expected.steps:,} steps ({_epochs(expected.epochs)})"
    st.markdown(f":material/schedule: **{about}{minutes}**, {steps}", help=expected.explanation + _counted())
    st.caption(expected.explanation)
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


def _start(config: Config, run_id: str | None, name: str) -> None:
    try:
        run = launcher.start(config, run_id, name=name if run_id and name.strip() != run_id else "")
    except InputError as error:
        st.session_state[_ERROR] = str(error)
        st.rerun()
    state.choose_run(run.id)
    st.session_state["train_view_next"] = "Curves"
    st.session_state["train_clear_name"] = True
    st.rerun()
