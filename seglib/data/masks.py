"""Masks: what the values of a mask picture mean, decided by rules that can be read, never by a repair."""

from __future__ import annotations

import cv2
import numpy as np
from skimage.measure import label

from seglib.exceptions import InputError

_BAND_PX = 16_000_000
_TINY_PX = 4  # a patch of one value this small or smaller is a trace of blurring or JPEG, not a cell
_REMEDY = "Save it as PNG or TIFF with 0 = background and 255 = cell, or one number a cell, without smoothing."


class MaskValues(InputError):
    """A mask file that can be read but whose values are neither binary nor one number a cell."""


def labels_from_raster(pixels: np.ndarray, palette: np.ndarray | None, name: str) -> tuple[np.ndarray, str]:
    """Decoded mask (H, W[, 3]) -> labels (H, W) int32 and a line that says what was understood.

    One non-zero value (or colour): binary, a cell is an 8-connected component. Several: one number (or colour) a cell,
    kept as they are. A palette of greys is read as these greys, a coloured one as its indices. Raises MaskValues naming
    the file `name` where the values are neither.
    """
    how = ""
    if palette is not None:
        pixels, how = _palette_values(pixels, palette, name)
    elif pixels.ndim == 3:
        pixels, how = _rgb_values(pixels, name)
    labels, understood = _from_values(_whole(pixels, name), name)
    return labels, understood + how


def _palette_values(indices: np.ndarray, palette: np.ndarray, name: str) -> tuple[np.ndarray, str]:
    colours = palette[np.unique(indices)].astype(int)
    if (colours == colours[:, :1]).all():
        return palette[indices, 0], ", from the greys of a palette"
    black = ~colours.any(axis=1)
    if black.any() and palette[0].any():
        raise MaskValues(f"{name}: black is not entry 0 of the palette, so the background is unclear. {_REMEDY}")
    return indices, ", from palette indices"


def _rgb_values(pixels: np.ndarray, name: str) -> tuple[np.ndarray, str]:
    """RGB of equal channels is grey; otherwise black is background and every colour gets a number."""
    red, green, blue = (pixels[..., channel] for channel in range(3))
    if np.array_equal(red, green) and np.array_equal(green, blue):
        return red, ", grey stored as RGB"
    if pixels.dtype.kind == "f":
        raise MaskValues(f"{name}: a mask of coloured float values makes no sense. {_REMEDY}")
    if pixels.dtype not in (bool, np.uint8, np.uint16) and not 0 <= pixels.min() <= pixels.max() < 2**16:
        raise MaskValues(f"{name}: colours from {pixels.min()} to {pixels.max()}; allowed: 0 to 65535. {_REMEDY}")
    runs = [_runs(pixels[band]) for band in _bands(pixels)]
    colours = np.unique(np.concatenate([np.unique(values) for values, _ in runs]))
    if colours[0] != 0:
        raise MaskValues(f"{name}: a coloured mask without a black background. {_REMEDY}")
    ids = [np.repeat(np.searchsorted(colours, values).astype(np.int32), lengths) for values, lengths in runs]
    return np.concatenate(ids).reshape(pixels.shape[:2]), ", one colour a number on black"


def _bands(pixels: np.ndarray) -> list[slice]:
    """Bands of rows: what needs many bytes a pixel is done for one at a time. Most pictures are one."""
    rows = max(1, _BAND_PX // pixels.shape[1])
    return [slice(first, first + rows) for first in range(0, pixels.shape[0], rows)]


def _runs(pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(h, w, 3) whole numbers below 2¹⁶ -> one number a colour of every run of equal pixels, and the runs' lengths.

    Masks are few runs, so that sorting them costs little.
    """
    kind, bits = (np.uint32, 8) if pixels.dtype.itemsize == 1 else (np.int64, 16)
    red, green, blue = (pixels[..., channel].astype(kind) for channel in range(3))
    flat = ((red << 2 * bits) | (green << bits) | blue).ravel()
    starts = np.concatenate([[0], np.flatnonzero(flat[1:] != flat[:-1]) + 1])
    return flat[starts], np.diff(starts, append=flat.size)


def _whole(values: np.ndarray, name: str) -> np.ndarray:
    """Values as whole numbers from 0 to 2³¹ - 1; refused otherwise."""
    if values.dtype == bool:
        return values.astype(np.uint8)
    if values.dtype.kind == "f" and not (np.isfinite(values).all() and (values == np.rint(values)).all()):
        raise MaskValues(f"{name}: mask values are not whole numbers. {_REMEDY}")
    if values.min() < 0 or values.max() > np.iinfo(np.int32).max:
        raise MaskValues(f"{name}: mask values from {values.min()} to {values.max()}; allowed: 0 to 2147483647.")
    return values


def _from_values(values: np.ndarray, name: str) -> tuple[np.ndarray, str]:
    highest = int(values.max())
    if highest == 0:
        return np.zeros(values.shape, np.int32), "no cell (all 0)"
    foreground = values > 0
    if int(np.min(values, where=foreground, initial=highest)) == highest:
        _, labels = cv2.connectedComponents(foreground.astype(np.uint8), connectivity=8, ltype=cv2.CV_32S)
        return labels, f"binary 0/{highest}, 8-connected components"
    labels = np.ascontiguousarray(values, np.int32)
    _check_ids(labels, name)
    return labels, "instance ids"


def _check_ids(labels: np.ndarray, name: str) -> None:
    """Numbers of cells fill one patch each; anti-aliasing, JPEG and class numbers leave very many or tiny ones."""
    areas = np.concatenate([_patch_areas(labels, band) for band in _bands(labels)])
    n_values = len(set().union(*(np.unique(labels[band]).tolist() for band in _bands(labels))) - {0})
    n_tiny = int(np.count_nonzero(areas <= _TINY_PX))
    if 2 * n_tiny > len(areas) and len(areas) > 3:
        got = f"{n_values} grey values, mostly in specks of {_TINY_PX} px or less, as JPEG and smoothing leave them"
        raise MaskValues(f"{name}: {got}; neither binary nor one number a cell. {_REMEDY}")
    if len(areas) > 3 * n_values + 10:
        got = f"{n_values} values in {len(areas)} separate patches, as classes rather than cells"
        raise MaskValues(f"{name}: {got}; neither binary nor one number a cell. {_REMEDY}")


def _patch_areas(labels: np.ndarray, band: slice) -> np.ndarray:
    """Pixels of each patch of one value that begins in this band of rows; of one that goes on below, those in it.

    One that goes on at a corner only counts twice, which matters to no limit.
    """
    patches = label(labels[band], connectivity=2)
    areas = np.bincount(patches.ravel())
    if band.start:
        goes_on = labels[band.start] == labels[band.start - 1]
        areas[patches[0, goes_on]] = 0
    areas[0] = 0
    return areas[areas > 0]
