"""Mask files: corrected labels put back into the file they were read from, in its own format, without loss.

Bit depth, binary values, palette and colours stay as they are; only pixels whose label changed get another value: that
of the background or of the cell they belong to now, taken from the file itself. A new cell gets a value that the file
does not use yet. JPEG would lose pixels, so a mask in one becomes PNG; where a format has no value left, the mask is
written as plain grey numbers. Both are said. What was written is read back and compared before it counts.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tifffile
from PIL import Image

from seglib.data.masks import labels_from_raster
from seglib.data.raster import Raster
from seglib.data.readers import read_mask, read_raster
from seglib.exceptions import InputError
from seglib.images import write_png

_TIFF = (".tif", ".tiff")
_KEPT_COMPRESSION = {1: None, 8: "zlib", 32946: "zlib", 32773: "packbits"}
_RESOLUTION = ("XResolution", "YResolution", "ResolutionUnit")


@dataclass(frozen=True)
class MaskFile:
    """A mask as it is stored, and as it is read: labels (H, W) int32 and what was understood."""

    path: Path
    raster: Raster
    labels: np.ndarray
    understood: str

    @property
    def binary(self) -> bool:
        """One value for all cells (or none at all): what touches is one object."""
        return self.understood.startswith(("binary", "no cell"))


def load(path: Path) -> MaskFile:
    """Raises InputError as `seglib.data.readers.read_mask` does."""
    raster = read_raster(path)
    labels, understood = labels_from_raster(_colours(raster), raster.palette, str(path))
    return MaskFile(Path(path), raster, labels, understood)


def save(mask: MaskFile, labels: np.ndarray, target: Path) -> tuple[Path, str]:
    """Write `labels` as `mask` is stored, to `target` or beside it with another suffix; that path, and what is to be
    said ('' where the format is the same). Raises InputError where it cannot be written to read back as meant."""
    jpeg = target.suffix.lower() in (".jpg", ".jpeg")
    own = target.with_suffix(".png") if jpeg else target
    encoded = _encoded(mask, labels)
    if encoded is not None:
        _write(own, encoded, mask.path)
        if reads_as(own, labels, mask.binary):
            return own, "written as PNG, because JPEG loses pixels" if jpeg else ""
        own.unlink()
    wide = int(labels.max()) > np.iinfo(np.uint16).max
    own = target.with_suffix(".tif" if wide else ".png")
    _write(own, Raster(_plain(labels, mask.binary)), own)
    try:
        read_mask(own)
    except InputError as error:
        reason = str(error).removeprefix(f"{own}: ")
        raise InputError(f"{mask.path}: corrected like this the mask would be refused ({reason})") from None
    return own, f"written as plain numbers ({own.suffix[1:].upper()}), its own format has no value for a new cell"


def same_cells(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether two label pictures have the same cells, whatever their numbers."""
    if not np.array_equal(a > 0, b > 0):
        return False
    inside = a > 0
    first, second = a[inside].astype(np.int64), b[inside].astype(np.int64)
    pairs = np.unique(first * (int(b.max()) + 1) + second)
    return len(pairs) == len(np.unique(first)) == len(np.unique(second))


def _colours(raster: Raster) -> np.ndarray:
    """Pixels without an alpha channel or an axis of length 1, as `labels_from_raster` takes them."""
    pixels = raster.pixels
    if pixels.ndim == 3 and pixels.shape[2] in (2, 4):
        pixels = pixels[..., :-1]
    return pixels[..., 0] if pixels.ndim == 3 and pixels.shape[2] == 1 else pixels


def reads_as(file: Path, labels: np.ndarray, binary: bool) -> bool:
    """Whether the mask in `file` has the cells of `labels`.

    Of a binary mask the foreground counts alone; so it does where one number is left, which is binary then.
    """
    try:
        found, understood = read_mask(file)
    except InputError:
        return False
    if binary or not understood.startswith("instance"):
        return np.array_equal(found > 0, labels > 0)
    return same_cells(found, labels)


def _plain(labels: np.ndarray, binary: bool) -> np.ndarray:
    if binary:
        return (labels > 0).astype(np.uint8) * np.uint8(255)
    highest = int(labels.max())
    kinds = (np.uint8, np.uint16, np.uint32)
    return labels.astype(next(kind for kind in kinds if highest <= np.iinfo(kind).max))


def _encoded(mask: MaskFile, labels: np.ndarray) -> Raster | None:
    """The stored pixels with those changed whose label did; None where there is no value for a new cell."""
    stored, palette = mask.raster.pixels, mask.raster.palette
    made = Raster(stored.copy(), None if palette is None else palette.copy())
    before, after = (part > 0 if mask.binary else part for part in (mask.labels, labels))
    changed = before != after
    for number in np.unique(after[changed]):
        known = np.argwhere(before == number)
        value = stored[tuple(known[0])] if len(known) else _unused(int(number), made, mask.binary)
        if value is None:
            return None
        made.pixels[changed & (after == number)] = value
    return made


