"""Strip: a few val predictions of every validation, small, so that a page can show how they came about."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from seglib.images import write_png

N_IMAGES, SIDE_PX = 6, 256


@dataclass(frozen=True)
class Frame:
    """One small prediction: q (h, w) uint8 of the val image `number`, its row in images.parquet."""

    number: int
    image: str
    q: np.ndarray


def chosen(n_images: int) -> list[int]:
    """Up to N_IMAGES numbers below `n_images`, spread evenly from the first to the last; the same at every step."""
    return sorted({int(k) for k in np.linspace(0, n_images - 1, min(N_IMAGES, n_images)).round()})


def shrunk(q: np.ndarray) -> np.ndarray:
    """(H, W) uint8, its longer side at most SIDE_PX; each pixel the mean of those it stands for."""
    height, width = q.shape
    scale = SIDE_PX / max(height, width)
    if scale >= 1:
        return q
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return cv2.resize(q, size, interpolation=cv2.INTER_AREA)


def write(folder: Path, frames: list[Frame]) -> None:
    """<k>.png of the k-th frame, then images.json: [{number, image, file}] in the same order."""
    folder.mkdir(parents=True, exist_ok=True)
    for k, frame in enumerate(frames):
        write_png(folder / f"{k}.png", frame.q)
    listed = [{"number": f.number, "image": f.image, "file": f"{k}.png"} for k, f in enumerate(frames)]
    (folder / "images.json").write_text(json.dumps(listed, ensure_ascii=False) + "\n", encoding="utf-8")
