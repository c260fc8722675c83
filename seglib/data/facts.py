"""Facts: what one pass over a picture and its mask tells, small enough to keep for thousands of pictures."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import cv2
import numpy as np

from seglib.data.cells import cells
from seglib.data.readers import to_gray

PINHOLE_PX = 4
OUTLINE_POINTS = 1500
CONVEX = 0.96  # solidity from which an object is taken for one cell
SHIFT_PX = 24  # a mask farther off than this is not recognised as shifted


@dataclass(frozen=True)
class MaskFacts:
    """understood: what the mask was taken for. areas_px, solidity, cut: one entry a cell. shift: as from `shift`."""

    understood: str
    digest: str
    foreground: float
    areas_px: np.ndarray
    solidity: np.ndarray
    cut: np.ndarray
    n_pinholes: int
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


def image_facts(index: int, image: np.ndarray, mask: MaskFacts | None) -> Facts:
    """Facts of an image as read, (H, W[, C])."""
    top = np.iinfo(image.dtype).max if image.dtype.kind == "u" else np.inf
    return Facts(
        index=index,
        shape=image.shape[:2],
        kind=f"{image.dtype} {'RGB' if image.ndim == 3 else 'grey'}",
        digest=hashlib.sha256(str(image.shape).encode() + np.ascontiguousarray(image).tobytes()).hexdigest(),
        constant=bool(image.max() == image.min()),
        saturated=float(np.mean(image == top)),
        mask=mask,
    )


def mask_facts(labels: np.ndarray, understood: str, image: np.ndarray) -> MaskFacts:
    """Facts of labels (H, W) int32 that lie on an image of the same height and width."""
    table = cells(labels)
    mask = labels > 0
    return MaskFacts(
        understood=understood,
        digest=hashlib.sha256(str(labels.shape).encode() + mask.tobytes()).hexdigest(),
        foreground=float(mask.mean()),
        areas_px=table["area_px"].to_numpy(),
        solidity=table["solidity"].to_numpy(),
        cut=table["touches_border"].to_numpy(),
        n_pinholes=_pinholes(
            labels, table["label"].to_numpy(), table["solidity"].to_numpy(), understood.startswith("binary")
        ),
        shift=shift(to_gray(image), labels),
    )


def _pinholes(labels: np.ndarray, label: np.ndarray, solidity: np.ndarray, binary: bool) -> int:
    """Background patches of at most 4 px with one and the same cell all around them.

    In a binary mask only inside very convex objects: elsewhere they are gaps in a clump of touching cells.
    """
    n, patches, stats, _ = cv2.connectedComponentsWithStats((labels == 0).astype(np.uint8), connectivity=4)
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
