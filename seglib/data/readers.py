"""Readers: one function per file format; every limit and every refusal is here.

What comes back is what stands in the file: 16 bits stay 16 bits, nothing is resized, clipped or repaired. One rule for
image and mask alike: a stored orientation (EXIF in PNG and JPEG, the TIFF tag) is applied.
"""

from __future__ import annotations

import io
import math
import stat
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import cv2
import numpy as np
from PIL import Image

from seglib.data.masks import labels_from_raster
from seglib.data.raster import MAX_BYTES, MAX_PIXELS, Raster, check_size, oriented
from seglib.data.tiff import read_tiff
from seglib.exceptions import InputError

__all__ = ["IMAGE_SUFFIXES", "MAX_PIXELS", "NotFinite", "read_image", "read_mask", "read_raster", "to_gray"]

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".npy")
_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_PNG_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_EXIF_ORIENTATION = 274
_MOST_SCANS = 200  # of a progressive JPEG, which has about ten; each is a walk over the whole picture


class NotFinite(InputError):
    """An image that can be read but holds values that are NaN or infinite."""


def read_image(path: Path | str) -> np.ndarray:
    """The image in file `path`: (H, W) or (H, W, 3), uint8, uint16 or float32, orientation applied.

    A palette becomes its colours. An opaque alpha channel is dropped; one that hides pixels is refused. Raises
    InputError naming the file: unreadable, cut short, NaN or infinite, a stack, an unsupported type or size.
    """
    raster = read_raster(Path(path))
    pixels = raster.pixels
    if raster.palette is not None:
        pixels = raster.palette[pixels]
    pixels = _without_alpha(pixels, path)
    if pixels.dtype == bool:
        pixels = pixels.astype(np.uint8) * np.uint8(255)
    if pixels.dtype.kind == "f":
        pixels = _finite32(pixels, path)
    elif pixels.dtype not in (np.uint8, np.uint16):
        raise InputError(
            f"{path}: pixels are {pixels.dtype}; allowed: uint8, uint16 and float. Save it as one of them."
        )
    return np.ascontiguousarray(pixels)


def read_mask(path: Path | str) -> tuple[np.ndarray, str]:
    """The mask in file `path` as labels (H, W) int32, 0 = background, and a line that says what was understood.

    Raises InputError as `read_image` does, and where the values are neither binary nor one number a cell.
    """
    raster = read_raster(Path(path))
    pixels = _without_alpha(raster.pixels, path) if raster.palette is None else raster.pixels
    return labels_from_raster(pixels, raster.palette, str(path))


def to_gray(image: np.ndarray) -> np.ndarray:
    """(H, W[, C]) as read -> (H, W) float32: uint8 / 255, uint16 / 65535, float unchanged.

    RGB becomes luminance, 0.299 R + 0.587 G + 0.114 B (ITU-R BT.601). Raises InputError for any other shape.
    """
    if image.ndim == 3 and image.shape[2] == 3:
        gray = cv2.cvtColor(np.ascontiguousarray(image, np.float32), cv2.COLOR_RGB2GRAY)
    elif image.ndim == 2 or (image.ndim == 3 and image.shape[2] == 1):
        gray = image.reshape(image.shape[:2]).astype(np.float32)
    else:
        raise InputError(f"an image of shape {image.shape} is neither grey (H, W) nor RGB (H, W, 3).")
    scale = {"uint8": 255, "uint16": 65535}.get(image.dtype.name)
    return gray / np.float32(scale) if scale else gray


def read_raster(path: Path) -> Raster:
    """`path` decoded, values as stored; whatever a decoder raises becomes one line that names the file."""
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        raise InputError(f"{path}: {path.suffix or 'no suffix'} is not read; allowed: {', '.join(IMAGE_SUFFIXES)}.")
    try:
        _check_file(path)
        return reader(path)
    except InputError:
        raise
    except FileNotFoundError:
        raise InputError(f"{path}: there is no such file.") from None
    except (MemoryError, Image.DecompressionBombError):
        raise InputError(f"{path}: too large to read; allowed: {MAX_PIXELS:,} pixels. Cut it into parts.") from None
    except Exception as error:  # decoders raise anything from SyntaxError to struct.error on a damaged file
        detail = " ".join(str(error).split())[:160] or type(error).__name__
        raise InputError(f"{path}: cannot be read, damaged or cut short ({detail}). Copy or export it again.") from None


