"""Crops: a window of an image, with what one prediction got wrong in it. Small pictures for lists and galleries.

/seg/crop/NAME/INDEX/NUMBER   ?run=ID&which=best|last or ?job=HASH; &row=&col=&height=&width= (px, whole image if
missing) &size= &threshold= (in thousandths) &overlay=0|1. NAME, INDEX: the image; NUMBER: the row of its prediction.
/seg/cell/NAME/INDEX/LABEL    the cell with that label in the middle &size= &outline=0|1
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode

import cv2
import numpy as np
import streamlit as st
from starlette.requests import Request
from starlette.routing import Route

from seglib.data.dataset import Dataset
from seglib.data.sample import Sample
from seglib.errors.crop_files import Box, window
from seglib.exceptions import InputError
from seglib.metrics import foreground
from seglib.runs import jobs
from seglib.runs.predicted import Predicted
from seglib.runs.validation import decoded
from ui import opened, pixels, routes

FP, FN, TRUTH = (0, 159, 230), (233, 180, 86), (115, 158, 0)  # orange, sky blue, green as BGR: as in the viewer
OPACITY = 0.62


def crop_url(
    name: str,
    data: Dataset,
    index: int,
    predicted: Predicted,
    number: int,
    box: Mapping[str, Any] | None = None,
    *,
    threshold: float = 0.5,
    size_px: int = 168,
    overlay: bool = True,
) -> str:
    """The address of a crop around `box` (row, col, height, width), or of the whole image."""
    made_by = {"job": predicted.job.id} if predicted.job else {"run": predicted.run.id, "which": predicted.which}
    file = predicted.folder / f"{number}.png"
    stamp = f"{opened.tag(data, index)}-{file.stat().st_mtime_ns if file.is_file() else 0}"
    place = {key: int(box[key]) for key in ("row", "col", "height", "width")} if box is not None else {}
    query = {"v": stamp, **made_by, **place, "size": size_px, "threshold": round(1000 * threshold)}
    return f"/seg/crop/{quote(name, safe='')}/{index}/{number}?{urlencode({**query, 'overlay': int(overlay)})}"


def drawn(
    sample: Sample,
    q: np.ndarray | None,
    cut: tuple[slice, slice],
    size_px: int,
    threshold: float,
    box: Box | None = None,
) -> bytes:
    """PNG, the longer side `size_px`, of the window `cut`; with q the truth's outline, the wrong pixels and the box."""
    gray = pixels.shown(sample.image)[cut]
    scale = size_px / max(gray.shape)
    small = (max(1, round(gray.shape[1] * scale)), max(1, round(gray.shape[0] * scale)))
    picture = cv2.resize(gray, small, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_NEAREST)
    if q is None:
        return pixels.png(picture)
    colour = cv2.cvtColor(picture, cv2.COLOR_GRAY2BGR).astype(np.float32)
    predicted, mask, valid = foreground(q[cut], threshold), sample.mask[cut], sample.valid[cut]
    for wrong, bgr in ((predicted & ~mask & valid, FP), (mask & ~predicted & valid, FN)):
        # a few wrong pixels of a large image still show, fainter
        share = cv2.resize(wrong.astype(np.float32), small, interpolation=cv2.INTER_AREA if scale < 1 else 0)
        alpha = (OPACITY * np.sqrt(share))[..., None]
        colour = colour * (1 - alpha) + np.array(bgr, np.float32) * alpha
    colour = (colour + 0.5).astype(np.uint8)
    labels = cv2.resize(sample.labels[cut].astype(np.float32), small, interpolation=cv2.INTER_NEAREST)
    if scale >= 1:  # shrunk, outlines would hide what they surround
        colour[pixels.outline(labels)] = TRUTH
    if box is not None:
        frame(colour, box, cut, scale)
    return pixels.png(colour)


def frame(colour: np.ndarray, box: Box, cut: tuple[slice, slice], scale: float) -> None:
    """A white frame with a dark rim around the box: of several mistakes in a crop, this is the one meant."""
    row, col, height, width = box
    top, left = (round((start - part.start) * scale) for start, part in zip((row, col), cut))
    bottom, right = round((row + height - cut[0].start) * scale), round((col + width - cut[1].start) * scale)
    for room, value in ((6, (20, 20, 20)), (4, (255, 255, 255))):
        cv2.rectangle(colour, (left - room, top - room), (right + room, bottom + room), value, 2)


