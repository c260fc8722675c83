"""Regions: the wrong pixels of an image as a table of things to click, one row a connected component.

A region is an 8-connected component of false positives or of false negatives that share a cause. Causes are the
budget's classes, with the boundary classes and `other` taken as one: a bridge or a missed cell stays a region of its
own where a wrong rim runs into it, and a rim two pixels thick is one region, not three. Of these the `class` is the one
that a fifth of the pixels reach or pass, counted from the edge: a solid patch is no matter of one pixel, although its
rim may hold most of it. Every wrong pixel is in exactly one region; the budget itself counts pixels, not regions.

The shape of a region is kept as text (`rle`), see `seglib.data.rle`.
"""

from __future__ import annotations

import cv2
import numpy as np
import pandas as pd

from seglib.data.rle import decode, encode
from seglib.errors.budget import CLASSES, Anatomy, anatomy
from seglib.exceptions import InputError

__all__ = ["COLUMNS", "decode", "encode", "paint", "regions"]

COLUMNS = {
    "region": "int64",  # 1, 2, … from the largest
    "class": "str",  # a class of the budget
    "kind": "str",  # fp or fn
    "row": "int64",  # top left corner of the bounding box
    "col": "int64",
    "height": "int64",
    "width": "int64",
    "n_pixels": "int64",
    "rle": "str",
    "centre_row": "float64",
    "centre_col": "float64",
    "cell": "int64",  # id of the truth cell it lies in or nearest to, 0 where the image has none
    "n_cells": "int64",  # truth cells it touches or lies in
    "cell_radius_px": "float64",  # of that cell, as a disc of equal area; NaN where there is none
    "border_px": "int64",  # from its box to the image border
    "elongation": "float64",  # ratio of the axes of the ellipse of equal moments, from 1
    "extent": "float64",  # share of its box it fills
    "probability": "float64",  # mean; NaN without q
    "contrast": "float64",  # mean grey value minus that around it, in standard deviations of the image
}
# the boundary classes and other count as one cause
_CAUSE = np.array([0, *range(1, 7), 7, 7, 7, 7], np.uint8)
_REACHED = 0.2  # of a region's pixels, so far from the edge or farther, name it
_SURROUND_PX = 4


def regions(
    mask: np.ndarray,
    foreground: np.ndarray,
    labels: np.ndarray,
    valid: np.ndarray,
    q: np.ndarray | None = None,
    gray: np.ndarray | None = None,
    parts: Anatomy | None = None,
) -> pd.DataFrame:
    """The wrong regions of one image, largest first, with the columns of COLUMNS.

    mask, foreground, valid: (H, W) bool; labels: (H, W) integer, 0 = background. q: (H, W) uint8 probabilities
    (255 = 1) and gray: (H, W) grey values fill the columns `probability` and `contrast`. parts: what `anatomy`
    returned for the same four arrays, where it is at hand already. Raises InputError where the arrays do not fit.
    """
    for name, extra in dict(q=q, gray=gray).items():
        if extra is not None and extra.shape != mask.shape:
            raise InputError(f"{name} has shape {extra.shape}, the mask {mask.shape}; they must be the same.")
    parts = parts or anatomy(mask, foreground, labels, valid)
    where, member, boxes = _components(parts.classes, foreground)
    if not len(boxes):
        return pd.DataFrame({name: pd.Series(dtype=dtype) for name, dtype in COLUMNS.items()})
    table = {"region": np.arange(1, len(boxes) + 1), **_names(parts.classes, foreground, where, member), **boxes}
    table["rle"] = _texts(where, member, boxes)
    table.update(_shape(where, member, boxes, mask.shape))
    table.update(_cells(np.where(valid, labels, 0), parts.zone, where, member, len(boxes)))
    table["probability"] = _mean(q, where, member) / 255 if q is not None else np.nan
    table["contrast"] = _contrast(gray, where, member, boxes) if gray is not None else np.nan
    return pd.DataFrame({name: _column(table[name], dtype, len(boxes)) for name, dtype in COLUMNS.items()})


