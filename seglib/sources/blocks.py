"""Blocks: planes read out of chunks that hold several, so that a chunk is decoded once and not once a plane."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from seglib.sources.source import MAX_CHUNK_BYTES
from seglib.sources.stack import Index


class Blocks:
    """read(index) through a memory of one block: all planes of a chunk along the innermost numbered axis.

    Where such a block would be larger than MAX_CHUNK_BYTES, each plane is read by itself.
    """

    def __init__(self, read: Callable[[Index], np.ndarray], shape: Sequence[int], chunks: Sequence[int], n_bytes: int):
        self._read, self._shape, self._chunks, self._n_bytes = read, shape, chunks, n_bytes
        self._kept: tuple[Index, np.ndarray] | None = None

    def __call__(self, index: Index) -> np.ndarray:
        whole = self._widened(index)
        if whole == index:
            return self._read(index)
        if self._kept is None or self._kept[0] != whole:
            self._kept = None  # let go of the old one first
            self._kept = (whole, self._read(whole))
        inner = [
            part - wide.start if isinstance(part, int) else slice(None)
            for part, wide in zip(index, whole)
            if isinstance(wide, slice)
        ]
        return self._kept[1][tuple(inner)]

    def _widened(self, index: Index) -> Index:
        numbered = [axis for axis, part in enumerate(index) if isinstance(part, int)]
        if not numbered:
            return index
        axis = numbered[-1]
        depth, part = self._chunks[axis], index[axis]
        plane = int(np.prod([size for size, p in zip(self._shape, index) if not isinstance(p, int)], dtype=object))
        if depth < 2 or plane * depth * self._n_bytes > MAX_CHUNK_BYTES:
            return index
        start = part - part % depth
        return (*index[:axis], slice(start, min(start + depth, self._shape[axis])), *index[axis + 1 :])
