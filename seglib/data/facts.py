"""Facts: what one pass over a picture and its mask tells, small enough to keep for thousands of pictures."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import cv2
import numpy as np
import pandas as pd

from seglib.data.cells import cells, touching
from seglib.data.readers import to_gray

PINHOLE_PX = 4
OUTLINE_POINTS = 1500
CONVEX = 0.96  # solidity from which an object is taken for one cell
SHIFT_PX = 24  # a mask farther off than this is not recognised as shifted


@dataclass(frozen=True)
class MaskFacts:
    """understood: what the mask was taken for. areas_px, solidity, cut: one entry a cell. shift: as from `shift`.

    n_touching: cells with a pixel beside another cell's. Cells where `valid` is False do not count.
    """

    understood: str
    digest: str
    foreground: float
    areas_px: np.ndarray
    solidity: np.ndarray
    cut: np.ndarray
    n_pinholes: int
    n_touching: int
    shift: tuple[int, int, float]


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
    label, solidity = table["label"].to_numpy(), table["solidity"].to_numpy()
    return MaskFacts(
        understood=understood,
        digest=hashlib.sha256(str(labels.shape).encode() + mask.tobytes()).hexdigest(),
        foreground=float(mask.sum() / valid.sum()) if valid.any() else np.nan,
        areas_px=table["area_px"].to_numpy(np.int32),
        solidity=solidity.astype(np.float32),
        cut=table["touches_border"].to_numpy(),
        n_pinholes=_pinholes(labels, valid, label, solidity, understood.startswith("binary")),
        n_touching=len(touching(labels)),
        shift=shift(gray, labels),
    )


def _pinholes(labels: np.ndarray, valid: np.ndarray, label: np.ndarray, solidity: np.ndarray, binary: bool) -> int:
    """Background patches of at most 4 px with one and the same cell all around them.

    In a binary mask only inside very convex objects: elsewhere they are gaps in a clump of touching cells.
    """
    n, patches, stats, _ = cv2.connectedComponentsWithStats(((labels == 0) & valid).astype(np.uint8), connectivity=4)
    trusted = set(label[solidity >= CONVEX] if binary else label)
    count = 0
    for patch in np.flatnonzero(stats[1:n, cv2.CC_STAT_AREA] <= PINHOLE_PX) + 1:
        left, top, width, height = stats[patch, :4]
        inside = left > 0 and top > 0 and left + width < labels.shape[1] and top + height < labels.shape[0]
        window = slice(max(0, top - 1), top + height + 1), slice(max(0, left - 1), left + width + 1)
        around = np.unique(labels[window][patches[window] != patch])
        around = around[around > 0]
        count += bool(inside and len(around) == 1 and int(around[0]) in trusted)
    return count


def shift(gray: np.ndarray, labels: np.ndarray) -> tuple[int, int, float]:
    """(rows, cols, gain): how far the mask must move for its outline to lie on the image's strongest edges.

    The mean gradient under (up to 1,500 pixels of) the outline, for every move within ±24 px. gain = the best mean ÷
    the mean where the mask lies; (0, 0, 1) where the mask has no outline.
    """
    outline = cv2.morphologyEx((labels > 0).astype(np.uint8), cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8))
    rows, cols = np.nonzero(outline)
    if rows.size == 0:
        return 0, 0, 1.0
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
    near = max(((r, c) for r in coarse for c in coarse), key=score)
    fine = [[v for v in range(x - 2, x + 3) if abs(v) <= SHIFT_PX] for x in near]
    best = max(((r, c) for r in fine[0] for c in fine[1]), key=score)
    return best[0], best[1], score(best) / max(score((0, 0)), 1e-12)
