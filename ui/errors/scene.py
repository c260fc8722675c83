"""What is in view: the images of one prediction, the threshold, the image chosen, and what is measured of them.

Everything slow is kept until its inputs change: the predictions (stamp), the files of an image (tag), the threshold.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import pandas as pd
import streamlit as st

from seglib.data.dataset import Dataset
from seglib.errors.report import Measured, measure
from seglib.exceptions import InputError
from seglib.metrics import Counts, count
from seglib.runs import jobs, predicted
from seglib.runs.diagnosis import case
from seglib.runs.predicted import STORED_THRESHOLD, Predicted
from seglib.runs.store import Run
from ui import opened

VIEWER = "errors_viewer"
AT_ONCE_PIXELS = 3_000_000  # measured while the person waits, about a second; more than that is a job
_IMAGE, _TARGET, _REVEAL, _THRESHOLD = "errors_image", "errors_target", "errors_reveal", "errors_threshold"


@dataclass(frozen=True)
class Scene:
    """name: of the data set in routes. scores: counts at 0.5, one row an image. rows: image -> its row.
    indices: image -> its number in the data set; images that are gone from it are missing here.
    other: what stands beside it, if anything: a second run's predictions of the same split, or this run's other
    checkpoint's. other_rows: image -> its row there; images without its probabilities on disk are missing here."""

    name: str
    data: Dataset
    predicted: Predicted
    scores: pd.DataFrame
    rows: dict[str, int]
    indices: dict[str, int]
    threshold: float
    other: Predicted | None = None
    other_rows: dict[str, int] = field(default_factory=dict)

    @property
    def gone(self) -> list[str]:
        return [image for image in self.scores.image if image not in self.indices]


def scene(name: str, data: Dataset, chosen: Predicted, other: Predicted | None = None) -> Scene:
    """Raises InputError for a table that cannot be read."""
    scores = scores_of(chosen)
    all_indices = {record.image: i for i, record in enumerate(data.records) if record.mask}
    rows = {image: number for number, image in enumerate(scores.image)}
    indices = {image: all_indices[image] for image in rows if image in all_indices}
    theirs = {} if other is None else {image: number for number, image in enumerate(scores_of(other).image)}
    other_rows = {image: theirs[image] for image in indices if image in theirs and other.has(theirs[image])}
    return Scene(name, data, chosen, scores, rows, indices, threshold(), other, other_rows)


def threshold() -> float:
    """Where the viewer's slider was let go, 0.5 until then; kept while other pages are looked at."""
    state = st.session_state.get(VIEWER)
    moved = state.get("threshold") if state else None
    if moved is not None:
        st.session_state[_THRESHOLD] = round(float(moved), 2)
    return st.session_state.get(_THRESHOLD, STORED_THRESHOLD)


# ---- the image in view


def image_in_view(order: list[str], scene: Scene) -> str:
    """The chosen image, by the URL or a click; else the first of the list."""
    asked = st.query_params.get("image")
    by_url = next((image for image, index in scene.indices.items() if str(index) == asked), None)
    if _IMAGE not in st.session_state and by_url:
        st.session_state[_IMAGE] = by_url
    image = st.session_state.get(_IMAGE)
    if image not in scene.indices:
        image = st.session_state[_IMAGE] = order[0]
    number = str(scene.indices[image])
    if asked != number:
        st.query_params["image"] = number
    return image


def image_asked() -> str | None:
    """The image that a click or a key asked for last: in view from the next run of the page on."""
    return st.session_state.get(_IMAGE)


def show(image: str, target: dict[str, Any] | None = None) -> None:
    """Bring an image into view, and fly to `target` (kind, class, row, col, height, width)."""
    st.session_state[_IMAGE] = image
    st.session_state[_TARGET] = target
    if target is not None:
        st.session_state[_REVEAL] = reveal() + 1


def target() -> dict[str, Any] | None:
    return st.session_state.get(_TARGET)


def reveal() -> int:
    return st.session_state.get(_REVEAL, 0)


# ---- what is measured


def scores_of(chosen: Predicted) -> pd.DataFrame:
    """`chosen.scores()`, read once. Raises InputError for a table that cannot be read."""
    return _scores(chosen.stamp, chosen)


@st.cache_resource(max_entries=16, show_spinner=False)
def _scores(stamp: str, _predicted: Predicted) -> pd.DataFrame:
    return _predicted.scores()


def stored_of(chosen: Predicted) -> Measured | None:
    """`chosen.stored()`, read once. Raises InputError for a table that cannot be read."""
    return _stored(chosen.stamp, chosen)


@st.cache_resource(max_entries=8, show_spinner=False)
def _stored(stamp: str, _predicted: Predicted) -> Measured | None:
    return _predicted.stored()


