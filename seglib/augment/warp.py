"""Geometry of a draw: flips, turns, rotation, scale and bending as one map, and one remap for each array.

The augmented picture is a window on a plane. A point p of the plane is bent by u(p), turned and scaled back about the
middle, and un-flipped; what lies there in the source is what the picture shows at p:

    source(p) = origin + matrix · (p + u(p))

Points are (row, col) of pixel centres, so that image and labels share one map and cannot slip against each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np

from seglib.augment.draw import Draw
from seglib.augment.field import between_blocks, block_centres, block_side, smooth_fields
from seglib.exceptions import InputError

# Limit of cv2.remap, which counts pixels in 16 bits
MAX_SIDE = 32_000

_BORDERS = {"reflect": cv2.BORDER_REFLECT, "constant": cv2.BORDER_CONSTANT}


@dataclass(frozen=True)
class Window:
    """A rectangle of the plane: top left pixel and size. It may reach beyond the picture."""

    row: int
    col: int
    height: int
    width: int

    def grown(self, margin: int) -> Window:
        return Window(self.row - margin, self.col - margin, self.height + 2 * margin, self.width + 2 * margin)

    @property
    def slices(self) -> tuple[slice, slice]:
        """Of an array of the whole plane; the window must lie within."""
        return slice(self.row, self.row + self.height), slice(self.col, self.col + self.width)

    @property
    def rows(self) -> np.ndarray:
        return np.arange(self.row, self.row + self.height, dtype=np.float64)

    @property
    def cols(self) -> np.ndarray:
        return np.arange(self.col, self.col + self.width, dtype=np.float64)


@dataclass(frozen=True)
class Geometry:
    """What `draw` does to places in a picture of `shape` (height, width)."""

    shape: tuple[int, int]
    draw: Draw

    def __post_init__(self) -> None:
        if min(self.shape) < 1 or max(self.shape) > MAX_SIDE:
            raise InputError(f"picture is {self.shape[0]} × {self.shape[1]} px; allowed: 1 to {MAX_SIDE} px a side.")

    @property
    def canvas(self) -> tuple[int, int]:
        """Height and width after the quarter turns; the middle of the canvas is what stays in place."""
        height, width = self.shape
        return (width, height) if self.draw.quarter_turns % 2 else (height, width)

    @property
    def frame(self) -> Window:
        """The window of the source's own size in the middle of the canvas."""
        (height, width), (canvas_height, canvas_width) = self.shape, self.canvas
        return Window((canvas_height - height) // 2, (canvas_width - width) // 2, height, width)

    @cached_property
    def _turn(self) -> tuple[np.ndarray, np.ndarray]:
        """Matrix and origin from canvas to source: whole numbers, no rounding."""
        height, width = self.canvas
        matrix, origin = np.eye(2), np.zeros(2)
        if self.draw.flip_rows:
            matrix[0, 0], origin[0] = -1, height - 1
        if self.draw.flip_cols:
            matrix[1, 1], origin[1] = -1, width - 1
        for turns_left in range(self.draw.quarter_turns % 4, 0, -1):
            # np.rot90 by one turn: out[i, j] = in[j, last - i], `last` of the picture as it is before this turn
            last = (self.shape[1] if turns_left % 2 else self.shape[0]) - 1
            step = np.array([[0.0, 1.0], [-1.0, 0.0]])
            matrix, origin = step @ matrix, step @ origin + np.array([0.0, last])
        return matrix, origin

    @property
    def _spin(self) -> np.ndarray:
        """Rotation (counterclockwise as seen) and scale, forwards, on (row, col) about the middle."""
        angle = np.deg2rad(self.draw.angle_deg)
        return self.draw.scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])

    @cached_property
    def _middle(self) -> np.ndarray:
        return (np.array(self.canvas) - 1) / 2

    @cached_property
    def affine(self) -> tuple[np.ndarray, np.ndarray]:
        """(matrix (2, 2), origin (2,)) float64 of source = origin + matrix · (p + u(p))."""
        matrix, origin = self._turn
        if self.draw.angle_deg == 0 and self.draw.scale == 1:
            return matrix, origin
        back = self._spin.T / self.draw.scale**2
        return matrix @ back, origin + matrix @ (self._middle - back @ self._middle)

    def on_plane(self, point: np.ndarray) -> np.ndarray:
        """Where a point (row, col) of the canvas lands by rotation and scale."""
        return self._middle + self._spin @ (np.asarray(point, float) - self._middle)

    def displacement(self, window: Window) -> np.ndarray | None:
        """u(p): (2, height, width) float32 in px of the augmented picture, along rows and columns; None = not bent.

        Its standard deviation along each axis is `displacement_px`.
        """
        if not self.draw.displacement_px:
            return None
        out = np.empty((2, window.height, window.width), np.float32)
        return self._bent(window, np.eye(2), np.zeros(2), np.zeros((2, 2)), out)

    def map(self, window: Window, out: np.ndarray | None = None) -> np.ndarray:
        """(map_row, map_col) as (2, height, width) float32, in `out` if given: the place each pixel shows."""
        matrix, origin = self.affine
        out = np.empty((2, window.height, window.width), np.float32) if out is None else out
        if self.draw.displacement_px:
            return self._bent(window, matrix, origin, matrix, out)
        return _planes(origin, matrix, window.rows, window.cols, out)

    def _bent(
        self, window: Window, mix: np.ndarray, origin: np.ndarray, matrix: np.ndarray, out: np.ndarray
    ) -> np.ndarray:
        """origin + matrix · p + mix · u(p) in the window: computed at block centres and linear between.

        Linear interpolation leaves the first two terms exact; the third is linear in the lattice numbers, so that `mix`
        costs nothing.
        """
        side = block_side(self.draw.sigma_px)
        coarse, rows, cols = self._coarse(window, mix)
        coarse += _planes(origin, matrix, rows, cols)
        for part, target in zip(coarse, out):
            between_blocks(part, (window.row, window.col), side, target)
        return out

    def coarse_displacement(self, window: Window) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
        """u (2, len(rows), len(cols)) in px at the points (rows, cols) that it is linear between; None = not bent.

        These points, `field.block_centres`, reach half a block or more beyond the window on every side.
        """
        return self._coarse(window, np.eye(2)) if self.draw.displacement_px else None

    def _coarse(self, window: Window, mix: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        draw, side = self.draw, block_side(self.draw.sigma_px)
        rows, cols = (block_centres(f, n, side) for f, n in ((window.row, window.height), (window.col, window.width)))
        centre = (float(self._middle[0]), float(self._middle[1]))
        coarse = smooth_fields(draw.elastic_seed, draw.displacement_px * mix, draw.sigma_px, rows, cols, centre)
        return coarse, rows, cols


def _planes(
    origin: np.ndarray, matrix: np.ndarray, rows: np.ndarray, cols: np.ndarray, out: np.ndarray | None = None
) -> np.ndarray:
    """origin + matrix · (row, col) at a grid of points: (2, len(rows), len(cols)) float32."""
    down = (origin[:, None] + matrix[:, :1] * rows).astype(np.float32)
    across = (matrix[:, 1:] * cols).astype(np.float32)
    return np.add(down[:, :, None], across[:, None, :], out=out)


def remap(array: np.ndarray, maps: Sequence[np.ndarray], method: int, border: str, fill: float = 0) -> np.ndarray:
    """`array` (H, W) at `maps` (row, col); beyond its edges mirrored, or `fill`. Method: cv2.INTER_*."""
    return cv2.remap(array, maps[1], maps[0], method, borderMode=_BORDERS[border], borderValue=fill)


def pick(array: np.ndarray, geometry: Geometry, window: Window, border: str, fill: float = 0) -> np.ndarray:
    """The same without interpolation, for a draw that only flips and turns: pixels are moved, bit for bit."""
    draw = geometry.draw
    turned = np.rot90(array, draw.quarter_turns)
    turned = turned[:: -1 if draw.flip_rows else 1, :: -1 if draw.flip_cols else 1]
    height, width = turned.shape
    inside = window.row >= 0 and window.col >= 0
    if inside and window.row + window.height <= height and window.col + window.width <= width:
        part = turned[window.row : window.row + window.height, window.col : window.col + window.width]
        return np.array(part, order="C")
    return _beyond(turned, window, border, fill)


def _beyond(array: np.ndarray, window: Window, border: str, fill: float) -> np.ndarray:
    """A window that reaches beyond the array."""
    places = [
        np.arange(first, first + size) for first, size in ((window.row, window.height), (window.col, window.width))
    ]
    out = array[np.ix_(*(_mirrored(place, side) for place, side in zip(places, array.shape)))]
    if border == "constant":
        row_in, col_in = ((place >= 0) & (place < side) for place, side in zip(places, array.shape))
        out[~(row_in[:, None] & col_in[None, :])] = fill
    return out


def _mirrored(place: np.ndarray, side: int) -> np.ndarray:
    """… 1 0 | 0 1 2 … as cv2.BORDER_REFLECT."""
    place = place % (2 * side)
    return np.minimum(place, 2 * side - 1 - place)
