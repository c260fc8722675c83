"""Pixels for the components. Addresses hold names and numbers, never paths; every answer with `v` is immutable.

/seg/image/NAME/INDEX          8-bit grey PNG
/seg/values/NAME/INDEX         grey values as stored: 8 or 16 bits or float32, see ui.pixels.values
/seg/thumb/NAME/INDEX          small PNG (?size=, ?outline=1)
/seg/labels/NAME/INDEX         zlib uint16 label map
/seg/probability/RUN/WHICH/N   q of validation image N; WHICH is best, last or a step of six digits
/seg/compared/NAME/INDEX/RUN/WHICH/N   small PNG of image INDEX, its mask's and validation image N's outlines (?size=)
/seg/result/JOB/FILE           a PNG in the result folder of a job
/seg/source/JOB/N              grey values as stored of picture N that a prediction job was given
"""

from __future__ import annotations

import functools
import re
from pathlib import Path, PureWindowsPath
from urllib.parse import quote, urlencode

import streamlit as st
from starlette.convertors import Convertor, register_url_convertor
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from seglib.data.dataset import Dataset
from seglib.data.readers import read_image
from seglib.exceptions import InputError
from seglib.runs import jobs
from seglib.runs.store import checkpoints_root
from seglib.runs.validation import decoded
from ui import opened, pixels, registry, tensorboard
from ui.compared import compared_png

# identity: gzip on the way to the same machine would cost more time than it saves
_PLAIN = {"Content-Encoding": "identity"}
_FOREVER = {"Cache-Control": "private, max-age=31536000, immutable"}
_FRESH = {"Cache-Control": "no-store"}
_BINARY = "application/octet-stream"
_SAFE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


class Number(Convertor[int]):
    """`{index:number}`, at most nine digits: Starlette's own `int` takes so many that Python refuses them, a 500."""

    regex = "[0-9]{1,9}"

    def convert(self, value: str) -> int:
        return int(value)

    def to_string(self, value: int) -> str:
        return str(value)


register_url_convertor("number", Number())


class NotFound(InputError):
    """The address names nothing that exists."""


def address(kind: str, name: str, index: int, v: str, **query: object) -> str:
    """The address of one image, thumb, label map or augmentation of a data set."""
    return f"/seg/{kind}/{quote(name, safe='')}/{index}?{urlencode({'v': v, **query})}"


def image_url(name: str, data: Dataset, index: int) -> str:
    return address("image", name, index, opened.tag(data, index))


def values_url(name: str, data: Dataset, index: int) -> str:
    return address("values", name, index, opened.tag(data, index))


def thumb_url(name: str, data: Dataset, index: int, size_px: int = 192, outlined: bool = False) -> str:
    return address("thumb", name, index, opened.tag(data, index), size=size_px, outline=int(outlined))


def labels_url(name: str, data: Dataset, index: int) -> str | None:
    """None for an unlabelled image."""
    return address("labels", name, index, opened.tag(data, index)) if data.records[index].mask else None


def probability_url(run_id: str, which: str, number: int) -> str | None:
    """None if the run left none. `number` counts the val images in the data set's order, as rows of images.parquet."""
    try:
        file = probability_file(run_id, which, number)
    except InputError:
        return None
    return f"/seg/probability/{run_id}/{which}/{number}?v={file.stat().st_mtime_ns}"


def compared_url(name: str, data: Dataset, index: int, run_id: str, which: str, number: int) -> str | None:
    """Image `index` of the data set with its mask and what validation image `number` of the run was predicted as."""
    probability_at = probability_url(run_id, which, number)
    if probability_at is None:
        return None
    v = f"{opened.tag(data, index)}-{probability_at.partition('?v=')[2]}"
    place = f"{quote(name, safe='')}/{index}/{quote(run_id, safe='')}/{which}/{number}"
    return f"/seg/compared/{place}?{urlencode({'v': v, 'size': 256})}"


def result_url(job: jobs.Job, file: str) -> str:
    """The address of a PNG that a job left in its result folder."""
    return f"/seg/result/{job.id}/{quote(file, safe='')}?v={_stamp(job.result / file)}"


def source_url(job: jobs.Job, number: int) -> str:
    """The address of the picture that a prediction job was given as number `number` of its `images`."""
    return f"/seg/source/{job.id}/{number}?v={_stamp(Path(job.inputs['images'][number]))}"


def _stamp(file: Path) -> int:
    return file.stat().st_mtime_ns if file.is_file() else 0


def answering(function):
    """One clear line instead of a traceback: 404 for what does not exist, 400 for what makes no sense.

    `function` gives (body, media type), or a whole Response where it sets headers of its own.
    """

    @functools.wraps(function)
    def endpoint(request: Request) -> Response:
        try:
            found = function(request)
        except NotFound as error:
            return PlainTextResponse(str(error), status_code=404, headers=_FRESH)
        except InputError as error:
            return PlainTextResponse(str(error), status_code=400, headers=_FRESH)
        if isinstance(found, Response):
            return found
        body, media_type = found
        headers = _FOREVER if request.query_params.get("v") else _FRESH
        return Response(body, media_type=media_type, headers=headers | _PLAIN)

    return endpoint


