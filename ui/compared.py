"""An image with two outlines: where its mask says cell, and where the prediction does. Pure: no Streamlit, no HTTP."""

from __future__ import annotations

import cv2
import numpy as np

from seglib.data.sample import Sample
from seglib.exceptions import InputError
from seglib.metrics import foreground
from ui import pixels

MASK_BGR, PREDICTION_BGR = (115, 158, 0), (0, 159, 230)  # #009E73 and #E69F00, Okabe & Ito


def compared_png(sample: Sample, q: np.ndarray, size_px: int, threshold: float = 0.5) -> bytes:
    """PNG, the longer side `size_px`: the image, the mask's outline in green, the prediction's in orange over it.

    q: (H, W) uint8, the stored probabilities of this very image.
    """
    if q.shape != sample.labels.shape:
        sizes = f"{sample.labels.shape} but its stored prediction {q.shape}"
        raise InputError(f"{sample.name} is {sizes}: the image has changed since; train or evaluate again.")
    height, width = q.shape
    scale = size_px / max(height, width)
    small = (max(1, round(width * scale)), max(1, round(height * scale)))
    resampling = cv2.INTER_AREA if scale < 1 else cv2.INTER_NEAREST
    colour = cv2.cvtColor(cv2.resize(pixels.shown(sample.image), small, interpolation=resampling), cv2.COLOR_GRAY2BGR)
    for mask, bgr in ((sample.mask, MASK_BGR), (foreground(q, threshold), PREDICTION_BGR)):
        resized = cv2.resize(mask.astype(np.uint8), small, interpolation=cv2.INTER_NEAREST)
        colour[pixels.outline(resized)] = bgr
    return pixels.png(colour)
