"""Facts: what one pass over a picture and its mask tells, small enough to keep for thousands of pictures."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
import pandas as pd
from skimage.measure import label as connected

from seglib.data.cells import cells, touching
from seglib.data.readers import to_gray

HOLE_SHARE = 0.5  # of the cell around it; a larger patch is what a ring encloses
CONVEX = 0.96  # solidity, holes filled, from which an object of a binary mask is taken for one cell
APART_PX = 3  # pieces of one label nearer to each other are one cell drawn with a gap
OUTLINE_POINTS = 1500
SHIFT_PX = 24  # a mask farther off than this is not recognised as shifted


class Place(NamedTuple):
    """Where a mask fits its image best: moved by (row, col) px; see `place`."""

    row: int
    col: int
    gain: float
    fit: float
    best_fit: float


@dataclass(frozen=True)
class MaskFacts:
    """understood: what the mask was taken for. areas_px, solidity, cut: one entry a cell.

    inverted: marks what surrounds round patches, up to the border. n_holes: background inside one cell. n_apart: labels
    in pieces more than APART_PX apart. n_touching: cells with a pixel beside another cell's. place: as from `place`.
    Cells where `valid` is False do not count.
    """

    understood: str
    digest: str
    foreground: float
    areas_px: np.ndarray
    solidity: np.ndarray
    cut: np.ndarray
    inverted: bool
    n_holes: int
    n_apart: int
    n_touching: int
    place: Place | None


@dataclass(frozen=True)
class Facts:
    """index of the record; kind such as 'uint8 RGB'; saturated: share of pixels at the top of the type's range."""

    index: int
    shape: tuple[int, int]
    kind: str
    digest: str
    constant: bool
    saturated: float
    mask: MaskFacts | None = None


@dataclass(frozen=True)
class Look:
    """A picture while it is in memory: its facts and what they were taken from.

    image (H, W[, C]) as read; gray (H, W) float32; valid (H, W) bool; labels (H, W) int32, 0 where not valid; cells as
    `cells` gives them, touches_border also where a cell meets what is not valid. labels and cells are None without a
    mask that can be used.
    """

    facts: Facts
    image: np.ndarray
    gray: np.ndarray
    valid: np.ndarray
    labels: np.ndarray | None
    cells: pd.DataFrame | None


def look_at(index: int, image: np.ndarray, labels: np.ndarray | None, understood: str, valid: np.ndarray) -> Look:
    """Facts of an image as read, its labels (H, W) int32 or None, and which pixels count, (H, W) bool."""
    gray = to_gray(image)
    table = mask = None
    if labels is not None:
        labels, table = _counted(labels, valid)
        mask = _mask_facts(labels, table, understood, gray, valid)
    return Look(_image_facts(index, image, valid, mask), image, gray, valid, labels, table)


def _image_facts(index: int, image: np.ndarray, valid: np.ndarray, mask: MaskFacts | None) -> Facts:
    top = np.iinfo(image.dtype).max if image.dtype.kind == "u" else np.inf
    counted = image if valid.all() else image[valid]
    return Facts(
        index=index,
        shape=image.shape[:2],
        kind=f"{image.dtype} {'RGB' if image.ndim == 3 else 'grey'}",
        digest=hashlib.sha256(str(image.shape).encode() + np.ascontiguousarray(image).tobytes()).hexdigest(),
        constant=bool(counted.size == 0 or counted.max() == counted.min()),
        saturated=float(np.mean(counted == top)) if counted.size else 0.0,
        mask=mask,
    )


