"""The live preview in bytes: samples drawn by the trainer's code, as grey values and marks. No Streamlit, no HTTP.

Which draw is which. Training numbers the draws of an epoch by their place in it: draw (seed, epoch, place) takes the
image that the order of the epoch puts there, and all its random numbers from `generator(seed, epoch, place)`. The
preview of an image takes its numbers from `generator(seed, epoch, place)` too; `place` is the image's own number unless
it is given. So the samples shown are draws that a training with this seed makes of this image whenever it comes up at
that place, and with the place that the order gives it, the very draw of that training, to the last bit.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import cv2
import numpy as np

from seglib.augment import bending
from seglib.augment.draw import Draw, recipe_draw
from seglib.augment.fixed import Fixed, described
from seglib.augment.pipeline import Augmented, apply, generator
from seglib.augment.recipe import Recipe
from seglib.augment.shrink import shrink, shrink_draw, shrink_factor
from seglib.augment.warp import Geometry, Window
from seglib.data.sample import Sample
from seglib.exceptions import InputError
from seglib.settings import plain
from seglib.training.draws import Normalise, seen
from ui.pixels import outline, pack

INSIDE, OUTLINE, OUTSIDE, GRID, FOLDED = 1, 2, 4, 8, 16  # bits of a mark map: see `marks` and `_field_marks`
MAX_PIXELS = 20_000_000
WHOLE_SIDES = (
    640,
    1600,
)  # longest side of a whole picture, of many and of one: larger ones are shown shrunk, and say so

_POOL = ThreadPoolExecutor(min(8, os.cpu_count() or 1), thread_name_prefix="preview")


class Stale(Exception):
    """A newer question of the same browser has taken this one's place."""


@dataclass(frozen=True)
class Original:
    """What every preview of one image shares. sample: normalised; small: the same, shrunk by `factor` for the screen.

    low, high: the normalised values shown as black and as white.
    """

    sample: Sample
    small: Sample
    factor: int
    low: float
    high: float


@dataclass(frozen=True)
class Question:
    """What the browser asks for: samples (seed, epoch) drawn from a recipe, or one of exactly these values.

    place: of the image in its epoch (see above). crop_px: squares as the trainer cuts them, in full resolution; None =
    the whole picture. corner: top left pixel of the square for `fixed`. field: also the bent grid, folds and arrows.
    have: tags of samples that the browser holds already. with_original: send that too.
    """

    recipe: Recipe
    samples: Sequence[tuple[int, int]]
    place: int
    fixed: Fixed | None = None
    corner: tuple[int, int] | None = None
    crop_px: int | None = None
    field: bool = False
    have: frozenset[str] = frozenset()
    with_original: bool = True


def original(sample: Sample, normalisation: str, most_px: int) -> Original:
    """The window is a fifth wider than the picture's own range, so that brightness and contrast changes are seen."""
    sample = Normalise(normalisation)(sample)
    low, high = (float(v) for v in np.percentile(sample.image, (0.1, 99.9)))
    margin = 0.1 * (high - low) if high > low else 0.5
    factor = shrink_factor(sample.image.shape, most_px)
    return Original(sample, shrink(sample, factor), factor, low - margin, high + margin)


def to_bytes(gray: np.ndarray, low: float, high: float) -> np.ndarray:
    """(H, W) float -> uint8, low = 0 and high = 255, rounded and clipped; one pass."""
    scale = 255.0 / (high - low)
    return cv2.addWeighted(gray, scale, gray, 0.0, -low * scale, dtype=cv2.CV_8U)