def _column(values, dtype: str, n: int):
    """A column of its type at once: `astype` of a whole table takes as long as all the measuring."""
    if dtype == "str":
        return pd.array(values, dtype="str")
    return np.broadcast_to(np.asarray(values, dtype), n)


def paint(table: pd.DataFrame, shape: tuple[int, int]) -> np.ndarray:
    """(H, W) int32 map of the column `region`: what `regions` took apart, put together again."""
    painted = np.zeros(shape, np.int32)
    for r in table.itertuples():
        box = painted[r.row : r.row + r.height, r.col : r.col + r.width]
        box[decode(r.rle, r.height, r.width)] = r.region
    return painted


class _Boxes(dict):
    """Columns row, col, height, width, n_pixels; its length is the number of regions."""

    def __len__(self) -> int:
        return len(self["row"])


def _components(classes: np.ndarray, foreground: np.ndarray) -> tuple[tuple[np.ndarray, ...], np.ndarray, _Boxes]:
    """(rows, cols) of the wrong pixels, the number of the region of each, 0 = largest, and the regions' boxes."""
    left, top, width, height = cv2.boundingRect(classes)
    inside = slice(top, top + height), slice(left, left + width)
    wrong = classes[inside] > 0
    cause = _CAUSE[classes[inside]] + 8 * (foreground[inside] & wrong).view(np.uint8)
    number, stats = np.zeros(cause.shape, np.int32), [np.zeros((0, 5), np.int64)]
    for value in np.flatnonzero(np.bincount(cause[wrong])):
        chosen = (cause == value).view(np.uint8)
        x, y, width, height = cv2.boundingRect(chosen)
        _, part, found, _ = cv2.connectedComponentsWithStats(chosen[y : y + height, x : x + width], connectivity=8)
        box = number[y : y + height, x : x + width]
        np.copyto(box, part + sum(map(len, stats)), where=part > 0)
        stats.append(found[1:] + np.array([left + x, top + y, 0, 0, 0]))
    col, row, width, height, n_pixels = np.concatenate(stats).T.astype(np.int64)
    order = np.lexsort((col, row, -n_pixels))
    rank = np.zeros(len(order) + 1, np.int64)
    rank[order + 1] = np.arange(len(order))
    columns = dict(row=row, col=col, height=height, width=width, n_pixels=n_pixels)
    rows, cols = np.nonzero(wrong)
    boxes = _Boxes({name: values[order] for name, values in columns.items()})
    return (rows + top, cols + left), rank[number[rows, cols]], boxes


def _names(classes: np.ndarray, foreground: np.ndarray, where, member) -> dict[str, np.ndarray]:
    n, step = int(member.max()) + 1, len(CLASSES) + 1
    votes = np.bincount(member * step + classes[where], minlength=n * step).reshape(n, step)
    # all pixels of other causes are of one class, so this asks about the boundary classes and `other` alone
    so_far = votes[:, :0:-1].cumsum(1) >= _REACHED * votes.sum(1, keepdims=True)
    deepest = len(CLASSES) - 1 - so_far.argmax(1)
    positive = np.bincount(member[foreground[where]], minlength=n) > 0
    return {"class": np.array(CLASSES)[deepest], "kind": np.where(positive, "fp", "fn")}


def _texts(where, member: np.ndarray, boxes: _Boxes) -> list[str]:
    """The run-length text of every region at once; the same as `encode` of each."""
    order = np.argsort(member, kind="stable")
    member = member[order]
    place = (where[0][order] - boxes["row"][member]) * boxes["width"][member] + where[1][order] - boxes["col"][member]
    first = np.diff(member, prepend=-1) != 0
    opens = np.flatnonzero(first | (np.diff(place, prepend=-2) != 1))
    ends = place[np.append(opens[1:] - 1, len(place) - 1)] + 1
    before = np.where(first[opens], 0, np.roll(ends, 1))
    runs = np.stack([place[opens] - before, ends - place[opens]], axis=1).ravel()
    starts = 2 * np.flatnonzero(first[opens])
    texts = list(map(str, runs.tolist()))
    return [" ".join(texts[a:b]) for a, b in zip(starts, [*starts[1:], len(texts)])]


