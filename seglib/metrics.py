"""Metrics: integers per image first, every ratio derived from them. No torch.

A ratio whose denominator is 0 (IoU of an empty target and an empty prediction) is undefined: NaN, left out of means.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from seglib.exceptions import InputError

RATIO_NAMES = ("iou", "dice", "precision", "recall")


@dataclass(frozen=True)
class Counts:
    """Pixels of one image, or of several added up: true and false positives and negatives."""

    tp: int = 0
    fp: int = 0
    fn: int = 0
    tn: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(self.tp + other.tp, self.fp + other.fp, self.fn + other.fn, self.tn + other.tn)

    @property
    def n_valid(self) -> int:
        """All pixels that were counted."""
        return self.tp + self.fp + self.fn + self.tn

    @property
    def iou(self) -> float:
        """Jaccard index TP / (TP + FP + FN), 0 to 1."""
        return _ratio(self.tp, self.tp + self.fp + self.fn)

    @property
    def dice(self) -> float:
        """Sørensen–Dice, F1: 2 TP / (2 TP + FP + FN), 0 to 1; always 2 iou / (1 + iou)."""
        return _ratio(2 * self.tp, 2 * self.tp + self.fp + self.fn)

    @property
    def precision(self) -> float:
        """Share of the predicted cell pixels that are cell, 0 to 1."""
        return _ratio(self.tp, self.tp + self.fp)

    @property
    def recall(self) -> float:
        """Share of the cell pixels that were predicted, 0 to 1."""
        return _ratio(self.tp, self.tp + self.fn)


class NoProbabilities(ValueError):
    """Numbers that cannot be probabilities: not finite, or outside [0, 1]."""


def quantise(probabilities: np.ndarray) -> np.ndarray:
    """Probabilities in [0, 1] to uint8, q = floor(255 p + 0.5), of the same shape.

    Done once, and everything afterwards uses q, so that every IoU shown agrees to the last digit.
    Raises NoProbabilities for values that are not finite or lie outside [0, 1].
    """
    p = np.asarray(probabilities, dtype=np.float32)
    if p.size and not (p.min() >= 0 and p.max() <= 1):  # written so that NaN fails too
        raise NoProbabilities(
            f"probabilities lie between {p.min()} and {p.max()}; they must be finite and within [0, 1]."
        )
    return np.floor(255 * p + np.float32(0.5)).astype(np.uint8)


def foreground(q: np.ndarray, threshold: float = 0.5) -> np.ndarray:
    """Which pixels are cell: q >= 255 * threshold, bool, of the shape of q (uint8).

    threshold 0 makes everything cell, 1 only q = 255. Raises InputError for a threshold outside [0, 1].
    """
    if not 0 <= threshold <= 1:
        raise InputError(f"threshold is {threshold}; allowed: from 0 to 1.")
    if q.dtype != np.uint8:
        raise ValueError(f"q has type {q.dtype}; it must be uint8 as `quantise` gives it.")
    return q >= 255 * threshold


def count(q: np.ndarray, mask: np.ndarray, valid: np.ndarray, threshold: float = 0.5) -> Counts:
    """Counts of one image: q (H, W) uint8 probabilities against mask (H, W) bool; only valid (H, W) bool pixels count.

    Raises ValueError for shapes that differ or for mask or valid that are not bool.
    """
    if not q.shape == mask.shape == valid.shape:
        raise ValueError(f"q, mask and valid have shapes {q.shape}, {mask.shape}, {valid.shape}; they must be equal.")
    if mask.dtype != bool or valid.dtype != bool:
        raise ValueError(f"mask and valid have types {mask.dtype}, {valid.dtype}; they must be bool.")
    predicted, actual = foreground(q, threshold) & valid, mask & valid
    tp = np.count_nonzero(predicted & actual)
    fp, fn = np.count_nonzero(predicted) - tp, np.count_nonzero(actual) - tp
    return Counts(int(tp), int(fp), int(fn), int(np.count_nonzero(valid) - tp - fp - fn))


def pooled(counts: Iterable[Counts]) -> Counts:
    """All images as one: the sums of their counts. Large images and large cells weigh more than in the mean."""
    return sum(counts, Counts())


def mean_per_image(counts: Iterable[Counts], ratio: str = "iou") -> tuple[float, int]:
    """(mean of `ratio` over the images where it is defined, number of images left out); NaN if it is nowhere defined.

    ratio: iou, dice, precision or recall; anything else raises ValueError.
    """
    if ratio not in RATIO_NAMES:
        raise ValueError(f"ratio is {ratio!r}; allowed: {', '.join(RATIO_NAMES)}.")
    values = [getattr(c, ratio) for c in counts]
    defined = [value for value in values if not math.isnan(value)]
    mean = math.fsum(defined) / len(defined) if defined else math.nan
    return mean, len(values) - len(defined)


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else math.nan
