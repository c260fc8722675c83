"""The base of an experiment: everything that does not differ, from a preset, a run, or the form on the Train page."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from seglib.data.dataset import Dataset
from seglib.exceptions import InputError
from seglib.runs.store import portable
from seglib.settings import build, plain
from seglib.training.config import PRESETS, Config, resolve
from ui import form, state
from ui.start_card import run_id_of

FORM = "form on Train"
PRESET, RUN, MINUTES = "new_preset", "new_run", "new_minutes"


def draw(data: Dataset) -> tuple[Config | None, str]:
    """The widgets; the base on the data set in view with the minutes of every run, or why there is none."""
    options = [*PRESETS, *([FORM] if form.VALUES in st.session_state else [])]
    runs = {run.id: run.name for run in state.all_runs()}
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        preset = st.segmented_control(
            "Everything else as in",
            options,
            default="quick",
            required=True,
            key=PRESET,
            help="What all runs share. The form on Train is as it stands there now: change anything there, come back.",
        )
        run_id = None
        if runs:
            run_id = st.selectbox(
                "or as in a run",
                list(runs),
                index=None,
                key=RUN,
                format_func=lambda i: runs.get(i, i),
                placeholder="its settings",
            )
    try:
        config = _config(preset, run_id)
    except InputError as error:
        return None, str(error)
    return _with_minutes(config, f"{preset}_{run_id}"), ""


def preset_of() -> str:
    """The preset that the command line counts from."""
    chosen = st.session_state.get(PRESET) or "quick"
    return chosen if chosen in PRESETS else "quick"


def _config(preset: str, run_id: str | None) -> Config:
    """Raises InputError for a run or form that is not understood."""
    entry = state.current_entry()
    where = {"path": portable(entry.path), "grouping": entry.grouping, "split": entry.split, "fold": entry.fold}
    if preset == FORM and not run_id:
        return form.config(where)
    run = next((run for run in state.all_runs() if run.id == run_id), None)
    config = run.config() if run is not None else resolve(preset)
    kept = {key: value for key, value in plain(config.data).items() if key not in where}
    return build(Config, {**plain(config), "data": {**kept, **where}})


def _with_minutes(config: Config, of: str) -> Config:
    """The same with the minutes asked for; an empty field keeps the base's steps or epochs."""
    budget = config.training
    minutes = st.number_input(
        "Minutes of every run",
        min_value=0.05,
        max_value=10_000.0,
        value=budget.minutes,
        step=1.0,
        format="%g",
        key=f"{MINUTES}_{of}",
        placeholder=f"{budget.steps} steps" if budget.steps else f"{budget.epochs} epochs" if budget.epochs else "none",
        help="Training and validation. The same time for all: a larger network makes fewer steps.",
    )
    if minutes is None:
        if budget.steps is None and budget.epochs is None:
            st.caption("Without minutes the base says no end: 6 minutes are taken.")
            return replace(config, training=replace(budget, minutes=6.0))
        return replace(config, training=replace(budget, minutes=None))
    if minutes == budget.minutes:
        return config
    return replace(config, training=replace(budget, minutes=minutes, steps=None, epochs=None))


def id_of(name: str) -> str:
    """The folder's name made of what the person typed; '' for none."""
    return run_id_of(name) or ""
