"""Crop files: a wrong region with what stands around it as PNG, once as it was taken and once with what is wrong.

The raw crop has the grey values of the image as they are, 8 or 16 bits, one picture pixel a pixel; RGB becomes
luminance, float values are spread over 16 bits from the lowest to the highest of the whole image. The overlay is
enlarged by a whole number, stretched from the darkest to the brightest 0.5 % of the image, with false positives orange,
misses blue, the outline of the truth green and the region meant in a white frame.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from seglib.data.readers import to_gray
from seglib.data.sample import Sample
from seglib.errors.colours import KIND_COLOURS
from seglib.images import write_png
from seglib.metrics import foreground

AROUND, LEAST_PX = 2.2, 40  # a crop is so many times as large as its region, and at least this large
OVERLAY_PX = 240  # about the side of an overlay
_OPACITY = 0.6
Box = tuple[int, int, int, int]  # row, col, height, width


def window(box: Box, shape: tuple[int, ...]) -> tuple[slice, slice]:
    """A square around the box (row, col, height, width) with room about it, moved and cut to lie in the image."""
    row, col, height, width = box
    side = max(LEAST_PX, round(AROUND * max(height, width)))
    slices = []
    for start, length, limit in ((row, height, shape[0]), (col, width, shape[1])):
        low = min(max(0, start + length // 2 - side // 2), max(0, limit - side))
        slices.append(slice(low, min(limit, low + side)))
    return slices[0], slices[1]


class Crops:
    """Cuts of one image and its prediction q (H, W) uint8."""

    def __init__(self, sample: Sample, q: np.ndarray, threshold: float):
        self.sample, self.raw = sample, raw_grey(sample.image)
        low, high = np.percentile(self.raw, (0.5, 99.5))
        scaled = (self.raw.astype(np.float32) - low) * (255 / max(high - low, 1e-9))
        self.shown = np.clip(scaled, 0, 255).astype(np.uint8)
        predicted = foreground(q, threshold)
        self.fp, self.fn = predicted & ~sample.mask & sample.valid, sample.mask & ~predicted & sample.valid

    def write(self, box: Box, raw: Path, overlay: Path) -> tuple[slice, slice]:
        """Both pictures of one region; the window that they show."""
        cut = window(box, self.raw.shape)
        write_png(raw, np.ascontiguousarray(self.raw[cut]))
        write_png(overlay, self.overlay(box, cut))
        return cut

    def overlay(self, box: Box, cut: tuple[slice, slice]) -> np.ndarray:
        """(h, w, 3) uint8, BGR."""
        scale = max(1, OVERLAY_PX // max(part.stop - part.start for part in cut))
        picture = np.repeat(self.shown[cut][..., None], 3, axis=2).astype(np.float32)
        for wrong, name in ((self.fp, "fp"), (self.fn, "fn")):
            picture[wrong[cut]] = (1 - _OPACITY) * picture[wrong[cut]] + _OPACITY * _bgr(name)
        large = np.kron((picture + 0.5).astype(np.uint8), np.ones((scale, scale, 1), np.uint8))
        labels = np.kron(self.sample.labels[cut], np.ones((scale, scale), np.int32))
        exact, around = labels.astype(np.float32), np.ones((3, 3), np.uint8)
        large[(labels > 0) & (cv2.erode(exact, around) != cv2.dilate(exact, around))] = _bgr("tp")
        self._frame(large, box, cut, scale)
        return large

    def _frame(self, picture: np.ndarray, box: Box, cut: tuple[slice, slice], scale: int) -> None:
        row, col, height, width = box
        top, left = (row - cut[0].start) * scale, (col - cut[1].start) * scale
        bottom, right = top + height * scale, left + width * scale
        for room, value in ((4, (20, 20, 20)), (3, (255, 255, 255))):
            cv2.rectangle(picture, (left - room, top - room), (right + room, bottom + room), value, 1)


def raw_grey(image: np.ndarray) -> np.ndarray:
    """(H, W) uint8 or uint16 of an image as read."""
    if image.ndim == 2 and image.dtype in (np.uint8, np.uint16):
        return image
    grey = to_gray(image)
    if image.dtype in (np.uint8, np.uint16):
        return np.rint(grey * np.iinfo(image.dtype).max).astype(image.dtype)
    low, high = float(grey.min()), float(grey.max())
    return np.rint((grey - low) * (65535 / max(high - low, 1e-30))).astype(np.uint16)


def _bgr(name: str) -> np.ndarray:
    colour = KIND_COLOURS[name]
    return np.array([int(colour[i : i + 2], 16) for i in (5, 3, 1)], np.float32)
