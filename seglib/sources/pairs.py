"""Pairs of files, image and mask, each a picture or a TIFF stack -> a source. Files are opened when they are read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import numpy as np

from seglib.data.readers import read_image
from seglib.exceptions import InputError
from seglib.sources import stack
from seglib.sources.source import Choices, Found, Picture, Source, unread
from seglib.sources.stack import Arrangement, Index, Stack
from seglib.sources.tiff_pages import Pages, page_offsets

NAMED = 20
TIFF_SUFFIXES = (".tif", ".tiff")


class Shelf:
    """The TIFF that was read last stays open: pictures come in order, and no more than two files are wanted at once."""

    def __init__(self, resources: ExitStack):
        self._open: dict[Path, Pages] = {}
        resources.callback(self.close)

    def pages(self, path: Path) -> Pages:
        if path not in self._open:
            while len(self._open) > 1:
                self._open.pop(next(iter(self._open))).close()
            self._open[path] = Pages(path)
        return self._open[path]

    def close(self) -> None:
        while self._open:
            self._open.popitem()[1].close()

    def stack(self, path: Path) -> Stack:
        pages = self.pages(path)
        meaning = pages.meaning
        axes = meaning.axes + ("YXS" if pages.colour else "YX") if meaning.axes or not meaning.sizes else ""

        def read(index: Index) -> np.ndarray:
            return self.pages(path).read_at(index)

        shape = (*meaning.sizes, *pages.shape)
        return Stack(path.name, shape, pages.dtype, read, axes, meaning.told_by, len(pages.shape))


def open_stacks(
    kind: str, path: Path, files: Sequence[tuple[str, str, Path, Path | None]], choices: Choices, resources: ExitStack
) -> Source:
    """The source of (name, group, image file, mask file). Where the two are equal, pictures of axis N are groups."""
    shelf = Shelf(resources)
    found: list[tuple[str, str, Arrangement]] = []
    arrays: list[Found] = []
    decided: list[str] = []
    for name, group, image_file, mask_file in files:
        image = shelf.stack(image_file)
        mask = shelf.stack(mask_file) if mask_file is not None else None
        arrays += [_found(s) for s in (image, mask) if s is not None] if len(arrays) < NAMED else []
        decided += [n for n in _notes(shelf, image_file) if n not in decided]
        arranged, used, more, questions = stack.arrange(image, mask, choices)
        if arranged is None:
            return Source(kind, path, used, unread, tuple(arrays), tuple(decided + more), tuple(questions))
        found.append((name, group, arranged))
        decided += [line for line in more if line not in decided] if len(decided) < NAMED else []
    axes = {arranged.axes for *_, arranged in found}
    if len(axes) > 1:
        raise InputError(f"{path}: files of different axes ({', '.join(sorted(axes))}); import them one by one.")

    def pictures() -> Iterator[Picture]:
        for name, group, arranged in found:
            for picture in stack.pictures(arranged, name):
                yield picture if group == name else replace(picture, group=group)

    options = stack.alternatives(found[0][-1])
    return Source(kind, path, replace(used, axes=axes.pop()), pictures, tuple(arrays), tuple(decided), options=options)


def n_planes(path: Path) -> int:
    """How many planes a file of pictures holds: more than one in a TIFF alone."""
    return len(page_offsets(path)) if path.suffix.lower() in TIFF_SUFFIXES else 1


def read_plane(shelf: Shelf, path: Path, number: int) -> np.ndarray:
    """(H, W[, 3]) of plane `number`, values as they stand in the file. Raises InputError naming the file."""
    if path.suffix.lower() not in TIFF_SUFFIXES:
        return read_image(path)
    pages = shelf.pages(path)
    if number >= pages.n_pages:
        raise InputError(f"{path}: has {pages.n_pages} planes, number {number + 1} was to come; cut short?")
    return pages.read(number)


def _found(one: Stack) -> Found:
    return Found(one.name, one.shape, str(one.dtype), one.axes)


def _notes(shelf: Shelf, path: Path) -> tuple[str, ...]:
    return tuple(f"{path.name}: {note}" for note in shelf.pages(path).meaning.notes)
