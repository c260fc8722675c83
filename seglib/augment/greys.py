"""Greys: what a draw leaves of a picture's grey values: its range, and the step at the outlines of cells.

Measured on the picture without normalisation. Every change of grey values is relative to the picture's own levels, so
that the methods which only shift and stretch (none, minmax, zscore, background) give the same figures.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from seglib.augment.intensity import Levels, levels

# The step is between a ring inside the outline and one outside, each of this width
RING_PX = 2
# A mean step below this share of the grey range says too little about how well an outline is seen
_LEAST_STEP = 0.02
_KERNEL = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * RING_PX + 1, 2 * RING_PX + 1))


@dataclass(frozen=True)
class Own:
    """What a picture had before: its least and largest value, its levels, the limits of its type (None for float),
    and step and noise at its outlines (NaN without cells)."""

    lowest: float
    highest: float
    levels: Levels
    limits: tuple[float, float] | None
    step: float
    noise: float


@dataclass(frozen=True)
class Greys:
    """Of one draw. beyond: share of the pixels darker or lighter than every pixel of the picture before.

    clipped: share beyond the limits of the picture's type, which a camera would have cut off (NaN for float).
    low, high: 1st and 99th percentile, where those of the picture before are 0 and 1.
    contrast: step at the outlines after ÷ before. visibility: the same of step ÷ noise. NaN where there is no step.
    """

    beyond: float
    clipped: float
    low: float
    high: float
    contrast: float
    visibility: float


def own(
    image: np.ndarray,
    mask: np.ndarray,
    valid: np.ndarray,
    limits: tuple[float, float] | None,
    whole: Own | None = None,
) -> Own:
    """image (H, W) float32 as from `readers.to_gray`; mask, valid (H, W) bool.

    whole: of the picture that `image` is a part of; least and largest value are then those of the picture.
    """
    step, noise = _step(image, mask, valid)
    black_white = levels(image)
    if not abs(step) >= _LEAST_STEP * black_white.range:
        step = float("nan")
    if whole is not None:
        return Own(whole.lowest, whole.highest, black_white, limits, step, noise)
    return Own(float(image.min()), float(image.max()), black_white, limits, step, noise)


def greys(image: np.ndarray, mask: np.ndarray, valid: np.ndarray, before: Own) -> Greys:
    """An augmented picture (H, W) float32 against what it had `before`; every second row and column for the
    shares, every fourth for the percentiles."""
    part = image[::2, ::2]
    low, high = (float(v) for v in np.percentile(image[::4, ::4], (1, 99)))
    # what is computed in float32 may miss the last bit of a value that did not change
    slack = 1e-5 * before.levels.range
    beyond = np.count_nonzero((part < before.lowest - slack) | (part > before.highest + slack)) / part.size
    clipped = float("nan")
    if before.limits:
        clipped = np.count_nonzero((part < before.limits[0] - slack) | (part > before.limits[1] + slack)) / part.size
    step, noise = _step(image, mask, valid) if np.isfinite(before.step) else (float("nan"),) * 2
    contrast = step / before.step
    return Greys(
        beyond=float(beyond),
        clipped=float(clipped),
        low=(low - before.levels.low) / before.levels.range,
        high=(high - before.levels.low) / before.levels.range,
        contrast=contrast,
        visibility=contrast * before.noise / noise if noise > 0 and before.noise > 0 else float("nan"),
    )


def _step(image: np.ndarray, mask: np.ndarray, valid: np.ndarray) -> tuple[float, float]:
    """(mean just inside the outlines - mean just outside, standard deviation just outside); NaN where there is none."""
    cells = mask.view(np.uint8)
    inner = cv2.bitwise_and(cells, 1 - cv2.erode(cells, _KERNEL))
    outer = cv2.bitwise_and(cv2.dilate(cells, _KERNEL), 1 - cells)
    if not valid.all():
        inner, outer = (cv2.bitwise_and(ring, valid.view(np.uint8)) for ring in (inner, outer))
    if not inner.any() or not outer.any():
        return float("nan"), float("nan")
    middle, deviation = cv2.meanStdDev(image, mask=outer)
    return cv2.mean(image, inner)[0] - float(middle[0, 0]), float(deviation[0, 0])
