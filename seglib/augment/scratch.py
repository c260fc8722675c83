"""Scratch: memory that a thread keeps from one call to the next.

Maps of a few megabytes that come and go with every sample are given back to the system each time, and to fetch them
anew costs more than to fill them.
"""

from __future__ import annotations

import threading

import numpy as np

# Larger arrays are rare and are not kept
_MOST_VALUES = 2**21

_kept = threading.local()


def scratch(name: str, shape: tuple[int, ...]) -> np.ndarray:
    """A float32 array of `shape` with anything in it, valid until this thread asks for `name` again."""
    n_values = int(np.prod(shape))
    if n_values > _MOST_VALUES:
        return np.empty(shape, np.float32)
    kept = getattr(_kept, name, None)
    if kept is None or kept.size < n_values:
        kept = np.empty(n_values, np.float32)
        setattr(_kept, name, kept)
    return kept[:n_values].reshape(shape)
