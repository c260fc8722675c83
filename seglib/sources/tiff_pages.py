"""Pages of a TIFF: the list walked once and never trusted, each page checked and decoded by itself.

Only the one file is opened: other files that OME metadata names are counted, never read.
"""

from __future__ import annotations

import struct
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from PIL import Image

from seglib.data import bounded
from seglib.exceptions import InputError
from seglib.sources.source import MAX_PICTURES
from seglib.sources.stack import Index

_PLAIN, _DEFLATE, _PACKBITS, _BY_PILLOW = 1, (8, 32946), 32773, (5, 7)
_MAX_XML_BYTES = 20_000_000


def is_tiff(path: Path) -> bool:
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(4) in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


def page_offsets(path: Path, most: int = MAX_PICTURES) -> list[int]:
    """Where each page of the file begins, at most `most` of them.

    Raises InputError for a list that loops, leads out of the file or is longer than MAX_PICTURES.
    """
    size = path.stat().st_size
    offsets: list[int] = []
    seen: set[int] = set()
    with path.open("rb") as file:
        head = file.read(16)
        order = "<" if head[:2] == b"II" else ">"
        big = head[2:4] in (b"+\0", b"\0+")
        where, count, entry, link = (8, "Q", 20, "Q") if big else (4, "H", 12, "I")
        try:
            (offset,) = struct.unpack(order + link, head[where : where + struct.calcsize(link)])
            while offset:
                if offset in seen or offset >= size:
                    text = "leads back to an earlier page" if offset in seen else "leads out of the file"
                    raise InputError(f"{path}: the list of pages {text}; damaged or cut short.")
                if len(offsets) >= most:
                    break
                seen.add(offset)
                offsets.append(offset)
                file.seek(offset)
                (n_tags,) = struct.unpack(order + count, file.read(struct.calcsize(count)))
                file.seek(offset + struct.calcsize(count) + min(n_tags, 65536) * entry)
                (offset,) = struct.unpack(order + link, file.read(struct.calcsize(link)))
        except struct.error:
            raise InputError(f"{path}: the list of pages is cut short. Copy or export it again.") from None
    if len(offsets) >= MAX_PICTURES:
        raise InputError(f"{path}: {MAX_PICTURES:,} pages or more; cut it into parts.")
    if not offsets:
        raise InputError(f"{path}: the TIFF has no page. Copy or export it again.")
    return offsets


@dataclass(frozen=True)
class Meaning:
    """What a file says of its pages: their sizes along `axes` ('' = unnamed), who says so, and what else is to know."""

    sizes: tuple[int, ...]
    axes: str
    told_by: str
    notes: tuple[str, ...] = ()


