"""Readers: one function per file format; every limit and every refusal is here.

What comes back is what stands in the file: 16 bits stay 16 bits, nothing is resized, clipped or repaired. One rule for
image and mask alike: a stored orientation (EXIF in PNG and JPEG, the TIFF tag) is applied.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import tifffile
from PIL import Image

from seglib.data.masks import labels_from_raster
from seglib.exceptions import InputError

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".npy")
MAX_PIXELS = 80_000_000
"""Largest height × width that is read: about 8,900 × 8,900, below Pillow's own alarm and under 1 GB as float32 RGB."""
_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_TIFF_ORIENTATION, _EXIF_ORIENTATION = 274, 274


class NotFinite(InputError):
    """An image that can be read but holds values that are NaN or infinite."""


class Raster(NamedTuple):
    """Decoded pixels (H, W[, C]) in any dtype, and the palette (n, 3) uint8 if the pixels are its indices."""

    pixels: np.ndarray
    palette: np.ndarray | None = None


def read_image(path: Path | str) -> np.ndarray:
    """The image in file `path`: (H, W) or (H, W, 3), uint8, uint16 or float32, orientation applied.

    A palette becomes its colours. An opaque alpha channel is dropped; one that hides pixels is refused. Raises
    InputError naming the file: unreadable, cut short, NaN or infinite, a stack, an unsupported type or size.
    """
    raster = _read(Path(path))
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
    raster = _read(Path(path))
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


def _read(path: Path) -> Raster:
    """Decode `path` by its suffix; whatever a decoder raises becomes one line that names the file."""
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        raise InputError(f"{path}: {path.suffix or 'no suffix'} is not read; allowed: {', '.join(IMAGE_SUFFIXES)}.")
    try:
        raster = reader(path)
    except InputError:
        raise
    except FileNotFoundError:
        raise InputError(f"{path}: there is no such file.") from None
    except (MemoryError, Image.DecompressionBombError):
        raise InputError(f"{path}: too large to read; allowed: {MAX_PIXELS:,} pixels. Cut it into parts.") from None
    except Exception as error:  # decoders raise anything from SyntaxError to struct.error on a damaged file
        detail = " ".join(str(error).split())[:160] or type(error).__name__
        raise InputError(f"{path}: cannot be read, damaged or cut short ({detail}). Copy or export it again.") from None
    return raster


def _check_size(height: int, width: int, path: Path) -> None:
    if height < 1 or width < 1:
        raise InputError(f"{path}: the image is empty ({height} × {width} pixels).")
    if height * width > MAX_PIXELS:
        raise InputError(f"{path}: {height} × {width} pixels; allowed: {MAX_PIXELS:,} in all. Cut it into parts.")


def _read_pillow(path: Path) -> Raster:
    """PNG and JPEG, strictly: every byte that the format promises must be there."""
    data = path.read_bytes()
    if data.startswith(_PNG_SIGNATURE):
        depth, colour_type = _check_png(data, path)
        if depth == 16 and colour_type != 0:  # Pillow would cut these to 8 bits
            with Image.open(io.BytesIO(data), formats=("PNG",)) as image:
                return Raster(_oriented(_decode_deep_png(data, path), image.getexif().get(_EXIF_ORIENTATION, 1)))
    elif not data.startswith(b"\xff\xd8"):
        raise InputError(f"{path}: the file is neither PNG nor JPEG inside. Export it again as one of them.")
    elif data.rfind(b"\xff\xd9") < data.rfind(b"\xff\xda"):
        raise InputError(f"{path}: the JPEG is cut short (its end is missing). Copy or export it again.")
    with path.open("rb") as file, Image.open(file, formats=("PNG", "JPEG", "MPO")) as image:
        _check_size(image.height, image.width, path)
        image.load()
        if image.mode not in ("1", "L", "P", "I;16", "RGB", "LA", "RGBA"):
            raise InputError(f"{path}: colour mode {image.mode} is not read; save it as grey or RGB.")
        pixels = np.asarray(image)
        palette = _pillow_palette(image) if image.mode == "P" else None
        return Raster(_oriented(pixels, image.getexif().get(_EXIF_ORIENTATION, 1)), palette)


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
            _check_size(height, width, path)
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


