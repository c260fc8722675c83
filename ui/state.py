"""The data set and the run in view: one truth in the URL (?data=NAME&run=ID), shared by all pages, kept on reload.

The shell calls `follow_url()` before and `write_url()` after drawing the sidebar; pages call `current_dataset()`
and `current_run()` and know nothing of the URL.
"""

from __future__ import annotations

import contextlib

import streamlit as st

from seglib.data.dataset import ChoiceNeeded, Dataset
from seglib.exceptions import InputError
from seglib.runs.store import Run, checkpoints_root, list_runs
from ui import navigation, opened, registry
from ui.literal import literal

DATA, RUN = "in_view_data", "in_view_run"
NOT_SHOWN = "run_not_shown"  # the run a link asked for and that this data set does not have


def follow_url() -> None:
    """Take over what the URL says (a deep link, a reload, the back button); else keep what was in view."""
    data, run = st.query_params.get("data"), st.query_params.get("run")
    if run:
        st.session_state[RUN] = run
        data = data or _trained_on(run)
    if data:
        st.session_state[DATA] = data
    st.session_state.setdefault(DATA, registry.DEMO)
    st.session_state.setdefault(RUN, None)


def write_url() -> None:
    """Put what is in view into the URL: moving to another page drops the query, this brings it back."""
    for key, name in ((DATA, "data"), (RUN, "run")):
        value = st.session_state.get(key)
        if value and st.query_params.get(name) != value:
            st.query_params[name] = value
        elif not value and name in st.query_params:
            del st.query_params[name]


def choose_dataset(name: str) -> None:
    """Bring a data set into view; the run in view belongs to another one, so it goes."""
    _set(DATA, "data", name)
    choose_run(None)


def choose_run(run_id: str | None) -> None:
    st.session_state.pop(NOT_SHOWN, None)
    _set(RUN, "run", run_id)


def _set(key: str, name: str, value: str | None) -> None:
    st.session_state[key] = value
    if value:
        st.query_params[name] = value
    else:
        st.query_params.pop(name, None)


def _trained_on(run_id: str) -> str | None:
    """The name of the run's data set, if both are known here."""
    with contextlib.suppress(InputError):
        paths = {place: name for name, entry in registry.entries().items() for place in entry.places()}
        return next((paths.get(run.data_path()) for run in all_runs() if run.id == run_id), None)
    return None


def dataset_name() -> str:
    """The name in the URL and in every route."""
    return st.session_state.get(DATA) or registry.DEMO


def current_entry() -> registry.Entry:
    """Name, path and split choices of the data set in view. Raises InputError for a name nobody knows."""
    return registry.find(dataset_name())


def current_dataset() -> Dataset:
    """The data set in view, opened. Raises InputError with one line on what is wrong with it."""
    return opened.dataset(dataset_name())


def dataset_or_stop() -> Dataset:
    """What a page calls first: the data set in view, or one clear line and the end of the page."""
    try:
        return current_dataset()
    except InputError as error:
        say_not_opened(error)
        st.stop()


def say_not_opened(error: InputError) -> None:
    """Why the data set in view does not open, and the way on; a choice that is missing is made on the Data page."""
    if isinstance(error, ChoiceNeeded):
        st.info("These pictures have no `dataset.csv`, and their names form one group.", icon=":material/account_tree:")
        navigation.link("data", "Say how they belong together")
        return
    st.error(literal(error), icon=":material/folder_off:")
    st.caption("Choose another data set in the sidebar, or press **Open a folder** there.")


def all_runs() -> list[Run]:
    """Every run under checkpoints/, newest first as the store lists them."""
    return list_runs(checkpoints_root())


def runs_of(entry: registry.Entry) -> list[Run]:
    """The runs trained on this data set, the best validation IoU first, those without one last."""
    places = entry.places()  # asks the file system: once, not once a run
    return best_first([run for run in all_runs() if run.data_path() in places])


def best_first(runs: list[Run]) -> list[Run]:
    """By best validation IoU; those without one last, also behind an IoU of 0."""
    scores = {run.id: run.best_iou() for run in runs}
    return sorted(runs, key=lambda run: 1.0 if scores[run.id] is None else -scores[run.id])


def not_shown() -> str:
    """One line on the run that a link asked for and that is not in view; '' if there is none such."""
    asked = st.session_state.get(NOT_SHOWN)
    if not asked:
        return ""
    run = next((run for run in all_runs() if run.id == asked), None)
    if run is None:
        return f"There is no run `{asked[:40].replace('`', '')}` here."
    place = run.data_path()
    names = [name for name, entry in registry.entries().items() if place in entry.places()]
    where = f"the data set `{names[0]}`" if names else f"`{place}`, which is not among the data sets here"
    return f"Run `{asked}` was trained on {where}."


def current_run() -> Run | None:
    """The run in view: the one in the URL, else the best of this data set, else None."""
    runs = runs_of(current_entry())
    asked = st.session_state.get(RUN)
    return next((run for run in runs if run.id == asked), runs[0] if runs else None)
