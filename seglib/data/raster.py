"""Raster: decoded pixels, the limits of what is decoded, and the one rule for a stored orientation."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from seglib.exceptions import InputError

MAX_PIXELS = 80_000_000
"""Largest height × width that is read: about 8,900 × 8,900, below Pillow's own alarm."""
MAX_BYTES = 500_000_000
"""Most bytes of decoded pixels, and of a PNG or JPEG file: MAX_PIXELS of 16-bit RGB. Decoding takes twice that."""


class Raster(NamedTuple):
    """Decoded pixels (H, W[, C]) in any dtype, and the palette (n, 3) uint8 if the pixels are its indices."""

    pixels: np.ndarray
    palette: np.ndarray | None = None


def check_size(height: int, width: int, pixel_bytes: int, path: Path) -> None:
    """Refuse an empty picture, one of more than MAX_PIXELS, and one that would decode to more than MAX_BYTES."""
    if height < 1 or width < 1:
        raise InputError(f"{path}: the image is empty ({height} × {width} pixels).")
    if height * width > MAX_PIXELS:
        raise InputError(f"{path}: {height} × {width} pixels; allowed: {MAX_PIXELS:,} in all. Cut it into parts.")
    if height * width * pixel_bytes > MAX_BYTES:
        got = f"{height} × {width} pixels of {pixel_bytes} bytes"
        raise InputError(f"{path}: {got}; allowed: {MAX_BYTES // 10**6} MB in all. Save fewer channels or bits.")


def oriented(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """Turn and mirror as EXIF / TIFF orientation 1 to 8 says (TIFF 6.0, page 36); anything else counts as 1."""
    turns: dict[int, Callable[[np.ndarray], np.ndarray]] = {
        2: lambda a: a[:, ::-1],
        3: lambda a: a[::-1, ::-1],
        4: lambda a: a[::-1],
        5: lambda a: a.swapaxes(0, 1),
        6: lambda a: np.rot90(a, -1),
        7: lambda a: a[::-1, ::-1].swapaxes(0, 1),
        8: lambda a: np.rot90(a, 1),
    }
    return turns[orientation](pixels) if orientation in turns else pixels
