"""Grey values of a draw: gamma, contrast, brightness, uneven light, blur and grain.

All work relative to the picture's own levels, so that they mean the same after any normalisation.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

from seglib.augment.draw import Draw
from seglib.augment.field import between_blocks, block_centres, block_side, smooth_fields
from seglib.augment.warp import Window

# Levels are read from about this many pixels on a regular grid
_N_PIXELS = 16_384


@dataclass(frozen=True)
class Levels:
    """What counts as black, middle and white in a picture; high > low."""

    low: float
    middle: float
    high: float

    @property
    def range(self) -> float:
        return self.high - self.low


def levels(image: np.ndarray) -> Levels:
    """1st, 50th and 99th percentile of `image` (H, W), read from some 16 000 pixels on a regular grid.

    Where the first and the last agree, the smallest and the largest value take their place; of a constant picture the
    range is 1.
    """
    step = max(1, int(math.sqrt(image.size / _N_PIXELS)))
    low, middle, high = (float(v) for v in np.percentile(image[::step, ::step], (1, 50, 99)))
    if high <= low:
        low, high = float(image.min()), float(image.max())
    if high <= low:
        high = low + 1.0
    return Levels(low, middle, high)


def blur_margin(draw: Draw) -> int:
    """How far beyond a window pixels are needed so that its blur is that of the whole picture."""
    return math.ceil(4 * draw.blur_sigma_px) if draw.blur_sigma_px > 0 else 0


def change_intensity(
    image: np.ndarray, draw: Draw, black_white: Levels, window: Window, shape: tuple[int, int]
) -> np.ndarray:
    """The window of the picture with the draw's grey values.

    image: (height + 2m, width + 2m) float32, the window with a margin of m = `blur_margin(draw)`.
    shape: (H, W) of the whole picture, which uneven light is measured by.
    Returns (height, width) float32. Grain is drawn for the window; all else is that of the whole picture.
    """
    margin = blur_margin(draw)
    out = _tone(image, draw, black_white)
    if draw.background:
        out = out + _uneven_light(draw, draw.background * black_white.range, window.grown(margin), shape)
    if margin:
        out = cv2.GaussianBlur(out, (2 * margin + 1, 2 * margin + 1), draw.blur_sigma_px, borderType=cv2.BORDER_REFLECT)
        out = out[margin:-margin, margin:-margin]
    if draw.noise:
        grain = np.random.Generator(np.random.Philox(draw.noise_seed)).standard_normal(out.shape, dtype=np.float32)
        out = out + grain * np.float32(draw.noise * black_white.range)
    return np.ascontiguousarray(out, dtype=np.float32)


def _tone(image: np.ndarray, draw: Draw, black_white: Levels) -> np.ndarray:
    """Gamma between black and white, contrast about the middle, then brightness."""
    out, width = image, np.float32(black_white.range)
    if draw.gamma != 1:
        share = (out - np.float32(black_white.low)) / width
        # values below black are bent like their mirror image: monotone and finite
        out = np.sign(share) * np.abs(share) ** np.float32(draw.gamma) * width + np.float32(black_white.low)
    if draw.contrast != 1:
        middle = np.float32(black_white.middle)
        out = middle + (out - middle) * np.float32(draw.contrast)
    if draw.brightness:
        out = out + np.float32(draw.brightness) * width
    return out


def _uneven_light(draw: Draw, deviation: float, window: Window, shape: tuple[int, int]) -> np.ndarray:
    sigma_px = max(draw.background_width * max(shape), 1.0)
    side = block_side(sigma_px)
    rows, cols = block_centres(window.row, window.height, side), block_centres(window.col, window.width, side)
    middle = ((shape[0] - 1) / 2, (shape[1] - 1) / 2)
    coarse = smooth_fields(draw.background_seed, deviation, sigma_px, rows, cols, middle)[0]
    light = np.empty((window.height, window.width), np.float32)
    between_blocks(coarse, (window.row, window.col), side, light)
    return light
