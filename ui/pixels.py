"""Arrays -> the bytes that routes send. Pure: no Streamlit, no HTTP."""

from __future__ import annotations

import json
import struct
import zlib
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import cv2
import numpy as np

from seglib.augment.draw import recipe_draw
from seglib.augment.pipeline import Augmented, apply, generator
from seglib.augment.recipe import Recipe
from seglib.augment.shrink import shrink, shrink_draw, shrink_factor
from seglib.data.readers import to_gray
from seglib.data.sample import Sample
from seglib.exceptions import InputError
from seglib.training.draws import Normalise, seen

INVALID = 65535  # in a label map: a pixel left out of every count
INSIDE, OUTLINE, OUTSIDE, GRID = 1, 2, 4, 8  # bits of a mark map: in a cell, its outline, not valid, a grid line
MAX_PREVIEW_PIXELS = 20_000_000
MAX_WHOLE_SIDE = 640  # of a whole picture in a preview: larger ones are shown shrunk, and the header says by how much


def window(image: np.ndarray) -> tuple[float, float]:
    """Values of to_gray(image) shown as black and as white: the range of 8 bits, else percentiles 0.1 and 99.9."""
    if image.dtype == np.uint8:
        return 0.0, 1.0
    gray = to_gray(image)
    low, high = (float(v) for v in np.percentile(gray, (0.1, 99.9)))
    return (low, high) if high > low else (low, low + 1.0)


def to_bytes(gray: np.ndarray, low: float, high: float) -> np.ndarray:
    """(H, W) float -> uint8, low = 0 and high = 255, clipped."""
    scaled = (gray - low) * (255.0 / (high - low)) + 0.5
    return np.clip(scaled, 0, 255).astype(np.uint8)


def shown(image: np.ndarray) -> np.ndarray:
    """(H, W) uint8: the image as it stands on screen."""
    if image.dtype == np.uint8 and image.ndim == 2:
        return image
    return to_bytes(to_gray(image), *window(image))


def png(pixels: np.ndarray) -> bytes:
    """Lossless PNG of (H, W) or (H, W, 3 BGR) uint8."""
    ok, encoded = cv2.imencode(".png", pixels)
    if not ok:
        raise InputError(f"an image of shape {pixels.shape} cannot be written as PNG.")
    return encoded.tobytes()


def thumbnail(sample: Sample, size_px: int, outlined: bool) -> bytes:
    """PNG, the longer side `size_px`; with `outlined` the cells' outlines in green."""
    gray = shown(sample.image)
    height, width = gray.shape
    scale = size_px / max(height, width)
    small = (max(1, round(width * scale)), max(1, round(height * scale)))
    gray = cv2.resize(gray, small, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_NEAREST)
    if not outlined or not sample.labels.any():
        return png(gray)
    labels = cv2.resize(sample.labels.astype(np.float32), small, interpolation=cv2.INTER_NEAREST)
    colour = cv2.cvtColor(gray, cv2.COLOR_GRAY2BGR)
    colour[outline(labels)] = (115, 158, 0)  # #009E73 as BGR
    return png(colour)


def outline(labels: np.ndarray) -> np.ndarray:
    """(H, W) bool: pixels of a cell that touch, by an edge, a pixel of another cell or of the background."""
    edge = np.zeros(labels.shape, bool)
    down, right = labels[1:] != labels[:-1], labels[:, 1:] != labels[:, :-1]
    edge[1:] |= down
    edge[:-1] |= down
    edge[:, 1:] |= right
    edge[:, :-1] |= right
    return edge & (labels > 0)


def label_map(sample: Sample) -> bytes:
    """zlib of (H, W) uint16 little-endian: 0 background, a number a cell, INVALID where `valid` is False."""
    labels = sample.labels
    if labels.max(initial=0) >= INVALID:  # ids may be any number; here only "same or another cell" matters
        labels = np.unique(labels, return_inverse=True)[1].reshape(labels.shape) + int(labels.min() > 0)
    coded = labels.astype("<u2")
    coded[~sample.valid] = INVALID
    return zlib.compress(coded.tobytes(), level=1)