def _counted(labels: np.ndarray, valid: np.ndarray) -> tuple[np.ndarray, pd.DataFrame]:
    """Labels without what is not valid, and their cells; those that reach it are cut as by the border."""
    if valid.all():
        return labels, cells(labels)
    labels = np.where(valid, labels, 0)
    table = cells(labels)
    beside = cv2.dilate((~valid).astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    return labels, table.assign(touches_border=table["touches_border"] | table["label"].isin(np.unique(labels[beside])))


def _mask_facts(
    labels: np.ndarray, table: pd.DataFrame, understood: str, gray: np.ndarray, valid: np.ndarray
) -> MaskFacts:
    mask = labels > 0
    binary = understood.startswith("binary")
    return MaskFacts(
        understood=understood,
        digest=hashlib.sha256(str(labels.shape).encode() + mask.tobytes()).hexdigest(),
        foreground=float(mask.sum() / valid.sum()) if valid.any() else np.nan,
        areas_px=table["area_px"].to_numpy(np.int32),
        solidity=table["solidity"].to_numpy(np.float32),
        cut=table["touches_border"].to_numpy(),
        inverted=binary and _inverted(mask),
        n_holes=_holes(labels, table, valid, binary),
        n_apart=0 if binary else _apart(labels),
        n_touching=0 if binary else len(touching(labels)),
        place=place(gray, mask),
    )


def _inverted(mask: np.ndarray) -> bool:
    """Most of the picture and nearly all of its border is marked, and what is not are convex patches."""
    border = np.concatenate([mask[0], mask[-1], mask[:, 0], mask[:, -1]])
    if mask.mean() < 0.5 or border.mean() < 0.9 or mask.all():
        return False
    _, patches = cv2.connectedComponents((~mask).astype(np.uint8), connectivity=8, ltype=cv2.CV_32S)
    table = cells(patches)
    table = table[table["area_px"] >= 8]
    return bool(len(table) and table["solidity"].median() >= 0.85)


def _holes(labels: np.ndarray, table: pd.DataFrame, valid: np.ndarray, binary: bool) -> int:
    """Background patches with one and the same cell all around them, at most half as large as it.

    In a binary mask only inside objects that are convex once filled: elsewhere they are gaps in a clump of cells.
    """
    n, patches, stats, _ = cv2.connectedComponentsWithStats(((labels == 0) & valid).astype(np.uint8), connectivity=4)
    area = dict(zip(table["label"], table["area_px"]))
    hull = dict(zip(table["label"], table["area_px"] / table["solidity"]))
    most = HOLE_SHARE * max(area.values(), default=0)
    count = 0
    for patch in np.flatnonzero(stats[1:n, cv2.CC_STAT_AREA] <= most) + 1:
        left, top, width, height, size = stats[patch]
        if not (left > 0 and top > 0 and left + width < labels.shape[1] and top + height < labels.shape[0]):
            continue
        window = slice(top - 1, top + height + 1), slice(left - 1, left + width + 1)
        inside = (patches[window] == patch).astype(np.uint8)
        around = np.unique(labels[window][cv2.dilate(inside, np.ones((3, 3), np.uint8)) > inside])
        around = around[around > 0]
        if len(around) == 1 and size <= HOLE_SHARE * area[around[0]]:
            count += not binary or (area[around[0]] + size) / hull[around[0]] >= CONVEX
    return count


def _apart(labels: np.ndarray) -> int:
    """Labels whose pixels lie in pieces more than APART_PX from the largest one."""
    pieces, n = connected(labels, connectivity=2, return_num=True)
    if n == len(np.unique(labels[labels > 0])):
        return 0
    _, first = np.unique(pieces, return_index=True)
    label_of, sizes = labels.ravel()[first], np.bincount(pieces.ravel())
    count = 0
    for label in np.flatnonzero(np.bincount(label_of[1:]) > 1):
        own = np.flatnonzero(label_of == label)
        largest = own[sizes[own].argmax()]
        others = np.isin(pieces, own) & (pieces != largest)
        away = cv2.distanceTransform((pieces != largest).astype(np.uint8), cv2.DIST_L2, 3)
        count += bool(away[others].max() > APART_PX + 1)
    return count


def place(gray: np.ndarray, mask: np.ndarray) -> Place | None:
    """How far the mask must move for its outline to lie on the image's strongest edges; None without an outline.

    The mean gradient under (up to 1,500 pixels of) the outline, for every move within ±24 px. fit = the mean where the
    mask lies (1 px is forgiven) ÷ the mean over all moves; best_fit = that of the best move; gain = best_fit ÷ fit.
    """
    outline = cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8))
    rows, cols = np.nonzero(outline)
    if rows.size == 0:
        return None
    chosen = np.linspace(0, rows.size - 1, min(rows.size, OUTLINE_POINTS)).astype(int)
    smooth = cv2.GaussianBlur(gray, (0, 0), 1.5)
    edges = cv2.magnitude(cv2.Sobel(smooth, cv2.CV_32F, 1, 0), cv2.Sobel(smooth, cv2.CV_32F, 0, 1))
    edges = np.minimum(edges, np.percentile(edges[::2, ::2], 99.5))
    padded = cv2.copyMakeBorder(edges, *[SHIFT_PX] * 4, cv2.BORDER_REFLECT_101 if min(edges.shape) > 1 else 1)
    flat, width = padded.ravel(), padded.shape[1]
    start = (rows[chosen] + SHIFT_PX) * width + cols[chosen] + SHIFT_PX

    def score(move: tuple[int, int]) -> float:
        return float(flat[start + move[0] * width + move[1]].mean())

    coarse = range(-SHIFT_PX, SHIFT_PX + 1, 3)  # the smoothed edges are wider than 3 px
    scores = {(r, c): score((r, c)) for r in coarse for c in coarse}
    near = max(scores, key=scores.__getitem__)
    fine = [[v for v in range(x - 2, x + 3) if abs(v) <= SHIFT_PX] for x in near]
    best = max(((r, c) for r in fine[0] for c in fine[1]), key=score)
    mean = max(float(np.mean(list(scores.values()))), 1e-12)
    here = max(score((r, c)) for r in (-1, 0, 1) for c in (-1, 0, 1))
    return Place(*best, score(best) / max(here, 1e-12), here / mean, score(best) / mean)
