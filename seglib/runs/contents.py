"""Contents: which pictures a run is trained on, each by a digest, so that a resume can name those that changed."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seglib.data.dataset import Dataset
from seglib.runs.files import read_json

NAME = "data.json"  # in the run folder; runs before version 0.3 have none
NAMED = 3  # files of each kind of change that are named; of the rest the number is told
Picture = dict[str, str]  # split, pixels, mask


@dataclass(frozen=True)
class Contents:
    """fingerprint: the data set's own; pictures: name of the image -> side, digest of its pixels and of its mask."""

    fingerprint: str
    pictures: dict[str, Picture]

    def to_dict(self) -> dict[str, Any]:
        return {"fingerprint": self.fingerprint, "pictures": self.pictures}


def read(dataset: Dataset, should_stop: Callable[[], bool] = lambda: False) -> Contents | None:
    """Reads every picture that train or val use, once; None if a stop was asked meanwhile."""
    whole = hashlib.sha256()
    pictures = {}
    for index in dataset.used():
        if should_stop():
            return None
        header, pixels, labels, valid = dataset.content(index)
        for part in (header, pixels, labels, valid):
            whole.update(part)
        record = dataset.records[index]
        kind = header.partition(b" ")[2]  # without the side
        digests = {"pixels": _digest(kind, pixels), "mask": _digest(labels, valid)}
        pictures[record.image] = {"split": record.split, **digests}
    return Contents(whole.hexdigest(), pictures)


def _digest(*parts: Any) -> str:
    digest = hashlib.blake2b(digest_size=8)
    for part in parts:
        digest.update(part)
    return digest.hexdigest()


def stored(folder: Path) -> dict[str, Picture] | None:
    """The pictures that the run in `folder` began with, None where that is not written down."""
    pictures = read_json(folder / NAME).get("pictures")
    return pictures if isinstance(pictures, dict) and pictures else None


def changes(before: dict[str, Picture], now: dict[str, Picture]) -> list[str]:
    """What became of the pictures, one phrase for each kind of change."""
    both = [name for name in now if name in before]

    def other(key: str) -> list[str]:
        return [name for name in both if before[name].get(key) != now[name][key]]

    kinds = {
        "added": [name for name in now if name not in before],
        "removed": [name for name in before if name not in now],
        "other pixels": other("pixels"),
        "other mask": other("mask"),
        "other side of the split": other("split"),
    }
    found = [f"{kind}: {_named(names)}" for kind, names in kinds.items() if names]
    return found or ["the same pictures in another order"]


def _named(names: list[str]) -> str:
    more = len(names) - NAMED
    return ", ".join(names[:NAMED]) + (f" and {more} more" if more > 0 else "")