def marks(labels: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """(H, W) uint8 of the bits INSIDE, OUTLINE, OUTSIDE."""
    mark = (labels > 0).view(np.uint8)  # INSIDE is 1; all in bytes, for the preview draws eight of these a slider step
    mark |= outline(labels).view(np.uint8) * np.uint8(OUTLINE)
    mark |= (~valid).view(np.uint8) * np.uint8(OUTSIDE)
    return mark


def pack(header: dict[str, Any], *blobs: bytes) -> bytes:
    """uint32 length of the header, the header as JSON, then the blobs; header["parts"] holds their lengths."""
    text = json.dumps({**header, "parts": [len(blob) for blob in blobs]}, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 4)
    return struct.pack("<I", len(text)) + text + b"".join(blobs)


@dataclass(frozen=True)
class Original:
    """What every preview of one image shares. sample: normalised; small: the same, shrunk by `factor` for the screen.

    low, high: the normalised values shown as black and as white. layers: grey and marks of `small`, as sent.
    """

    sample: Sample
    small: Sample
    factor: int
    low: float
    high: float
    layers: tuple[bytes, bytes]


def original(sample: Sample, normalisation: str) -> Original:
    """The window is a fifth wider than the picture's own range, so that brightness and contrast changes are seen."""
    sample = Normalise(normalisation)(sample)
    low, high = (float(v) for v in np.percentile(sample.image, (0.1, 99.9)))
    margin = 0.1 * (high - low) if high > low else 0.5
    factor = shrink_factor(sample.image.shape, MAX_WHOLE_SIDE)
    small, low, high = shrink(sample, factor), low - margin, high + margin
    layers = to_bytes(small.image, low, high).tobytes(), marks(small.labels, small.valid).tobytes()
    return Original(sample, small, factor, low, high, layers)


def augmented(
    first: Original, index: int, recipe: Recipe, seed: int, n: int, crop_px: int | None, grid: bool = False
) -> bytes:
    """The original and `n` samples, packed; sample i is drawn by the trainer's code from generator(seed, i, index).

    crop_px: crops in full resolution, exactly what a network sees; None = the whole picture, shrunk if it is large.
    grid: also a grid of straight lines, bent like the picture; about sixteen a picture, eight a crop.
    Header: {n, original: [h, w], full: [h, w], factor, height, width, low, high, warnings, parts}; the parts are grey
    and marks (uint8) in turn, original first, all in one window of grey values.
    Raises InputError where that is more than a browser should be sent.
    """
    height, width = (crop_px, crop_px) if crop_px else first.small.image.shape
    if n * height * width > MAX_PREVIEW_PIXELS:
        raise InputError(f"{n} samples of {height} × {width} px are too many pixels to preview; choose a smaller crop.")
    part = first.sample if crop_px else first.small
    lines = _grid_lines(part.image.shape, crop_px // 8 if crop_px else round(max(height, width) / 16)) if grid else None
    blobs = list(first.layers)
    if grid and not crop_px:  # on a whole wide field the grid of its crops would be too fine
        blobs[1] = (np.frombuffer(blobs[1], np.uint8) | _grid_marks(lines).ravel()).tobytes()
    for epoch in range(n):
        drawn = _drawn(first, recipe, generator(seed, epoch, index), crop_px, lines)
        mark = marks(drawn.labels, drawn.valid)
        if grid:
            mark |= _grid_marks(drawn.weights)
        blobs += [to_bytes(drawn.image, first.low, first.high).tobytes(), mark.tobytes()]
    header = {
        "n": n,
        "original": list(first.small.image.shape),
        "full": list(first.sample.image.shape),
        "factor": first.factor,
        "height": height,
        "width": width,
        "low": first.low,
        "high": first.high,
        "warnings": recipe.warnings(),
    }
    return pack(header, *blobs)


def _drawn(
    first: Original, recipe: Recipe, rng: np.random.Generator, crop_px: int | None, lines: np.ndarray | None
) -> Augmented:
    if crop_px or first.factor == 1:
        return seen(first.sample, recipe, rng, crop_px, lines)
    height, width = first.sample.image.shape
    draw = shrink_draw(recipe_draw(recipe, rng, odd_turns=height == width), first.factor)
    return apply(draw, first.small.image, first.small.labels, first.small.valid, weights=lines)


def _grid_marks(lines: np.ndarray) -> np.ndarray:
    return (lines > 0.5).view(np.uint8) * np.uint8(GRID)


@lru_cache(maxsize=4)
def _grid_lines(shape: tuple[int, int], spacing_px: int) -> np.ndarray:
    """(H, W) float32: 1 on lines through the middle and every `spacing_px` from it, 0 between."""
    spacing_px = max(4, spacing_px)
    thick = max(1, round(spacing_px / 20))
    on_line = [(np.arange(side) - side // 2) % spacing_px < thick for side in shape]
    return (on_line[0][:, None] | on_line[1][None, :]).astype(np.float32)
