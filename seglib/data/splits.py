"""Splits: which pictures belong together, and on which side they stand where no dataset.csv says so."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import PurePosixPath

import numpy as np

from seglib.data.records import Record
from seglib.exceptions import InputError

VAL_SHARE = 0.2
GAP_SHARE = 0.05
NOT_INDEPENDENT = "frames of one movie, not independent"
# colony2_t040 -> colony2, scan-frame12 -> scan, field01 -> field, 001 -> ''
_FRAME_NUMBER = re.compile(r"(?:[ _.\-]+(?:time|frame|tp|t|f)?)?\d+$", re.IGNORECASE)


class ChoiceNeeded(InputError):
    """Pictures without a dataset.csv that form one group: the person must say how they belong together."""


def natural_key(name: str) -> list[tuple[int, int | str]]:
    """Sort key that puts t9 before t10."""
    return [(0, int(part)) if part.isdigit() else (1, part) for part in re.findall(r"[0-9]+|[^0-9]+", name)]


def group_of(image: str, grouping: str) -> str:
    """The group of a picture by its file name: `name` = up to the trailing frame number, `file` = the stem itself."""
    stem = PurePosixPath(image).stem
    return stem if grouping == "file" else _FRAME_NUMBER.sub("", stem) or "movie"


def frame_of(image: str) -> int:
    """The number at the end of a picture's stem: `colony2_t040.png` -> 40; -1 where it does not end in digits."""
    digits = re.search(r"[0-9]{1,18}$", PurePosixPath(image).stem)
    return int(digits.group()) if digits else -1


def assign(records: Sequence[Record], grouping: str | None, split: str | None, folder: str) -> list[Record]:
    """Records with group and split filled in by the rules of contracts.md; see `open_dataset`."""
    if split == "blocks" and grouping == "file":
        raise InputError(f"{folder}: data.split=blocks needs frames in order; use it with data.grouping=name.")
    grouped = [replace(record, group=group_of(record.image, grouping or "name")) for record in records]
    n_groups = len({record.group for record in grouped if record.mask})
    if split == "blocks":
        return _in_blocks(grouped)
    if n_groups == 1 and grouping is None:
        choices = "data.grouping=name (one movie, no validation), data.grouping=file (every picture on its own)"
        raise ChoiceNeeded(
            f"{folder}: the names form one group; choose {choices} or data.split=blocks (parts in time)."
        )
    return by_group(grouped)


def by_group(records: Sequence[Record], seed: int = 0) -> list[Record]:
    """About a fifth of the labelled pictures to val in whole groups: at least one group, never all of them."""
    sizes: dict[str, int] = {}
    for record in records:
        if record.mask:
            sizes[record.group] = sizes.get(record.group, 0) + 1
    val = _val_groups(sizes, np.random.default_rng(seed)) if len(sizes) > 1 else set()
    sides = {group: "val" if group in val else "train" for group in sizes}
    return [replace(record, split=sides[record.group] if record.mask else "") for record in records]


def _val_groups(sizes: dict[str, int], rng: np.random.Generator) -> set[str]:
    """Groups in a drawn order while they fit into the share (half as much again for the last one)."""
    wanted = VAL_SHARE * sum(sizes.values())
    groups = sorted(sizes, key=natural_key)
    chosen: list[str] = []
    for group in (groups[i] for i in rng.permutation(len(groups))):
        taken = sum(sizes[other] for other in chosen)
        if taken < wanted and taken + sizes[group] <= 1.5 * wanted:
            chosen.append(group)
    return set(chosen) or {min(groups, key=lambda group: sizes[group])}


def _in_blocks(records: Sequence[Record]) -> list[Record]:
    """In every group the first labelled frames train, then a gap that nobody uses, then the last ones val."""
    members: dict[str, list[int]] = {}
    for index, record in enumerate(records):
        if record.mask:
            members.setdefault(record.group, []).append(index)
    sides: dict[int, str] = {}
    for indices in members.values():
        n_val = max(1, round(VAL_SHARE * len(indices))) if len(indices) > 2 else 0
        n_gap = max(1, round(GAP_SHARE * len(indices))) if len(indices) > 2 else 0
        n_train = len(indices) - n_val - n_gap
        sides |= dict.fromkeys(indices[:n_train], "train") | dict.fromkeys(indices[n_train + n_gap :], "val")
    return [replace(record, split=sides.get(index, "")) for index, record in enumerate(records)]


def choose_fold(records: Sequence[Record], fold: int, folder: str) -> list[Record]:
    """Fold `fold` becomes val, the other folds train, pictures without a fold are not used."""
    folds = sorted({record.fold for record in records if record.fold is not None and record.mask})
    if fold not in folds:
        known = ", ".join(map(str, folds)) or "none (dataset.csv has no column fold)"
        raise InputError(f"{folder}: data.fold is {fold}; folds with masks: {known}.")

    def side(record: Record) -> str:
        return "" if record.fold is None else "val" if record.fold == fold else "train"

    return [replace(record, split=side(record)) for record in records]
