"""Change pictures: the place of a change before and after it, as acting on verdicts would leave it, or has left it.

/seg/change/NAME/ID?side=before|after   ID: of a change that follows from a standing verdict, or that made this version
"""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import cv2
import numpy as np
import streamlit as st
from starlette.requests import Request
from starlette.routing import Route

from seglib.data import changes as rules
from seglib.data import lineage, mask_files
from seglib.data.changes import Change, Corrected, Effect
from seglib.data.dataset import Dataset
from seglib.data.lineage import Done, Version
from seglib.data.origin import base_before
from seglib.data.readers import read_mask
from seglib.data.version_writer import ignored_in
from seglib.errors import review
from seglib.errors.corrections import Plan, plan
from seglib.errors.crop_files import window
from seglib.exceptions import InputError
from ui import opened, pixels, registry, routes

SIZE_PX = 168
_GREEN, _ORANGE, _BLUE = (115, 158, 0), (0, 159, 230), (233, 180, 86)  # BGR, as in the viewer
_TINT = 0.5
_NUMBERS = {
    "foreground_px": "{:,} px cell",
    "cells": "cells {:,}",
    "ignored_px": "{:,} px ignored",
    "weight": "weight {:g}",
}
ACTIONS = {"fill": "Fill in", "erase": "Erase", "ignore": "Ignore", "weight": "Draw more often"}
_COLOURS = {"fill": _ORANGE, "erase": _BLUE, "ignore": (160, 160, 160), "weight": _ORANGE}


@dataclass(frozen=True)
class Places:
    """Labels and ignored pixels of one image before its changes, and after them."""

    labels: np.ndarray
    ignored: np.ndarray
    after: Corrected


def planned(data: Dataset) -> Plan:
    """What acting on all standing verdicts comes to. Raises InputError for a review with a line that makes no sense."""
    counts = tuple(data.counts().values())
    weights = sum(record.weight for record in data.records)
    return _planned(str(data.path), review.stamp(data.path), (len(data.records), counts, weights), data)


@st.cache_resource(max_entries=4, show_spinner=False)
def _planned(path: str, stamp: str, about: tuple, _data: Dataset) -> Plan:
    return plan(_data, review.standing(Path(path)))


def version_of(data: Dataset) -> Version | None:
    """What made this data set from another; None where it is no version, or its list cannot be read."""
    file = data.path / lineage.FILE_NAME
    if not file.is_file():
        return None
    try:
        return _version(str(data.path), file.stat().st_mtime_ns)
    except InputError:
        return None


@st.cache_resource(max_entries=4, show_spinner=False)
def _version(path: str, written: int) -> Version:
    return lineage.read_version(Path(path))


def effect(data: Dataset, index: int, change: Change, of_image: list[Change]) -> Effect | None:
    """What `change` does, done after those before it in `of_image`; None for one of weight.

    Raises InputError where picture or mask cannot be read, or the region does not lie in it.
    """
    pixels_ = [c for c in of_image if c.action != "weight"]
    if change not in pixels_:
        return None
    return _corrected(data, index, tuple(pixels_)).after.effects[pixels_.index(change)]


def _corrected(data: Dataset, index: int, changes: tuple[Change, ...]) -> Places:
    return _places(opened.tag(data, index), changes, data, index)


@st.cache_resource(max_entries=24, show_spinner=False)
def _places(tag: str, changes: tuple[Change, ...], _data: Dataset, index: int) -> Places:
    record = _data.records[index]
    mask = mask_files.load(_data.path / record.mask) if record.mask else None
    shape = mask.labels.shape if mask else opened.sample(_data, index).labels.shape
    labels = mask.labels if mask else np.zeros(shape, np.int32)
    ignored = ignored_in(_data.path / record.ignore, shape) if record.ignore else np.zeros(shape, bool)
    return Places(labels, ignored, rules.corrected(labels, ignored, changes, mask is None or mask.binary))


def listed(done: Sequence[Done]) -> list[dict[str, Any]]:
    """Rows of a table, one a change of a version, with numbers before and after."""
    return [_row(one) for one in done]


def _row(done: Done) -> dict[str, Any]:
    before, after = (
        [_NUMBERS.get(name, name + " {}").format(value) for name, value in side.items()]
        for side in (done.effect.before, done.effect.after)
    )
    return {
        "change": ACTIONS[done.change.action],
        "image": opened.short_name(done.change.image),
        "what": done.effect.what,
        "px": done.effect.changed_px,
        "before": ", ".join(before),
        "after": ", ".join(after),
        "who": done.change.who,
        "why": done.change.why,
        "id": done.change.id,
    }