def _check_file(path: Path) -> None:
    """Whoever opens a pipe waits for somebody to write into it, and a device may never end."""
    about = path.stat()
    if not stat.S_ISREG(about.st_mode):
        raise InputError(f"{path}: not a file with a picture but a folder, a pipe or a device.")
    if about.st_size == 0:
        raise InputError(f"{path}: the file is empty (0 bytes). Copy or export it again.")


def _read_pillow(path: Path) -> Raster:
    """PNG and JPEG, strictly: every byte that the format promises must be there."""
    size = path.stat().st_size
    if size > MAX_BYTES:
        raise InputError(f"{path}: {size // 10**6:,} MB; allowed: {MAX_BYTES // 10**6} MB in one file.")
    data = path.read_bytes()
    if data.startswith(_PNG_SIGNATURE):
        depth, colour_type = _check_png(data, path)
        if depth == 16 and colour_type != 0:  # Pillow would cut these to 8 bits
            with Image.open(io.BytesIO(data), formats=("PNG",)) as image:
                return Raster(oriented(_decode_deep_png(data, path), image.getexif().get(_EXIF_ORIENTATION, 1)))
    else:
        _check_jpeg(data, path)
    with Image.open(io.BytesIO(data), formats=("PNG", "JPEG", "MPO")) as image:
        check_size(image.height, image.width, len(image.getbands()), path)
        if image.mode not in ("1", "L", "P", "I;16", "RGB", "LA", "RGBA"):
            raise InputError(f"{path}: colour mode {image.mode} is not read; save it as grey or RGB.")
        image.load()
        pixels = np.asarray(image)
        palette = _pillow_palette(image) if image.mode == "P" else None
        return Raster(oriented(pixels, image.getexif().get(_EXIF_ORIENTATION, 1)), palette)


def _check_jpeg(data: bytes, path: Path) -> None:
    if not data.startswith(b"\xff\xd8"):
        raise InputError(f"{path}: the file is neither PNG nor JPEG inside. Export it again as one of them.")
    if data.rfind(b"\xff\xd9") < data.rfind(b"\xff\xda"):
        raise InputError(f"{path}: the JPEG is cut short (its end is missing). Copy or export it again.")
    n_scans = data.count(b"\xff\xda")  # within a scan, 255 is followed by 0
    if n_scans > _MOST_SCANS:
        raise InputError(f"{path}: a JPEG of {n_scans:,} scans; allowed: {_MOST_SCANS}. Save it as PNG.")


def _pillow_palette(image: Image.Image) -> np.ndarray:
    """(256, 3) uint8; entries that the file does not define are black."""
    colours = np.frombuffer(bytes(image.getpalette("RGB") or b""), np.uint8).reshape(-1, 3)
    palette = np.zeros((256, 3), np.uint8)
    palette[: len(colours)] = colours
    return palette


