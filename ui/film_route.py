"""The pictures of a training's film. Addresses hold names and numbers; every answer with `v` is immutable.

/seg/film/RUN/STEP/K       q of the k-th image of that validation's strip, small
/seg/cells/NAME/INDEX      small PNG of a mask: 255 cell, 0 background, 128 left out (?size=)
"""

from __future__ import annotations

import re
from urllib.parse import quote

import cv2
import numpy as np
from starlette.requests import Request
from starlette.routing import Route

from seglib.data.dataset import Dataset
from seglib.data.sample import Sample
from seglib.runs import film
from seglib.runs.store import Run, checkpoints_root
from ui import opened, pixels, routes

SIDE_PX = 256
_SAFE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def film_root(run: Run) -> str:
    """What the address of each of its pictures begins with: STEP/K?v=STAMP follows."""
    return f"/seg/film/{quote(run.id, safe='')}/"


def cells_url(name: str, data: Dataset, index: int) -> str | None:
    """None for an unlabelled image."""
    if not data.records[index].mask:
        return None
    return routes.address("cells", name, index, opened.tag(data, index), size=SIDE_PX)


@routes.answering
def picture(request: Request) -> tuple[bytes, str]:
    run_id, step, k = (request.path_params[key] for key in ("run", "step", "k"))
    if not _SAFE.fullmatch(run_id):
        raise routes.NotFound(f"there is no run {run_id[:60]!r}.")
    file = film.picture(Run(checkpoints_root() / run_id), step, k)
    if not file.is_file():
        raise routes.NotFound(f"run {run_id} keeps no picture {k} of step {step}.")
    return file.read_bytes(), "image/png"


@routes.answering
def cells(request: Request) -> tuple[bytes, str]:
    data, index = routes.located(request)
    if not data.records[index].mask:
        raise routes.NotFound(f"{data.records[index].image} has no mask.")
    return small_mask(opened.sample(data, index), routes.whole(request, "size", SIDE_PX, 16, 1024)), "image/png"


def small_mask(sample: Sample, side_px: int) -> bytes:
    """PNG, the longer side at most `side_px`: 255 where most of a pixel is cell, 0 background, 128 left out."""
    mask = sample.mask.astype(np.uint8) * 255
    height, width = mask.shape
    scale = min(1.0, side_px / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = np.where(cv2.resize(mask, size, interpolation=cv2.INTER_AREA) >= 128, 255, 0).astype(np.uint8)
    valid = cv2.resize(sample.valid.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST)
    small[valid == 0] = 128
    return pixels.png(small)


ROUTES = [
    Route("/seg/film/{run}/{step:number}/{k:number}", picture),
    Route("/seg/cells/{name}/{index:number}", cells),
]
