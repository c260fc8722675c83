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
    movie = pd.Series([groups.get(image, image) for image in table.image], dtype=object)
    _, frame = np.unique(table.image.to_numpy(str), return_inverse=True)  # one numbering for all movies
    order = np.argsort(frame, kind="stable")
    track = np.empty(len(table), np.int64)
    ordered = table.assign(image=movie.to_numpy()).iloc[order]
    track[order] = followed(ordered, frame[order], int(frame.max(initial=-1)) + 1)
    return track


def once_a_track(table: pd.DataFrame, groups: Mapping[str, str], counts: Counts) -> pd.DataFrame:
    """One row a track: the place of it that wins most (the largest, where none is alive), with `n_frames`, the number
    of its images, and `won` for all its alive places put right together. counts: of all images at the last look."""
    if not len(table):
        return table.assign(n_frames=0)
    track = tracks(table, groups)
    alive = table.alive.to_numpy(bool)
    now = np.where(alive, [course[-1] for course in table.course_pixels], 0)
    pixels = np.bincount(track, now)
    order = np.lexsort((-table.damage.to_numpy(float), -np.nan_to_num(table.won.to_numpy(float), nan=-1.0), track))
    first = order[np.diff(track[order], prepend=-1) != 0]
    kept = table.iloc[first].assign(n_frames=np.bincount(track))
    return kept.assign(won=np.where(alive[first], iou_put_right(kept.kind, pixels, counts), np.nan))