def _mean(values: np.ndarray, where, member) -> np.ndarray:
    return np.bincount(member, values[where].astype(float)) / np.bincount(member)


def _shape(where, member, boxes: _Boxes, shape: tuple[int, int]) -> dict[str, np.ndarray]:
    rows, cols = where[0] - boxes["row"][member], where[1] - boxes["col"][member]  # small numbers, no cancellation
    n = boxes["n_pixels"]
    row, col = np.bincount(member, rows) / n, np.bincount(member, cols) / n
    # a pixel is a square, so its own second moment is 1/12
    rr = np.bincount(member, rows**2) / n - row**2 + 1 / 12
    cc = np.bincount(member, cols**2) / n - col**2 + 1 / 12
    rc = np.bincount(member, rows * cols) / n - row * col
    middle, spread = (rr + cc) / 2, np.hypot((rr - cc) / 2, rc)
    far = [
        boxes["row"],
        boxes["col"],
        shape[0] - boxes["row"] - boxes["height"],
        shape[1] - boxes["col"] - boxes["width"],
    ]
    return dict(
        centre_row=row + boxes["row"],
        centre_col=col + boxes["col"],
        border_px=np.min(far, axis=0),
        elongation=np.sqrt((middle + spread) / np.maximum(middle - spread, 1e-9)),
        extent=n / (boxes["height"] * boxes["width"]),
    )


def _cells(labels: np.ndarray, zone: np.ndarray, where, member, n: int) -> dict[str, np.ndarray]:
    """The nearest cell of each region (that of most of its pixels), its radius, and how many it touches."""
    ids, areas = _areas(labels)
    key = int(max(ids[-1], zone.max())) + 1  # one number for a pair sorts ten times faster than two columns
    pairs, counts = np.unique(member * key + zone[where], return_counts=True)
    order = np.lexsort((counts, pairs // key))  # the last of each region has most pixels
    cell = np.zeros(n, np.int64)
    cell[pairs[order] // key] = pairs[order] % key
    area = np.where(cell > 0, areas[np.searchsorted(ids, cell).clip(max=len(ids) - 1)], np.nan)
    touched, padded = [], np.pad(labels, 1)
    for r, c in np.ndindex(3, 3):
        beside = padded[where[0] + r, where[1] + c]
        touched.append((member * key + beside)[beside > 0])
    touched = np.unique(np.concatenate(touched)) // key
    return dict(cell=cell, cell_radius_px=np.sqrt(area / np.pi), n_cells=np.bincount(touched, minlength=n))


def _areas(labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The ids there are, ascending, and the pixels of each."""
    if labels.max() > 1 << 20:
        return np.unique(labels, return_counts=True)
    counts = np.bincount(labels.ravel())
    ids = np.flatnonzero(counts)
    return ids, counts[ids]


def _contrast(gray: np.ndarray, where, member, boxes: _Boxes) -> np.ndarray:
    """(mean of the region - mean of the rest of its box, 4 px wider) / standard deviation of the image."""
    total = cv2.integral(gray.astype(np.float64))
    top, left = (np.maximum(boxes[k] - _SURROUND_PX, 0) for k in ("row", "col"))
    bottom = np.minimum(boxes["row"] + boxes["height"] + _SURROUND_PX, gray.shape[0])
    right = np.minimum(boxes["col"] + boxes["width"] + _SURROUND_PX, gray.shape[1])
    inside, n = np.bincount(member, gray[where].astype(float)), boxes["n_pixels"]
    around = total[bottom, right] - total[top, right] - total[bottom, left] + total[top, left] - inside
    rest = (bottom - top) * (right - left) - n
    spread = float(gray.std())
    with np.errstate(invalid="ignore", divide="ignore"):
        contrast = (inside / n - around / rest) / spread
    return np.where((rest > 0) & (spread > 0), contrast, 0.0)
