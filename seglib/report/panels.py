"""Panels: one image as picture, truth, prediction and error map, in the Errors page's colours; reduced if large."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from seglib.data.readers import to_gray
from seglib.data.sample import Sample
from seglib.errors.regions import decode
from seglib.metrics import Counts, count, foreground
from seglib.report.style import FN, FP, GREY, TP, YELLOW

LEGEND = {"right": TP, "false positive": FP, "miss (false negative)": FN}  # in the words of the Errors page
PREDICTED = {"outline of the prediction": YELLOW}
MAX_PX = 420  # long side of a panel; a report of 2048² images would weigh a hundred megabytes


@dataclass(frozen=True)
class Seen:
    """An image with its prediction: gray 0 to 1, labels, valid and q of one size, and the counts at the threshold."""

    name: str
    gray: np.ndarray
    mask: np.ndarray
    valid: np.ndarray
    q: np.ndarray
    threshold: float

    @property
    def counts(self) -> Counts:
        return count(self.q, self.mask, self.valid, self.threshold)

    @property
    def predicted(self) -> np.ndarray:
        return foreground(self.q, self.threshold)


def seen(sample: Sample, q: np.ndarray, threshold: float) -> Seen:
    return Seen(sample.name, stretched(to_gray(sample.image)), sample.mask, sample.valid, q, threshold)


def stretched(gray: np.ndarray) -> np.ndarray:
    """(H, W) to 0 … 1 between its 0.5th and 99.5th percentile: 16-bit images are dark otherwise."""
    low, high = (float(v) for v in np.percentile(gray, (0.5, 99.5)))
    return np.clip((gray - low) / (high - low), 0, 1) if high > low else np.full(gray.shape, 0.5, np.float32)


def image(view: Seen) -> np.ndarray:
    return _reduced(_rgb(view.gray))


def truth(view: Seen) -> np.ndarray:
    return outlined(view.gray, view.mask, TP)


def prediction(view: Seen) -> np.ndarray:
    return outlined(view.gray, view.predicted, YELLOW)


def probability(view: Seen) -> np.ndarray:
    """q as it is, black = background, white = cell: crisp or blurred edges show."""
    return _reduced(_rgb(view.q / 255.0))


def errors(view: Seen) -> np.ndarray:
    """False positives orange, misses sky blue, right pixels a veil of green, what does not count grey."""
    picture = 0.75 * _rgb(view.gray)
    valid, mask, predicted = view.valid, view.mask, view.predicted
    _paint(picture, mask & predicted & valid, TP, 0.3)
    _paint(picture, predicted & ~mask & valid, FP, 0.95)
    _paint(picture, mask & ~predicted & valid, FN, 0.95)
    _paint(picture, ~valid, GREY, 0.6)
    return _reduced(picture)


def outlined(gray: np.ndarray, mask: np.ndarray, colour: str) -> np.ndarray:
    """The image under the outline of a mask, as wide as can be seen in the reduced picture."""
    picture = _rgb(gray)
    wide = max(1, round(max(gray.shape) / MAX_PX))
    _paint(picture, _rim(mask, wide), colour, 1.0)
    return _reduced(picture)


def cropped(view: Seen, box: tuple[int, int, int, int]) -> Seen:
    """What lies in the box (top, left, bottom, right), in px."""
    top, left, bottom, right = box
    parts = (a[top:bottom, left:right] for a in (view.gray, view.mask, view.valid, view.q))
    return Seen(view.name, *parts, view.threshold)


def with_region(view: Seen, row: Any, box: tuple[int, int, int, int]) -> np.ndarray:
    """The cut-out image under the drawn outline and the outline of one wrong region (a row of `recurrent`)."""
    region = np.zeros(view.mask.shape, bool)
    region[row.row : row.row + row.height, row.col : row.col + row.width] = decode(row.rle, row.height, row.width)
    top, left, bottom, right = box
    place = np.s_[top:bottom, left:right]
    picture = _rgb(view.gray[place])
    _paint(picture, _rim(view.mask[place]), TP, 0.9)
    _paint(picture, _rim(region[place]), FP if row.kind == "fp" else FN, 1.0)
    return _reduced(picture)


def _rim(mask: np.ndarray, wide: int = 1) -> np.ndarray:
    """The pixels of a mask beside its edge."""
    inner = cv2.erode(mask.astype(np.uint8), np.ones((3, 3), np.uint8), iterations=wide, borderValue=1)
    return mask & (inner == 0)


def _rgb(gray: np.ndarray) -> np.ndarray:
    return np.repeat(np.asarray(gray, np.float32)[..., None], 3, axis=2)


def _paint(picture: np.ndarray, where: np.ndarray, colour: str, opacity: float) -> None:
    rgb = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)], np.float32)
    picture[where] = (1 - opacity) * picture[where] + opacity * rgb


def _reduced(picture: np.ndarray) -> np.ndarray:
    """uint8, at most MAX_PX on the long side (mean of the pixels)."""
    height, width = picture.shape[:2]
    scale = MAX_PX / max(height, width)
    if scale < 1:
        size = max(1, round(width * scale)), max(1, round(height * scale))
        picture = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    return np.clip(np.floor(255 * picture + 0.5), 0, 255).astype(np.uint8)