def _read_tiff(path: Path) -> Raster:
    """One page of a TIFF. Only this file is opened: links to other files in OME metadata are never followed."""
    with tifffile.TiffFile(path, _multifile=False) as tiff:
        page = tiff.pages[0]
        _check_single_page(tiff, path)
        _check_size(int(page.imagelength), int(page.imagewidth), path)
        _check_layout(page, path)
        _check_extent(page, path)
        pixels = _decode_page(page, path)
        if page.axes == "SYX":
            pixels = np.moveaxis(pixels, 0, 2)
        palette = _tiff_palette(page)
        if page.photometric == tifffile.PHOTOMETRIC.MINISWHITE and pixels.dtype.kind in "bu":
            pixels = ~pixels if pixels.dtype == bool else np.iinfo(pixels.dtype).max - pixels
        tag = page.tags.get(_TIFF_ORIENTATION)
    return Raster(_oriented(pixels, int(tag.value) if tag else 1), palette)


def _check_single_page(tiff: tifffile.TiffFile, path: Path) -> None:
    """A second page, or ImageJ's stack in one page, is a stack; a page list that loops is never walked to its end."""
    metadata = tiff.imagej_metadata or {}
    stacked = int(metadata.get("images", 1)) > 1
    try:
        tiff.pages[1]
        stacked = True
    except IndexError:
        pass
    if stacked:
        raise InputError(f"{path}: a TIFF stack of several pictures; save each as a file of its own (plane or frame).")


def _check_layout(page: tifffile.TiffPage, path: Path) -> None:
    if page.axes not in ("YX", "YXS", "SYX") or page.dtype is None:
        raise InputError(f"{path}: axes {page.axes or '?'} are not one picture; save a single grey or RGB plane.")
    if int(page.samplesperpixel) > 4:
        raise InputError(f"{path}: {page.samplesperpixel} channels; allowed: 1 (grey) or 3 (RGB). Save one channel.")


def _check_extent(page: tifffile.TiffPage, path: Path) -> None:
    """Every strip or tile must lie inside the file: some decoders fill what is missing with zeros."""
    size = path.stat().st_size
    parts = list(zip(page.dataoffsets, page.databytecounts))
    promised = int(np.prod(page.shape)) * page.dtype.itemsize
    plain = page.compression == 1 and page.bitspersample == page.dtype.itemsize * 8
    too_few = plain and sum(count for _, count in parts) < promised
    if not parts or too_few or any(offset <= 0 or count <= 0 or offset + count > size for offset, count in parts):
        raise InputError(f"{path}: the TIFF is cut short (pixels are missing). Copy or export it again.")


def _decode_page(page: tifffile.TiffPage, path: Path) -> np.ndarray:
    """Pixels of one page; compressions that tifffile alone cannot undo (LZW, JPEG) go through Pillow."""
    if page.compression in (1, 8, 32773, 32946, 34925):
        return page.asarray()
    with path.open("rb") as file, Image.open(file, formats=("TIFF",)) as image:
        image.load()
        pixels = np.asarray(image)
    if pixels.shape != page.shape or pixels.dtype not in (page.dtype, np.dtype(bool)):
        raise InputError(f"{path}: {page.compression.name} compression of {page.dtype} is not read; save without it.")
    return pixels


def _tiff_palette(page: tifffile.TiffPage) -> np.ndarray | None:
    if page.photometric != tifffile.PHOTOMETRIC.PALETTE or page.colormap is None:
        return None
    return (np.asarray(page.colormap).T >> 8).astype(np.uint8)


def _read_npy(path: Path) -> Raster:
    """An array saved by numpy.save; pickled objects are refused. Mapped first, so that a false header costs nothing."""
    try:
        mapped = np.load(path, mmap_mode="r", allow_pickle=False)
    except ValueError as error:
        if "Python objects" in str(error) or "pickle" in str(error).lower():
            text = "holds Python objects (pickle), which are never loaded; save a plain array with numpy.save"
            raise InputError(f"{path}: {text}.") from None
        raise
    if mapped.ndim not in (2, 3) or (mapped.ndim == 3 and mapped.shape[2] not in (1, 3, 4)):
        raise InputError(f"{path}: array of shape {mapped.shape}; allowed: (H, W), (H, W, 1), (H, W, 3).")
    _check_size(mapped.shape[0], mapped.shape[1], path)
    pixels = np.array(mapped)
    if pixels.dtype.kind not in "buif":
        raise InputError(f"{path}: array of type {pixels.dtype}; allowed: whole numbers or float.")
    return Raster(pixels.astype(pixels.dtype.newbyteorder("="), copy=False))


def _oriented(pixels: np.ndarray, orientation: int) -> np.ndarray:
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
    ".tif": _read_tiff,
    ".tiff": _read_tiff,
    ".npy": _read_npy,
}
