"""Whose predictions are looked at: a run's val images as its training left them, or any split by a job."""

from __future__ import annotations

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from seglib.data.dataset import Dataset
from seglib.exceptions import InputError
from seglib.runs import jobs, predicted, validation
from seglib.runs.predicted import Predicted
from seglib.runs.store import Run
from ui import navigation, progress
from ui.glossary import explain
from ui.literal import literal

_START = "errors_start_job"


def choose(run: Run, data: Dataset, head: DeltaGenerator) -> Predicted | None:
    """The two switches, in `head`, and what they stand for; None when there is nothing to see (yet), which was said."""
    own = _validated(run, "best")
    splits = ["val", "train"] if own is not None else ["train"]
    with head:
        split = _switch("Images", splits, "errors_split", explain(splits[0]))
        which = _switch("Checkpoint", ["best", "last"], "errors_which", explain("checkpoint"))
    if own is None:
        return _without_validation(run, which, data)
    return of_split(run, which, split, data)


def of_split(run: Run, which: str, split: str, data: Dataset, place: str = "errors") -> Predicted | None:
    """What the run predicted of a split: the val images as the training left them, else as a job makes them. None
    while there is nothing (yet), which was said. place: in the keys of its widgets. Raises InputError for files that
    cannot be read."""
    found = (_validated(run, which) or _validated(run, "best")) if split == "val" else None
    if found is None:
        return _evaluated(run, which, split, data, place)
    n_images = len(found.scores())
    n_missing = found.missing(n_images)
    if not n_missing:
        return found
    st.warning(
        f"The probabilities of {n_missing} of {n_images} val images{_whose(run, place)} are not on disk any more.",
        icon=":material/image_not_supported:",
    )
    return _evaluated(run, which, split, data, place)


def _switch(label: str, options: list[str], key: str, about: str) -> str:
    return st.segmented_control(
        label, options, default=options[0], required=True, key=key, help=about, on_change=_asked, args=(key,)
    )


def _asked(key: str) -> None:
    """Choosing train is asking for it: the job then starts by itself."""
    st.session_state[_START] = key == "errors_split" and st.session_state[key] == "train"


def _validated(run: Run, which: str) -> Predicted | None:
    """The val images; None where the run has no validation, or no val set. Raises InputError for a damaged table."""
    try:
        found = predicted.of_validation(run, which)
    except InputError:
        return None
    return found if len(found.scores()) else None


def _without_validation(run: Run, which: str, data: Dataset) -> Predicted | None:
    if validation.validation_steps(run):
        st.info(
            "This run has no validation set: nothing says how it does on images it has not learned from, and best = "
            "last. Its train images can be looked at.",
            icon=":material/info:",
        )
        return _evaluated(run, which, "train", data)
    if run.state().live:
        st.info(
            "The first validation has not come yet. This page opens by itself when it does.",
            icon=":material/hourglass_top:",
        )
        waiting(run)
    else:
        st.info(
            "This run ended before its first validation: there are no predictions to look at.", icon=":material/info:"
        )
        if run.state().reason:
            st.caption(f"It {run.state().name}: {run.state().reason}")
        navigation.link("train", "Train a network")
    return None


def _whose(run: Run, place: str) -> str:
    """The run in view needs no name."""
    return "" if place == "errors" else f" of **{literal(run.name)}**"


def _evaluated(run: Run, which: str, split: str, data: Dataset, place: str = "errors") -> Predicted | None:
    """The job's predictions; else its progress, or a button that starts it."""
    if not run.has_checkpoint(which):
        st.info(
            f"There are no {which} weights{_whose(run, place)} on disk to predict with; choose the other checkpoint.",
            icon=":material/info:",
        )
        return None
    inputs = predicted.evaluate_inputs(run, which, split, data.path)
    job = jobs.find("evaluate", inputs)
    known = (job.folder / "job.json").exists()
    if not known and place == "errors" and st.session_state.pop(_START, False):
        job, known = jobs.start("evaluate", inputs), True
    state = job.state() if known else None
    if state and state.name == "done" and (job.result / "budgets.parquet").exists():
        return predicted.of_job(run, which, split, job)
    if state and state.live:
        n_images = data.counts()[split]
        st.caption(f"The network looks at the {n_images} {split} images. You may leave the page; it goes on.")
        watch(job, f"{place}_job")
        return None
    if state:
        progress.draw(progress.of_job(job), key=f"{place}_job")
    label = "Try again" if state else f"Predict the {split} images"
    st.button(
        label, icon=":material/play_arrow:", type="primary", key=f"{place}_predict", on_click=_start, args=(inputs,)
    )
    return None


def _start(inputs: dict) -> None:
    jobs.start("evaluate", inputs, again=True)


@st.fragment(run_every=1.0)
def watch(job: jobs.Job, key: str = "errors_job") -> None:
    """A job's bar with Cancel; the page is drawn anew when it ends."""
    standing = progress.of_job(job)
    progress.draw(standing, key=key, cancel=job.cancel)
    if not standing.live:
        st.rerun()


@st.fragment(run_every=2.0)
def waiting(run: Run) -> None:
    """A training's bar; the page is drawn anew at its first validation or its end."""
    standing = progress.of_run(run)
    progress.draw(standing, key="errors_run")
    if validation.validation_steps(run) or not standing.live:
        st.rerun()


@st.fragment(run_every=4.0)
def training(run: Run, seen: int | None) -> None:
    """A training's bar above its latest validation, and a button when a newer one has come."""
    standing, steps = progress.of_run(run), validation.validation_steps(run)
    if not standing.live:
        st.rerun()
    progress.draw(standing, key="errors_run")
    if (
        seen is not None
        and steps
        and steps[-1] > seen
        and st.button(f"Show the validation at step {steps[-1]}", icon=":material/refresh:", key="errors_newer")
    ):
        st.rerun()
