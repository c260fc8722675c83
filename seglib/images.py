"""Images on disk, as we write them."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np


def write_png(file: Path, pixels: np.ndarray) -> None:
    """(H, W) uint8 or uint16 as PNG; OpenCV cannot write to every path on Windows, so the bytes go through Python."""
    Path(file).write_bytes(cv2.imencode(".png", pixels)[1].tobytes())
