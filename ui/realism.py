"""The realism meter of the Augment page: its routes, and the panel that shows it.

/seg/realism/NAME?recipe=JSON&seed=        a line of JSON whenever there is more to show, until 64 draws are judged
/seg/realism/NAME/draw?recipe=JSON&seed=&place=&epoch=   PNG: a picture of the sample beside one draw of it

The lines: {of, pictures: [[index, name], …], n_images, unread: [text, …]} first, then {n, gauges: […]} as the draws
come in (`seglib.augment.gauge.Gauge`), the last of them with `advised`: it names the values that would be green. An
{error} ends a measurement that cannot go on. A browser that asks anew hangs up on its earlier question.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any
from urllib.parse import quote, urlencode

import cv2
import numpy as np
import streamlit as st
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from seglib.augment import realism
from seglib.augment.bending import folded
from seglib.augment.realism import Material
from seglib.augment.recipe import Recipe
from seglib.augment.verdict import gauges
from seglib.augment.warp import Geometry
from seglib.data.dataset import Dataset
from seglib.exceptions import InputError
from ui import opened, pixels, preview, preview_panel, recipe_bar, registry, state
from ui.components.realism_meter import realism_meter
from ui.preview_route import recipe_asked
from ui.routes import NotFound, answering, whole

METER = "augment_realism"
FIRST_DRAWS = 4  # so many before the first figures
EVERY_S = 0.12  # and then no more often than this
MAX_SEED, MAX_EPOCH = 2**31 - 1, 10**4
THUMB_PX = 256
_HEADERS = {"Content-Encoding": "identity", "Cache-Control": "no-store"}
_FOLD = (0, 159, 230)  # orange #E69F00 as BGR
_OUTLINE = (115, 158, 0)  # green #009E73 as BGR


def draw(data: Dataset) -> None:
    """The panel. It follows the sliders of the preview by itself, in the browser, and after every run of the page."""
    name = state.dataset_name()
    st.header("How realistic are these draws?", anchor=False)
    realism_meter(
        url(name, data),
        recipe_bar.in_hand(),
        seed=st.session_state.get("augment_seed", 0),
        key=METER,
        on_show=lambda: _show(name),
    )


def _show(name: str) -> None:
    """Bring the image of a draw into the preview, which chooses the draw itself."""
    said = st.session_state.get(METER) or {}
    if isinstance(index := said.get("show"), int):
        st.session_state[f"{preview_panel.IMAGE}_{name}"] = index


def url(name: str, data: Dataset) -> str:
    """Without recipe and seed: the meter adds them."""
    return f"/seg/realism/{quote(name, safe='')}?{urlencode({'v': _tag(data)})}"


# ---- routes


@answering
def measure(request: Request) -> Response:
    data = _named(request)
    recipe, seed = recipe_asked(request), whole(request, "seed", 0, 0, MAX_SEED)
    sources = _material(data, _tag(data))
    lines = (json.dumps(told, separators=(",", ":"), allow_nan=False) + "\n" for told in told_of(sources, recipe, seed))
    return StreamingResponse(lines, media_type="application/x-ndjson", headers=_HEADERS)


def told_of(sources: Material, recipe: Recipe, seed: int, draws: int = realism.DRAWS) -> Iterator[dict[str, Any]]:
    """What is sent, line by line (see the module)."""
    pictures = [[picture.index, opened.short_name(picture.name)] for picture in sources.pictures]
    yield {"of": draws, "pictures": pictures, "n_images": sources.n_images, "unread": sources.unread}
    readings, last = [], 0.0
    try:
        for reading in realism.read(sources, recipe, seed, draws):
            readings.append(reading)
            due = time.monotonic() - last >= EVERY_S and len(readings) >= min(FIRST_DRAWS, draws)
            if due or len(readings) == draws:
                yield {"n": len(readings), "gauges": _told(sources, readings, recipe, seed, advise=False)}
                last = time.monotonic()
        yield {"n": draws, "gauges": _told(sources, readings, recipe, seed, advise=True), "advised": True}
    except InputError as error:
        yield {"error": str(error)}


def _told(sources: Material, readings: list, recipe: Recipe, seed: int, advise: bool) -> list[dict[str, Any]]:
    return [asdict(gauge) for gauge in gauges(sources, readings, recipe, seed, advise)]


@answering
def one_draw(request: Request) -> tuple[bytes, str]:
    data = _named(request)
    sources = _material(data, _tag(data))
    recipe, seed = recipe_asked(request), whole(request, "seed", 0, 0, MAX_SEED)
    place = whole(request, "place", 0, 0, len(sources.pictures) - 1)
    return drawing(sources.pictures[place], recipe, seed, whole(request, "epoch", 0, 0, MAX_EPOCH)), "image/png"


def drawing(source: realism.Picture, recipe: Recipe, seed: int, epoch: int) -> bytes:
    """PNG: the picture, then the draw of it, each with the outlines of its cells; orange where it is folded."""
    out, _, _ = realism.drawn(source, recipe, seed, epoch)
    low, high = source.own.levels.low, source.own.levels.high
    margin = 0.2 * (high - low)
    u = Geometry(source.image.shape, out.draw).displacement(out.window)
    folds = np.zeros(out.labels.shape, bool) if u is None else folded(u)
    panels = []
    for image, labels, valid, creased in (
        (source.image, source.labels, source.valid, np.zeros(source.labels.shape, bool)),
        (out.image, out.labels, out.valid, folds),
    ):
        gray = preview.to_bytes(image, low - margin, high + margin)
        colour = cv2.cvtColor(np.where(valid, gray, gray // 2), cv2.COLOR_GRAY2BGR)
        colour[pixels.outline(labels)] = _OUTLINE
        colour[creased] = _FOLD
        scale = THUMB_PX / max(gray.shape)
        size = max(1, round(gray.shape[1] * scale)), max(1, round(gray.shape[0] * scale))
        how = cv2.INTER_AREA if scale < 1 else cv2.INTER_NEAREST
        square = np.zeros((THUMB_PX, THUMB_PX, 3), np.uint8)
        square[: size[1], : size[0]] = cv2.resize(colour, size, interpolation=how)
        panels.append(square)
    return pixels.png(np.hstack(panels))


def _named(request: Request) -> Dataset:
    name = request.path_params["name"]
    if name not in registry.entries():
        raise NotFound(f"no data set is called {name!r}.")
    return opened.dataset(name)


def _tag(data: Dataset) -> str:
    """Changes when one of the images looked at, or the split, does."""
    digest = hashlib.sha1(str(data.path).encode(), usedforsecurity=False)
    digest.update(repr([(record.image, record.split) for record in data.records]).encode())
    offered = data.indices("train") or list(range(len(data.records)))
    for index in realism.spread(offered, realism.MOST_PICTURES):
        digest.update(opened.tag(data, index).encode())
    return digest.hexdigest()[:12]


@st.cache_resource(max_entries=2, show_spinner=False)
def _material(_data: Dataset, tag: str) -> Material:
    return realism.material(_data)


ROUTES = [Route("/seg/realism/{name}", measure), Route("/seg/realism/{name}/draw", one_draw)]
