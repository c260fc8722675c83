"""Descriptors: what a wrong region looks like, in numbers that can be compared. No torch.

Three parts, each with a weight of its own so that none drowns the others:
- what the table of regions says: size, shape, what it touches, how sure the network was, contrast, its cause;
- what the picture says, where `described` has looked at it: solidity, thickness, brightness, roughness inside and
  around, and the focus of its surroundings;
- what the network says: its activations before the last layer, as columns f0, f1, …, where a job has put them there.

Numbers come in units of about one visible difference; one that spreads wider is divided by its robust spread, and
beyond 3 it is cut. The activations are turned to their principal axes, half whitened, and together weigh as much as
NETWORK_WEIGHT says.
"""

from __future__ import annotations

import cv2
import numpy as np
import pandas as pd

from seglib.errors.regions import decode

# name -> (columns it needs, its value in units of about one visible difference, weight)
FEATURES = {
    "size": (("n_pixels",), lambda t: np.log2(t.n_pixels) / 2, 1.0),  # four times the size is one
    "of_cell": (("n_pixels", "cell_radius_px"), lambda t: np.log2(t.n_pixels / t.cell_radius_px**2) / 2, 0.5),
    "elongation": (("elongation", "n_pixels"), lambda t: _told(t) * (np.log2(t.elongation) - 1), 1.0),
    "extent": (("extent", "n_pixels"), lambda t: _told(t) * (2 * t.extent - 1), 1.0),
    "touching": (("n_cells",), lambda t: np.minimum(t.n_cells, 2), 1.0),
    "sure": (("probability",), lambda t: 4 * t.probability, 1.0),
    "contrast": (("contrast",), lambda t: t.contrast, 1.0),
    "border": (("border_px",), lambda t: np.minimum(t.border_px, 4) / 4, 1.0),  # cut by the image border or not
    "whole": (("class",), lambda t: t["class"].isin(WHOLE), 2.0),
    "junction": (("class",), lambda t: t["class"].isin(("bridge", "split")), 2.0),
    "hole": (("class",), lambda t: t["class"] == "hole", 2.0),
    "solidity": (("solidity", "n_pixels"), lambda t: _told(t) * (3 * t.solidity - 2), 0.7),
    "thickness": (("thickness_px",), lambda t: np.log2(t.thickness_px), 1.0),
    "brightness": (("brightness",), lambda t: t.brightness, 0.7),
    "roughness": (("roughness",), lambda t: np.log2(t.roughness + 0.1), 0.7),
    "rough_around": (("rough_around",), lambda t: np.log2(t.rough_around + 0.1), 0.7),
    "focus": (("focus",), lambda t: t.focus / 1.5, 0.7),
}
WHOLE = ("missed_cell", "missed_bud", "hallucinated_cell")
NETWORK_WEIGHT = 1.25  # of all activations together; one number of FEATURES weighs about 1
LOOKS = ("solidity", "thickness_px", "brightness", "roughness", "rough_around", "focus")
_CUT = 3.0
_AXES, _LEAST_VARIANCE = 6, 0.04  # principal axes at most, and the share of the variance from which one is kept
_AROUND_PX = 5
GROWN_PX = 4  # activations are averaged over the region and so many pixels around it


def descriptors(table: pd.DataFrame) -> np.ndarray:
    """(n, d) float, distances in it are differences in look. Which columns: those of FEATURES that the table has, and
    its columns f0, f1, … A value that is undefined counts as the usual one."""
    columns = [
        weight * _scaled(np.asarray(value(table), float))
        for needs, value, weight in FEATURES.values()
        if all(name in table for name in needs)
    ]
    activations = table[network_columns(table)].to_numpy(float)
    return np.column_stack([*columns, NETWORK_WEIGHT * half_whitened(activations)])


def _told(table: pd.DataFrame) -> pd.Series:
    """How much the shape of a region says, 0 to 1: that of five pixels in a row is chance."""
    return np.minimum(table.n_pixels / 20, 1)


def network_columns(table: pd.DataFrame) -> list[str]:
    """f0, f1, … as far as the table has them."""
    return [name for name in table.columns if name[:1] == "f" and name[1:].isdigit()]


def _scaled(values: np.ndarray) -> np.ndarray:
    """Around the median, over its robust spread (interquartile range / 1.35) where that exceeds 1, cut at 3."""
    known = values[np.isfinite(values)]
    if not len(known):
        return np.zeros(len(values))
    low, middle, high = np.quantile(known, (0.25, 0.5, 0.75))
    away = (values - middle) / max(1.0, (high - low) / 1.35)
    return np.nan_to_num(np.clip(away, -_CUT, _CUT))


