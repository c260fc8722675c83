"""New experiment: a question, its base, seeds and budget; what it asks for is shown before it starts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import streamlit as st

from seglib.data.dataset import Dataset
from seglib.exceptions import InputError
from seglib.experiments import experiment as experiments
from seglib.experiments import ready_made
from seglib.experiments.design import GRID, ONE_AT_A_TIME, OPTUNA, Design, with_base_levels
from seglib.experiments.factor import Factor
from seglib.experiments.ready_made import Ready
from seglib.settings import flatten, plain
from seglib.training.config import Config
from ui.compare import actions, base_choice, levels, new_card
from ui.compare.picker import TARGET_IOU
from ui.literal import literal

OWN = "own"
QUESTION, ERROR = "new_question", "new_error"
SAMPLERS = {GRID: "All combinations", ONE_AT_A_TIME: "One at a time", OPTUNA: "A search"}
SAMPLER_HELP = (
    "All combinations: every level with every other, so that factors can be told apart. One at a time: the base, and "
    "one change to it a run. A search: tries what did well before, gives up what is hopeless, with one seed."
)


def draw(data: Dataset | None) -> None:
    """The whole view. data: the data set in view; without one nothing can be asked."""
    st.caption("What do you want to know? Choose a question; nothing starts before you press **Start**.")
    _cards()
    asked = st.session_state.get(QUESTION)
    if asked is None:
        return
    if data is None:
        st.error("The data set in view does not open: there is nothing to train on.", icon=":material/folder_off:")
        return
    ready = ready_made.READY.get(asked)
    st.header(literal(ready.question) if ready else "Your own question", anchor=False)
    halves = st.grid(2, min_column_width=380, gap="small")
    design, problem, base = None, "", None
    with halves.cell(), st.container(border=True):
        base, problem = base_choice.draw(data)
        if base is not None:
            design, problem = _design(ready, base)
    with halves.cell(), st.container(border=True):
        new_card.draw(design, problem, start=_start)
        if message := st.session_state.pop(ERROR, None):
            st.error(literal(message), icon=":material/error:")


def _cards() -> None:
    chosen = st.session_state.get(QUESTION)
    with st.grid(3, min_column_width=240, gap="small"):
        for ready in ready_made.READY.values():
            _card(ready.id, ready.question, ready.about, chosen)
        _card(OWN, "Your own question", "Any settings against each other: losses, norms, your own network …", chosen)


def _card(question_id: str, question: str, about: str, chosen: str | None) -> None:
    st.button(
        question,
        key=f"new_ask_{question_id}",
        icon=":material/check_circle:" if question_id == chosen else ":material/circle:",
        on_click=_ask,
        args=(question_id,),
        help=about,
        width="stretch",
    )


def _ask(question_id: str) -> None:
    st.session_state[QUESTION] = question_id


# -- the question as a design


def _design(ready: Ready | None, base: Config) -> tuple[Design | None, str]:
    """What the widgets stand for, and why it cannot be asked ('' if it can)."""
    sampler = ready.sampler if ready else _sampler()
    try:
        factors = _factors(ready, base, sampler)
    except InputError as error:
        factors, problem = [], str(error)
    else:
        problem = "" if factors else "Choose at least one setting that is to differ."
    seeds, n_trials, wrong = _seeds(sampler)
    target = st.number_input(
        "Target val IoU", min_value=0.01, max_value=1.0, value=TARGET_IOU, step=0.01, format="%.2f", key="new_target"
    )
    question = ready.question if ready else _question(factors)
    problem = problem or wrong
    if problem:
        return None, problem
    design = Design(question, question, plain(base), tuple(factors), tuple(seeds), sampler, n_trials, target)
    try:
        design = with_base_levels(design)
        design.check()
    except InputError as error:
        return None, str(error)
    return design, ""


def _sampler() -> str:
    return st.segmented_control(
        "Which combinations",
        list(SAMPLERS),
        format_func=SAMPLERS.get,
        default=GRID,
        required=True,
        key="new_sampler",
        help=SAMPLER_HELP,
    )


def _factors(ready: Ready | None, base: Config, sampler: str) -> list[Factor]:
    """Those of the question, or the settings that the person picks; all with the values chosen."""
    if ready:
        st.caption(ready.about)
        given = {factor.key: factor for factor in ready.factors(base)}
        prefix = f"new_{ready.id}_{base.model.depth}_{base.model.channels}"
    else:
        names = levels.keys()
        picked = st.multiselect(
            "What is to differ", list(names), default=["loss.name"], format_func=names.get, key="new_keys"
        )
        given, prefix = dict.fromkeys(picked), "new_own"
    flat = flatten(plain(base))
    found = [levels.choose(key, flat, factor, sampler == OPTUNA, prefix) for key, factor in given.items()]
    empty = next((f for f in found if not f.values and f.low is None), None)
    if empty is not None:
        raise InputError(f"{empty.title}: choose two values or more, or leave it out.")
    return found


def _question(factors: Sequence[Factor]) -> str:
    default = f"Which {' and '.join(factor.title for factor in factors)}?"[:120] if factors else ""
    typed = st.text_input("The question in words", key="new_own_question", placeholder=default, max_chars=120)
    return typed.strip() or default or "?"


def _seeds(sampler: str) -> tuple[list[int], int | None, str]:
    """Seeds, number of trials of a search, and what is wrong with them."""
    if sampler == OPTUNA:
        n_trials = st.number_input("Trials", min_value=2, max_value=1000, value=20, key="new_trials")
        return [0], int(n_trials), ""
    text = st.text_input(
        "Seeds",
        value="0 1",
        key="new_seeds",
        help="Every combination is trained once with each. Two show how much is luck; from 5 on there is an interval "
        "over seeds.",
    )
    seeds, problem = actions.parse_seeds(text)
    return seeds, None, problem


def _start(design: Design, name: str) -> None:
    """Callback of Start: make it, queue its runs, show it."""
    try:
        made = experiments.create(replace(design, name=name or design.name), base_choice.id_of(name) or None)
        experiments.start(made)
    except InputError as error:
        st.session_state[ERROR] = str(error)
        return
    _show(made.id)


def _show(experiment_id: Any) -> None:
    st.session_state["compare_experiment"] = experiment_id
    st.query_params["experiment"] = experiment_id
    st.session_state["show"] = "Experiments"
    st.session_state.pop(QUESTION, None)
