"""The images that do worst in one cell of a weakness map, drawn as the network saw them, with both outlines.

/seg/weak/JOB/CELL/ROW    PNG of image ROW of the job; CELL is none or IX_IY; ?size= &outline=0|1. The augmented image
is made again by the draw of that cell; the outlines are the moved mask's (green) and the kept prediction's (orange).
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlencode

import numpy as np
import streamlit as st
from starlette.requests import Request
from starlette.routing import Route

from seglib.augment.pipeline import apply
from seglib.data.dataset import Dataset
from seglib.data.sample import Sample
from seglib.experiments import weakness as maps
from seglib.experiments.grid import Cell
from seglib.experiments.weakness import WeaknessMap
from seglib.runs import jobs
from seglib.runs.store import Run
from seglib.runs.validation import decoded
from seglib.training.draws import Normalise
from ui import opened, pixels, routes
from ui.compared import compared_png
from ui.components.gallery import gallery

SHOWN_PX, LARGE_PX = 148, 620
_DIMMED = 0.35  # of a pixel's grey, where it shows nothing of the image


def draw(job: jobs.Job, found: WeaknessMap, cell: Cell) -> None:
    """The kept images of that cell, worst first; one that is clicked is shown large below."""
    place = None if found.grid.is_neutral(cell) else cell
    rows = found.worst.get(place, [])
    if not rows:
        st.caption("No image here has an IoU: neither a cell nor a predicted one.")
        return
    items = [_item(job, found, place, row, SHOWN_PX) for row in rows]
    key = f"weak_{maps.probability_file(place, 0)}_{job.id[:12]}"
    picked = gallery(items, key=key, size_px=SHOWN_PX, smooth=True, toggle="Outlines").pick
    if picked is not None:
        st.session_state["weak_picked"] = (job.id, place, int(picked))
    chosen = st.session_state.get("weak_picked")
    if chosen and chosen[:2] == (job.id, place) and chosen[2] in rows:
        large = _item(job, found, place, chosen[2], LARGE_PX)
        gallery([large], key=f"{key}_large", size_px=LARGE_PX, strip=True, toggle=None)


def _item(job: jobs.Job, found: WeaknessMap, place: Cell | None, row: int, size_px: int) -> dict:
    before, now = (found.counts[c][row].iou for c in (None, place))
    unchanged = f", was {before:.3f}" if place is not None and before == before else ""
    plain, outlined = (_url(job, place, row, size_px, outline) for outline in (False, True))
    name = opened.short_name(found.images[row][1])
    return {"id": row, "thumb": plain, "outlined": outlined, "caption": name, "note": f"IoU {now:.3f}{unchanged}"}


def _url(job: jobs.Job, place: Cell | None, row: int, size_px: int, outline: bool) -> str:
    file = job.result / maps.probability_file(place, row)
    query = {"v": file.stat().st_mtime_ns if file.is_file() else 0, "size": size_px, "outline": int(outline)}
    return f"/seg/weak/{job.id}/{'none' if place is None else f'{place[0]}_{place[1]}'}/{row}?{urlencode(query)}"


@routes.answering
def picture(request: Request) -> tuple[bytes, str]:
    job, cell, row = _asked(request)
    size = routes.whole(request, "size", 400, 16, 2048)
    outline = bool(routes.whole(request, "outline", 1, 0, 1))
    found = maps.read(job.result)
    if found is None or row not in found.worst.get(cell, []):
        raise routes.NotFound(f"job {job.id} keeps no image {row} of that cell.")
    seen = augmented(found, cell, row, _sample(job, found.images[row][0]))
    if not outline:
        return pixels.thumbnail(seen, size, outlined=False), "image/png"
    file = job.result / maps.probability_file(cell, row)
    if not file.is_file():
        raise routes.NotFound(f"job {job.id} keeps no probabilities of image {row} of that cell.")
    q = np.where(seen.valid, decoded(file.read_bytes(), file), 0).astype(np.uint8)
    return compared_png(seen, q, size, found.threshold), "image/png"


def _asked(request: Request) -> tuple[jobs.Job, Cell | None, int]:
    identity, cell = request.path_params["job"], request.path_params["cell"]
    folder = jobs.cache_root() / "jobs" / identity
    if not re.fullmatch(r"[0-9a-f]{64}", identity) or not folder.is_dir() or jobs.Job(folder).kind != maps.KIND:
        raise routes.NotFound(f"there is no map {identity[:64]!r}.")
    if not re.fullmatch(r"none|\d{1,2}_\d{1,2}", cell):
        raise routes.NotFound(f"there is no cell {cell[:20]!r}.")
    place = None if cell == "none" else tuple(int(number) for number in cell.split("_"))
    return jobs.Job(folder), place, request.path_params["row"]


def augmented(found: WeaknessMap, cell: Cell | None, row: int, sample: Sample) -> Sample:
    """What the network was shown: image (H, W) uint8 in the window of the unchanged image, so that a change of
    brightness is seen; what shows nothing of the image is dimmed and has no labels."""
    first = Normalise(found.normalisation)(sample)
    drawn = apply(found.grid.draw(cell, found.images[row][0], found.border), first.image, first.labels, first.valid)
    low, high = (float(v) for v in np.percentile(first.image, (0.1, 99.9)))
    margin = 0.1 * (high - low) if high > low else 0.5
    gray = pixels.to_bytes(drawn.image, low - margin, high + margin)
    gray = np.where(drawn.valid, gray, (gray * _DIMMED)).astype(np.uint8)
    return replace(sample, image=gray, labels=np.where(drawn.valid, drawn.labels, 0), valid=drawn.valid)


def _sample(job: jobs.Job, index: int) -> Sample:
    return opened.sample(_data(job.id, job), index)


@st.cache_resource(max_entries=4, show_spinner=False)
def _data(identity: str, _job: jobs.Job) -> Dataset:
    inputs = _job.inputs
    return maps.own_data(Run(inputs["run"]), Path(inputs["data"]))


ROUTES = [Route("/seg/weak/{job}/{cell}/{row:number}", picture)]
