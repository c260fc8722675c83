"""IoU over the threshold of all images pooled, for the curve beside the viewer's slider."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from seglib.errors import thresholds
from seglib.errors.report import Measured
from seglib.runs.predicted import Predicted
from ui.errors import scene as scenes
from ui.errors.scene import Scene


def own(scene: Scene) -> list[float] | None:
    """256 IoUs, where foreground is q >= k; None while the images are not measured."""
    if (found := of_stored(scene.predicted)) is not None:
        return found
    measured = scenes.of_all(scene)  # a run of before; what the page has measured by now
    return _curve(measured.thresholds) if isinstance(measured, Measured) else None


def of_stored(chosen: Predicted) -> list[float] | None:
    """From the tables that its validation or job has left; None where they are of before."""
    return _of_stored(chosen.stamp, chosen)


@st.cache_resource(max_entries=16, show_spinner=False)
def _of_stored(stamp: str, _chosen: Predicted) -> list[float] | None:
    measured = _chosen.stored()
    return None if measured is None else _curve(measured.thresholds)


def _curve(table: pd.DataFrame) -> list[float] | None:
    return thresholds.iou(thresholds.of_table(table)).tolist() if len(table) else None
