"""Likeness: how much two pictures show the same scene, so that copies and frames of one movie are found.

Thumbnails alone say 0.999 of an honest split: the optics are the same in every picture. Here what is common is taken
away first. A picture becomes its structure at the size of cells (band-pass), with equal weight everywhere (divided by
the local contrast, without what lies outside an eyepiece), minus the mean of the data set; its mask becomes the share
of cell pixels in each block, minus the mean. Two pictures are as alike as the less alike of the two: optics cannot make
cells stand at the same places, and a single cell in the middle cannot make the pictures agree.

Measured: between different movies or fields, at most 0.28 (colony), 0.25 (brightfield, by the picture alone 0.76), 0.19
(baby), 0.44 (200 demo pictures); consecutive frames 0.69 or more, median 0.93 (colony), 0.60 and 0.73 (baby); the same
picture as JPEG of quality 50, brightened or moved by 1 px of 256: 0.82 or more.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

WORK_PX = 128  # longer side of the picture while its structure is taken; smaller ones are not enlarged
GRID = 24  # blocks on each side that a picture and its mask are described by
FINE_PX, COARSE_PX, LOCAL_PX = 1.5, 4.5, 6.0  # Gaussians of the band-pass and of the local contrast
SURROUND_SHARE, SURROUND_LEVEL, SURROUND_PX = 0.02, 0.25, 5
BLANK = 0.01  # a description with no value above it is of a picture without structure
BLOCK = 2048  # pictures compared at a time: 16 MB a matrix

Pairs = Callable[[np.ndarray, np.ndarray], np.ndarray]


def describe(gray: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """gray (H, W) float32, valid (H, W) bool -> (GRID²,) float16: its structure at the size of cells, 0 = none."""
    gray, weight = _small(gray, valid)
    band = _structure(gray, weight, FINE_PX, COARSE_PX, LOCAL_PX)
    return cv2.resize(band, (GRID, GRID), interpolation=cv2.INTER_AREA).ravel().astype(np.float16)


def layout(mask: np.ndarray) -> np.ndarray:
    """mask (H, W) bool -> (GRID²,) uint8: share of cell pixels in each block, 255 = all."""
    share = cv2.resize(mask.astype(np.float32), (GRID, GRID), interpolation=cv2.INTER_AREA)
    return np.rint(255 * share).ravel().astype(np.uint8)


def _small(gray: np.ndarray, valid: np.ndarray, most_px: int = WORK_PX) -> tuple[np.ndarray, np.ndarray]:
    """The picture and its weight (0 where nothing is to be compared), at most `most_px` on the longer side."""
    scale = most_px / max(gray.shape)
    weight = valid.astype(np.float32)
    if scale < 1:
        size = max(1, round(gray.shape[1] * scale)), max(1, round(gray.shape[0] * scale))
        gray, weight = (cv2.resize(x, size, interpolation=cv2.INTER_AREA) for x in (gray, weight))
    outside = _surround(gray) | (weight < 1)
    if outside.any():
        reach = np.ones((2 * SURROUND_PX + 1,) * 2, np.uint8)
        outside = cv2.dilate(outside.astype(np.uint8), reach) > 0
    return gray, (~outside).astype(np.float32)


def _surround(gray: np.ndarray) -> np.ndarray:
    """(H, W) bool: the dark field around what an eyepiece or a stop lets through; it reaches a corner."""
    dark = cv2.blur(gray, (3, 3)) < SURROUND_LEVEL * np.percentile(gray, 75)
    if not dark.any():
        return dark
    _, patches, stats, _ = cv2.connectedComponentsWithStats(dark.astype(np.uint8), connectivity=4)
    corners = {int(patches[row, col]) for row in (0, -1) for col in (0, -1)} - {0}
    large = [patch for patch in corners if stats[patch, cv2.CC_STAT_AREA] > SURROUND_SHARE * gray.size]
    outside = np.isin(patches, large)
    return outside if outside.mean() < 0.6 else np.zeros_like(outside)  # a dark picture is not all surround


def _structure(gray: np.ndarray, weight: np.ndarray, fine: float, coarse: float, local: float) -> np.ndarray:
    """(H, W) float32 in -2…2: band-pass of `gray`, divided by its local contrast, 0 where `weight` is."""
    whole = bool(weight.all())

    def blur(values: np.ndarray, sigma: float) -> np.ndarray:
        if whole:
            return cv2.GaussianBlur(values, (0, 0), sigma, borderType=cv2.BORDER_REFLECT_101)
        return blurred(values * weight, sigma) / np.maximum(blurred(weight, sigma), 1e-3)

    def blurred(values: np.ndarray, sigma: float) -> np.ndarray:
        return cv2.GaussianBlur(values, (0, 0), sigma, borderType=cv2.BORDER_REFLECT_101)

    if not weight.any():
        return np.zeros_like(gray)
    band = (blur(gray, fine) - blur(gray, coarse)) * weight
    rounding = 1e-4 * float(np.abs(gray).max()) + 1e-12
    floor = 3 * float(np.median(np.abs(band[weight > 0]))) + rounding  # noise is not made as strong as cells
    band = np.clip(band, -8 * floor, 8 * floor)
    band /= np.sqrt(blur(band * band, local)) + floor
    return np.clip(band * weight, -2, 2)


@dataclass(frozen=True)
class Alike:
    """Nearest neighbours: of each row asked for, the number of the picture most like it (-1 = none) and how alike."""

    index: np.ndarray
    likeness: np.ndarray


class Lineup:
    """Descriptions of all pictures of a data set, 1.7 KB each, and who is most like whom.

    `add` in any order; numbers below are positions in the order of adding.
    """

    def __init__(self) -> None:
        self._images: list[np.ndarray] = []
        self._masks: list[np.ndarray | None] = []

    def add(self, gray: np.ndarray, mask: np.ndarray | None, valid: np.ndarray) -> None:
        self._images.append(describe(gray, valid))
        self._masks.append(None if mask is None else layout(mask))

    def compared(self) -> Comparison:
        return Comparison(self._images, self._masks)


class Comparison:
    """Unit vectors of every picture and mask after the mean of the data set is taken away.

    The mean is shrunk by n / (n + 2): of two pictures alone, all would be common. has_cells: of pictures whose mask
    marks a cell; masked: of pictures with a mask.
    """

    def __init__(self, images: Sequence[np.ndarray], masks: Sequence[np.ndarray | None]):
        nothing = np.zeros(GRID * GRID, np.uint8)
        self.masked = np.array([mask is not None for mask in masks], bool)
        self.has_cells = np.array([mask is not None and bool(mask.any()) for mask in masks], bool)
        self._images = _units(np.array(images, np.float32).reshape(-1, GRID * GRID), None)
        layouts = np.array([nothing if mask is None else mask for mask in masks], np.float32)
        self._masks = _units(layouts.reshape(-1, GRID * GRID), self.masked)

    def likeness(self, rows: np.ndarray, cols: np.ndarray, picture_only: bool = False) -> np.ndarray:
        """(len(rows), len(cols)) float32 in -1…1; `picture_only`: as if there were no masks."""
        pictures = self._images[rows] @ self._images[cols].T
        if picture_only:
            return pictures
        masks = self._masks[rows] @ self._masks[cols].T
        masks[~self.masked[rows][:, None] | ~self.masked[cols]] = 1  # nothing is known
        masks[(self.masked & ~self.has_cells)[rows][:, None] & (self.masked & ~self.has_cells)[cols]] = 1
        return np.minimum(pictures, masks)

    def of_pairs(self, rows: np.ndarray, cols: np.ndarray) -> np.ndarray:
        """(n,) likeness of rows[i] and cols[i]."""
        pictures = np.einsum("ij,ij->i", self._images[rows], self._images[cols])
        masks = np.einsum("ij,ij->i", self._masks[rows], self._masks[cols])
        empty = self.masked & ~self.has_cells
        unknown = ~self.masked[rows] | ~self.masked[cols] | (empty[rows] & empty[cols])
        return np.where(unknown, pictures, np.minimum(pictures, masks))

    def nearest(self, rows: np.ndarray, cols: np.ndarray, allowed: Pairs | None = None, **how: bool) -> Alike:
        """Of each of `rows`, the most alike of `cols`, but itself; `allowed(rows, cols)` -> bool matrix.

        In blocks: memory does not grow with the square of the number of pictures.
        """
        index, best = np.full(len(rows), -1), np.full(len(rows), -np.inf, np.float32)
        for start in range(0, len(rows), BLOCK):
            part = slice(start, start + BLOCK)
            for first in range(0, len(cols), BLOCK):
                others = cols[first : first + BLOCK]
                alike = self.likeness(rows[part], others, **how)
                out = rows[part][:, None] == others
                alike[out if allowed is None else out | ~allowed(rows[part], others)] = -np.inf
                top = alike.argmax(axis=1)
                value = alike[np.arange(len(top)), top]
                better = value > best[part]
                best[part][better], index[part][better] = value[better], others[top[better]]
        return Alike(index, best)


def _units(rows: np.ndarray, counted: np.ndarray | None) -> np.ndarray:
    """Rows minus their shrunk mean (of the counted ones), of length 1; rows without any structure become 0."""
    known = rows if counted is None else rows[counted]
    blank = np.abs(rows).max(axis=1, initial=0) < BLANK if counted is None else ~counted
    if len(known):
        rows = rows - known.sum(axis=0) / (len(known) + 2)
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    units = rows / np.maximum(length, 1e-9)
    units[blank] = 0
    return units


def same_exposure(a: np.ndarray, b: np.ndarray, most_px: int = 512, reach_px: int = 16) -> float:
    """Correlation (-1…1) of the finest structure of two pictures, (H, W) float32 each, where it fits best.

    0.97 or more for a picture brightened or moved by a few pixels (up to `reach_px`), 0.84 or more as JPEG of quality
    90; consecutive frames of a movie reach 0.86 (colony) and, with nothing that moves, 0.92 (baby). 0 for two shapes.
    """
    if a.shape != b.shape:
        return 0.0
    fine = []
    for gray in (a, b):
        small, weight = _small(gray, np.ones(gray.shape, bool), most_px)
        fine.append(_structure(small, weight, 0.7, 3.0, 8.0))
    a, b = fine
    product = np.fft.irfft2(np.fft.rfft2(a) * np.conj(np.fft.rfft2(b)), a.shape)
    reach = min(reach_px, (min(a.shape) - 1) // 2)
    near = np.roll(product, (reach, reach), (0, 1))[: 2 * reach + 1, : 2 * reach + 1]
    return float(near.max() / max(float(np.linalg.norm(a) * np.linalg.norm(b)), 1e-9))
