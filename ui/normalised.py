"""One picture after one normalisation, every value as the network gets it, for a canvas and a profile.

/seg/normalised/NAME/INDEX?method=   packed: header, (H, W) float32; with method `none` also the background's field
"""

from __future__ import annotations

import numpy as np
import streamlit as st
from starlette.requests import Request
from starlette.routing import Route

from seglib.data import background
from seglib.data.dataset import Dataset
from seglib.data.normalise import NORMALISATION_NAMES
from seglib.exceptions import InputError
from seglib.training.draws import Normalise
from ui import opened, pixels, routes

MAX_PIXELS = 40_000_000  # 160 MB as float32: more is no picture for a browser
UNITS = {"uint8": 255, "uint16": 65535}


def normalised_url(name: str, data: Dataset, index: int) -> str:
    """Without method: the component adds it."""
    return routes.address("normalised", name, index, opened.tag(data, index))


@routes.answering
def normalised(request: Request) -> tuple[bytes, str]:
    data, index = routes.located(request)
    method = request.query_params.get("method", "zscore")
    if method not in NORMALISATION_NAMES:
        raise InputError(f"method is {method[:40]!r}; allowed: {', '.join(NORMALISATION_NAMES)}.")
    return _packed(data, index, opened.tag(data, index), method), "application/octet-stream"


@st.cache_resource(max_entries=12, show_spinner=False)
def _packed(_data: Dataset, index: int, tag: str, method: str) -> bytes:
    """Header: height, width, unit (what the values are to be multiplied by to be those of the file), low, high (shown
    as black and white), median, peak, outside, inside (see `background.Levels`; null where there is none)."""
    sample = opened.sample(_data, index)
    if sample.labels.size > MAX_PIXELS:
        raise InputError(f"{sample.name}: {sample.labels.size:,} pixels are too many to compare in a browser.")
    image = Normalise(method)(sample).image
    low, high = (float(value) for value in np.percentile(image, (0.1, 99.9)))
    levels = background.levels(image, sample.mask if _data.records[index].mask else None, sample.valid)
    unit = UNITS.get(sample.image.dtype.name, 1) if method == "none" else 1
    header = {
        "height": image.shape[0],
        "width": image.shape[1],
        "unit": unit,
        "low": low,
        "high": high if high > low else low + 1.0,
        **{key: value if np.isfinite(value) else None for key, value in vars(levels).items()},
    }
    blobs = [np.ascontiguousarray(image, "<f4").tobytes()]
    if method == "none":
        blobs.append(np.ascontiguousarray(background.field(image, sample.valid), "<f4").tobytes())
    return pixels.pack(header, *blobs)


ROUTES = [Route("/seg/normalised/{name}/{index:number}", normalised)]