@routes.answering
def crop(request: Request) -> tuple[bytes, str]:
    data, index = routes.located(request)
    sample = opened.sample(data, index)
    size = routes.whole(request, "size", 168, 16, 1024)
    threshold = routes.whole(request, "threshold", 500, 0, 1000) / 1000
    overlay = bool(routes.whole(request, "overlay", 1, 0, 1))
    q = _probabilities(request) if overlay else None
    if q is not None and q.shape != sample.labels.shape:
        raise InputError(f"{sample.name}: the prediction has another size than the image; evaluate the run again.")
    height, width = sample.labels.shape
    cut, box = (slice(0, height), slice(0, width)), None
    if "row" in request.query_params:
        box = (
            routes.whole(request, "row", 0, 0, height - 1),
            routes.whole(request, "col", 0, 0, width - 1),
            routes.whole(request, "height", 1, 1, height),
            routes.whole(request, "width", 1, 1, width),
        )
        cut = window(box, (height, width))
    return drawn(sample, q, cut, size, threshold, box), "image/png"


def cell_url(name: str, data: Dataset, index: int, label: int, size_px: int = 192, outlined: bool = True) -> str:
    """The address of one cell of an image's mask with what stands around it."""
    query = {"v": opened.tag(data, index), "size": size_px, "outline": int(outlined)}
    return f"/seg/cell/{quote(name, safe='')}/{index}/{int(label)}?{urlencode(query)}"


@routes.answering
def cell(request: Request) -> tuple[bytes, str]:
    data, index = routes.located(request)
    label = request.path_params["label"]
    size = routes.whole(request, "size", 192, 16, 1024)
    outlined = bool(routes.whole(request, "outline", 1, 0, 1))
    return _cell(data, index, opened.tag(data, index), label, size, outlined), "image/png"


@st.cache_resource(max_entries=512, show_spinner=False)
def _cell(_data: Dataset, index: int, tag: str, label: int, size_px: int, outlined: bool) -> bytes:
    sample = opened.sample(_data, index)
    mine = sample.labels == label
    if label == 0 or not mine.any():
        raise routes.NotFound(f"{sample.name} has no cell {label}.")
    col, row, width, height = cv2.boundingRect(mine.view(np.uint8))
    cut = window((row, col, height, width), mine.shape)
    gray = pixels.shown(sample.image)[cut]
    scale = size_px / max(gray.shape)
    small = (max(1, round(gray.shape[1] * scale)), max(1, round(gray.shape[0] * scale)))
    gray = cv2.resize(gray, small, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_NEAREST)
    if not outlined:
        return pixels.png(gray)
    colour = cv2.cvtColor(gray, cv2.COLOR_GRAY2BGR)
    drawn_mask = cv2.resize(mine[cut].view(np.uint8), small, interpolation=cv2.INTER_NEAREST)
    colour[pixels.outline(drawn_mask)] = TRUTH
    return pixels.png(colour)


def _probabilities(request: Request) -> np.ndarray:
    query = request.query_params
    return probabilities(
        query.get("job", ""), query.get("run", ""), query.get("which", ""), request.path_params["number"]
    )


def probabilities(job: str, run: str, which: str, number: int) -> np.ndarray:
    """(H, W) uint8 of image `number` of a job `evaluate`, or of a run's checkpoint where `job` is empty; all as they
    stand in an address. Raises NotFound where there is none such."""
    if job:
        file = jobs.cache_root() / "jobs" / job / "result" / f"{number}.png"
        if not re.fullmatch(r"[0-9a-f]{64}", job) or not file.is_file():
            raise routes.NotFound(f"job {job[:64]!r} keeps no probabilities of image {number}.")
    else:
        file = routes.probability_file(run, which, number)
    return decoded(file.read_bytes(), file)


ROUTES = [
    Route("/seg/crop/{name}/{index:number}/{number:number}", crop),
    Route("/seg/cell/{name}/{index:number}/{label:number}", cell),
]
