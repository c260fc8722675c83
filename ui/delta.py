"""Delta maps: what one prediction of an image got right that another got wrong, and the other way round, on the image.

/seg/delta/NAME/INDEX   ?a=RUN:WHICH:NUMBER &b=… (or :JOB:NUMBER); &threshold= (in thousandths) &size=
                        &row=&col=&height=&width= (px; the whole image if missing, with &fit=1 the part with cells)
                        &overlay=0|1
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np
from starlette.requests import Request
from starlette.routing import Route

from seglib.data.dataset import Dataset
from seglib.data.sample import Sample
from seglib.errors.colours import FATE_COLOURS
from seglib.errors.compare import FATES, fates
from seglib.exceptions import InputError
from seglib.metrics import foreground
from seglib.runs.predicted import Predicted
from ui import crops, opened, pixels, routes

OPACITY = 0.8
ROOM_PX = 10  # about the cells, where a map is cut to them
TRUTH = (235, 235, 235)  # light: green would be taken for a fate


def delta_url(
    name: str,
    data: Dataset,
    index: int,
    a: tuple[Predicted, int],
    b: tuple[Predicted, int],
    box: Mapping[str, Any] | None = None,
    *,
    threshold: float = 0.5,
    size_px: int = 240,
    overlay: bool = True,
    fit: bool = False,
) -> str:
    """The address of the map of the image, of a crop around `box` (row, col, height, width), or (`fit`) of the part
    that has cells. a, b: a prediction and the image's row in it. overlay: False is the image alone."""
    stamps = [
        str(file.stat().st_mtime_ns if file.is_file() else 0) for file in (p.folder / f"{n}.png" for p, n in (a, b))
    ]
    place = {key: int(box[key]) for key in ("row", "col", "height", "width")} if box is not None else {}
    return routes.address(
        "delta",
        name,
        index,
        "-".join([opened.tag(data, index), *stamps]),
        a=_source(*a),
        b=_source(*b),
        **place,
        threshold=round(1000 * threshold),
        size=size_px,
        overlay=int(overlay),
        fit=int(fit),
    )


def _source(predicted: Predicted, number: int) -> str:
    made_by = f":{predicted.job.id}" if predicted.job else f"{predicted.run.id}:{predicted.which}"
    return f"{made_by}:{number}"


def drawn(
    sample: Sample, fate: np.ndarray, cut: tuple[slice, slice], size_px: int, box: crops.Box | None = None
) -> bytes:
    """PNG, the longer side `size_px`, of the window `cut` with the pixels of each fate in its colour.

    fate: (H, W) as `seglib.errors.compare.fates` makes it.
    """
    gray, fate = pixels.shown(sample.image)[cut], fate[cut]
    scale = size_px / max(gray.shape)
    small = (max(1, round(gray.shape[1] * scale)), max(1, round(gray.shape[0] * scale)))
    resampling = cv2.INTER_AREA if scale < 1 else cv2.INTER_NEAREST
    colour = cv2.cvtColor(cv2.resize(gray, small, interpolation=resampling), cv2.COLOR_GRAY2BGR)
    if scale >= 1:  # shrunk, outlines would hide what they surround
        labels = cv2.resize(sample.labels[cut].astype(np.float32), small, interpolation=cv2.INTER_NEAREST)
        colour[pixels.outline(labels)] = TRUTH
    colour = colour.astype(np.float32)
    for name, hexadecimal in FATE_COLOURS.items():
        mine = np.isin(fate, [1 + i for i, of in enumerate(FATES) if of.startswith(name)])
        # a few changed pixels of a large image still show, fainter
        share = cv2.resize(mine.astype(np.float32), small, interpolation=resampling)
        alpha = (OPACITY * np.sqrt(share))[..., None]
        colour = colour * (1 - alpha) + np.array(_bgr(hexadecimal), np.float32) * alpha
    colour = (colour + 0.5).astype(np.uint8)
    if box is not None:
        crops.frame(colour, box, cut, scale)
    return pixels.png(colour)


def _bgr(hexadecimal: str) -> tuple[int, int, int]:
    red, green, blue = (int(hexadecimal[i : i + 2], 16) for i in (1, 3, 5))
    return blue, green, red


@routes.answering
def delta(request: Request) -> tuple[bytes, str]:
    data, index = routes.located(request)
    sample = opened.sample(data, index)
    size = routes.whole(request, "size", 240, 16, 1024)
    threshold = routes.whole(request, "threshold", 500, 0, 1000) / 1000
    a, b = (foreground(_q(request, key, sample), threshold) for key in ("a", "b"))
    cut, box = _cut(request, sample.mask | a | b)
    if not routes.whole(request, "overlay", 1, 0, 1):
        return crops.drawn(sample, None, cut, size, threshold), "image/png"
    return drawn(sample, fates(sample.mask, a, b, sample.valid), cut, size, box), "image/png"


def _cut(request: Request, cells: np.ndarray) -> tuple[tuple[slice, slice], crops.Box | None]:
    """What the address asks for of an image with cells at `cells` (H, W) bool, and the box to be framed in it."""
    height, width = cells.shape
    if "row" in request.query_params:
        limits = {"row": (0, height - 1), "col": (0, width - 1), "height": (1, height), "width": (1, width)}
        box = tuple(routes.whole(request, key, low, low, high) for key, (low, high) in limits.items())
        return crops.window(box, (height, width)), box
    if routes.whole(request, "fit", 0, 0, 1) and cells.any():
        left, top, wide, high = cv2.boundingRect(cells.view(np.uint8))
        rows = slice(max(0, top - ROOM_PX), min(height, top + high + ROOM_PX))
        return (rows, slice(max(0, left - ROOM_PX), min(width, left + wide + ROOM_PX))), None
    return (slice(0, height), slice(0, width)), None


def _q(request: Request, key: str, sample: Sample) -> np.ndarray:
    parts = request.query_params.get(key, "").split(":")
    if len(parts) != 3 or not re.fullmatch(r"\d{1,9}", parts[2]):
        raise InputError(f"{key} is {':'.join(parts)[:60]!r}; allowed: RUN:WHICH:NUMBER or :JOB:NUMBER.")
    run, which, number = parts
    q = crops.probabilities("" if run else which, run, which, int(number))
    if q.shape != sample.labels.shape:
        raise InputError(f"{sample.name}: the prediction has another size than the image; evaluate the run again.")
    return q


ROUTES = [Route("/seg/delta/{name}/{index:number}", delta)]
