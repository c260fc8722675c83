"""Frames: one mistake that goes through the frames of a movie, told once.

Places of one group and kind are followed from image to image, in the order of their names, by the rule that follows
them from checkpoint to checkpoint.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from seglib.errors.recurrence import followed, iou_put_right
from seglib.metrics import Counts


def tracks(table: pd.DataFrame, groups: Mapping[str, str]) -> np.ndarray:
    """(n,) number of the track each place (a row of `recurrent`) belongs to. groups: image -> its movie; an image
    without one is alone."""
    movie, _ = pd.factorize(pd.Series([groups.get(image, image) for image in table.image], dtype=object))
    frame = _numbered(movie, table.image.to_numpy(str))
    order = np.argsort(frame, kind="stable")
    track = np.empty(len(table), np.int64)
    track[order] = followed(table.assign(image=movie).iloc[order], frame[order], int(frame.max(initial=-1)) + 1)
    return track


def _numbered(movie: np.ndarray, image: np.ndarray) -> np.ndarray:
    """0, 1, … for the images of each movie, in the order of their names."""
    _, name = np.unique(image, return_inverse=True)
    pairs, at = np.unique(np.column_stack([movie, name]), axis=0, return_inverse=True)
    first = np.searchsorted(pairs[:, 0], pairs[:, 0])
    return (np.arange(len(pairs)) - first)[at.ravel()]


def once_a_track(table: pd.DataFrame, track: np.ndarray, counts: Counts) -> pd.DataFrame:
    """One row a track (as `tracks` numbers them): the place of it that wins most (the largest, where none is alive),
    with `n_frames`, the number of its places, and `won` for all its alive ones put right together.

    counts: of all images at the last look.
    """
    if not len(table):
        return table.assign(n_frames=0)
    _, track = np.unique(track, return_inverse=True)
    alive = table.alive.to_numpy(bool)
    now = np.where(alive, [course[-1] for course in table.course_pixels], 0)
    pixels = np.bincount(track, now)
    order = np.lexsort((-table.damage.to_numpy(float), -np.nan_to_num(table.won.to_numpy(float), nan=-1.0), track))
    first = order[np.diff(track[order], prepend=-1) != 0]
    kept = table.iloc[first].assign(n_frames=np.bincount(track))
    return kept.assign(won=np.where(alive[first], iou_put_right(kept.kind, pixels, counts), np.nan))
