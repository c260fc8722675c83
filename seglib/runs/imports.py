"""Imports as jobs: what a source is, with a first picture to look at; and the folder made of it.

A stranger's file is opened by the worker alone: should it bring a library down, the page stands.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, fields
from itertools import islice
from pathlib import Path
from typing import Any

from seglib.exceptions import InputError
from seglib.runs.files import write_json
from seglib.runs.tasks import Cancelled, Progress, StopAsked
from seglib.sources import writer
from seglib.sources.pixels import save_image, save_mask
from seglib.sources.recognise import open_source
from seglib.sources.source import Choices, LeftOut, Pixels, Source

RECOGNISED, IMPORTED = "source.json", "imported.json"
PREVIEW_IMAGE, PREVIEW_MASK = "preview_image", "preview_mask"
_LOOKED_THROUGH = 2000  # pictures, for the first one with a mask


def recognise(inputs: dict[str, Any], result: Path, progress: Progress, should_stop: StopAsked) -> None:
    """What a source is. inputs: source (path), name (how the person knows it), choices (fields of Choices).

    result: source.json with kind, arrays, decisions, questions, options, the choices used, and `planned` (what an
    import would make, as `writer.as_json` gives it) where nothing is open; preview_image.* and preview_mask.*, the
    first picture with a mask as the import would write it, and its name in `preview`.
    """
    with _opened(inputs, result, _telling(progress, should_stop, "unpacking")) as source:
        told: dict[str, Any] = {
            "kind": source.kind,
            "arrays": [asdict(array) for array in source.arrays],
            "decisions": list(source.decisions),
            "left_out": list(source.left_out),
            "questions": [asdict(question) for question in source.questions],
            "options": source.options,
            "choices": asdict(source.choices),
        }
        if not source.questions:
            told["planned"] = writer.as_json(writer.plan(source))
            told["preview"] = _preview(source, result)
        write_json(result / RECOGNISED, told)
    progress(1.0, source.kind)


def import_source(inputs: dict[str, Any], result: Path, progress: Progress, should_stop: StopAsked) -> None:
    """The folder made of a source. inputs: as for `recognise`, and folder. result: imported.json; the folder itself."""
    with _opened(inputs, result, _telling(progress, should_stop, "unpacking")) as source:
        told = _telling(progress, should_stop, "picture")
        imported = writer.write_dataset(source, Path(inputs["folder"]), told)
        write_json(result / IMPORTED, writer.as_json(imported))
    progress(1.0, f"{imported.n_images:,} pictures")


def choices_of(values: dict[str, Any]) -> Choices:
    """Choices from JSON. Raises InputError for a field that is none."""
    known = {field.name for field in fields(Choices)}
    if set(values) - known:
        raise InputError(
            f"{sorted(set(values) - known)[0]!r} is nothing to choose; allowed: {', '.join(sorted(known))}."
        )
    return Choices(**values)


@contextmanager
def _opened(inputs: dict[str, Any], result: Path, told: Callable[[int, int], None]) -> Iterator[Source]:
    """The source; its messages speak of the name that the person knows, not of where a dropped file was kept."""
    path = Path(inputs["source"])
    try:
        with open_source(path, choices_of(inputs.get("choices", {})), result, told) as source:
            yield source
    except InputError as error:
        raise InputError(str(error).replace(str(path), inputs.get("name") or str(path))) from None


def _telling(progress: Progress, should_stop: StopAsked, what: str) -> Callable[[int, int], None]:
    def told(done: int, total: int) -> None:
        if should_stop():
            raise Cancelled  # what was begun is taken away
        text = (
            f"picture {done:,} of {total:,}"
            if what == "picture"
            else f"{what} {done / 1e6:,.0f} of {total / 1e6:,.0f} MB"
        )
        progress(done / total if total else 1.0, text)

    return told


def _preview(source: Source, result: Path) -> str:
    """Write the first picture with a mask, else the first; gives its name, '' where none can be read."""
    some = list(islice(source.pictures(), _LOOKED_THROUGH))
    for picture in sorted(some, key=lambda picture: picture.mask is None):
        try:
            _keep(picture.image, result / PREVIEW_IMAGE, save_image, picture.origin)
        except LeftOut:
            continue
        if picture.mask is not None:
            _keep(picture.mask, result / PREVIEW_MASK, save_mask, picture.origin)
        return picture.stem
    return ""


def _keep(pixels: Pixels, file: Path, save: Callable[[Path, Any, str], str], origin: str) -> None:
    if isinstance(pixels, Path):
        shutil.copyfile(pixels, file.with_name(f"{file.name}{pixels.suffix.lower()}"))
    else:
        save(file, pixels(), origin)
