"""Names of kinds of mistakes: how a name that a person gave finds its cluster again in a later grouping.

A name is kept with places, {image, row, col, height, width}, of regions that it was given for. It goes to the cluster
in which most of those places lie now; the newest of two that go to one cluster holds. An empty name takes one back.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from seglib.errors.clusters import examples
from seglib.errors.review import ClusterName

SAME_IOU = 0.3  # of two boxes, as for recurrence
LEAST_FOUND = 1 / 3  # share of the places that are still wrong, from which a cluster is the one that was named
EXAMPLES = 24
_BOX = ("row", "col", "height", "width")


def places(members: pd.DataFrame, cluster: int) -> tuple[dict[str, Any], ...]:
    """Up to 24 places of a cluster to keep with its name: those nearest to its centre, each place once."""
    chosen = examples(members[members.cluster == cluster], EXAMPLES)
    return tuple({"image": str(r.image), **{name: int(getattr(r, name)) for name in _BOX}} for r in chosen.itertuples())


def matched(members: pd.DataFrame, names: Iterable[ClusterName]) -> dict[int, ClusterName]:
    """{cluster: the name it has}. members: as in `Kinds`; names: oldest first, as in review.jsonl."""
    by_image = dict(list(members.groupby(["image", "kind"], sort=False)))
    found: dict[int, ClusterName] = {}
    for name in names:
        cluster = _cluster_of(by_image, name)
        if cluster is None:
            continue
        found.pop(cluster, None)
        if name.name:
            found[cluster] = name
    return found


def _cluster_of(by_image: Mapping[tuple[str, str], pd.DataFrame], name: ClusterName) -> int | None:
    """The cluster most of the named places lie in now; None where too few of them are wrong any more."""
    votes: dict[int, float] = {}
    n_found = 0
    for place in name.members:
        part = by_image.get((place["image"], name.kind))
        if part is None:
            continue
        same = part.cluster[_iou(part, place) >= SAME_IOU]
        n_found += len(same) > 0
        for cluster, n in same.value_counts().items():
            votes[int(cluster)] = votes.get(int(cluster), 0.0) + n / len(same)
    votes.pop(0, None)  # those like no other
    if not votes or n_found < min(2, len(name.members)):
        return None
    best = max(sorted(votes), key=votes.get)
    return best if votes[best] >= LEAST_FOUND * n_found else None


def _iou(part: pd.DataFrame, place: Mapping[str, Any]) -> np.ndarray:
    """(n,) IoU of the boxes of `part` with that of `place`."""
    row, col, height, width = (part[name].to_numpy() for name in _BOX)
    tall = np.minimum(row + height, place["row"] + place["height"]) - np.maximum(row, place["row"])
    wide = np.minimum(col + width, place["col"] + place["width"]) - np.maximum(col, place["col"])
    shared = np.clip(tall, 0, None) * np.clip(wide, 0, None)
    return shared / (height * width + place["height"] * place["width"] - shared)
