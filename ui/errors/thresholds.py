"""The pooled IoU at every threshold, for the curve in the viewer and the sentence below it."""

from __future__ import annotations

import math

import numpy as np
import streamlit as st

from seglib.errors import thresholds
from seglib.errors.report import Measured
from seglib.runs.predicted import STORED_THRESHOLD
from ui.errors import scene as scenes
from ui.errors.scene import Scene

FLATTERS = {
    "val": "A threshold chosen because it is best on the val images flatters the IoU on them: choose it, then judge it "
    "on images that chose nothing.",
    "train": "The network has learned these images: what is best here may not be best on others.",
}


def pooled_counts(scene: Scene) -> np.ndarray | None:
    """(256, 3) tp, fp, fn of all images at every cut q >= k; None while it is not measured."""
    measured = scenes.of_all(scene)
    if not isinstance(measured, Measured) or not len(measured.thresholds):
        measured = scenes.stored(scene)  # a large set at another threshold: the curve is the same
    if measured is None or not len(measured.thresholds):
        return None
    return _pooled((scene.predicted.stamp, len(measured.thresholds)), measured)


def pooled_curve(scene: Scene) -> list[float | None]:
    """IoU at every cut q >= k, k = 0…255, of the pixels of all images added up; None where a cut has no IoU.

    Empty while it is not measured.
    """
    counts = pooled_counts(scene)
    return [] if counts is None else [None if math.isnan(v) else round(float(v), 6) for v in thresholds.iou(counts)]


def best(scene: Scene) -> tuple[float, float] | None:
    """(best threshold, pooled IoU there); None while it is not measured, or where no threshold has an IoU above 0."""
    counts = pooled_counts(scene)
    at = None if counts is None else thresholds.best_threshold(counts, STORED_THRESHOLD)
    value = 0.0 if at is None else float(thresholds.iou(counts)[thresholds.cut_of(at)])
    return (at, value) if value > 0 else None


def told(scene: Scene) -> str:
    """The best threshold beside the one in view, and what not to conclude from it; empty while it is not known."""
    found, counts = best(scene), pooled_counts(scene)
    if found is None:
        return ""
    at, value = found
    own = float(thresholds.iou(counts)[thresholds.cut_of(scene.threshold)])
    gain = f"{value - own:+.4f} against {scene.threshold:.2f}" if not math.isnan(own) else "no IoU at the one in view"
    return (
        f"Best pooled IoU of all images: {value:.4f} at threshold {at:.2f} ({gain}). {FLATTERS[scene.predicted.split]}"
    )


@st.cache_resource(max_entries=8, show_spinner=False)
def _pooled(stamp: tuple, _measured: Measured) -> np.ndarray:
    return thresholds.of_table(_measured.thresholds)
