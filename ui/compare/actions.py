"""What can be done with an experiment: cancel, go on, more seeds, the bin."""

from __future__ import annotations

import re
from typing import Any

import streamlit as st

from seglib.exceptions import InputError
from seglib.experiments import experiment as experiments
from seglib.experiments.design import OPTUNA, Design
from seglib.experiments.opened import Experiment, Standing
from seglib.runs import queue
from ui.literal import literal

_ERROR, _DONE = "compare_action_error", "compare_action_done"


def draw(experiment: Experiment, design: Design, standing: Standing) -> None:
    """The buttons that make sense now."""
    if not standing.over:
        _cancel(experiment, standing)
    if can_go_on(design, standing):
        _go_on(experiment, standing)
    if design.sampler != OPTUNA:
        _more_seeds(experiment, design)
    if standing.over:
        with st.popover("", icon=":material/delete:", key="experiment_bin", help="Move this experiment to the bin"):
            st.caption("Its runs stay as they are. The folder lies in `.bin` of the experiments' folder then.")
            bin_button(experiment)


def can_go_on(design: Design, standing: Standing) -> bool:
    """Something is left that nobody will do by itself."""
    if design.sampler == OPTUNA:
        return bool(standing.problem)
    return bool(standing.planned or standing.failed or standing.stopped or standing.missing)


def say() -> None:
    """What came of the last button: a line, for a toast has no name that a screen reader could say."""
    if message := st.session_state.pop(_ERROR, None):
        st.error(literal(message), icon=":material/error:")
    if message := st.session_state.pop(_DONE, None):
        st.success(literal(message), icon=":material/check:")


def bin_button(experiment: Experiment) -> None:
    st.button("Move to bin", icon=":material/delete:", key="experiment_to_bin", on_click=_to_bin, args=(experiment,))


def _cancel(experiment: Experiment, standing: Standing) -> None:
    with st.popover("Cancel", icon=":material/stop:", key="experiment_cancel"):
        st.caption("What waits is taken out of the queue; what is done stays. **Go on** puts it back.")
        stop = standing.running and st.toggle(
            f"Stop the {standing.running} that {'trains' if standing.running == 1 else 'train'} too",
            key="experiment_cancel_running",
            help="Finishes the step, saves, ends; it can be resumed on the Train page.",
        )
        st.button(
            "Cancel the experiment",
            type="primary",
            key="experiment_cancel_now",
            on_click=_do,
            args=("Cancelled", experiments.cancel, experiment),
            kwargs={"running": bool(stop)},
        )


def _go_on(experiment: Experiment, standing: Standing) -> None:
    """Trials without a run are queued; those that failed or were stopped only if asked: their runs go to the bin."""
    n_again = standing.failed + standing.stopped
    with st.popover("Go on", icon=":material/play_arrow:", key="experiment_go_on"):
        again = False
        if n_again:
            again = st.toggle(
                f"Train the {n_again} that failed or were stopped anew",
                key="experiment_again",
                value=not (standing.planned or standing.missing),
                help="What there is of them goes to the bin. To resume one instead, open it on the Train page.",
            )
        nothing = not (again or standing.planned or standing.missing or standing.n_ended < standing.n)
        st.button(
            "Go on",
            type="primary",
            key="experiment_go_on_now",
            on_click=_start,
            args=(experiment, again),
            disabled=nothing,
            help="Nothing is left but what failed or was stopped." if nothing else None,
        )


def _start(experiment: Experiment, again: bool) -> None:
    _do("Going on", experiments.start, experiment, again=again)
    queue.advance(experiment.root)


def _more_seeds(experiment: Experiment, design: Design) -> None:
    n = len(design.combinations())
    with st.popover("Add seeds", icon=":material/casino:", key="experiment_seeds"):
        text = st.text_input(
            "New seeds",
            value=" ".join(str(max(design.seeds) + 1 + i) for i in range(2)),
            key=f"experiment_new_seeds_{experiment.id}_{len(design.seeds)}",
            help=f"Whole numbers. Each adds {n} runs; from 5 seeds on there is an interval over seeds.",
        )
        seeds, problem = parse_seeds(text)
        new = [seed for seed in seeds if seed not in design.seeds]
        st.caption(problem or f"{len(new) * n} new runs.")
        st.button(
            "Train them",
            type="primary",
            key="experiment_seeds_now",
            on_click=_do,
            args=(f"{len(new) * n} runs queued", experiments.add_seeds, experiment, new),
            disabled=bool(problem) or not new,
        )


def parse_seeds(text: str) -> tuple[list[int], str]:
    """The seeds in `0 1, 2`, each once, and what is wrong with them ('' if nothing)."""
    words = [word for word in re.split(r"[\s,;]+", text.strip()) if word]
    bad = next((word for word in words if not re.fullmatch(r"\d{1,10}", word) or int(word) >= 2**31), None)
    if bad is not None:
        return [], f"{literal(bad[:20])} is no seed: whole numbers from 0 to {2**31 - 1}."
    if not words:
        return [], "No seed is given: write one or more, such as 0 1."
    return list(dict.fromkeys(map(int, words))), ""


def _do(done: str, action: Any, *arguments: Any, **more: Any) -> None:
    """Callback of a button: one call; its refusal is shown on the next draw."""
    try:
        action(*arguments, **more)
        st.session_state[_DONE] = done
    except InputError as error:
        st.session_state[_ERROR] = str(error)


def _to_bin(experiment: Experiment) -> None:
    _do(f"{experiment.id} is in the bin", experiments.move_to_bin, experiment)
    st.session_state.pop("compare_experiment", None)
    st.query_params.pop("experiment", None)
