"""Demo data: seeded synthetic yeast, so that everything runs with no data at all.

Movies of growing colonies in phase contrast or brightfield. What is hard is hard on purpose: dust that sits on the
camera (the same place in every picture), dead ghosts and debris that look a bit like cells, faint cells, small buds,
and outlines that are drawn a fraction of a pixel too wide or too tight, as by hand.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from seglib.data.demo_colony import Cell, grow
from seglib.data.demo_optics import draw_look, expose
from seglib.data.records import CSV_NAME, Record, write_csv
from seglib.exceptions import InputError

FRAMES = 4
FRAME_H = 1.5
KINDS = ("phase", "bright")


def draw(seed: int, size: int = 256, kind: str = "phase") -> tuple[np.ndarray, np.ndarray]:
    """One picture: image (size, size) uint8 and labels (size, size) uint16, one number a cell.

    kind is 'phase' or 'bright'. The same seed gives the same pixels.
    """
    if kind not in KINDS:
        raise InputError(f"kind is {kind!r}; allowed: {', '.join(KINDS)}.")
    return list(_movie(seed, 0, 3, kind, size))[-1]


def make_demo(
    folder: Path | str,
    n_images: int = 32,
    seed: int = 0,
    size: int = 256,
    progress: Callable[[int, int], None] | None = None,
) -> Path:
    """Make a data set of `n_images` pictures of `size`² in `folder` and return it; an eighth, 4 at most, has no mask.

    Everything is made beside it under another name and renamed at the end: a half-made folder is never seen.
    `progress(done, total)` is called after every picture. Raises InputError if `folder` exists and is not empty.
    """
    folder = Path(folder)
    _check(folder, n_images, seed, size)
    folder.parent.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        records = []
        for record, image, labels in _pictures(n_images, seed, size):
            _save(made, record, image, labels)
            records.append(record)
            if progress:
                progress(len(records), n_images)
        write_csv(made, records)
        made.chmod(0o755)  # mkdtemp makes it private
        _put(made, folder)
    finally:
        shutil.rmtree(made, ignore_errors=True)
    return folder


def _check(folder: Path, n_images: int, seed: int, size: int) -> None:
    if not 1 <= n_images <= 10_000:
        raise InputError(f"the demo was asked for {n_images} images; allowed: 1 to 10000.")
    if seed < 0:
        raise InputError(f"the demo was asked for seed {seed}; allowed: whole numbers from 0.")
    if not 64 <= size <= 2048:
        raise InputError(f"the demo was asked for a size of {size} px; allowed: 64 to 2048.")
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise InputError(f"{folder}: exists and is not an empty folder; choose another name or remove it.")


def _put(made: Path, folder: Path) -> None:
    """Rename into place. If another process was faster with the same folder, its data set stands and ours goes."""
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()
    try:
        os.rename(made, folder)  # noqa: PTH104  Path.rename would hide that an existing target must fail
    except OSError as error:
        if not (folder / CSV_NAME).is_file():
            raise InputError(f"{folder}: cannot be put in place ({error.strerror}).") from None


def _save(folder: Path, record: Record, image: np.ndarray, labels: np.ndarray) -> None:
    for name, pixels in ((record.image, image), (record.mask, labels)):
        if name:
            (folder / name).parent.mkdir(exist_ok=True)
            Image.fromarray(pixels).save(folder / name)


def _pictures(n_images: int, seed: int, size: int) -> Iterator[tuple[Record, np.ndarray, np.ndarray]]:
    n_unlabelled = min(4, n_images // 8)
    n_labelled = n_images - n_unlabelled
    n_movies = max(min(2, n_labelled), round(n_labelled / FRAMES))
    lengths = [len(part) for part in np.array_split(np.arange(n_labelled), n_movies)] + [n_unlabelled]
    for movie, n_frames in enumerate(lengths):
        labelled = movie < n_movies
        name = f"movie{movie + 1:02d}"
        split = "" if not labelled else "val" if n_movies > 1 and movie % 3 == min(2, n_movies - 1) else "train"
        frames = _movie(seed, movie + 1, n_frames, KINDS[movie % 2], size)
        for frame, (image, labels) in enumerate(frames):
            stem = f"{name}_t{frame:03d}.png"
            mask = f"masks/{stem}" if labelled else None
            yield Record(f"images/{stem}", mask, name, split), image, labels


def _movie(seed: int, movie: int, n_frames: int, kind: str, size: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    rng = np.random.default_rng([seed, movie])
    look = draw_look(kind, rng)
    shape = (size, size)
    fields = max(1, round((size / 256) ** 2))
    founders = sum(int(rng.integers(2, 5)) for _ in range(fields))
    start = rng.uniform(1.0, 3.0)
    hours = [start + FRAME_H * frame for frame in range(n_frames)]
    debris = _dust(seed, shape, fields) + _ghosts(shape, fields, rng)
    for time, cells in zip(hours, grow(shape, founders, hours, rng)):
        _drift(debris[-3 * fields :], rng)
        yield expose(cells, debris, time, look, shape, rng)


def _dust(seed: int, shape: tuple[int, int], fields: int) -> list[Cell]:
    """Dust on the camera: the same specks at the same places in every picture of the data set."""
    rng = np.random.default_rng([seed, 2**31])
    return [_thing(shape, rng, rng.uniform(2.5, 5.5), rng.uniform(0.35, 0.7)) for _ in range(5 * fields)]


def _ghosts(shape: tuple[int, int], fields: int, rng: np.random.Generator) -> list[Cell]:
    """Dead or lysed cells and debris of one movie; the last three a field float about."""
    n_still = int(rng.integers(1, 4)) * fields
    still = [_thing(shape, rng, rng.uniform(6.0, 11.0), rng.uniform(0.25, 0.55)) for _ in range(n_still)]
    return still + [_thing(shape, rng, rng.uniform(3.0, 7.0), rng.uniform(0.4, 0.9)) for _ in range(3 * fields)]


def _thing(shape: tuple[int, int], rng: np.random.Generator, radius: float, contrast: float) -> Cell:
    center = np.array([rng.uniform(0.03, 0.97) * side for side in shape])
    return Cell(
        center=center,
        full_radius=radius,
        aspect=rng.uniform(1.0, 1.8),
        angle=rng.uniform(0, np.pi),
        born=-100.0,
        next_bud=np.inf,
        mother=None,
        wobble=rng.normal(0, (0.07, 0.05, 0.03, 0.02)),
        contrast=contrast,
        vacuole=(rng.uniform(-0.4, 0.4), rng.uniform(-0.4, 0.4), rng.uniform(0.4, 0.7), rng.uniform(0.5, 1.5)),
    )


def _drift(things: list[Cell], rng: np.random.Generator) -> None:
    for thing in things:
        thing.center = thing.center + rng.normal(0, 6, 2)