def half_whitened(activations: np.ndarray) -> np.ndarray:
    """(n, C) -> (n, k): the principal axes of the scaled activations, together of mean square 1 at most.

    The variance of an axis is the square root of what it was: half way to whitening, so that what is seldom is not
    hidden behind what is strong everywhere, nor a difference in noise. Axes with less than 4 % are left out.
    """
    if not activations.shape[1] or len(activations) < 2:
        return np.zeros((len(activations), 0))
    spread = np.nanstd(activations, axis=0)
    centred = np.nan_to_num((activations - np.nanmean(activations, axis=0)) / np.where(spread > 1e-9, spread, np.inf))
    values, axes = np.linalg.eigh(centred.T @ centred / len(centred))
    kept = np.flatnonzero(values > _LEAST_VARIANCE * max(values.sum(), 1e-12))[::-1][:_AXES]
    if not len(kept):
        return np.zeros((len(activations), 0))
    turned = np.clip(centred @ axes[:, kept] / np.sqrt(values[kept]), -_CUT, _CUT)
    return turned * values[kept] ** 0.25 / np.sqrt(np.sqrt(values[kept]).sum())


def looks(gray: np.ndarray, table: pd.DataFrame) -> pd.DataFrame:
    """What the picture says of its regions: the columns of LOOKS, with the index of `table`.

    gray: (H, W). solidity: share of its convex hull it fills. thickness_px: twice the largest distance from inside to
    outside. brightness: mean grey value over the image's median; roughness, rough_around: standard deviation inside,
    and within 5 px around (all in standard deviations of the image). focus: log2 of the mean square Laplacian around
    it over that of the image: below 0 is blurred or empty, above is sharp.
    """
    gray = gray.astype(np.float32)
    middle, spread = float(np.median(gray)), float(gray.std()) or 1.0
    sharp = cv2.Laplacian(gray, cv2.CV_32F) ** 2
    usual = float(sharp.mean()) or 1.0
    rows = [_look(gray, sharp, r) for r in table.itertuples()]
    found = pd.DataFrame(rows, columns=list(LOOKS), index=table.index, dtype=float)
    found["brightness"] = (found.brightness - middle) / spread
    found[["roughness", "rough_around"]] /= spread
    found["focus"] = np.log2(found.focus / usual + 1e-3)
    return found


def grown(region, shape: tuple[int, int], by_px: int) -> tuple[tuple[slice, slice], np.ndarray, np.ndarray]:
    """(window, inside, with its surroundings) of a row of regions: two bool arrays over the box grown by `by_px`."""
    top, left = max(region.row - by_px, 0), max(region.col - by_px, 0)
    bottom, right = (
        min(region.row + region.height + by_px, shape[0]),
        min(region.col + region.width + by_px, shape[1]),
    )
    inside = np.zeros((bottom - top, right - left), np.uint8)
    row, col = region.row - top, region.col - left
    inside[row : row + region.height, col : col + region.width] = decode(region.rle, region.height, region.width)
    around = cv2.dilate(inside, np.ones((2 * by_px + 1, 2 * by_px + 1), np.uint8))
    return (slice(top, bottom), slice(left, right)), inside > 0, around > 0


def _look(gray: np.ndarray, sharp: np.ndarray, region) -> tuple[float, ...]:
    window, inside, around = grown(region, gray.shape, _AROUND_PX)
    values, rest = gray[window][inside], gray[window][around & ~inside]
    padded = np.pad(inside, 1).astype(np.uint8)
    thickness = 2 * float(cv2.distanceTransform(padded, cv2.DIST_L2, 3).max()) - 1
    return (
        int(inside.sum()) / _hull_area(inside),
        max(thickness, 1.0),
        float(values.mean()),
        float(values.std()),
        float(rest.std()) if len(rest) else 0.0,
        float(sharp[window][around].mean()),
    )


def _hull_area(inside: np.ndarray) -> float:
    """Area of the convex hull of the pixels, each a square."""
    rows, cols = np.nonzero(inside)
    corners = np.stack(
        [np.concatenate([cols, cols + 1, cols, cols + 1]), np.concatenate([rows, rows, rows + 1, rows + 1])]
    )
    return cv2.contourArea(cv2.convexHull(corners.T.astype(np.int32)[:, None]))