@dataclass(frozen=True)
class ImageView:
    """Regions, budget and counts of one image at the threshold; changed: its mask is another than the counts'."""

    regions: pd.DataFrame
    budget: dict[str, int]
    counts: Counts
    changed: bool


@dataclass(frozen=True)
class Shown:
    """What a section draws: the scene, its run, all regions at the threshold in view (None while they are not
    measured), the image in view and what is known of it (None where it cannot be read)."""

    scene: Scene
    run: Run
    measured: Measured | None
    image: str
    view: ImageView | None


def of_image(scene: Scene, image: str) -> ImageView:
    """Raises InputError, naming the file, where picture, mask or prediction cannot be read or do not fit."""
    index, chosen = scene.indices[image], scene.predicted
    return _of_image(chosen.stamp, image, opened.tag(scene.data, index), scene.threshold, scene)


def of_other(scene: Scene, image: str) -> ImageView | None:
    """The same of what stands beside; None where that has not predicted this image."""
    if scene.other is None or image not in scene.other_rows:
        return None
    turned = replace(scene, predicted=scene.other, scores=scores_of(scene.other), rows=scene.other_rows)
    return of_image(turned, image)


@st.cache_resource(max_entries=64, show_spinner=False)
def _of_image(stamp: str, image: str, tag: str, threshold: float, _scene: Scene) -> ImageView:
    row, index = _scene.rows[image], _scene.indices[image]
    sample, q = opened.sample(_scene.data, index), _scene.predicted.q(row)
    at_half = count(q, sample.mask, sample.valid, STORED_THRESHOLD)
    changed = at_half != predicted.counts(_scene.scores.iloc[[row]])[0]
    known = threshold == STORED_THRESHOLD and not changed and _stored_of(_scene.predicted, image)
    measured = known or measure([case(sample, q)], threshold)
    return ImageView(measured.regions, measured.pooled(), count(q, sample.mask, sample.valid, threshold), changed)


def stored(scene: Scene) -> Measured | None:
    """What lies on disk, at STORED_THRESHOLD whatever the threshold in view; None where nothing does."""
    return _stored(scene.predicted.stamp, scene.predicted)


def _stored_of(chosen: Predicted, image: str) -> Measured | None:
    """The rows of one image: measuring 2048² anew takes most of a second."""
    stored = _stored(chosen.stamp, chosen)
    if stored is None or image not in set(stored.budgets.image):
        return None
    regions, budgets = stored.regions, stored.budgets
    return Measured(regions[regions.image == image].reset_index(drop=True), budgets[budgets.image == image])


def of_all(scene: Scene) -> Measured | jobs.Job:
    """What is measured of all images at the threshold, or the job that makes it: done, or to be started.

    A run of before lacks some tables: small sets are measured at once; of large ones what is there is shown until the
    person asks for the job.
    """
    chosen = scene.predicted
    known = stored(scene) if scene.threshold == STORED_THRESHOLD else None
    if known is not None and known.complete:
        return known
    if int(scene.scores.n_valid.sum()) <= AT_ONCE_PIXELS:
        tags = "|".join(opened.tag(scene.data, index) for index in scene.indices.values())
        try:
            return _at_once(chosen.stamp, tags, scene.threshold, scene)
        except InputError:
            if known is None:
                raise
            return known  # a picture or its probabilities are gone; what was measured in time still holds
    job = measuring(scene)
    if (job.folder / "job.json").exists() and job.state().name == "done" and (job.result / "budgets.parquet").exists():
        return _of_job(job.id, Predicted(chosen.run, chosen.which, chosen.split, job.result, job.result, job=job))
    return job if known is None else known


def measuring(scene: Scene) -> jobs.Job:
    """The job that measures all images at the threshold, started or not."""
    return jobs.find("errors", predicted.errors_inputs(scene.predicted, scene.threshold, scene.data.path))


def start(scene: Scene) -> None:
    jobs.start("errors", predicted.errors_inputs(scene.predicted, scene.threshold, scene.data.path), again=True)


@st.cache_resource(max_entries=8, show_spinner="Finding the wrong regions …")
def _at_once(stamp: str, tags: str, threshold: float, _scene: Scene) -> Measured:
    return measure(_scene.predicted.cases(_scene.data), threshold)


@st.cache_resource(max_entries=8, show_spinner=False)
def _of_job(identity: str, _predicted: Predicted) -> Measured:
    return _predicted.stored()


def scores_in_view(scene: Scene, measured: Measured | None) -> pd.DataFrame:
    """Counts at the threshold in view; at 0.5 where those are not measured yet."""
    if scene.threshold == STORED_THRESHOLD or measured is None:
        return scene.scores
    return predicted.at_threshold(scene.scores, measured)
