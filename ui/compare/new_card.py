"""Before an experiment starts: how many runs, how long, what is trained already, the same on the command line."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

import pandas as pd
import streamlit as st

from seglib.exceptions import InputError
from seglib.experiments.design import OPTUNA, Design, plain_design
from seglib.experiments.experiment_command import experiment_command
from seglib.experiments.outlook import Outlook, Planned, outlook
from seglib.runs import queue
from seglib.runs.store import checkpoints_root
from ui import progress, state
from ui.compare import base_choice
from ui.literal import literal

NAME = "new_name"
_LONG_H = 12


def draw(design: Design | None, problem: str, start: Callable[[Design, str], None]) -> None:
    """design: what is asked, None while it cannot be; problem: why."""
    seen = None
    if design is not None:
        try:
            seen = _seen(design)
        except InputError as error:
            problem = str(error)
    if seen is not None:
        _said(design, seen)
    name = st.text_input(
        "Name", key=NAME, placeholder="optional; else the question", max_chars=90, help="Of the experiment."
    )
    st.button(
        "Start",
        type="primary",
        icon=":material/play_arrow:",
        key="new_start",
        disabled=seen is None,
        help=problem or None,
        on_click=start,
        args=(design, name.strip()),
        width="stretch",
    )
    if problem:
        st.error(literal(problem), icon=":material/block:")
    if design is not None and seen is not None:
        with st.expander("The same on the command line", icon=":material/terminal:", key="new_command"):
            typed = base_choice.id_of(name) or "my-experiment"
            st.code(experiment_command(design, base_choice.preset_of(), typed), "bash", wrap_lines=True)


def _said(design: Design, seen: Outlook) -> None:
    """How much it is, and the runs one by one."""
    now = queue.read(checkpoints_root())
    n_new, at_once = seen.n - seen.n_trained, max(now.at_once, 1)
    time = progress.duration(seen.minutes * 60 / at_once)
    how = "one after another" if at_once == 1 else f"{at_once} at a time"
    st.markdown(f":material/schedule: **{n_new} runs** to train, about **{time}**, {how}", help=seen.explanation)
    if seen.n_trained:
        st.markdown(
            f":material/done_all: **{seen.n_trained}** of {seen.n} are already trained and will be used as they are."
        )
    if n_wait := len(now.order):
        st.caption(f":material/hourglass_top: {n_wait} runs wait before them.")
    if seen.minutes > _LONG_H * 60 * at_once:
        st.caption(":material/info: That is long. Fewer levels, one seed or fewer minutes make it shorter.")
    if seen.runs:
        shown = grid(seen.runs, design.seeds)
        st.dataframe(shown, hide_index=True, key="new_grid", height=min(35 * (len(shown) + 1) + 3, 330), alt="The runs")
    elif design.sampler == OPTUNA:
        st.caption("A search asks for its runs one by one: each is chosen by what the ones before came to.")


def grid(runs: Sequence[Planned], seeds: Sequence[int]) -> pd.DataFrame:
    """One row a combination, one column a seed: `new`, or the run that it is already."""
    cells: dict[str, dict[str, str]] = {}
    for run in runs:
        cells.setdefault(run.told, {"Run": run.told})[f"seed {run.seed}"] = f"✓ {run.run_id}" if run.run_id else "new"
    return pd.DataFrame(list(cells.values()), columns=["Run", *(f"seed {seed}" for seed in seeds)])


def _seen(design: Design) -> Outlook:
    """Anew only when the design or the runs have changed: the pictures may have to be read for it."""
    runs = tuple((run.id, run.state().name) for run in state.all_runs())
    return _outlook(json.dumps(plain_design(design), sort_keys=True), runs, design)


@st.cache_data(max_entries=32, show_spinner="Looking which of them are trained already …")
def _outlook(asked: str, runs: tuple, _design: Design) -> Outlook:
    return outlook(_design, state.all_runs())
