"""Sample: one image with what is known about it. The unit that flows through data, augment and training."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Sample:
    """One image of a data set.

    image: (H, W) or (H, W, C) as read, any dtype.
    labels: (H, W) int32, 0 = background, one number a cell.
    valid: (H, W) bool, False = left out of every loss, count and error.
    name is the image's path as in dataset.csv; group holds pictures that stay on one side of a split.
    """

    name: str
    group: str
    image: np.ndarray
    labels: np.ndarray
    valid: np.ndarray

    @property
    def mask(self) -> np.ndarray:
        """(H, W) bool, True = cell."""
        return self.labels > 0
