"""Cell Tracking Challenge layout: movies 01/, 02/ … of t000.tif, with 01_GT/SEG, 01_ST/SEG and 01_GT/TRA beside.

https://celltrackingchallenge.net/datasets/. A movie is a group. Often only some frames are annotated: the others are
unlabelled. SEG outlines cells; TRA marks them for tracking, often smaller than they are, and is taken only if asked.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from seglib.exceptions import InputError
from seglib.sources.pairs import Shelf, n_planes, read_plane
from seglib.sources.source import Choices, Picture, Source

KIND = "Cell Tracking Challenge movies"
TRUTHS = {
    "GT": ("_GT/SEG", "man_seg", "gold truth"),
    "ST": ("_ST/SEG", "man_seg", "silver truth"),
    "TRA": ("_GT/TRA", "man_track", "tracking markers"),
}
_MOVIE = re.compile(r"\d{2}")
_FRAME = re.compile(r"t(\d{3,})\.tiff?$", re.IGNORECASE)
_MASK = re.compile(r"man_(?:seg|track)_?(\d{3,})(?:_(\d{3,}))?\.tiff?$", re.IGNORECASE)


@dataclass(frozen=True)
class Movie:
    """A movie: frames by number, and masks by (frame, plane), plane None = all of the frame's planes."""

    name: str
    frames: dict[int, Path]
    masks: dict[tuple[int, int | None], Path]
    truth: str | None


def matches(path: Path) -> bool:
    return path.is_dir() and any(True for _ in _movies(path))


def _movies(path: Path) -> Iterator[Path]:
    for folder in sorted(path.iterdir()):
        if _MOVIE.fullmatch(folder.name) and folder.is_dir() and any(_FRAME.match(f.name) for f in folder.iterdir()):
            yield folder


def open_source(path: Path, choices: Choices, resources: ExitStack) -> Source:
    """mask_key is GT, ST or TRA; unsaid, gold truth where a movie has any, else silver. Raises InputError for masks
    without a frame."""
    truth = choices.mask_key if choices.mask_key is None else choices.mask_key.upper()
    if truth not in (None, "NONE", *TRUTHS):
        raise InputError(f"{path}: mask key {choices.mask_key!r}; allowed: {', '.join(TRUTHS)}, none.")
    if choices.axes is not None or choices.channel is not None:
        raise InputError(f"{path}: axes and channels are fixed in this layout; leave them out.")
    movies = [_movie(folder, path, truth) for folder in _movies(path)]
    shelf = Shelf(resources)

    def pictures() -> Iterator[Picture]:
        for movie in movies:
            yield from _pictures(shelf, movie)

    planes = n_planes(next(iter(movies[0].frames.values())))
    decided = [line for movie in movies for line in _told(movie, path)]
    decided += [f"{planes} focal planes a frame: each is a picture, all of a movie one group"] if planes > 1 else []
    used = {movie.truth for movie in movies if movie.truth}
    choices = choices.known(mask_key=used.pop() if len(used) == 1 else None)
    options = {"mask_key": (*((key, words) for key, (_, _, words) in TRUTHS.items()), ("none", "no masks"))}
    return Source(KIND, path, choices, pictures, decisions=tuple(decided), options=options)


def _movie(folder: Path, root: Path, truth: str | None) -> Movie:
    frames = {int(m[1]): f for f in _listed(folder, root) if (m := _FRAME.match(f.name))}
    if truth == "NONE":
        return Movie(folder.name, frames, {}, None)
    for key in (truth,) if truth else ("GT", "ST"):
        masks = _masks(folder, root, key)
        if masks:
            break
    lost = [file for (frame, _), file in masks.items() if frame not in frames]
    if lost:
        raise InputError(f"{lost[0]}: there is no frame of that number in {folder.name}/.")
    return Movie(folder.name, frames, masks, key if masks else None)


def _masks(folder: Path, root: Path, truth: str) -> dict[tuple[int, int | None], Path]:
    tail, prefix, _ = TRUTHS[truth]
    place = folder.with_name(folder.name + tail.split("/")[0]) / tail.split("/")[1]
    found = {}
    for file in _listed(place, root):
        match = _MASK.match(file.name)
        if match and file.name.lower().startswith(prefix):
            found[int(match[1]), int(match[2]) if match[2] else None] = file
    return found


def _listed(folder: Path, root: Path) -> list[Path]:
    files = sorted(folder.iterdir()) if folder.is_dir() else []
    inside = root.resolve()
    for file in files:
        if not file.resolve().is_relative_to(inside):
            raise InputError(f"{file}: a link that leaves the folder is not followed; copy the file there.")
    return files


def _told(movie: Movie, path: Path) -> Iterator[str]:
    if movie.truth is None:
        yield f"movie {movie.name}: {len(movie.frames)} frames, no masks"
        return
    n = len({frame for frame, _ in movie.masks})
    tail, _, words = TRUTHS[movie.truth]
    yield f"movie {movie.name}: {len(movie.frames)} frames, {n} with masks from {movie.name}{tail} ({words})"
    there = [key for key, (place, _, _) in TRUTHS.items() if (path / f"{movie.name}{place}").is_dir()]
    others = [key for key in there if key != movie.truth]
    if others:
        yield f"movie {movie.name}: {', '.join(others)} is there too, and taken with mask key {others[0]}"


def _pictures(shelf: Shelf, movie: Movie) -> Iterator[Picture]:
    n = n_planes(next(iter(movie.frames.values())))
    for number, frame in sorted(movie.frames.items()):
        for plane in range(n):
            of_plane, of_frame = movie.masks.get((number, plane)), movie.masks.get((number, None))
            mask = of_plane or of_frame
            at = 0 if of_plane is not None else plane
            yield Picture(
                stem=f"{movie.name}_t{number:03d}" + (f"_z{plane:03d}" if n > 1 else ""),
                group=movie.name,
                image=partial(read_plane, shelf, frame, plane),
                mask=partial(read_plane, shelf, mask, at) if mask is not None else None,
                origin=f"{frame.parent.name}/{frame.name}",
            )
