"""What the page says when something is missing: no run, no folder, no images; and the way on from there."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from seglib.data.dataset import Dataset
from seglib.exceptions import InputError
from seglib.runs import predicted
from seglib.runs.store import Run
from ui import folders, navigation, registry, state
from ui.errors import headline
from ui.errors.listing import described, listed


def data_or_stop() -> Dataset:
    """The data set in view. Where its folder is gone: the run's numbers without pictures, and a way to find it."""
    try:
        return state.current_dataset()
    except InputError as error:
        state.say_not_opened(error)
    try:
        entry = state.current_entry()
    except InputError:
        st.stop()
    if not entry.path.is_dir():
        _find_button(entry.path, None, "lost_data")
        run = state.current_run()
        if run is not None:
            numbers_only(run)
    st.stop()


def _find_button(folder: Path, run_id: str | None, key: str) -> None:
    st.button(
        "Find the folder",
        icon=":material/search:",
        type="primary" if run_id is None else "secondary",
        key=key,
        on_click=folders.show,
        args=(folder, run_id),
        help="Say where the images lie now; nothing is copied or changed.",
    )


def numbers_only(run: Run) -> None:
    """What a run says of itself without a single picture."""
    try:
        scores = predicted.of_validation(run, "best").scores()
    except InputError:
        return
    if not len(scores):
        return
    train = predicted.train_scores(run, "best")
    st.caption(f"What the run **{run.name}** has kept of its validation:")
    headline.draw("val", headline.figures(scores), None if train is None else headline.figures(train), 0.5, {})
    table = listed(described(scores), "Worst IoU first")[["image", "group", "iou", "fp", "fn"]]
    st.dataframe(
        table,
        hide_index=True,
        column_config={
            "iou": st.column_config.NumberColumn("IoU", format="%.4f"),
            "fp": "false positive px",
            "fn": "missed px",
        },
    )


def without_run() -> None:
    """No run on this data set: train one."""
    with st.container(border=True):
        st.header(":material/model_training: No run on this data set yet", anchor=False)
        st.markdown(
            "A run is one training. When it has looked at the val images for the first time, this page shows where its "
            "predictions are wrong, image beside mask, and which mistakes come back."
        )
        navigation.link("train", "Train a network")
    other_runs()


def nothing_left(run: Run) -> None:
    st.info("None of the images this run was validated on is in the data set any more.", icon=":material/info:")
    _find_button(run.data_path(), run.id, "lost_images")


def lost_runs() -> list[Run]:
    """Runs whose folder of images is gone and belongs to no data set known here."""
    places = {place for entry in registry.entries().values() for place in entry.places()}
    return [run for run in state.all_runs() if run.data_path() not in places and not run.data_path().is_dir()]


def other_runs() -> None:
    """The way to runs that no data set here leads to."""
    try:
        runs = lost_runs()
    except InputError:
        return
    if not runs:
        return
    with st.expander(
        f"{len(runs)} {'run' if len(runs) == 1 else 'runs'} whose images have moved",
        icon=":material/folder_off:",
        expanded=st.session_state.get(state.NOT_SHOWN) in [run.id for run in runs],
    ):
        for run in runs:
            with st.container(horizontal=True, vertical_alignment="center"):
                st.markdown(f"**{run.name}**", width="content")
                st.caption(f"`{run.data_path()}`", width="stretch")
                _find_button(run.data_path(), run.id, f"lost_{run.id}")