class Pages:
    """The pages of one file, all of one shape, read by number. Close it, or use it in a `with`."""

    def __init__(self, path: Path):
        self.path = path
        self._n_listed = len(page_offsets(path))
        self._tiff: Any = None
        self._pillow: Any = None
        self._samples: np.ndarray | None = None
        try:
            self._tiff = tifffile.TiffFile(path, _multifile=False)
            first = self._tiff.pages[0]
            self._check_layout(first)
            self.meaning = _meaning(self._tiff, self._n_listed)
        except InputError:
            self.close()
            raise
        except Exception as error:  # tifffile raises anything from struct.error to KeyError on a damaged file
            self.close()
            raise self._damaged(error) from None
        # one page of separate samples: RGB, but also how some programs keep a stack of three or four planes
        self.in_samples = first.axes == "SYX" and self._n_listed == 1
        if self.in_samples:
            self.meaning = Meaning((int(first.samplesperpixel),), "", "", self.meaning.notes)
        self.colour = first.axes in ("YXS", "SYX") and not self.in_samples
        height, width = int(first.imagelength), int(first.imagewidth)
        self.shape: tuple[int, ...] = (height, width, 3) if self.colour else (height, width)
        self.dtype = np.dtype(first.dtype)
        self._virtual = self._n_listed == 1 and not self.in_samples and self.n_pages > 1
        if self._virtual:
            self._check_virtual(first)

    def __enter__(self) -> Pages:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        for file in (self._tiff, self._pillow):
            if file is not None:
                file.close()

    @property
    def n_pages(self) -> int:
        return int(np.prod(self.meaning.sizes, dtype=object))

    def read_at(self, index: Index) -> np.ndarray:
        """The page at an index whose numbers count along `meaning.sizes`; its slices take the page whole."""
        place = [part for part in index if isinstance(part, int)]
        if self.in_samples:
            pixels = np.moveaxis(self._whole(), 2, 0)
            return pixels[place[0]] if place else pixels
        return self.read(int(np.ravel_multi_index(place, self.meaning.sizes)) if place else 0)

    def read(self, number: int) -> np.ndarray:
        """(H, W[, 3]) of page `number`. Raises InputError naming file and page."""
        if self.in_samples:
            return self._whole()[..., number]
        return self._read(number)

    def _whole(self) -> np.ndarray:
        """The one page of separate samples, (H, W, samples), decoded once."""
        if self._samples is None:
            self._samples = self._read(0)
        return self._samples

    def _read(self, number: int) -> np.ndarray:
        try:
            return self._virtual_page(number) if self._virtual else self._page(number)
        except InputError:
            raise
        except Exception as error:
            raise self._damaged(error, f", page {number}") from None

    def _page(self, number: int) -> np.ndarray:
        page = self._tiff.pages[number]
        where = f"{self.path}, page {number}"
        self._check_layout(page)
        if page.axes != self._tiff.pages[0].axes or page.dtype != self.dtype or page.shape != self._tiff.pages[0].shape:
            got = f"{' × '.join(map(str, page.shape))} {page.dtype}"
            raise InputError(f"{where}: is {got}, the first page is not; pages of one stack must be alike.")
        self._check_extent(page, where)
        if int(page.compression) in _BY_PILLOW:
            pixels = self._by_pillow(number)
        else:
            pixels = page.asarray()
        pixels = np.moveaxis(pixels, 0, 2) if page.axes == "SYX" else pixels
        if page.photometric == tifffile.PHOTOMETRIC.MINISWHITE and pixels.dtype.kind in "bu":
            pixels = ~pixels
        return pixels

    def _by_pillow(self, number: int) -> np.ndarray:
        """LZW and JPEG, which tifffile alone cannot undo; Pillow decodes into the size that the page declares."""
        if self._pillow is None:
            self._pillow = Image.open(self.path, formats=("TIFF",))
        self._pillow.seek(number)
        pixels = np.asarray(self._pillow)
        if pixels.shape != self.shape or pixels.dtype not in (self.dtype, np.dtype(bool)):
            raise InputError(f"{self.path}: this compression of {self.dtype} is not read; save it without.")
        return pixels.astype(self.dtype, copy=False)

    def _check_layout(self, page: Any) -> None:
        if page.axes not in ("YX", "YXS", "SYX") or page.dtype is None or np.dtype(page.dtype).kind not in "buif":
            raise InputError(
                f"{self.path}: a page with axes {page.axes or '?'} of {page.dtype} is no grey or RGB plane."
            )
        n_samples = int(page.samplesperpixel)
        if (page.axes == "YXS" and n_samples != 3) or n_samples > 16:
            raise InputError(f"{self.path}: {n_samples} values a pixel; allowed: 1 (grey) or 3 (RGB).")
        if page.photometric == tifffile.PHOTOMETRIC.PALETTE:
            raise InputError(f"{self.path}: a stack of palette pictures is not read; save it as grey values.")
        if int(page.compression) not in (_PLAIN, *_DEFLATE, _PACKBITS, *_BY_PILLOW):
            name = getattr(page.compression, "name", page.compression)
            raise InputError(f"{self.path}: compression {name}; allowed: none, deflate, LZW, JPEG, PackBits.")

    def _check_extent(self, page: Any, where: str) -> None:
        """Every strip or tile lies inside the file, and becomes no more than its share of the page."""
        size = self.path.stat().st_size
        parts = list(zip(page.dataoffsets, page.databytecounts))
        promised = int(np.prod(page.shape, dtype=object)) * self.dtype.itemsize
        plain = int(page.compression) == _PLAIN and page.bitspersample == self.dtype.itemsize * 8
        too_few = plain and sum(count for _, count in parts) < promised
        if not parts or too_few or any(at <= 0 or count <= 0 or at + count > size for at, count in parts):
            raise InputError(f"{where}: pixels are missing, the TIFF is cut short. Copy or export it again.")
        if int(page.compression) in (*_DEFLATE, _PACKBITS):
            share = int(np.prod(page.chunks, dtype=object)) * self.dtype.itemsize + 1024
            for at, count in parts:
                self._check_part(at, count, share, int(page.compression), where)

    def _check_part(self, at: int, count: int, share: int, compression: int, where: str) -> None:
        if count > 2 * share + 65_536:
            raise InputError(f"{where}: {count:,} bytes are stored for {share:,}; it is not read.")
        if compression in _DEFLATE:
            handle = self._tiff.filehandle
            handle.seek(at)
            bounded.check(handle.read(count), "zlib", share, where)

    def _check_virtual(self, page: Any) -> None:
        """One page in the list and many planes behind it, as ImageJ writes large stacks: uncompressed, in one piece."""
        step = int(np.prod(page.shape, dtype=object)) * self.dtype.itemsize
        missing = page.dataoffsets[0] + self.n_pages * step > self.path.stat().st_size
        if int(page.compression) != _PLAIN or page.axes == "SYX" or missing:
            text = f"speaks of {self.n_pages:,} planes and holds 1"
            raise InputError(f"{self.path}: {text}; cut short, or its other files are not followed.")

    def _virtual_page(self, number: int) -> np.ndarray:
        page = self._tiff.pages[0]
        step = int(np.prod(page.shape, dtype=object)) * self.dtype.itemsize
        handle = self._tiff.filehandle
        handle.seek(page.dataoffsets[0] + number * step)
        data = handle.read(step)
        return np.frombuffer(data, self.dtype.newbyteorder(self._tiff.byteorder)).reshape(page.shape)

    def _damaged(self, error: Exception, where: str = "") -> InputError:
        detail = " ".join(str(error).split())[:120] or type(error).__name__
        return InputError(f"{self.path}{where}: cannot be read, damaged or cut short ({detail}). Export it again.")


