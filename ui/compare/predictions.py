"""Predictions of the compared runs on one validation image, side by side; a click opens that image on Errors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import streamlit as st

from seglib.data.dataset import Dataset
from seglib.exceptions import InputError
from seglib.runs.store import Run
from ui import navigation, state
from ui.components.gallery import gallery
from ui.errors import scene
from ui.literal import literal
from ui.live.pictures import strip_items

SIZE_PX = 230


def draw(runs: Sequence[Run]) -> None:
    """Folded, and worked out only when it is open. runs: of the data set in view, in the order of their colours."""
    title = "Predictions side by side"
    fold = st.expander(title, icon=":material/compare:", key="compare_predictions", on_change="rerun")
    if not fold.open:
        return
    with fold:
        try:
            _pictures(runs, state.current_dataset())
        except InputError as error:
            st.caption(literal(error))


def _pictures(runs: Sequence[Run], data: Dataset) -> None:
    of_runs = {run: strip_items(run, data, state.dataset_name(), "best") for run in runs}
    names = {item["id"]: item["caption"] for items in of_runs.values() for item in items}
    if not names:
        st.caption("No run of this data set among those above has kept predictions of a validation.")
        return
    image = st.selectbox("Validation image", list(names), format_func=names.get, key="compare_image", width=320)
    st.markdown(
        ":green[green: your mask] · :orange[orange: the prediction], best checkpoint",
        help="Threshold 0.5. IoU of this image by itself. Click one for its mistakes.",
    )
    shown = [_of_run(run, item) for run, items in of_runs.items() for item in items if item["id"] == image]
    picked = gallery(shown, key="compare_pictures", size_px=SIZE_PX, toggle="Mask and prediction").pick
    if picked is not None:
        scene.show(data.records[image].image)
        navigation.go("errors", run=picked)


def _of_run(run: Run, item: dict[str, Any]) -> dict[str, Any]:
    return {**item, "id": run.id, "caption": run.name}
