"""Smooth random fields on the endless plane: the bending of elastic deformation and the drift of uneven light.

A field is a sum of cubic B-splines on a lattice of spacing sigma about a centre, with Gaussian random numbers for
coefficients that are blurred on the lattice so that blur and spline together have standard deviation sigma: white noise
under a Gaussian, as in Simard, Steinkraus and Platt 2003 (doi:10.1109/ICDAR.2003.1227801), at a cost that does not grow
with sigma. The number at a lattice node depends on the seed and the node alone. So a window of a field is that part of
the whole, and another sigma stretches the same field.

Plain elementwise sums, no BLAS: matrix products change in the last bit with the number of threads.
"""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np

from seglib.augment.scratch import scratch

# A cubic B-spline has variance 1/3 in units of the lattice; the blur of the coefficients adds what is missing to 1.
_RADIUS = 3
_BLUR = np.exp(-0.75 * np.arange(-_RADIUS, _RADIUS + 1) ** 2)


def _weights(t: np.ndarray) -> np.ndarray:
    """(4, n): the four B-splines that are not 0 at a place t of a lattice cell, from 0 to 1."""
    squared, rest = t * t, 1 - t
    weights = np.empty((4, t.size))
    weights[0] = rest**3 / 6
    weights[1] = (squared * t) / 2 - squared + 2 / 3
    weights[3] = squared * t / 6
    weights[2] = 1 - weights[0] - weights[1] - weights[3]
    return weights


def _normalised_blur() -> np.ndarray:
    """The blur that gives the field variance 1 along each axis, whatever the place in a cell."""
    covariance = np.correlate(_BLUR, _BLUR, "full")[2 * _RADIUS + np.abs(np.subtract.outer(range(4), range(4)))]
    weights = _weights(np.linspace(0, 1, 64, endpoint=False))
    return (_BLUR / np.sqrt(np.einsum("an,ab,bn->n", weights, covariance, weights).mean())).astype(np.float32)


_KERNEL = _normalised_blur()

# A field is computed once in sigma / 4 px or more often, and linear between: wrong by 0.7 % of its deviation. Powers of
# two, so that the weights between are exact and windows of one picture agree to the last bit.
_SIDES = (8, 4, 2, 1)


def smooth_fields(
    seed: int, mix: np.ndarray, sigma_px: float, rows: np.ndarray, cols: np.ndarray, centre: tuple[float, float]
) -> np.ndarray:
    """(n, len(rows), len(cols)) float32: `mix` (n, k) times k independent fields of mean 0 and standard deviation 1.

    Covariance of each of the k at distance r is about exp(-r² / 4 sigma²). `rows` and `cols` are increasing coordinates
    in px; `centre` (row, col) is where the lattice is anchored.
    """
    mix = np.atleast_2d(np.asarray(mix, np.float32))
    points = np.concatenate([np.asarray(rows, float) - centre[0], np.asarray(cols, float) - centre[1]]) / sigma_px
    cells = np.floor(points)
    weights = _weights(points - cells).astype(np.float32)
    first = cells.astype(np.int64) - 1
    row_first, col_first, row_weights, col_weights = *np.split(first, [len(rows)]), *np.split(weights, [len(rows)], 1)
    row_span, col_span = ((int(nodes[0]), int(nodes[-1]) + 4) for nodes in (row_first, col_first))
    nodes = _nodes(seed, mix, row_span, col_span)
    # columns first, while there are few rows
    nodes = _four_taps(nodes, col_first - col_span[0], col_weights[:, None, None, :], axis=2)
    return _four_taps(nodes, row_first - row_span[0], row_weights[:, None, :, None], axis=1)


def _four_taps(nodes: np.ndarray, first: np.ndarray, weights: np.ndarray, axis: int) -> np.ndarray:
    total = np.take(nodes, first, axis=axis)
    total *= weights[0]
    for tap in range(1, 4):
        part = np.take(nodes, first + tap, axis=axis)
        part *= weights[tap]
        total += part
    return total


def block_side(sigma_px: float) -> int:
    """Side in px of the blocks at whose centres a field of this smoothness needs to be known."""
    return next((side for side in _SIDES if 4 * side <= sigma_px), 1)


def block_centres(first: int, size: int, side: int) -> np.ndarray:
    """Centres of the blocks that cover pixels first … first + size - 1, and one more at each end.

    Blocks are counted from pixel 0 of the plane, so that windows of one picture share them.
    """
    return np.arange(first // side - 1, (first + size - 1) // side + 2) * side + (side - 1) / 2


def between_blocks(coarse: np.ndarray, corner: tuple[int, int], side: int, out: np.ndarray) -> None:
    """Fill `out` (height, width) float32, the pixels of a window, linearly between the values at its `block_centres`.

    corner: row and column of its first pixel.
    """
    fine = coarse
    if side > 1:
        height, width = coarse.shape[0] * side, coarse.shape[1] * side
        # for float32, cv2.resize has no table of rounded weights; the rim it makes up by repetition is cut off
        fine = cv2.resize(coarse, (width, height), scratch("fine", (height, width)), interpolation=cv2.INTER_LINEAR)
    row, col = (side + first % side for first in corner)
    np.copyto(out, fine[row : row + out.shape[0], col : col + out.shape[1]])


def _nodes(seed: int, mix: np.ndarray, row_span: tuple[int, int], col_span: tuple[int, int]) -> np.ndarray:
    """(n, rows, cols) float32 blurred random numbers, mixed, of the lattice nodes from..to (to excluded)."""
    reach = _RADIUS + max(-row_span[0], row_span[1], -col_span[0], col_span[1])
    shells = _shells(reach)
    drawn = np.random.Generator(np.random.Philox(seed)).standard_normal((shells.size, mix.shape[1]), dtype=np.float32)
    (top, bottom), (left, right) = ((a - _RADIUS + reach, b + _RADIUS + reach) for a, b in (row_span, col_span))
    nodes = drawn[shells[top:bottom, left:right]]
    blurred = cv2.sepFilter2D(nodes, -1, _KERNEL, _KERNEL).reshape(nodes.shape)
    inner = np.ascontiguousarray(blurred[_RADIUS:-_RADIUS, _RADIUS:-_RADIUS])
    return np.stack(cv2.split(cv2.transform(inner, mix)))


@lru_cache(maxsize=64)
def _shells(reach: int) -> np.ndarray:
    """(2 reach + 1)² ranks of the nodes -reach..reach, by square shells around node (0, 0).

    The first numbers of a random stream belong to the innermost nodes, so that a larger lattice keeps them.
    """
    index = np.arange(-reach, reach + 1)
    shell = np.maximum(np.abs(index)[:, None], np.abs(index)[None, :]).ravel()
    ranks = np.empty(shell.size, dtype=np.int64)
    # stable: within a shell by row, then column, which does not depend on reach
    ranks[np.argsort(shell, kind="stable")] = np.arange(shell.size)
    ranks = ranks.reshape(index.size, index.size)
    ranks.setflags(write=False)
    return ranks