# ---- pictures


def pair(name: str, data: Dataset, index: int, change: Change, alt: str) -> str:
    """HTML of both pictures, side by side; of a weight only the place, since no pixel changes."""
    sides = ("before",) if change.action == "weight" else ("before", "after")
    stamp = f"{opened.tag(data, index)}-{review.stamp(data.path)}"
    address = f"/seg/change/{quote(name, safe='')}/{change.id}"
    style = f"width:{SIZE_PX}px;max-width:100%;image-rendering:pixelated;border-radius:4px;display:block"
    images = [
        f'<figure style="margin:0"><img src="{html.escape(f"{address}?{urlencode(dict(v=stamp, side=side))}")}" '
        f'width="{SIZE_PX}" height="{SIZE_PX}" style="{style}" alt="{html.escape(f"{side}: {alt}")}">'
        f'<figcaption style="font-size:0.8rem">{side}</figcaption></figure>'
        for side in sides
    ]
    return f'<div style="display:flex;gap:8px">{"".join(images)}</div>'


@routes.answering
def picture(request: Request) -> tuple[bytes, str]:
    name, side = request.path_params["name"], request.query_params.get("side", "before")
    if name not in registry.entries():
        raise routes.NotFound(f"no data set is called {name!r}.")
    if side not in ("before", "after"):
        raise InputError(f"side is {side[:40]!r}; allowed: before, after.")
    data = opened.dataset(name)
    return pixels.png(_drawn(data, request.path_params["change"], side == "after")), "image/png"


def _drawn(data: Dataset, change_id: str, after: bool) -> np.ndarray:
    mine = {change.id: change for change in planned(data).asked}
    made = version_of(data)
    theirs = {done.change.id: done.change for done in made.done} if made else {}
    change = mine.get(change_id) or theirs.get(change_id)
    if change is None:
        raise routes.NotFound(f"no change {change_id[:40]!r} here.")
    index = next(i for i, record in enumerate(data.records) if record.image == change.image)
    if change_id in mine:
        places = _corrected(data, index, (change,)) if change.action != "weight" else _corrected(data, index, ())
        labels = places.after.labels if after else places.labels
        ignored = places.after.ignored if after else places.ignored
    else:
        labels, ignored = _of_version(data, index, after)
    return _painted(data, index, change, labels, ignored, after)


def _of_version(data: Dataset, index: int, after: bool) -> tuple[np.ndarray, np.ndarray]:
    """Labels and ignored pixels as they are in a version, or as they were before it."""
    sample = opened.sample(data, index)
    if after:
        return sample.labels, ~sample.valid
    base = base_before(data.path)
    row = next(row for row in base.rows if row["image"].strip() == data.records[index].image)
    mask, ignore = (row.get(column, "").strip() for column in ("mask", "ignore"))
    shape = sample.labels.shape
    labels = read_mask(base.file(mask))[0] if mask else np.zeros(shape, np.int32)
    return labels, ignored_in(base.file(ignore), shape) if ignore else np.zeros(shape, bool)


def _painted(data: Dataset, index: int, change: Change, labels, ignored, after: bool) -> np.ndarray:
    """(h, w, 3) BGR: outlines green, what is ignored striped; before it, the region tinted."""
    box = (change.row, change.col, change.height, change.width)
    cut = window(box, labels.shape)
    gray = pixels.shown(opened.sample(data, index).image)[cut]
    region = rules.region_in(change, labels.shape)[cut]
    scale = max(1, round(2 * SIZE_PX / max(gray.shape)))  # twice, for dense screens
    picture = np.repeat(gray[..., None], 3, axis=2).astype(np.float32)
    if not after:
        picture[region] = (1 - _TINT) * picture[region] + _TINT * np.array(_COLOURS[change.action], np.float32)
    large = np.kron((picture + 0.5).astype(np.uint8), np.ones((scale, scale, 1), np.uint8))
    left_out = np.kron(ignored[cut].view(np.uint8), np.ones((scale, scale), np.uint8)) > 0
    rows, cols = np.indices(left_out.shape)
    large[left_out & ((rows + cols) // 4 % 3 == 0)] = 225
    outlines = pixels.outline(np.kron(labels[cut], np.ones((scale, scale), np.int32)))
    large[cv2.dilate(outlines.view(np.uint8), np.ones((2, 2), np.uint8)) > 0] = _GREEN
    return large


ROUTES = [Route("/seg/change/{name}/{change}", picture)]