def _check_png(data: bytes, path: Path) -> tuple[int, int]:
    """Walk the chunks up to IEND and check each CRC; (bit depth, colour type). A cut at any byte is found here."""
    position, header = len(_PNG_SIGNATURE), None
    while True:
        if position + 12 > len(data):
            raise InputError(f"{path}: the PNG is cut short (its end is missing). Copy or export it again.")
        length, kind = struct.unpack(">I4s", data[position : position + 8])
        end = position + 8 + length
        if end + 4 > len(data):
            raise InputError(f"{path}: the PNG is cut short (its end is missing). Copy or export it again.")
        if zlib.crc32(memoryview(data)[position + 4 : end]) != int.from_bytes(data[end : end + 4], "big"):
            raise InputError(f"{path}: the PNG is damaged (a checksum does not fit). Copy or export it again.")
        if kind == b"IHDR":
            width, height, depth, colour_type = struct.unpack(">IIBB", data[position + 8 : position + 18])
            check_size(height, width, max(1, depth // 8) * _PNG_CHANNELS.get(colour_type, 4), path)
            header = depth, colour_type
        if kind == b"acTL":
            raise InputError(f"{path}: an animated PNG holds many pictures; save the frames as single files.")
        if kind == b"IEND":
            break
        position = end + 4
    if header is None:
        raise InputError(f"{path}: the PNG has no header. Copy or export it again.")
    return header


def _decode_deep_png(data: bytes, path: Path) -> np.ndarray:
    """16-bit PNG with colour or alpha -> (H, W, C) uint16, RGB(A) order."""
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if pixels is None or pixels.ndim != 3:
        raise InputError(f"{path}: this 16-bit PNG cannot be decoded; save it as 16-bit grey or RGB.")
    order = cv2.COLOR_BGRA2RGBA if pixels.shape[2] == 4 else cv2.COLOR_BGR2RGB
    return cv2.cvtColor(pixels, order)


def _read_npy(path: Path) -> Raster:
    """An array saved by numpy.save, its header believed only as far as the file goes; pickled objects are refused."""
    with path.open("rb") as file:
        shape, by_columns, dtype = _npy_header(file, path)
        if dtype.hasobject:
            text = "holds Python objects (pickle), which are never loaded; save a plain array with numpy.save"
            raise InputError(f"{path}: {text}.")
        if len(shape) not in (2, 3) or (len(shape) == 3 and shape[2] not in (1, 3, 4)):
            raise InputError(f"{path}: array of shape {shape}; allowed: (H, W), (H, W, 1), (H, W, 3).")
        if dtype.kind not in "buif":
            raise InputError(f"{path}: array of type {dtype}; allowed: whole numbers or float.")
        channels = shape[2] if len(shape) == 3 else 1
        check_size(shape[0], shape[1], channels * dtype.itemsize, path)
        n_values = math.prod(shape)
        if path.stat().st_size - file.tell() < n_values * dtype.itemsize:
            raise InputError(f"{path}: the array is cut short (pixels are missing). Copy or export it again.")
        pixels = np.fromfile(file, dtype, n_values).reshape(shape, order="F" if by_columns else "C")
    return Raster(pixels.astype(dtype.newbyteorder("="), copy=False))


def _npy_header(file: BinaryIO, path: Path) -> tuple[tuple[int, ...], bool, np.dtype]:
    start = file.read(len(np.lib.format.MAGIC_PREFIX))
    if start != np.lib.format.MAGIC_PREFIX:
        inside = "an archive of arrays (NPZ)" if start.startswith(b"PK") else "no NumPy array inside"
        raise InputError(f"{path}: {inside}; save a plain array with numpy.save.")
    file.seek(0)
    version = np.lib.format.read_magic(file)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    return read(file)


def _without_alpha(pixels: np.ndarray, path: Path | str) -> np.ndarray:
    """(H, W, 2|4) -> (H, W[, 3]) if nothing is transparent; (H, W, 1) -> (H, W)."""
    if pixels.ndim == 2:
        return pixels
    channels = pixels.shape[2]
    if channels in (2, 4):
        alpha = pixels[..., -1]
        opaque = 1.0 if pixels.dtype.kind == "f" else np.iinfo(pixels.dtype).max
        if (alpha != opaque).any():
            raise InputError(
                f"{path}: has transparent pixels (alpha), whose meaning is unclear; save it without alpha."
            )
        pixels = pixels[..., :-1]
    return pixels[..., 0] if pixels.shape[2] == 1 else pixels


def _finite32(pixels: np.ndarray, path: Path | str) -> np.ndarray:
    with np.errstate(over="ignore"):
        pixels = pixels.astype(np.float32, copy=False)
    bad = int(np.count_nonzero(~np.isfinite(pixels)))
    if bad:
        raise NotFinite(f"{path}: {bad:,} values are NaN or infinite; replace them before using the image.")
    return pixels


_READERS: dict[str, Callable[[Path], Raster]] = {
    ".png": _read_pillow,
    ".jpg": _read_pillow,
    ".jpeg": _read_pillow,
    ".tif": read_tiff,
    ".tiff": read_tiff,
    ".npy": _read_npy,
}
