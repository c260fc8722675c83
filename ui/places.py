"""Places: a square window of an image around one region, as it is, as it is labelled, and as models see it.

/seg/place/NAME/INDEX/PANEL   PANEL: image, truth, prediction, agreement; ?row=&col=&height=&width= (px) &size=
                              &votes=RUN:NUMBER,… whose best probabilities are shown, of which row
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote, urlencode

import cv2
import numpy as np
from starlette.requests import Request
from starlette.routing import Route

from seglib.data.dataset import Dataset
from seglib.data.sample import Sample
from seglib.errors.crop_files import Box, window
from seglib.exceptions import InputError
from seglib.metrics import foreground
from seglib.runs.validation import decoded
from seglib.runs.votes import Vote
from ui import crops, opened, pixels, routes

PANELS = ("image", "truth", "prediction", "agreement")
SIZE_PX = 320
MOST_VOTES = 64
LARGER, LEAST_PX = 1.4, 30
_WHITE = (255, 255, 255)


def urls(
    name: str, data: Dataset, index: int, box: Mapping[str, Any], votes: Sequence[Vote], stamp: str = ""
) -> dict[str, str]:
    """Panel -> address. Without votes there are only image and truth. stamp: changes when the votes' runs do."""
    place = {key: int(box[key]) for key in ("row", "col", "height", "width")} | {"size": SIZE_PX}
    v = opened.tag(data, index)
    start = f"/seg/place/{quote(name, safe='')}/{index}/"
    found = {panel: f"{start}{panel}?{urlencode({'v': v, **place})}" for panel in ("image", "truth")}
    if votes:
        said = [f"{vote.run.id}:{vote.number}" for vote in votes[:MOST_VOTES]]
        for panel, asked in (("prediction", said[:1]), ("agreement", said)):
            found[panel] = f"{start}{panel}?{urlencode({'v': f'{v}-{stamp}', **place, 'votes': ','.join(asked)})}"
    return found


@routes.answering
def place(request: Request) -> tuple[bytes, str]:
    data, index = routes.located(request)
    panel = request.path_params["panel"]
    if panel not in PANELS:
        raise routes.NotFound(f"there is no picture {panel[:20]!r}; there are: {', '.join(PANELS)}.")
    sample = opened.sample(data, index)
    height, width = sample.labels.shape
    box = (
        routes.whole(request, "row", 0, 0, height - 1),
        routes.whole(request, "col", 0, 0, width - 1),
        routes.whole(request, "height", 1, 1, height),
        routes.whole(request, "width", 1, 1, width),
    )
    size = routes.whole(request, "size", SIZE_PX, 16, 1024)
    cut = window(_larger(box), (height, width))
    if panel == "image":
        return crops.drawn(sample, None, cut, size, 0.5), "image/png"
    if panel == "truth":
        return _truth(sample, cut, size, box), "image/png"
    qs = _asked(request, sample)
    if panel == "prediction":
        return crops.drawn(sample, qs[0], cut, size, 0.5, box), "image/png"
    return _agreement(qs, cut, size, box), "image/png"


def _larger(box: Box) -> Box:
    """More room than in a gallery: a place that is judged is looked at for a while."""
    row, col, height, width = box
    side = max(LEAST_PX, round(LARGER * max(height, width)))
    return row + height // 2 - side // 2, col + width // 2 - side // 2, side, side


def _asked(request: Request, sample: Sample) -> list[np.ndarray]:
    text = request.query_params.get("votes", "")
    pairs = [vote.rpartition(":")[::2] for vote in text.split(",") if vote]
    if not pairs or len(pairs) > MOST_VOTES or not all(n.isascii() and n.isdigit() and len(n) < 10 for _, n in pairs):
        raise InputError(f"votes is {text[:60]!r}; allowed: RUN:NUMBER, up to {MOST_VOTES}, with commas between.")
    files = [routes.probability_file(run, "best", int(number)) for run, number in pairs]
    qs = [decoded(file.read_bytes(), file) for file in files]
    if any(q.shape != sample.labels.shape for q in qs):
        raise InputError(f"{sample.name}: a prediction has another size than the image; evaluate that run again.")
    return qs


def _truth(sample: Sample, cut: tuple[slice, slice], size: int, box: Box) -> bytes:
    """The image with the outline of every labelled cell, touching ones apart, and what is left out in grey."""
    colour, scale = _enlarged(cv2.cvtColor(pixels.shown(sample.image)[cut], cv2.COLOR_GRAY2BGR), size)
    left_out = _scaled(~sample.valid[cut], colour) > 0
    colour[left_out] = colour[left_out] // 2 + 64
    numbers = np.unique(sample.labels[cut], return_inverse=True)[1].reshape(sample.labels[cut].shape)
    numbers = np.where(sample.labels[cut] > 0, numbers + 1, 0).astype(np.float32)
    edge = pixels.outline(cv2.resize(numbers, colour.shape[1::-1], interpolation=cv2.INTER_NEAREST))
    colour[_thicker(edge)] = crops.TRUTH
    crops.frame(colour, box, cut, scale)
    return pixels.png(colour)


def _agreement(qs: Sequence[np.ndarray], cut: tuple[slice, slice], size: int, box: Box) -> bytes:
    """The mean probability, dark = background and light = cell, with every model's own outline in white."""
    mean = np.mean([q[cut] for q in qs], axis=0).round().astype(np.uint8)
    colour, scale = _enlarged(cv2.applyColorMap(mean, cv2.COLORMAP_CIVIDIS), size)
    for q in qs:
        colour[pixels.outline(_scaled(foreground(q[cut]), colour))] = _WHITE
    crops.frame(colour, box, cut, scale)
    return pixels.png(colour)


def _enlarged(colour: np.ndarray, size: int) -> tuple[np.ndarray, float]:
    scale = size / max(colour.shape[:2])
    small = tuple(max(1, round(side * scale)) for side in colour.shape[1::-1])
    return cv2.resize(colour, small, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_NEAREST), scale


def _thicker(edge: np.ndarray) -> np.ndarray:
    """Two pixels wide: the page may shrink the picture."""
    return cv2.dilate(edge.view(np.uint8), np.ones((2, 2), np.uint8)) > 0


def _scaled(mask: np.ndarray, colour: np.ndarray) -> np.ndarray:
    return cv2.resize(mask.astype(np.uint8), colour.shape[1::-1], interpolation=cv2.INTER_NEAREST)


ROUTES = [Route("/seg/place/{name}/{index:number}/{panel}", place)]