def _unused(number: int, made: Raster, binary: bool) -> np.ndarray | int | None:
    """The stored value of a cell `number` that the mask does not have yet, or of background where it has none."""
    pixels = made.pixels
    if made.palette is not None:
        return 0 if number == 0 else _unused_index(pixels, made.palette)
    if number and binary:  # a mask without any cell
        number = 255 if pixels.dtype != bool else 1
    if pixels.ndim == 3 and pixels.shape[2] >= 3:
        colour = _unused_colour(number, pixels[..., :3])
    else:
        colour = _unused_grey(number, pixels if pixels.ndim == 2 else pixels[..., 0])
    if colour is None or pixels.ndim == 2:
        return colour
    value = pixels[0, 0].copy()  # its alpha, where there is one
    value[: 3 if pixels.shape[2] >= 3 else 1] = colour
    return value


def _unused_grey(number: int, grey: np.ndarray) -> int | None:
    """`number` where the type holds it, else the lowest that no cell has."""
    kind = grey.dtype
    most = {"b": 1, "f": 2**24}.get(kind.kind) or int(np.iinfo(kind).max)
    if number <= most:
        return number
    used = np.unique(grey)
    free = np.setdiff1d(np.arange(1, min(most, len(used) + 1) + 1), used)
    return int(free[0]) if len(free) else None


def _unused_colour(number: int, colours: np.ndarray) -> np.ndarray | int | None:
    """A grey where all are; else one above the highest colour as a number, so that the others keep their order."""
    if (colours == colours[..., :1]).all():
        return _unused_grey(number, colours[..., 0])
    if number == 0:
        return 0
    most = int(np.iinfo(colours.dtype).max) + 1
    red, green, blue = (colours[..., channel].astype(np.int64) for channel in range(3))
    used = np.unique((red * most + green) * most + blue)
    free = int(used[-1]) + 1
    if free >= most**3:
        free = int(np.setdiff1d(np.arange(1, len(used) + 2), used)[0])
    return np.array([free // most**2, free // most % most, free % most], colours.dtype)


def _unused_index(indices: np.ndarray, palette: np.ndarray) -> int | None:
    """An entry that no pixel has; among greys a grey that none has. One without a colour of its own is given one."""
    used = np.unique(indices)
    free = np.setdiff1d(np.arange(1, len(palette)), used)
    if (palette[used] == palette[used][:, :1]).all():
        is_grey = (palette[free] == palette[free][:, :1]).all(axis=1)
        greys = free[is_grey & ~np.isin(palette[free, 0], [0, *palette[used, 0]])]
        if len(greys):
            return int(greys[-1])
    if not len(free):
        return None
    above = free[free > used[-1]]
    index = int((above if len(above) else free)[0])
    if not palette[index].any():
        palette[index] = (255, (index * 67) % 200, (index * 41) % 200)
    return index


def _write(file: Path, raster: Raster, like: Path) -> None:
    """Pixels as they are, in the format of the suffix. like: a TIFF whose compression and resolution are kept."""
    suffix = file.suffix.lower()
    if suffix in _TIFF:
        _write_tiff(file, raster, like)
    elif suffix == ".npy":
        np.save(file, raster.pixels, allow_pickle=False)
    elif raster.palette is not None:
        image = Image.fromarray(raster.pixels)
        image.putpalette(raster.palette.tobytes(), "RGB")
        image.save(file, format="PNG")
    elif raster.pixels.ndim == 3 and raster.pixels.dtype == np.uint16:
        order = [2, 1, 0, 3][: raster.pixels.shape[2]]
        write_png(file, np.ascontiguousarray(raster.pixels[..., order]))
    else:
        Image.fromarray(raster.pixels).save(file, format="PNG")


def _write_tiff(file: Path, raster: Raster, like: Path) -> None:
    pixels, more = raster.pixels, {"compression": "zlib"}
    if like.suffix.lower() in _TIFF and like.exists():
        with tifffile.TiffFile(like) as tiff:
            page = tiff.pages[0]
            tags = [page.tags[name].value for name in _RESOLUTION if name in page.tags]
            text = page.description or ""
            more = {"compression": _KEPT_COMPRESSION.get(int(page.compression), "zlib")}
            more |= {"description": text} if text.isascii() and text else {}
            if len(tags) == len(_RESOLUTION):
                more |= {"resolution": tuple(n / max(1, d) for n, d in tags[:2]), "resolutionunit": int(tags[2])}
    if raster.palette is not None:
        more["colormap"] = raster.palette.T.astype(np.uint16) * np.uint16(257)
    kind = "palette" if raster.palette is not None else "rgb" if pixels.ndim == 3 and pixels.shape[2] > 2 else None
    tifffile.imwrite(file, pixels, photometric=kind or "minisblack", metadata=None, **more)
