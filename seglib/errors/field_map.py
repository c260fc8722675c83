"""Field map: where in the field of view mistakes pile up, over all images: dust on the camera stays where it is.

Images are laid over each other by the share of their height and width, so that sizes may differ, and the field is cut
into bins. For each bin and kind the number of images with a wrong pixel there is held against chance: the mean rate
of the field, or that of the bins around where it is higher (cells sit in the middle of many pictures). If images were
independent and each as likely to be wrong there, a number as high or higher would have the probability of the upper
tail of a binomial; that of images with different rates is smaller still (Hoeffding 1956,
doi:10.1214/aoms/1177728178). Bins below ALPHA over all bins (Bonferroni) that touch make a spot.

Frames of one movie are not independent: a cell that stays put looks like dust. From MIN_GROUPS groups on a group
counts once, where most of its images are wrong; below that images are counted, and a spot says how many groups it is
of.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import cv2
import numpy as np
import pandas as pd
from scipy.stats import binom

from seglib.errors.runlengths import Runs
from seglib.exceptions import InputError

KINDS = ("fp", "fn")
ALPHA = 0.01
MIN_IMAGES = 3  # in fewer a spot is no pattern
MIN_GROUPS = 5
BIN_PX, MOST_BINS, LEAST_BINS = 12, 48, 8  # a bin is about so wide, and so many lie along the longer side
SPOT_COLUMNS = ("kind", "row", "col", "height", "width", "bins", "n_images", "n_groups", "expected", "p", "n_pixels")


@dataclass(frozen=True)
class FieldMap:
    """density: kind -> (rows, cols) mean share of the bin's pixels that is wrong. images: kind -> (rows, cols) number
    of images wrong there, of n_images. units: what was counted for `spots`, images or groups. shape: (height, width)
    in px where all images have one size, else None.

    spots: one row a place with more wrong images than chance, the surest first: kind; row, col, height, width of its
    box as shares of the field; bins (numbers, row by row); n_images and n_groups wrong there; expected (images by
    chance in a bin); p (of its surest bin, before the correction for the number of bins); n_pixels (wrong, in all).
    """

    density: dict[str, np.ndarray]
    images: dict[str, np.ndarray]
    n_images: int
    n_groups: int
    units: str
    shape: tuple[int, int] | None
    spots: pd.DataFrame

    @property
    def bins(self) -> tuple[int, int]:
        return self.images["fp"].shape


def field_map(
    table: pd.DataFrame, shapes: Mapping[str, tuple[int, int]], groups: Mapping[str, str] | None = None
) -> FieldMap:
    """table: regions with `image` (any number of images). shapes: (height, width) in px of every image that was
    judged, wrong or not. groups: image -> its movie; left out, every image is its own.

    Raises InputError for an image without a shape.
    """
    unknown = set(table.image) - set(shapes)
    if unknown:
        raise InputError(f"the size of {sorted(unknown)[0]} is not known; give one for every image with regions.")
    names = list(shapes)
    sizes = np.array([shapes[name] for name in names], float).reshape(-1, 2)
    grid = _grid(sizes)
    wrong = _pixels(table, names, sizes, grid)  # (kinds, images, bins)
    area = sizes.prod(axis=1) / np.prod(grid)
    density = {kind: (px / area[:, None]).mean(axis=0) if names else px.sum(axis=0) for kind, px in zip(KINDS, wrong)}
    group = pd.factorize(pd.Series([(groups or {}).get(name, name) for name in names], dtype=object))[0]
    units = _units(wrong > 0, group)
    spots = [_spots(kind, px, unit, group, grid) for kind, px, unit in zip(KINDS, wrong, units)]
    rows = pd.DataFrame([row for found in spots for row in found], columns=list(SPOT_COLUMNS))
    one = tuple(int(side) for side in sizes[0]) if len(sizes) and (sizes == sizes[0]).all() else None
    return FieldMap(
        {kind: values.reshape(grid) for kind, values in density.items()},
        {kind: (px > 0).sum(axis=0).reshape(grid) for kind, px in zip(KINDS, wrong)},
        len(names),
        int(group.max() + 1) if len(names) else 0,
        "groups" if units.shape[1] < len(names) else "images",
        one,
        rows.sort_values(["p", "n_images"], ascending=[True, False], ignore_index=True),
    )


def within(table: pd.DataFrame, shapes: Mapping[str, tuple[int, int]], grid: tuple[int, int], bins) -> np.ndarray:
    """(n,) bool: the regions (or recurrent places) whose box meets one of the bins (numbers, row by row)."""
    chosen = np.zeros(grid)
    chosen.ravel()[list(bins)] = 1
    total = cv2.integral(chosen)
    size = np.array([shapes[name] for name in table.image], float).reshape(-1, 2)
    low, high = [], []
    for axis, (start, length) in enumerate((("row", "height"), ("col", "width"))):
        first = table[start].to_numpy(float)
        low.append(_bin(first, size[:, axis], grid[axis]))
        high.append(_bin(first + table[length].to_numpy(float) - 1, size[:, axis], grid[axis]) + 1)
    (top, left), (bottom, right) = low, high
    return total[bottom, right] - total[top, right] - total[bottom, left] + total[top, left] > 0


def _grid(sizes: np.ndarray) -> tuple[int, int]:
    if not len(sizes):
        return LEAST_BINS, LEAST_BINS
    height, width = np.median(sizes, axis=0)
    most = np.clip(round(max(height, width) / BIN_PX), LEAST_BINS, MOST_BINS)
    return tuple(max(1, round(most * side / max(height, width))) for side in (height, width))


def _bin(pixel: np.ndarray, side: np.ndarray, n: int) -> np.ndarray:
    return np.minimum((pixel + 0.5) * n // side, n - 1).astype(np.int64)


def _pixels(table: pd.DataFrame, names: list[str], sizes: np.ndarray, grid: tuple[int, int]) -> np.ndarray:
    """(kinds, images, bins) wrong pixels."""
    runs = Runs.of(table)
    image = pd.Index(names).get_indexer(table.image)[runs.region]
    kind = (table.kind == "fn").to_numpy().astype(int)[runs.region]
    height, width = sizes[image].T
    row = _bin(runs.row, height, grid[0])
    first, last = (_bin(px, width, grid[1]) for px in (runs.col, runs.col + runs.length - 1))
    n = last - first + 1  # bins that a run crosses
    run = np.repeat(np.arange(len(n)), n)
    col = first[run] + np.arange(len(run)) - (np.cumsum(n) - n)[run]
    edges = [np.ceil((col + k) * width[run] / grid[1] - 0.5) for k in (0, 1)]  # the bin's first pixel, the next bin's
    start, stop = runs.col[run], runs.col[run] + runs.length[run]
    px = np.minimum(stop, edges[1]) - np.maximum(start, edges[0])
    place = ((kind * len(names) + image)[run] * grid[0] + row[run]) * grid[1] + col
    shape = (len(KINDS), len(names), grid[0] * grid[1])
    return np.bincount(place, px, minlength=int(np.prod(shape))).reshape(shape)


def _units(wrong: np.ndarray, group: np.ndarray) -> np.ndarray:
    """(kinds, units, bins) bool: what counts once each, images or groups."""
    n_groups = int(group.max() + 1) if len(group) else 0
    if n_groups < MIN_GROUPS or n_groups == len(group):
        return wrong
    member = (group == np.arange(n_groups)[:, None]).astype(float)
    return member @ wrong > member.sum(axis=1)[:, None] / 2


def _spots(kind: str, px: np.ndarray, unit: np.ndarray, group: np.ndarray, grid: tuple[int, int]) -> list[dict]:
    """Touching bins that are wrong in more units than chance. px: (images, bins); unit: (units, bins)."""
    n = len(unit)
    if n < MIN_IMAGES:
        return []
    count = unit.sum(axis=0).reshape(grid).astype(float)
    expected = np.maximum(count.mean(), _around(count))
    p = binom.sf(count - 1, n, np.minimum(expected / n, 1))
    found = (p < ALPHA / (len(KINDS) * count.size)) & (count >= MIN_IMAGES) & (count > expected)
    n_spots, part = cv2.connectedComponents(found.view(np.uint8), connectivity=8)
    return [_spot(kind, part == k, p, expected * len(px) / n, px, group) for k in range(1, n_spots)]


def _around(count: np.ndarray) -> np.ndarray:
    """Mean of the bins in a ring around each: 7 x 7 without the 3 x 3 in the middle."""
    near, inner = (cv2.boxFilter(values, -1, (side, side), normalize=False, borderType=cv2.BORDER_CONSTANT)
                   for values, side in ((count, 7), (count, 3)))  # fmt: skip
    ones = np.ones_like(count)
    n_near, n_inner = (cv2.boxFilter(ones, -1, (side, side), normalize=False, borderType=cv2.BORDER_CONSTANT)
                       for side in (7, 3))  # fmt: skip
    return (near - inner) / np.maximum(n_near - n_inner, 1)


def _spot(kind: str, where: np.ndarray, p, expected, px: np.ndarray, group: np.ndarray) -> dict:
    rows, cols = np.nonzero(where)
    height, width = where.shape
    wrong = px[:, where.ravel()].sum(axis=1)
    return {
        "kind": kind,
        "row": rows.min() / height,
        "col": cols.min() / width,
        "height": (rows.max() + 1 - rows.min()) / height,
        "width": (cols.max() + 1 - cols.min()) / width,
        "bins": np.flatnonzero(where).tolist(),
        "n_images": int((wrong > 0).sum()),
        "n_groups": len(np.unique(group[wrong > 0])),
        "expected": float(expected[where].min()),
        "p": float(p[where].min()),
        "n_pixels": int(wrong.sum()),
    }
