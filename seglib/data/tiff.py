"""TIFF: one picture of one page, its offsets, counts and compressed sizes checked before anything is decoded."""

from __future__ import annotations

import io
import logging
import math
from pathlib import Path
from typing import BinaryIO

import numpy as np
import tifffile
from PIL import Image

from seglib.data import bounded
from seglib.data.raster import Raster, check_size, oriented
from seglib.exceptions import InputError

_SIGNATURES = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_ORIENTATION = 274
_INFLATED = {8: "zlib", 32946: "zlib", 34925: "lzma"}
_MOST_DEFLATED = 1100  # zlib makes of one byte at most 1032
_PACKBITS = 32773
_SLACK_BYTES = 64 * 2**20

# what it says of a damaged file goes into our own line, or nowhere
logging.getLogger("tifffile").addHandler(logging.NullHandler())


def read_tiff(path: Path) -> Raster:
    """One page of a TIFF. Only this file is opened: links to other files in OME metadata are never followed."""
    with path.open("rb") as file:
        if file.read(4) not in _SIGNATURES:
            raise InputError(f"{path}: the file is not a TIFF inside. Export it again as one.")
        file.seek(0)
        with tifffile.TiffFile(file, _multifile=False) as tiff:
            page = tiff.pages[0]
            _check_single_page(tiff, path)
            _check_layout(page, path)
            pixel_bytes = page.dtype.itemsize * int(page.samplesperpixel)
            check_size(int(page.imagelength), int(page.imagewidth), pixel_bytes, path)
            _check_extent(page, file, path)
            tag = page.tags.get(_ORIENTATION)
            pixels = _decode_page(page, int(tag.value) if tag else 1, file, path)
            palette = _tiff_palette(page)
            if page.photometric == tifffile.PHOTOMETRIC.MINISWHITE and pixels.dtype.kind in "bu":
                pixels = ~pixels if pixels.dtype == bool else np.iinfo(pixels.dtype).max - pixels
            return Raster(pixels, palette)


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


def _check_extent(page: tifffile.TiffPage, file: BinaryIO, path: Path) -> None:
    """Every strip or tile must lie inside the file, and none may hold more than its place in the picture.

    Some decoders fill what is missing with zeros, and some inflate whatever they are given.
    """
    size = file.seek(0, io.SEEK_END)
    parts = list(zip(page.dataoffsets, page.databytecounts))
    promised = math.prod(page.shape) * page.dtype.itemsize
    plain = page.compression == 1 and page.bitspersample == page.dtype.itemsize * 8
    too_few = plain and sum(count for _, count in parts) < promised
    if not parts or too_few or any(offset <= 0 or count <= 0 or offset + count > size for offset, count in parts):
        raise InputError(f"{path}: the TIFF is cut short (pixels are missing). Copy or export it again.")
    part = math.prod(page.chunks) * page.dtype.itemsize
    if part * len(parts) > 4 * promised + _SLACK_BYTES:
        got = f"{len(parts):,} strips or tiles of {part:,} bytes for a picture of {promised:,}"
        raise InputError(f"{path}: the TIFF is damaged ({got}). Export it again.")
    codec = _INFLATED.get(int(page.compression))
    for offset, count in parts if codec else ():
        if codec == "lzma" or count * _MOST_DEFLATED > part:
            file.seek(offset)
            bounded.check(file.read(count), codec, part, f"{path}: a strip or tile")


def _decode_page(page: tifffile.TiffPage, orientation: int, file: BinaryIO, path: Path) -> np.ndarray:
    """Pixels of one page, turned as its tag says; compressions that tifffile cannot undo (LZW, JPEG) go through Pillow.

    Pillow turns the picture itself.
    """
    if page.compression == 1 or int(page.compression) in _INFLATED or page.compression == _PACKBITS:
        pixels = page.asarray(maxworkers=1)
        return oriented(np.moveaxis(pixels, 0, 2) if page.axes == "SYX" else pixels, orientation)
    file.seek(0)
    with Image.open(file, formats=("TIFF",)) as image:
        image.load()
        pixels = np.asarray(image)
    shape = oriented(np.broadcast_to(0, page.shape), orientation).shape
    if page.axes == "SYX" or pixels.shape != shape or pixels.dtype not in (page.dtype, np.dtype(bool)):
        raise InputError(f"{path}: {page.compression.name} compression of {page.dtype} is not read; save without it.")
    return pixels


def _tiff_palette(page: tifffile.TiffPage) -> np.ndarray | None:
    if page.photometric != tifffile.PHOTOMETRIC.PALETTE or page.colormap is None:
        return None
    return (np.asarray(page.colormap).T >> 8).astype(np.uint8)
