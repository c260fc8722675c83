"""Arrays -> the bytes that routes send. Pure: no Streamlit, no HTTP."""

from __future__ import annotations

import json
import struct
import zlib
from typing import Any

import cv2
import numpy as np

from seglib.data.readers import to_gray
from seglib.data.sample import Sample
from seglib.exceptions import InputError

INVALID = 65535  # in a label map: a pixel left out of every count


def window(image: np.ndarray) -> tuple[float, float]:
    """Values of to_gray(image) shown as black and as white: the range of 8 bits, else percentiles 0.1 and 99.9."""
    if image.dtype == np.uint8:
        return 0.0, 1.0
    gray = to_gray(image)
    low, high = (float(v) for v in np.percentile(gray, (0.1, 99.9)))
    return (low, high) if high > low else (low, low + 1.0)


def to_bytes(gray: np.ndarray, low: float, high: float) -> np.ndarray:
    """(H, W) float -> uint8, low = 0 and high = 255, clipped."""
    scaled = (gray - low) * (255.0 / (high - low)) + 0.5
    return np.clip(scaled, 0, 255).astype(np.uint8)


def shown(image: np.ndarray) -> np.ndarray:
    """(H, W) uint8: the image as it stands on screen."""
    if image.dtype == np.uint8 and image.ndim == 2:
        return image
    return to_bytes(to_gray(image), *window(image))


def values(image: np.ndarray) -> bytes:
    """`pack`ed grey values as they stand in the file, little-endian, for a viewer that makes its own contrast.

    Header: height, width, type (uint8, uint16 or float32) and colour: whether they are the luminance of an RGB image,
    rounded to its type. Not compressed: noise hardly gives way, and it would cost more time than the way takes.
    """
    gray = image if image.ndim == 2 else luminance(image)
    header = {"height": gray.shape[0], "width": gray.shape[1], "type": gray.dtype.name, "colour": image.ndim == 3}
    return pack(header, np.ascontiguousarray(gray, gray.dtype.newbyteorder("<")).data.cast("B"))


def luminance(image: np.ndarray) -> np.ndarray:
    """(H, W, C) -> (H, W) of the same type: `to_gray` in the units of the file."""
    gray = to_gray(image)
    if image.dtype.kind == "f":
        return gray
    return np.rint(gray * np.float32(np.iinfo(image.dtype).max)).astype(image.dtype)


def png(pixels: np.ndarray) -> bytes:
    """Lossless PNG of (H, W) or (H, W, 3 BGR) uint8."""
    ok, encoded = cv2.imencode(".png", pixels)
    if not ok:
        raise InputError(f"an image of shape {pixels.shape} cannot be written as PNG.")
    return encoded.tobytes()


def thumbnail(sample: Sample, size_px: int, outlined: bool) -> bytes:
    """PNG, the longer side `size_px`; with `outlined` the cells' outlines in green."""
    gray = shown(sample.image)
    height, width = gray.shape
    scale = size_px / max(height, width)
    small = (max(1, round(width * scale)), max(1, round(height * scale)))
    gray = cv2.resize(gray, small, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_NEAREST)
    if not outlined or not sample.labels.any():
        return png(gray)
    labels = cv2.resize(sample.labels.astype(np.float32), small, interpolation=cv2.INTER_NEAREST)
    colour = cv2.cvtColor(gray, cv2.COLOR_GRAY2BGR)
    colour[outline(labels)] = (115, 158, 0)  # #009E73 as BGR
    return png(colour)


def outline(labels: np.ndarray) -> np.ndarray:
    """(H, W) bool: pixels of a cell that touch, by an edge, a pixel of another cell or of the background."""
    edge = np.zeros(labels.shape, bool)
    down, right = labels[1:] != labels[:-1], labels[:, 1:] != labels[:, :-1]
    edge[1:] |= down
    edge[:-1] |= down
    edge[:, 1:] |= right
    edge[:, :-1] |= right
    return edge & (labels > 0)


def label_map(sample: Sample) -> bytes:
    """zlib of (H, W) uint16 little-endian: 0 background, a number a cell, INVALID where `valid` is False."""
    labels = sample.labels
    if labels.max(initial=0) >= INVALID:  # ids may be any number; here only "same or another cell" matters
        labels = np.unique(labels, return_inverse=True)[1].reshape(labels.shape) + int(labels.min() > 0)
    coded = labels.astype("<u2")
    coded[~sample.valid] = INVALID
    return zlib.compress(coded.tobytes(), level=1)


def pack(header: dict[str, Any], *blobs: bytes | memoryview) -> bytes:
    """uint32 length of the header, the header as JSON, then the blobs; header["parts"] holds their lengths."""
    text = json.dumps({**header, "parts": [memoryview(blob).nbytes for blob in blobs]}, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 4)
    return struct.pack("<I", len(text)) + text + b"".join(blobs)
