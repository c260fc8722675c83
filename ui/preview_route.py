"""The route of the live preview: a question in the query, packed samples in the answer (see `ui.preview`).

/seg/augment/NAME/INDEX?recipe=JSON&seed=&n=&epoch=&also=SEED.EPOCH&place=&crop=&normalisation=&field=&most=&original=
    or ?draw=JSON&corner=ROW,COL in place of recipe, seed and n
    &have=TAG,TAG  samples that need not be sent again
    &client=WORD&turn=N  the work on earlier turns of the same browser is dropped
"""

from __future__ import annotations

import functools
import json
import re
import threading
import time
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

import streamlit as st
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from seglib.augment.fixed import Fixed
from seglib.augment.recipe import Recipe
from seglib.data.dataset import Dataset
from seglib.data.normalise import NORMALISATION_NAMES
from seglib.exceptions import InputError
from seglib.settings import build
from ui import opened, preview
from ui.routes import address, answering, located, whole

MAX_SAMPLES = 16
_MAX_SEED = 2**31 - 1
# every step of a slider is a picture of its own: to keep them would fill the browser's disk
_HEADERS = {"Content-Encoding": "identity", "Cache-Control": "no-store"}


class Turns:
    """The latest turn of each browser; older ones are stale."""

    def __init__(self, most: int = 64):
        self._latest: OrderedDict[str, int] = OrderedDict()
        self._most, self._lock = most, threading.Lock()

    def take(self, client: str, turn: int) -> None:
        with self._lock:
            self._latest[client] = max(turn, self._latest.pop(client, turn))
            while len(self._latest) > self._most:
                self._latest.popitem(last=False)

    def stale(self, client: str, turn: int) -> bool:
        return turn < self._latest.get(client, turn)


_turns = Turns()


def url(name: str, data: Dataset, index: int) -> str:
    """Of one image; the live preview adds its question."""
    return address("augment", name, index, opened.tag(data, index))


@answering
def augment(request: Request) -> Response:
    start = time.perf_counter()
    data, number = located(request)
    question, normalisation, most_px = asked(request, number)
    client, turn = request.query_params.get("client", "")[:40], whole(request, "turn", 0, 0, 10**9)
    _turns.take(client, turn)
    first = _original(data, number, opened.tag(data, number), normalisation, most_px)
    try:
        body = preview.answer(first, question, lambda: bool(client) and _turns.stale(client, turn))
    except preview.Stale:
        return PlainTextResponse("a newer question has taken its place.", status_code=409, headers=_HEADERS)
    spent = {"Server-Timing": f"compute;dur={1000 * (time.perf_counter() - start):.1f}"}
    return Response(body, media_type="application/octet-stream", headers=_HEADERS | spent)


def asked(request: Request, number: int) -> tuple[preview.Question, str, int]:
    """(question, normalisation, longest side of a whole picture), checked. Raises InputError."""
    query = request.query_params
    seed, n = whole(request, "seed", 0, 0, _MAX_SEED), whole(request, "n", 8, 0, MAX_SAMPLES)
    epoch = whole(request, "epoch", 0, 0, 10**9)
    samples = [(seed, epoch + i) for i in range(n)] + _also(query.get("also", ""))
    question = preview.Question(
        recipe=recipe_asked(request),
        samples=samples,
        place=whole(request, "place", number, 0, 10**9),
        fixed=_built(Fixed, "draw", query["draw"]) if "draw" in query else None,
        corner=_corner(query.get("corner", "")),
        crop_px=whole(request, "crop", 0, 0, 4096) or None,
        field=bool(whole(request, "field", 0, 0, 1)),
        have=frozenset(query.get("have", "").split(",")),
        with_original=bool(whole(request, "original", 1, 0, 1)),
    )
    normalisation = query.get("normalisation", "zscore")
    if normalisation not in NORMALISATION_NAMES:
        raise InputError(f"normalisation is {normalisation[:40]!r}; allowed: {', '.join(NORMALISATION_NAMES)}.")
    return question, normalisation, _most(request)


def recipe_asked(request: Request) -> Recipe:
    """The recipe in the query. Raises InputError."""
    return _built(Recipe, "recipe", request.query_params.get("recipe", "{}"))


def _most(request: Request) -> int:
    most = whole(request, "most", preview.WHOLE_SIDES[0], 1, 10**6)
    if most not in preview.WHOLE_SIDES:
        raise InputError(f"most is '{most}'; allowed: {', '.join(map(str, preview.WHOLE_SIDES))} px.")
    return most


def _also(text: str) -> list[tuple[int, int]]:
    """`5.3` -> the sample of seed 5 and epoch 3; '' -> none."""
    if not text:
        return []
    seed, epoch = map(int, text.split(".")) if re.fullmatch(r"\d{1,10}\.\d{1,9}", text) else (-1, 0)
    if not 0 <= seed <= _MAX_SEED:
        raise InputError(f"also is {text[:40]!r}; allowed: a seed up to {_MAX_SEED}, a point and an epoch.")
    return [(seed, epoch)]


def _corner(text: str) -> tuple[int, int] | None:
    if not text:
        return None
    if not re.fullmatch(r"-?\d{1,5},-?\d{1,5}", text):
        raise InputError(f"corner is {text[:40]!r}; allowed: row,col in px.")
    row, col = map(int, text.split(","))
    return row, col


@st.cache_resource(max_entries=6, show_spinner=False)
def _original(_data: Dataset, number: int, tag: str, normalisation: str, most_px: int) -> preview.Original:
    return preview.original(opened.sample(_data, number), normalisation, most_px)


@functools.lru_cache(maxsize=64)
def _built(cls: type, what: str, text: str) -> Any:
    try:
        values = json.loads(text)
    except (ValueError, RecursionError):  # the latter for ten thousand brackets
        raise InputError(f"{what} is not JSON.") from None
    if not isinstance(values, Mapping):
        raise InputError(f"{what} is not a mapping of settings.")
    return build(cls, values)


ROUTES = [Route("/seg/augment/{name}/{index:number}", augment)]
