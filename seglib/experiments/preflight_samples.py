"""Pre-flight, the samples the network will see, as pictures in the colours of the Augment page. No torch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np

from seglib.images import write_png
from seglib.training.draws import Drawn, Draws

MOST, SHOWN_PX = 8, 256
ON_DARK, ON_LIGHT = (150, 224, 0), (115, 158, 0)  # BGR: outlines, as on the Augment page


def write_samples(draws: Draws, drawn: list[Drawn], result: Path) -> list[dict[str, Any]]:
    """Two PNG files a draw of the first batch, grey values alone and with outlines; [{name, plain, outlined, note}]."""
    found = []
    for number, one in enumerate(drawn[:MOST]):
        files = f"sample_{number}.png", f"sample_{number}_outlined.png"
        gray = grey(one, *window(draws, number))
        write_png(result / files[0], dimmed(gray, one.valid))
        write_png(result / files[1], outlined(gray, one))
        note = f"{(one.target & one.valid).sum() / max(1, one.valid.sum()):.0%} cell"
        left_out = 1 - float(one.valid.mean())
        note += f", {left_out:.0%} not counted" if left_out >= 0.005 else ""
        found.append({"name": one.name, "plain": files[0], "outlined": files[1], "note": note})
    return found


def window(draws: Draws, number: int) -> tuple[float, float]:
    """Normalised values shown as black and as white: the range of the whole picture, a fifth wider, so that a change
    of brightness is seen."""
    epoch, index = draws.position(number)
    image = draws.samples[int(draws.order(epoch)[index])].image
    low, high = (float(v) for v in np.percentile(image, (0.1, 99.9)))
    margin = 0.1 * (high - low) if high > low else 0.5
    return low - margin, high + margin


def grey(one: Drawn, low: float, high: float) -> np.ndarray:
    """(h, w) uint8."""
    return np.clip((np.nan_to_num(one.x) - low) * (255.0 / (high - low)) + 0.5, 0, 255).astype(np.uint8)


def dimmed(gray: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """What is never trained on is darker; shrunk to the size that is shown."""
    return _shrunk(np.where(valid, gray, gray >> 1))


def outlined(gray: np.ndarray, one: Drawn) -> np.ndarray:
    """(h, w, 3) BGR uint8: the target's outline, one pixel wide, lighter on dark pixels than on light ones."""
    small = dimmed(gray, one.valid)
    shape = small.shape[::-1]
    target = cv2.resize(one.target.astype(np.uint8), shape, interpolation=cv2.INTER_NEAREST)
    inside = cv2.erode(target, np.ones((3, 3), np.uint8), borderType=cv2.BORDER_CONSTANT, borderValue=1)
    edge = (target > 0) & (inside == 0)
    colour = cv2.cvtColor(small, cv2.COLOR_GRAY2BGR)
    colour[edge & (small < 128)] = ON_DARK
    colour[edge & (small >= 128)] = ON_LIGHT
    return colour


def _shrunk(gray: np.ndarray) -> np.ndarray:
    factor = SHOWN_PX / max(gray.shape)
    if factor >= 1:
        return gray
    size = tuple(max(1, round(side * factor)) for side in gray.shape[::-1])
    return cv2.resize(gray, size, interpolation=cv2.INTER_AREA)