def _meaning(tiff: Any, n_pages: int) -> Meaning:
    """What ImageJ, OME or tifffile metadata say of the pages; where they do not fit, the pages are merely counted."""
    notes: tuple[str, ...] = ()
    if tiff.imagej_metadata:
        axes, sizes, told_by = *_imagej(tiff.imagej_metadata), "ImageJ"
    elif tiff.pages[0].description.lstrip("\ufeff \n").startswith(("<?xml", "<OME")):
        axes, sizes, notes = _ome(tiff.pages[0].description, tiff.filename)
        told_by = "the OME metadata"
    else:
        axes, sizes, told_by = "", _shaped(tiff), ""
    total = int(np.prod(sizes, dtype=object))
    if total == n_pages or (n_pages == 1 and 1 < total <= MAX_PICTURES and not notes):
        return Meaning(tuple(sizes), axes, told_by, notes)
    if told_by and total != n_pages:
        notes = (*notes, f"{told_by} speaks of {total:,} planes, the file holds {n_pages:,}: it is not trusted")
    return Meaning((n_pages,) if n_pages > 1 else (), "", "", notes)


def _imagej(metadata: dict[str, Any]) -> tuple[str, tuple[int, ...]]:
    """ImageJ's order is frames, slices, channels. Slices alone may also be frames, but Z is what it says."""
    sizes = {axis: int(metadata.get(key, 1)) for axis, key in (("T", "frames"), ("Z", "slices"), ("C", "channels"))}
    kept = {axis: n for axis, n in sizes.items() if n > 1}
    if not kept and int(metadata.get("images", 1)) > 1:
        return "", (int(metadata["images"]),)
    return "".join(kept), tuple(kept.values())


def _ome(text: str, name: str) -> tuple[str, tuple[int, ...], tuple[str, ...]]:
    """Axes and sizes of the first image. A document type, which XML bombs are made of, is not parsed."""
    if len(text) > _MAX_XML_BYTES or "<!DOCTYPE" in text or "<!ENTITY" in text:
        return "", (), ("its OME metadata is not parsed: too large, or with a document type of its own",)
    try:
        root = ElementTree.fromstring(text.encode("utf-8", "replace"))
    except ElementTree.ParseError:
        return "", (), ("its OME metadata is no XML",)
    named = {element.get("FileName") for element in root.iter() if element.tag.endswith("}UUID")}
    others = named - {None, name}
    notes = (f"its OME metadata names {len(others)} other files, which are not followed",) if others else ()
    pixels = next((element for element in root.iter() if element.tag.endswith("}Pixels")), None)
    if pixels is None:
        return "", (), notes
    order = [axis for axis in reversed(pixels.get("DimensionOrder", "")) if axis in "TZC"]
    samples = next((e.get("SamplesPerPixel", "1") for e in pixels.iter() if e.tag.endswith("}Channel")), "1")
    sizes = {axis: int(pixels.get(f"Size{axis}", "1")) for axis in order}
    if "C" in sizes and samples.isdigit() and int(samples) > 1:
        sizes["C"] //= int(samples)
    kept = {axis: n for axis, n in sizes.items() if n > 1}
    return "".join(kept), tuple(kept.values()), notes


def _shaped(tiff: Any) -> tuple[int, ...]:
    """The shape that tifffile left in the description, without rows and columns; it names no axes."""
    metadata = tiff.shaped_metadata
    shape = tuple(int(n) for n in metadata[0].get("shape", ())) if metadata else ()
    n_plane = len(tiff.pages[0].shape)
    return tuple(n for n in shape[:-n_plane] if n > 1) if len(shape) > n_plane else ()
