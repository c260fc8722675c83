"""Realism: what a recipe does to the cells of a data set, measured on draws of it before anything is trained.

The draws are the trainer's own: `pipeline.augment` with the generator of (seed, epoch, index), index being the number
of the image in the data set. They go round a fixed sample of the train images, so that the first epochs of an image are
the samples that the preview shows of it. What the figures mean is judged in `verdict`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from seglib.augment.draw import Draw
from seglib.augment.greys import Greys, Own, greys, own
from seglib.augment.jacobian import Bending, bending
from seglib.augment.pipeline import Augmented, apply, augment, generator
from seglib.augment.recipe import Recipe
from seglib.augment.shapes import Shapes, shapes
from seglib.augment.topology import Topology, gone, new_neighbours, split, touching
from seglib.augment.warp import Geometry, Window
from seglib.data.dataset import Dataset
from seglib.data.readers import to_gray
from seglib.data.sample import Sample
from seglib.exceptions import InputError

DRAWS = 64
MOST_PICTURES = 16
# All pictures of a sample together: 9 bytes a pixel are kept, so about 110 MB
MOST_PIXELS = 12_000_000
# Of larger pictures a window of this side is drawn, cut as the trainer cuts its crops
MOST_SIDE = 512
# From this side on shapes are measured at half size
HALF_FROM = 384


@dataclass(frozen=True)
class Picture:
    """One image of the sample, with all that its draws are compared with.

    image (H, W) float32; labels (H, W) int32, numbered 1…n; valid (H, W) bool; seen: float32 copy of valid, None where
    all is valid. shapes at `step`; middles (n, 2) a pixel amid each cell; touched, hairline: codes of
    the pairs of cells that touch, and of those with a gap of one pixel.
    """

    index: int
    name: str
    image: np.ndarray
    labels: np.ndarray
    valid: np.ndarray
    seen: np.ndarray | None
    step: int
    shapes: Shapes
    middles: np.ndarray
    touched: np.ndarray
    hairline: np.ndarray
    own: Own


@dataclass(frozen=True)
class Material:
    """The pictures that draws are made of. n_images: how many they were chosen from; unread: a line a broken file."""

    pictures: list[Picture]
    n_images: int
    labelled: bool
    unread: list[str] = field(default_factory=list)

    def diameter_px(self) -> float:
        """Median diameter of the whole cells of all pictures; NaN without any."""
        areas = np.concatenate([p.shapes.area_px[~p.shapes.cut] for p in self.pictures])
        return float(2 * np.sqrt(np.median(areas) / np.pi)) if len(areas) else float("nan")


@dataclass(frozen=True)
class Reading:
    """What was measured on draw (epoch, index): the picture's place in the sample, the draw and its figures.

    after: shapes of the augmented cells; invented: pixels of cells that the border mode made up, of `foreground`.
    """

    place: int
    index: int
    epoch: int
    draw: Draw
    bending: Bending
    after: Shapes
    topology: Topology
    greys: Greys
    invented: int
    foreground: int


def material(dataset: Dataset) -> Material:
    """A sample of the train images, evenly spread over the data set's order; of all images where none is labelled.

    At most 16 pictures and about 12 million pixels. What cannot be read is left out and named. Raises InputError if
    nothing can be read.
    """
    labelled = bool(dataset.indices("train") or dataset.indices("val") or dataset.indices(""))
    offered = dataset.indices("train") or dataset.indices("val") or dataset.indices("") or dataset.unlabelled()
    pictures: list[Picture] = []
    unread: list[str] = []
    tried = spread(offered, MOST_PICTURES)
    while tried:
        try:
            pictures.append(picture(dataset.sample(tried[0]), tried[0]))
        except InputError as error:
            unread.append(str(error))
        if len(pictures) == 1 and not unread:  # the size of one tells how many may be kept
            tried = spread(offered, max(2, min(MOST_PICTURES, MOST_PIXELS // pictures[0].image.size)))
        tried = tried[1:] if sum(p.image.size for p in pictures) < MOST_PIXELS or len(pictures) < 2 else []
    if not pictures:
        raise InputError(f"{dataset.path}: none of {len(unread)} images could be read: {unread[0] if unread else ''}")
    return Material(pictures, len(offered), labelled, unread)


def spread(numbers: Sequence[int], n: int) -> list[int]:
    """At most `n` of `numbers`, evenly spaced, the first among them."""
    n = min(n, len(numbers))
    return [numbers[k * len(numbers) // n] for k in range(n)]


def picture(sample: Sample, index: int) -> Picture:
    """Prepare a sample as read. Raises InputError for an image that is neither grey nor RGB."""
    image = to_gray(sample.image)
    labels, valid = _numbered(sample.labels), sample.valid
    step = 2 if max(min(side, MOST_SIDE) for side in image.shape) >= HALF_FROM else 1
    limits = (0.0, 1.0) if sample.image.dtype in (np.uint8, np.uint16) else None
    found = shapes(labels, valid, step)
    shown = np.where(valid, labels, 0)
    return Picture(
        index=index,
        name=sample.name,
        image=image,
        labels=labels,
        valid=valid,
        seen=None if valid.all() else valid.astype(np.float32),
        step=step,
        shapes=found,
        middles=_middles(labels, found.label),
        touched=touching(shown),
        hairline=touching(shown, gap_px=1),
        own=own(image, labels > 0, valid, limits),
    )


def _numbered(labels: np.ndarray) -> np.ndarray:
    """The same cells with the numbers 1…n."""
    ids, number = np.unique(labels, return_inverse=True)
    return (number.reshape(labels.shape) + (ids[0] != 0)).astype(np.int32)


def _middles(labels: np.ndarray, ids: np.ndarray) -> np.ndarray:
    """(n, 2): of each cell the middle one of its pixels in reading order, which lies in it whatever its form."""
    places = np.flatnonzero(labels)
    places = places[np.argsort(labels.ravel()[places], kind="stable")]
    first, last = (np.searchsorted(labels.ravel()[places], ids, side) for side in ("left", "right"))
    return np.stack(np.divmod(places[(first + last) // 2], labels.shape[1]), axis=1).astype(float)


def draw_numbers(sources: Material, draws: int = DRAWS) -> list[tuple[int, int]]:
    """(place in the sample, epoch) of every draw: once round all pictures, then the next epoch."""
    return [(k % len(sources.pictures), k // len(sources.pictures)) for k in range(draws)]


def read(sources: Material, recipe: Recipe, seed: int, draws: int = DRAWS) -> Iterator[Reading]:
    """Readings one by one, in the order of `draw_numbers`; nothing more is computed once the caller stops asking."""
    for place, epoch in draw_numbers(sources, draws):
        yield reading(sources.pictures[place], place, recipe, seed, epoch)


def reading(source: Picture, place: int, recipe: Recipe, seed: int, epoch: int) -> Reading:
    """Measure one draw. A function of its arguments alone."""
    out, invented, ignored = drawn(source, recipe, seed, epoch)
    geometry = Geometry(source.image.shape, out.draw)
    shown = out.valid if ignored is None else out.valid & ~ignored
    labels = out.labels if shown.all() else np.where(shown, out.labels, 0)
    after = shapes(labels, shown, source.step)
    return Reading(
        place=place,
        index=source.index,
        epoch=epoch,
        draw=out.draw,
        bending=bending(geometry, out.window),
        after=after,
        topology=_topology(source, after, labels, geometry, out.window),
        greys=greys(out.image, labels > 0, shown, _before(source, out, labels, shown)),
        invented=invented,
        foreground=int(np.count_nonzero(out.labels)),
    )


def _topology(source: Picture, after: Shapes, labels: np.ndarray, geometry: Geometry, window: Window) -> Topology:
    merged, closed = new_neighbours(touching(labels), source.touched, source.hairline)
    in_pieces = split(source.shapes, after)
    lost, left = gone(source.shapes.label, source.middles, after.label, geometry, window)
    wrong = np.union1d(merged, in_pieces)
    return Topology(
        n_cells=len(after.label),
        merged=len(merged),
        split=len(in_pieces),
        lost=lost,
        wrong=len(wrong) + lost,
        closed=len(np.setdiff1d(closed, wrong)),
        left=left,
    )


def _before(source: Picture, out: Augmented, labels: np.ndarray, shown: np.ndarray) -> Own:
    """What the grey values of a draw are compared with: the picture, or of a large one what the window shows of it."""
    if max(source.image.shape) <= MOST_SIDE:
        return source.own
    moved = apply(geometry_alone(out.draw), source.image, source.labels, source.valid, out.window)
    return own(moved.image, labels > 0, shown, source.own.limits, source.own)


def geometry_alone(draw: Draw) -> Draw:
    """The same draw without its grey values."""
    return replace(draw, brightness=0.0, contrast=1.0, gamma=1.0, blur_sigma_px=0.0, noise=0.0, background=0.0)


def drawn(source: Picture, recipe: Recipe, seed: int, epoch: int) -> tuple[Augmented, int, np.ndarray | None]:
    """The trainer's draw, how many pixels of cells in it the border made up, and where it shows what is ignored.

    `valid` of the draw is False only outside of the picture; None: nothing is ignored.
    """
    shape = source.image.shape
    crop = None if max(shape) <= MOST_SIDE else tuple(min(side, MOST_SIDE) for side in shape)
    inside = source.valid if source.seen is None else np.ones(shape, bool)
    rng = generator(seed, epoch, source.index)
    out = augment(source.image, source.labels, inside, recipe, rng, crop, source.seen, source.own.levels)
    invented = int(np.count_nonzero(out.labels[~out.valid]))
    return out, invented, None if out.weights is None else out.weights < 0.5
