"""Shapes: size and form of every cell of a label map from its contours, quick enough for every draw of a recipe.

The same definitions as `seglib.data.cells`, of which this is the quick part: one contour walk for all cells, then sums
over its points. Holes in a cell are filled, and of a cell in pieces the largest is measured.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

# A piece of less than this share of its cell is a crumb of a ragged outline, not a part that was split off
PIECE = 0.1


@dataclass(frozen=True)
class Shapes:
    """One entry a cell, ascending by label.

    label (n,) int32; area_px: pixels of the cell, holes filled; eccentricity: of the ellipse with the same second
    moments, 0 = round; solidity = area ÷ pixels of the convex hull; n_pieces: 8-connected pieces of a tenth of the
    cell or more; cut: a pixel of the cell lies on the edge, or beside one that is not valid.
    """

    label: np.ndarray
    area_px: np.ndarray
    eccentricity: np.ndarray
    solidity: np.ndarray
    n_pieces: np.ndarray
    cut: np.ndarray


def shapes(labels: np.ndarray, valid: np.ndarray | None = None, step: int = 1) -> Shapes:
    """Labels (H, W) int32, 0 = background, of which every `step`-th row and column is looked at; areas stay in its px.

    valid (H, W) bool: what lies outside counts as background.
    """
    # a contiguous copy: findContours may write into what it is given
    labels = labels[::step, ::step].astype(np.int32, order="C", copy=True)
    if valid is not None and not valid.all():
        valid = valid[::step, ::step]
        labels[~valid] = 0
    else:
        valid = None
    edge = _on_edge(labels, valid)
    outlines, tree = cv2.findContours(labels, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    ids, outlines = _of_cells(labels, outlines, tree)
    if not outlines:
        return Shapes(*(np.zeros(0, kind) for kind in (np.int32, float, float, float, int, bool)))
    area, eccentricity = _area_and_eccentricity(outlines)
    # of each cell the largest piece comes first
    order = np.lexsort((-area, ids))
    label, first = np.unique(ids[order], return_index=True)
    chosen = order[first]
    whole = np.add.reduceat(area[order], first)
    is_piece = area[order] >= PIECE * np.repeat(whole, np.diff(np.append(first, len(order))))
    hulls = [cv2.convexHull(outlines[i]) for i in chosen]
    return Shapes(
        label=label.astype(np.int32),
        area_px=area[chosen] * step**2,
        eccentricity=eccentricity[chosen],
        solidity=area[chosen] / _lattice_area(*_joined(hulls)),
        n_pieces=np.add.reduceat(is_piece.astype(int), first),
        cut=np.isin(label, edge),
    )


def _on_edge(labels: np.ndarray, valid: np.ndarray | None) -> np.ndarray:
    """Labels that have a pixel on the edge of the array, or beside a pixel that is not valid."""
    edges = [labels[0], labels[-1], labels[:, 0], labels[:, -1]]
    if valid is not None:
        near = cv2.dilate((~valid).view(np.uint8), np.ones((3, 3), np.uint8))
        edges.append(labels[near > 0])
    return np.unique(np.concatenate(edges))


def _of_cells(labels: np.ndarray, outlines: tuple, tree: np.ndarray | None) -> tuple[np.ndarray, list[np.ndarray]]:
    """(label, outline) of every piece of a cell: findContours also walks around background and holes."""
    if not outlines:
        return np.zeros(0, np.int32), []
    starts = np.array([outline[0, 0] for outline in outlines])
    ids = labels[starts[:, 1], starts[:, 0]]
    kept = np.flatnonzero((ids > 0) & (tree[0, :, 3] < 0))
    return ids[kept], [outlines[i] for i in kept]


def _joined(outlines: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """All points (n, 2) float64, the step from each to the next on its outline, and where each outline begins."""
    lengths = np.array([len(outline) for outline in outlines])
    starts = np.concatenate(([0], np.cumsum(lengths)[:-1]))
    points = np.concatenate(outlines).reshape(-1, 2).astype(np.float64)
    following = np.arange(1, len(points) + 1)
    following[np.append(starts[1:], len(points)) - 1] = starts
    return points, points[following] - points, starts


def _lattice_area(points: np.ndarray, step: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """Pixel centres within each polygon, its boundary included: Pick's theorem, area + boundary / 2 + 1.

    Of single pixels and lines too: a polygon that goes there and back counts its boundary twice.
    """
    twice = np.add.reduceat(points[:, 0] * step[:, 1] - points[:, 1] * step[:, 0], starts)
    whole = np.abs(step).astype(np.int64)
    boundary = np.add.reduceat(np.gcd(whole[:, 0], whole[:, 1]), starts)
    return np.abs(twice) / 2 + boundary / 2 + 1


def _area_and_eccentricity(outlines: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Pixels of each piece, and the eccentricity of its ellipse.

    Second moments of the polygon through the centres of the outermost pixels, by Green's theorem; each semi-axis then
    grows by the half pixel that lies outside of these centres.
    """
    points, step, starts = _joined(outlines)
    area_px = _lattice_area(points, step, starts)
    # about the first point of each, so that large coordinates cost no precision
    lengths = np.diff(np.append(starts, len(points)))
    points = points - np.repeat(points[starts], lengths, axis=0)
    ahead = points + step
    cross = points[:, 0] * ahead[:, 1] - ahead[:, 0] * points[:, 1]
    area = np.add.reduceat(cross, starts) / 2
    flat = np.abs(area) < 0.5
    area = np.where(flat, 1.0, area)
    mean = np.stack([np.add.reduceat((points[:, k] + ahead[:, k]) * cross, starts) / (6 * area) for k in (0, 1)])
    x, y = points.T
    u, v = ahead.T
    m_xx = np.add.reduceat((x * x + x * u + u * u) * cross, starts) / (12 * area) - mean[0] ** 2
    m_yy = np.add.reduceat((y * y + y * v + v * v) * cross, starts) / (12 * area) - mean[1] ** 2
    m_xy = np.add.reduceat((2 * x * y + x * v + u * y + 2 * u * v) * cross, starts) / (24 * area) - mean[0] * mean[1]
    half, root = (m_xx + m_yy) / 2, np.hypot((m_xx - m_yy) / 2, m_xy)
    large, small = (2 * np.sqrt(np.maximum(value, 0)) + 0.5 for value in (half + root, half - root))
    eccentricity = np.sqrt(np.clip(1 - (small / large) ** 2, 0, 1))
    # a line of n pixels, one wide; a single pixel is round
    return area_px, np.where(flat, np.sqrt(1 - 1 / area_px**2), eccentricity)
