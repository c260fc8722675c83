"""Experiments: the question, how its runs stand, what they say. Draws itself again while one of them works."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from seglib.exceptions import InputError
from seglib.experiments import experiment as experiments
from seglib.experiments import runs_table
from seglib.experiments.design import OPTUNA, Design
from seglib.experiments.opened import Experiment, Standing
from seglib.experiments.outlook import seconds_left
from seglib.runs import queue
from seglib.runs.store import checkpoints_root
from ui import progress, state
from ui.compare import actions, chosen, factor, runs, search
from ui.literal import literal

REFRESH_S = 3.0
PICK, KEPT = "compare_experiment_pick", "compare_experiment"


def draw() -> Experiment | None:
    """The whole view; the experiment that is shown."""
    found = experiments.list_experiments(checkpoints_root())
    if not found:
        st.info(
            "There is no experiment yet. Choose **New experiment** above: ready-made questions need one click.",
            icon=":material/science:",
        )
        return None
    shown = _choose(found)
    if shown is None:
        return None
    try:
        shown.trials()
    except InputError as error:
        _damaged(shown, error)
        return None
    actions.say()
    live = not shown.standing().over
    st.fragment(run_every=REFRESH_S if live else None, key=f"experiment_{shown.id}")(_draw)(shown, live)
    return shown


def in_url() -> str | None:
    """The experiment in view: the one in the address, else the one looked at before."""
    asked = st.query_params.get("experiment")
    if asked:
        st.session_state[KEPT] = asked
    return st.session_state.get(KEPT)


def show(experiment_id: str) -> None:
    """Bring it into view, in the address at once."""
    st.session_state[KEPT] = experiment_id
    st.query_params["experiment"] = experiment_id


def _choose(found: Sequence[Experiment]) -> Experiment | None:
    known = {experiment.id: experiment for experiment in found}
    asked = in_url()
    if asked and asked not in known:
        st.warning(
            f"There is no experiment {literal(asked)} here; the newest one is shown.", icon=":material/search_off:"
        )
    shown = asked if asked in known else _newest(found)
    show(shown)
    st.session_state[PICK] = shown
    names = {i: _title(experiment) for i, experiment in known.items()}
    st.selectbox(
        "Experiment", list(known), key=PICK, format_func=names.get, on_change=lambda: show(st.session_state[PICK])
    )
    return known[shown]


def _newest(found: Sequence[Experiment]) -> str:
    """Of the data set in view if there is one."""
    try:
        places = state.current_entry().places()
    except InputError:
        places = set()
    mine = [e for e in found if any(run.data_path() in places for run in _runs_of(e)[:1])]
    return (mine or list(found))[0].id


def _runs_of(experiment: Experiment) -> list:
    try:
        return experiment.runs()
    except InputError:
        return []


def _title(experiment: Experiment) -> str:
    try:
        design = experiment.design()
    except InputError:
        return f"{experiment.id} (damaged)"
    question = design.question or design.name
    return f"{question} · {experiment.id}"


def _damaged(experiment: Experiment, error: InputError) -> None:
    st.error(literal(error), icon=":material/broken_image:")
    st.caption("Its runs are not touched: they can be compared under **Runs**. The folder can go to the bin.")
    actions.bin_button(experiment)


def _draw(experiment: Experiment, before: bool) -> None:
    design, standing = experiment.design(), experiment.standing()
    if standing.over == before:  # it has come to its end, or begun again: the page stops or starts refreshing
        st.rerun(scope="app")
    with st.container(border=True):
        _head(experiment, design, standing)
        _standing(experiment, standing)
    rows = runs_table.rows(experiment.runs())
    if any(row["best_val_iou"] is not None for row in rows):
        runs.headline(rows, design.target_iou)
    elif not standing.n_ended:
        st.info("No run has ended yet. This page fills up by itself as they do.", icon=":material/hourglass_top:")
    if standing.running:
        st.caption("A run counts below once it has ended.")
    if collapsed := runs_table.collapsed(rows):
        names = literal("; ".join(row["name"] for row in collapsed))
        st.warning(
            f"Learned next to nothing (best val IoU below {runs_table.COLLAPSED:g}): {names}. Such a run rules every "
            "mean and difference it is in; look at its loss curve before you believe a sentence below.",
            icon=":material/trending_flat:",
        )
    if cut := standing.stopped + standing.failed:
        st.caption(f":material/warning: {cut} ended before their time; what they reached counts below all the same.")
    try:
        if design.sampler == OPTUNA:
            search.draw(experiment, design)
        for answer in factor.answers_of(experiment):
            factor.draw(answer, design.target_iou)
    except InputError as error:
        st.error(literal(error), icon=":material/error:")
    _all_runs(experiment, rows)


def _head(experiment: Experiment, design: Design, standing: Standing) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.header(literal(design.question or design.name), anchor=False, width="stretch")
        actions.draw(experiment, design, standing)
    st.caption(_asked(design))


def _asked(design: Design) -> str:
    """`loss: bce, dice · seeds 0, 1 · one at a time`."""
    parts = [
        f"{literal(f.title)}: " + literal(", ".join(map(f.label, f.values)) if f.values else f"{f.low:g} to {f.high:g}")
        for f in design.factors
    ]
    seeds = f"seed{'s' if len(design.seeds) > 1 else ''} {', '.join(map(str, design.seeds))}"
    how = {"grid": "all combinations", "one_at_a_time": "one changed at a time", OPTUNA: "a search"}[design.sampler]
    data = str(design.base.get("data", {}).get("path", "")).rstrip("/").rpartition("/")[2]
    return " · ".join([*parts, seeds, how, f"data set {literal(data)}"])


def _standing(experiment: Experiment, standing: Standing) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        for name, colour, icon in _BADGES:
            if n := getattr(standing, name):
                st.badge(f"{n} {name}", icon=icon, color=colour)
    if standing.problem:
        st.warning(f"{literal(standing.problem)}: **Go on**.", icon=":material/pause_circle:")
    if standing.over:
        return
    left = seconds_left(experiment, queue.read(experiment.root).at_once)
    text = f"{standing.n_ended} of {standing.n} runs" + (f" · about {progress.duration(left)} left" if left else "")
    st.progress(standing.n_ended / max(standing.n, 1), text=text)


_BADGES = (
    ("done", "green", ":material/check:"),
    ("running", "blue", ":material/play_arrow:"),
    ("queued", "gray", ":material/schedule:"),
    ("planned", "gray", ":material/pending:"),
    ("failed", "red", ":material/error:"),
    ("stopped", "orange", ":material/stop:"),
    ("pruned", "orange", ":material/content_cut:"),
    ("missing", "red", ":material/search_off:"),
)


def _all_runs(experiment: Experiment, rows: Sequence[dict]) -> None:
    """All its runs, and the way to see their curves."""
    if not rows:
        return
    trials = {trial.run_id: trial for trial in experiment.trials()}
    with st.expander(f"All {len(rows)} runs", icon=":material/table_rows:", key="experiment_runs"):
        runs.table_of(experiment.runs(), rows, experiment.design().target_iou, key="experiment_runs_table")
        if used := [i for i, trial in trials.items() if trial.reused]:
            st.caption(f"Trained before, and used as they are: {literal(', '.join(used))}.")
        for trial in trials.values():
            run = experiment.run_of(trial)
            if run is not None and experiment.state_of(trial) == "failed":
                st.caption(f":material/error: {literal(run.name)}: {literal(run.state().reason)}")
        st.button(
            "See their curves",
            icon=":material/show_chart:",
            key="experiment_curves",
            on_click=_compare,
            args=([row["run"] for row in rows],),
        )


def _compare(run_ids: Sequence[str]) -> None:
    chosen.choose(run_ids)
    st.session_state["show"] = "Runs"
