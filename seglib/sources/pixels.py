"""Pixels of an import on disk: lossless, or refused."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import tifffile

from seglib.exceptions import InputError
from seglib.images import write_png

_EXACT_IN_FLOAT32 = 2**24


def save_image(file: Path, pixels: np.ndarray, origin: str) -> str:
    """Write (H, W[, 3]) to `file` + the suffix that is returned.

    uint8 and uint16 become PNG, bool 0 and 255, float TIFF as it is; other whole numbers become float32 where that is
    exact. Raises InputError naming `origin` for anything else.
    """
    pixels = pixels.astype(pixels.dtype.newbyteorder("="), copy=False)
    if pixels.dtype == bool:
        pixels = pixels.astype(np.uint8) * np.uint8(255)
    if pixels.dtype in (np.uint8, np.uint16):
        ordered = cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR) if pixels.ndim == 3 else pixels
        write_png(file.with_name(f"{file.name}.png"), ordered)
        return ".png"
    if pixels.dtype.kind in "iu":
        largest = max(abs(int(pixels.min())), abs(int(pixels.max())))
        if largest > _EXACT_IN_FLOAT32:
            raise InputError(f"{origin}: values up to {largest} of type {pixels.dtype}; allowed: up to 2²⁴, or uint16.")
        pixels = pixels.astype(np.float32)
    elif pixels.dtype == np.float16:
        pixels = pixels.astype(np.float32)
    elif pixels.dtype.kind != "f":
        raise InputError(f"{origin}: pixels of type {pixels.dtype}; allowed: whole numbers and float.")
    return _save_tiff(file, pixels)


def save_mask(file: Path, pixels: np.ndarray, origin: str) -> str:
    """Write (H, W) of whole numbers from 0 to `file` + the suffix that is returned: PNG of 8 bits where the source has
    8, else of 16, a TIFF of 32 bits where a number needs it. Raises InputError naming `origin` for other values."""
    values = whole(pixels, origin)
    if pixels.dtype in (np.uint8, np.int8, bool):
        write_png(file.with_name(f"{file.name}.png"), values.astype(np.uint8))
        return ".png"
    if int(values.max(initial=0)) <= np.iinfo(np.uint16).max:
        write_png(file.with_name(f"{file.name}.png"), values.astype(np.uint16))
        return ".png"
    return _save_tiff(file, values.astype(np.uint32))


def whole(pixels: np.ndarray, origin: str) -> np.ndarray:
    """Mask values as they are if they are whole numbers from 0 to 2³¹ - 1; InputError naming `origin` otherwise."""
    if pixels.ndim != 2:
        raise InputError(f"{origin}: a mask of shape {pixels.shape}; needed: one number a pixel (H, W).")
    if pixels.dtype.kind not in "buif":
        raise InputError(f"{origin}: mask values of type {pixels.dtype}; allowed: whole numbers.")
    if pixels.dtype.kind == "f" and not (np.isfinite(pixels).all() and (pixels == np.rint(pixels)).all()):
        raise InputError(f"{origin}: mask values are not whole numbers; is this the image, or a probability map?")
    low, high = (int(pixels.min()), int(pixels.max())) if pixels.size else (0, 0)
    if low < 0 or high > np.iinfo(np.int32).max:
        raise InputError(f"{origin}: mask values from {low} to {high}; allowed: 0 to 2147483647, 0 = background.")
    return pixels


def _save_tiff(file: Path, pixels: np.ndarray) -> str:
    photometric = "rgb" if pixels.ndim == 3 else "minisblack"
    target = file.with_name(f"{file.name}.tif")
    tifffile.imwrite(target, pixels, photometric=photometric, compression="zlib", metadata=None)
    return ".tif"
