"""From a sample and a recipe to what the network sees. Preview and training both call this."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from seglib.augment.draw import Draw, recipe_draw
from seglib.augment.intensity import Levels, blur_margin, change_intensity, levels
from seglib.augment.recipe import Recipe
from seglib.augment.scratch import scratch
from seglib.augment.warp import Geometry, Window, pick, remap
from seglib.exceptions import InputError


@dataclass(frozen=True)
class Augmented:
    """image (h, w) float32, labels (h, w) int32, valid (h, w) bool, weights (h, w) float32 or None.

    draw and window say what was done and which part of the plane this is.
    """

    image: np.ndarray
    labels: np.ndarray
    valid: np.ndarray
    weights: np.ndarray | None
    draw: Draw
    window: Window


def generator(seed: int, epoch: int, index: int) -> np.random.Generator:
    """The random numbers of draw `index` of `epoch`: a function of these three alone, whoever computes it and when."""
    return np.random.Generator(np.random.Philox(np.random.SeedSequence((seed, epoch, index))))


def augment(
    image: np.ndarray,
    labels: np.ndarray,
    valid: np.ndarray,
    recipe: Recipe,
    rng: np.random.Generator,
    crop: tuple[int, int] | None = None,
    weights: np.ndarray | None = None,
    black_white: Levels | None = None,
) -> Augmented:
    """One random draw from `recipe`.

    image: (H, W) float32, already normalised. labels: (H, W) int32. valid: (H, W) bool. weights: (H, W) float32.
    Types that these hold exactly, such as uint8, are taken as them.
    crop: (height, width) to cut at a random place; only that window is computed. A picture smaller than it is padded
    with valid False. None = the picture's own size; a picture that is not square is then turned by 180° only.
    black_white: levels(image), where the caller knows them already.
    Labels hold only ids of `labels` and 0. valid is False wherever a pixel shows no valid pixel of the picture.

    Raises InputError for arrays that differ in shape, a crop below 1 px, and an image that is not finite.
    """
    if crop is not None and min(crop) < 1:
        raise InputError(f"crop is {crop[0]} × {crop[1]} px; it must be at least 1 × 1.")
    draw = recipe_draw(recipe, rng, odd_turns=crop is not None or image.shape[0] == image.shape[1])
    places = rng.random(2)
    window = None if crop is None else crop_window(Geometry(image.shape, draw), crop, places)
    return apply(draw, image, labels, valid, window, weights, black_white)


def crop_window(geometry: Geometry, crop: tuple[int, int], places: np.ndarray) -> Window:
    """The window of size `crop` at `places`, two numbers from 0 to 1.

    Its middle is drawn in the picture before rotation and scale and goes where they take it, so that a crop never lies
    in a corner that the rotation left empty.
    """
    corner = [
        int(np.floor(min(side - size, 0) + p * (abs(side - size) + 1)))
        for side, size, p in zip(geometry.canvas, crop, places)
    ]
    half = (np.array(crop) - 1) / 2
    row, col = np.rint(geometry.on_plane(np.array(corner) + half) - half).astype(int)
    return Window(int(row), int(col), int(crop[0]), int(crop[1]))


def apply(
    draw: Draw,
    image: np.ndarray,
    labels: np.ndarray,
    valid: np.ndarray,
    window: Window | None = None,
    weights: np.ndarray | None = None,
    black_white: Levels | None = None,
) -> Augmented:
    """Exactly `draw`, on `window` of the plane (None = the picture's own size about its middle).

    For the rest see `augment`.
    """
    _check(image, labels, valid, weights)
    # what comes out is float32 whatever came in, and cv2 reads no half floats and no foreign byte order
    image = image.astype(np.float32, copy=False)
    weights = None if weights is None else weights.astype(np.float32, copy=False)
    geometry = Geometry(image.shape, draw)
    window = geometry.frame if window is None else window
    if black_white is None and (draw.changes_intensity or draw.border == "constant"):
        black_white = levels(image)
    image, labels, valid, weights = _move(geometry, window, image, labels, valid, weights, black_white)
    if draw.changes_intensity:
        image = change_intensity(image, draw, black_white, window, geometry.shape)
    if not np.isfinite(image).all():
        raise InputError("the image holds NaN or infinite values; find them with `python -m seglib check`.")
    return Augmented(image, labels, valid, weights, draw, window)


def _move(
    geometry: Geometry,
    window: Window,
    image: np.ndarray,
    labels: np.ndarray,
    valid: np.ndarray,
    weights: np.ndarray | None,
    black_white: Levels | None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray | None]:
    """All arrays in their new place; the image with the margin that its blur needs."""
    draw, margin = geometry.draw, blur_margin(geometry.draw)
    wide = window.grown(margin)
    # linear: no overshoot at bright rims. Of the fine detail (Laplacian) of a rotated colony frame it leaves 73 %;
    # cubic leaves 88 % and takes a millisecond more at 512²
    jobs = [
        (image, cv2.INTER_LINEAR, draw.border, black_white.middle if draw.border == "constant" else 0.0),
        # as float32 only in name: nearest moves bits, and cv2 moves those of float32 twice as fast as those of int32
        (np.ascontiguousarray(labels, dtype=np.int32).view(np.float32), cv2.INTER_NEAREST, draw.border, 0),
        (valid.view(np.uint8), cv2.INTER_NEAREST, "constant", 0),
    ]
    if weights is not None:
        jobs.append((weights, cv2.INTER_LINEAR, draw.border, 0))
    if draw.interpolates:
        maps = geometry.map(wide, scratch("maps", (2, wide.height, wide.width)))
        out = [remap(array, maps, method, border, fill) for array, method, border, fill in jobs]
    else:
        out = [pick(array, geometry, wide, border, fill) for array, _, border, fill in jobs]
    image, *others = out
    if margin:
        others = [np.ascontiguousarray(array[margin:-margin, margin:-margin]) for array in others]
    return image, others[0].view(np.int32), others[1].view(bool), others[2] if len(others) > 2 else None


def _check(image: np.ndarray, labels: np.ndarray, valid: np.ndarray, weights: np.ndarray | None) -> None:
    named = {"image": (image, np.float32), "labels": (labels, np.int32), "valid": (valid, np.bool_)}
    if weights is not None:
        named["weights"] = weights, np.float32
    for name, (array, wanted) in named.items():
        if array.ndim != 2 or array.shape != image.shape:
            raise InputError(f"{name} has shape {array.shape}; it must be (height, width), as the image {image.shape}.")
        if not np.can_cast(array.dtype, wanted):
            raise InputError(f"{name} is {array.dtype}; it must be {np.dtype(wanted).name}.")