def located(request: Request) -> tuple[Dataset, int]:
    """The data set and image number of the address, both checked."""
    name, number = request.path_params["name"], request.path_params["index"]
    if name not in registry.entries():
        raise NotFound(f"no data set is called {name!r}.")
    data = opened.dataset(name)
    if number >= len(data.records):
        raise NotFound(f"{name} has {len(data.records)} images, numbered from 0; there is no {number}.")
    return data, number


def whole(request: Request, key: str, default: int, low: int, high: int) -> int:
    text = request.query_params.get(key, str(default))
    if not re.fullmatch(r"-?\d{1,12}", text) or not low <= int(text) <= high:
        raise InputError(f"{key} is {text[:40]!r}; allowed: a whole number from {low} to {high}.")
    return int(text)


# Sync endpoints: Starlette runs them in its thread pool, so a slow image holds up nobody else.
@answering
def image(request: Request) -> tuple[bytes, str]:
    data, number = located(request)
    return pixels.png(pixels.shown(opened.sample(data, number).image)), "image/png"


@answering
def values(request: Request) -> tuple[bytes, str]:
    data, number = located(request)
    return pixels.values(opened.sample(data, number).image), _BINARY


@answering
def thumb(request: Request) -> tuple[bytes, str]:
    data, number = located(request)
    size = whole(request, "size", 192, 16, 1024)
    outlined = bool(whole(request, "outline", 0, 0, 1))
    return _thumb(data, number, opened.tag(data, number), size, outlined), "image/png"


@st.cache_resource(max_entries=2048, show_spinner=False)
def _thumb(_data: Dataset, number: int, tag: str, size: int, outlined: bool) -> bytes:
    return pixels.thumbnail(_data.sample(number), size, outlined)


@answering
def labels(request: Request) -> tuple[bytes, str]:
    data, number = located(request)
    if not data.records[number].mask:
        raise NotFound(f"{data.records[number].image} has no mask.")
    return pixels.label_map(opened.sample(data, number)), _BINARY


@answering
def probability(request: Request) -> tuple[bytes, str]:
    run_id, which, number = (request.path_params[key] for key in ("run", "which", "number"))
    return probability_file(run_id, which, number).read_bytes(), "image/png"


def probability_file(run_id: str, which: str, number: int) -> Path:
    if not _SAFE.fullmatch(run_id) or not re.fullmatch(r"best|last|\d{6}", which):
        raise NotFound(f"there is no run {run_id[:60]!r} with checkpoint {which[:20]!r}.")
    file = checkpoints_root() / run_id / "validation" / which / f"{number}.png"
    if not file.is_file():
        raise NotFound(f"run {run_id} keeps no probabilities of image {number} for {which}.")
    return file


@answering
def compared(request: Request) -> tuple[bytes, str]:
    data, index = located(request)
    run_id, which, number = (request.path_params[key] for key in ("run", "which", "number"))
    file = probability_file(run_id, which, number)
    q = decoded(file.read_bytes(), file)
    size = whole(request, "size", 256, 16, 1024)
    return compared_png(opened.sample(data, index), q, size), "image/png"


@answering
def result(request: Request) -> tuple[bytes, str]:
    job, name = _job(request), request.path_params["file"]
    file = job.result / name
    if PureWindowsPath(name).name != name or file.suffix != ".png" or not file.is_file():
        raise NotFound(f"job {job.id} has no result {name[:60]!r}.")
    return file.read_bytes(), "image/png"


@answering
def source(request: Request) -> tuple[bytes, str]:
    job, number = _job(request), request.path_params["number"]
    given = job.inputs.get("images", [])
    if number >= len(given):
        raise NotFound(f"job {job.id} was given {len(given)} pictures, numbered from 0; there is no {number}.")
    return pixels.values(read_image(Path(given[number]))), _BINARY


def _job(request: Request) -> jobs.Job:
    identity = request.path_params["job"]
    folder = jobs.cache_root() / "jobs" / identity
    if not re.fullmatch(r"[0-9a-f]{64}", identity) or not folder.is_dir():
        raise NotFound(f"there is no job {identity[:64]!r}.")
    return jobs.Job(folder)


ROUTES = [
    Route("/seg/image/{name}/{index:number}", image),
    Route("/seg/values/{name}/{index:number}", values),
    Route("/seg/thumb/{name}/{index:number}", thumb),
    Route("/seg/labels/{name}/{index:number}", labels),
    Route("/seg/probability/{run}/{which}/{number:number}", probability),
    Route("/seg/compared/{name}/{index:number}/{run}/{which}/{number:number}", compared),
    Route("/seg/result/{job}/{file}", result),
    Route("/seg/source/{job}/{number:number}", source),
    tensorboard.ROUTE,
]
