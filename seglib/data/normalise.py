"""Normalisations: how the grey values of one image are brought to a scale that does not depend on the camera.

Each is a function of one image alone, so preview, training and prediction cannot differ. A spread that is (nearly)
zero is replaced by 1: a constant image becomes a constant, finite image.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from seglib.exceptions import InputError
from seglib.settings import nearest

# The spread below which an image counts as constant, relative to its largest absolute value: float32 resolves 6e-8.
_RELATIVE_FLOOR = 1e-6
# Where most of the picture is flat background, the median absolute deviation measures the camera's noise alone and
# dividing by it sends cells to 150 (seen on real phase contrast); this share of the standard deviation is the least.
_MAD_FLOOR = 0.5


def none(gray: np.ndarray) -> np.ndarray:
    """The image as it is: y = x."""
    return gray.astype(np.float32, copy=False)


def minmax(gray: np.ndarray) -> np.ndarray:
    """y = (x - min) / (max - min), in [0, 1]; one hot pixel decides the scale."""
    return _scaled(gray, float(gray.min()), float(gray.max()) - float(gray.min()))


def zscore(gray: np.ndarray) -> np.ndarray:
    """y = (x - mean) / standard deviation."""
    return _scaled(gray, float(gray.mean(dtype=np.float64)), float(gray.std(dtype=np.float64)))


def percentile(gray: np.ndarray) -> np.ndarray:
    """y = (x - p1) / (p99 - p1), clipped to [0, 1]; p1 and p99 are the 1st and 99th percentile."""
    low, high = (float(value) for value in np.percentile(gray, (1, 99)))
    return np.clip(_scaled(gray, low, high - low), np.float32(0), np.float32(1))


def background(gray: np.ndarray) -> np.ndarray:
    """y = (x - median) / s, s = 1.4826 · median(|x - median|), but at least half the standard deviation.

    The median is the background where less than half of the image is cells; s is the standard deviation of normal noise
    (Rousseeuw & Croux 1993, doi:10.1080/01621459.1993.10476408).
    """
    median = float(np.median(gray))
    spread = 1.4826 * float(np.median(np.abs(gray - np.float32(median))))
    return _scaled(gray, median, max(spread, _MAD_FLOOR * float(gray.std(dtype=np.float64))))


def clahe(gray: np.ndarray) -> np.ndarray:
    """Contrast-limited adaptive histogram equalisation (Zuiderveld 1994) of the percentile image, in [0, 1].

    256 grey levels, 8 × 8 tiles, clip limit 2 times the mean bin. (With 65,536 levels a tile has fewer pixels than
    levels, every bin is clipped, and nothing is equalised.)
    """
    levels = np.rint(percentile(gray) * 255).astype(np.uint8)
    if levels.max() == levels.min():
        return levels.astype(np.float32) / np.float32(255)
    return cv2.createCLAHE(clipLimit=2.0, tileGridSize=(8, 8)).apply(levels).astype(np.float32) / np.float32(255)


def _scaled(gray: np.ndarray, center: float, spread: float) -> np.ndarray:
    """(x - center) / spread as float32, computed so that an offset of thousands costs no precision."""
    floor = _RELATIVE_FLOOR * max(abs(float(gray.min())), abs(float(gray.max())))
    if not spread > floor:
        spread = 1.0
    return ((gray.astype(np.float64) - center) / spread).astype(np.float32)


NORMALISATIONS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "none": none,
    "minmax": minmax,
    "zscore": zscore,
    "percentile": percentile,
    "background": background,
    "clahe": clahe,
}
NORMALISATION_NAMES = tuple(NORMALISATIONS)


def normalise(gray: np.ndarray, name: str) -> np.ndarray:
    """`gray` (H, W) float32, finite, as from `readers.to_gray` -> (H, W) float32 after the normalisation `name`.

    Raises InputError for an unknown name.
    """
    if name not in NORMALISATIONS:
        known = ", ".join(NORMALISATIONS)
        raise InputError(f"normalisation is {name!r}; allowed: {known}.{nearest(name, NORMALISATIONS)}")
    return NORMALISATIONS[name](gray)