def marks(labels: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """(H, W) uint8 of the bits INSIDE a cell, OUTLINE of one, OUTSIDE of what is trained on."""
    mark = (labels > 0).view(np.uint8)  # INSIDE is 1; all in bytes, for the preview draws eight of these a slider step
    mark |= outline(labels).view(np.uint8) * np.uint8(OUTLINE)
    mark |= (~valid).view(np.uint8) * np.uint8(OUTSIDE)
    return mark


def answer(first: Original, question: Question, stale: Callable[[], bool] = lambda: False) -> bytes:
    """The packed samples.

    Header: {full: [h, w] of the image, original: [h, w] as shown, factor, height, width of a sample, low, high,
    warnings, has_original, outside: whether it has pixels that are left out, samples: [a dict each], parts}. A sample
    is told by {tag, seed, epoch, text, draw: as `Fixed`, kept, corner: [row, col], outside}, and with `field` by
    {arrows, every_px: from one to the next, longest_px, folded: a share}. Parts are grey and marks (uint8) in turn, of
    the original if it was asked for, then of each sample whose `kept` is False; all in one window of grey values.
    Raises InputError where that is more than a browser should be sent, Stale as soon as `stale()` is true.
    """
    shape = (question.crop_px,) * 2 if question.crop_px else first.small.image.shape
    n = 1 if question.fixed else len(question.samples)
    if n * shape[0] * shape[1] > MAX_PIXELS:
        size = f"{shape[0]} × {shape[1]} px"
        raise InputError(f"{n} samples of {size} are too many pixels to preview; choose a smaller crop or fewer.")
    asked = [(0, 0)] if question.fixed else list(question.samples)
    several = _POOL.map if len(asked) > 1 else map  # OpenCV and NumPy work outside Python's lock
    drawn = list(several(lambda numbers: _sample(first, question, *numbers, stale), asked))
    blobs = list(_original_layers(first, question.field, question.crop_px)) if question.with_original else []
    for _, layers in drawn:
        blobs += layers
    header = {
        "full": list(first.sample.image.shape),
        "original": list(first.small.image.shape),
        "factor": first.factor,
        "height": shape[0],
        "width": shape[1],
        "low": first.low,
        "high": first.high,
        "warnings": (question.fixed or question.recipe).warnings(),
        "has_original": question.with_original,
        "outside": not first.small.valid.all(),
        "samples": [told for told, _ in drawn],
    }
    return pack(header, *blobs)


def _sample(
    first: Original, question: Question, seed: int, epoch: int, stale: Callable[[], bool]
) -> tuple[dict[str, Any], list[memoryview]]:
    """(what is told of a sample, its grey values and marks)."""
    if stale():
        raise Stale
    draw = _draw(first, question, seed, epoch)
    # the draw holds the seeds of its fields, so that it tells apart what (seed, epoch, place) tells apart
    part = question.corner, question.crop_px, question.field, first.factor
    tag = hashlib.blake2s(repr((draw, part)).encode(), digest_size=6).hexdigest()
    told = {"tag": tag, "seed": seed, "epoch": epoch, "text": described(draw), "draw": plain(Fixed.of(draw))}
    if tag in question.have:
        return {**told, "kept": True}, []
    shown = _shown(first, question, draw, seed, epoch)
    mark = marks(shown.labels, shown.valid)
    if question.field:
        told |= _field_marks(first, question, shown, mark)
    corner = [shown.window.row, shown.window.col]
    told |= {"kept": False, "corner": corner, "outside": not shown.valid.all()}
    return told, [memoryview(layer) for layer in (to_bytes(shown.image, first.low, first.high), mark)]


def _draw(first: Original, question: Question, seed: int, epoch: int) -> Draw:
    if question.fixed:
        return question.fixed.draw()
    height, width = first.sample.image.shape
    odd_turns = question.crop_px is not None or height == width
    return recipe_draw(question.recipe, generator(seed, epoch, question.place), odd_turns)


def _shown(first: Original, question: Question, draw: Draw, seed: int, epoch: int) -> Augmented:
    """The trainer's own code, on the whole image; a large one that is shown whole is drawn shrunk."""
    whole = question.crop_px is None
    lines = _grid_lines(first, question.crop_px) if question.field else None
    if whole and first.factor > 1:
        small = first.small
        return apply(shrink_draw(draw, first.factor), small.image, small.labels, small.valid, weights=lines)
    if question.fixed is None:
        rng = generator(seed, epoch, question.place)
        return seen(first.sample, question.recipe, rng, question.crop_px, lines)
    window = None if whole else _fixed_window(first, draw, question)
    return apply(draw, first.sample.image, first.sample.labels, first.sample.valid, window, lines)


def _fixed_window(first: Original, draw: Draw, question: Question) -> Window:
    """The square at the corner asked for, else about the middle."""
    side = question.crop_px or 0
    height, width = Geometry(first.sample.image.shape, draw).canvas
    row, col = question.corner or ((height - side) // 2, (width - side) // 2)
    return Window(row, col, side, side)


def _field_marks(first: Original, question: Question, shown: Augmented, mark: np.ndarray) -> dict[str, Any]:
    """Mark the bent grid and where it folds; the arrows, the longest way in px of the image, the share that folds."""
    mark |= _line_marks(shown.weights)
    source, factor = (first.sample, 1) if question.crop_px else (first.small, first.factor)
    displacement = Geometry(source.image.shape, shown.draw).displacement(shown.window)
    if displacement is None:
        return {"arrows": [], "every_px": 0, "longest_px": 0.0, "folded": 0.0}
    folds = bending.folded(displacement)
    mark |= folds.view(np.uint8) * np.uint8(FOLDED)
    every_px = -(-max(shown.image.shape) // (16 if question.fixed or len(question.samples) == 1 else 9))
    return {
        "arrows": bending.arrows(displacement, every_px),
        "every_px": every_px,
        "longest_px": bending.longest(displacement) * factor,
        "folded": float(folds.mean()),
    }


def _original_layers(first: Original, field: bool, crop_px: int | None) -> tuple[memoryview, memoryview]:
    mark = marks(first.small.labels, first.small.valid)
    if field and not crop_px:  # on a whole wide field the grid of its crops would be too fine
        mark |= _line_marks(_grid_lines(first, None))
    return memoryview(to_bytes(first.small.image, first.low, first.high)), memoryview(mark)


def _line_marks(lines: np.ndarray) -> np.ndarray:
    # below a half: between two pixels a line one pixel wide is half in each, and must not break there
    return (lines > 0.4).view(np.uint8) * np.uint8(GRID)


def _grid_lines(first: Original, crop_px: int | None) -> np.ndarray:
    """About sixteen lines a picture, eight a crop."""
    if crop_px:
        return _lines(first.sample.image.shape, crop_px // 8)
    shape = first.small.image.shape
    return _lines(shape, round(max(shape) / 16))


@lru_cache(maxsize=4)
def _lines(shape: tuple[int, int], spacing_px: int) -> np.ndarray:
    """(H, W) float32: 1 on lines through the middle and every `spacing_px` from it, 0 between."""
    spacing_px = max(4, spacing_px)
    thick = max(1, round(spacing_px / 20))
    on_line = [(np.arange(side) - side // 2) % spacing_px < thick for side in shape]
    return (on_line[0][:, None] | on_line[1][None, :]).astype(np.float32)
