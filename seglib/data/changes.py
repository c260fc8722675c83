"""Changes: what is to be different in a new version of a data set, and what that does to labels, ignored pixels and
weights. Pure functions of arrays; `seglib.data.version` writes the result.

What each action does:

- fill: pixels of the region that are background become cell. They join the cell along which most of the region's rim
  lies, if at least JOIN_SHARE of the rim does and the region is thin (the radius of its thickest place at most
  THIN_SHARE of that cell's): an outline drawn too tight; or if it is closed in to HOLE_SHARE: a hole. Else they are a
  new cell: one that was not drawn, a bud. In a binary mask what touches is one object, whatever is wished.
- erase: pixels of the region that are cell become background. Of a cell that the region covers to WHOLE_SHARE or more,
  the rest goes too: a few left pixels would be a cell of their own.
- ignore: the region and IGNORE_MARGIN_PX around it are left out of every loss, count and error.
- weight: the image is drawn more often, see `weight_factor`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Any

import cv2
import numpy as np

from seglib.data.rle import decode
from seglib.exceptions import InputError

ACTIONS = ("fill", "erase", "ignore", "weight")
JOIN_SHARE, THIN_SHARE, HOLE_SHARE = 1 / 3, 1 / 3, 0.9
WHOLE_SHARE = 0.9
IGNORE_MARGIN_PX = 2
WEIGHT_CAP = 4.0
_NEIGHBOURS = np.ones((3, 3), np.uint8)


@dataclass(frozen=True)
class Change:
    """One thing to be different. id: names it, see `change_id`; image: as in dataset.csv; row, col: top left corner of
    the box, px; rle: the region's pixels in it (`seglib.data.rle`); weight: what it adds to the factor of the image's
    sampling weight, 0 but for action weight; why, verdict, who, when: of the word it follows from."""

    id: str
    image: str
    action: str
    row: int
    col: int
    height: int
    width: int
    rle: str
    weight: float = 0.0
    why: str = ""
    verdict: str = ""
    who: str = ""
    when: str = ""


@dataclass(frozen=True)
class Effect:
    """What one change did: in words, and numbers before and after it.

    fill and erase: foreground_px, cells; ignore: ignored_px, all of the whole image; weight: weight. changed_px: pixels
    of mask or ignore picture that are different now.
    """

    what: str
    changed_px: int
    before: dict[str, float]
    after: dict[str, float]


@dataclass(frozen=True)
class Corrected:
    """labels (H, W) int32 and ignored (H, W) bool after the changes, and the effect of each, in order."""

    labels: np.ndarray
    ignored: np.ndarray
    effects: tuple[Effect, ...]


def change_id(image: str, action: str, box: Sequence[int], rle: str) -> str:
    """Eight letters and digits that follow from what is changed: the same change has the same name every time."""
    text = "\n".join([image, action, *map(str, box), rle])
    return hashlib.sha256(text.encode("utf-8")).hexdigest()[:8]


def weight_factor(weights: Iterable[float]) -> float:
    """How many times as often an image is drawn: 1 + the sum of its changes' weights, at most WEIGHT_CAP.

    Every hard negative adds 1: with one the image is drawn twice as often as before, with three or more four times. The
    cap keeps one image from taking the place of all others.
    """
    return min(WEIGHT_CAP, 1.0 + sum(weights))


def check_change(change: Change) -> None:
    """Raises InputError for a change that no version could hold."""
    if change.action not in ACTIONS:
        raise InputError(f"change {change.id!r}: action is {change.action!r}; allowed: {', '.join(ACTIONS)}.")
    box = (change.row, change.col, change.height, change.width)
    if any(isinstance(value, bool) or not isinstance(value, int) for value in box) or min(box[:2]) < 0 or min(box) < 0:
        raise InputError(f"change {change.id!r}: its box {box} is no place in whole pixels.")
    if not (isinstance(change.weight, int | float) and 0 <= change.weight < 1e6):
        raise InputError(f"change {change.id!r}: weight is {change.weight!r}; allowed: a number from 0.")


def from_json(values: Any) -> Change:
    """A Change of JSON values; names it does not know are left alone. Raises InputError for one that makes no sense."""
    known = {field.name for field in fields(Change)}
    try:
        change = Change(**{name: value for name, value in dict(values).items() if name in known})
        texts = ("id", "image", "action", "rle", "why", "verdict", "who", "when")
        if not all(isinstance(getattr(change, name), str) for name in texts):
            raise TypeError("a text is none")
    except (TypeError, ValueError) as error:
        raise InputError(f"not a change of a data set: {error}.") from None
    check_change(change)
    return change


def corrected(labels: np.ndarray, ignored: np.ndarray, changes: Sequence[Change], binary: bool) -> Corrected:
    """The labels and ignored pixels of one image after its `changes` (those of weight do nothing here).

    labels: (H, W) int, 0 = background; ignored: (H, W) bool, True = left out; binary: what touches is one object.
    Raises InputError where a region does not lie in the image.
    """
    labels, ignored, effects = labels.copy(), ignored.copy(), []
    for change in changes:
        if change.action == "weight":
            continue
        region = region_in(change, labels.shape)
        before = _counted(change, labels, ignored)
        if change.action == "ignore":
            grown = cv2.dilate(region.view(np.uint8), _NEIGHBOURS, iterations=IGNORE_MARGIN_PX) > 0
            what, changed = f"area ignored, {IGNORE_MARGIN_PX} px around it too", grown & ~ignored
            ignored |= grown
        else:
            act = _fill if change.action == "fill" else _erase
            what, changed = act(labels, region, binary)
            labels = _components(labels) if binary else labels
        n = int(changed.sum())
        effects.append(Effect(what if n else "already so", n, before, _counted(change, labels, ignored)))
    return Corrected(labels, ignored, tuple(effects))


def region_in(change: Change, shape: tuple[int, int]) -> np.ndarray:
    """(H, W) bool of the whole image. Raises InputError where the box leaves it."""
    if change.row + change.height > shape[0] or change.col + change.width > shape[1]:
        got = f"rows up to {change.row + change.height}, columns up to {change.col + change.width}"
        raise InputError(f"{change.image}: change {change.id} lies at {got}; the image has {shape[0]} × {shape[1]}.")
    region = np.zeros(shape, bool)
    box = region[change.row : change.row + change.height, change.col : change.col + change.width]
    box[:] = decode(change.rle, change.height, change.width)
    return region


def _counted(change: Change, labels: np.ndarray, ignored: np.ndarray) -> dict[str, float]:
    if change.action == "ignore":
        return {"ignored_px": int(ignored.sum())}
    ids = np.unique(labels)
    return {"foreground_px": int(np.count_nonzero(labels)), "cells": int(np.count_nonzero(ids))}


def _fill(labels: np.ndarray, region: np.ndarray, binary: bool) -> tuple[str, np.ndarray]:
    new = region & (labels == 0)
    if not new.any():
        return "", new
    share, beside = _contact(labels, new)
    if beside and (binary or share >= HOLE_SHARE or (share >= JOIN_SHARE and _is_thin(new, labels == beside))):
        labels[new] = beside
        return ("joined to what it touches" if binary else f"joined to cell {beside}"), new
    number = _free_number(labels)
    labels[new] = number
    return ("a new cell" if binary else f"new cell {number}"), new


def _contact(labels: np.ndarray, new: np.ndarray) -> tuple[float, int]:
    """Share of the rim pixels of `new` that have a cell among their eight neighbours, and the cell most of them have
    (the lowest number of equals); (0, 0) where it touches none."""
    rows, cols = np.nonzero(new & (cv2.erode(new.view(np.uint8), _NEIGHBOURS, borderValue=0) == 0))
    padded = np.pad(labels, 1)
    around = np.stack([padded[rows + r, cols + c] for r, c in np.ndindex(3, 3)])
    share = float((around > 0).any(axis=0).mean())
    met = np.unique(np.stack([around.ravel(), np.tile(np.arange(len(rows)), 9)]), axis=1)[0]
    ids, counts = np.unique(met[met > 0], return_counts=True)
    return share, int(ids[counts.argmax()]) if len(ids) else 0


def _is_thin(region: np.ndarray, cell: np.ndarray) -> bool:
    """Whether the largest disc in `region` has at most THIN_SHARE of the radius of a disc as large as `cell`."""
    padded = np.pad(region, 1).view(np.uint8)
    radius = float(cv2.distanceTransform(padded, cv2.DIST_L2, cv2.DIST_MASK_PRECISE).max()) - 0.5
    return radius <= THIN_SHARE * float(np.sqrt(cell.sum() / np.pi))


def _free_number(labels: np.ndarray) -> int:
    """One above the highest, which keeps every number as it is; the lowest free one where that is too high."""
    highest = int(labels.max())
    if highest < np.iinfo(np.int32).max:
        return highest + 1
    used = np.unique(labels)
    return int(np.setdiff1d(np.arange(1, len(used) + 2), used)[0])


def _erase(labels: np.ndarray, region: np.ndarray, binary: bool) -> tuple[str, np.ndarray]:
    gone = region & (labels > 0)
    ids, counts = np.unique(labels[gone], return_counts=True)
    whole = [i for i, n in zip(ids, counts) if n >= WHOLE_SHARE * np.count_nonzero(labels == i)]
    gone |= np.isin(labels, whole) if whole else False
    parts = [str(i) for i in ids if i not in whole]
    labels[gone] = 0
    said = [f"{len(whole)} whole" if binary else f"cell {', '.join(map(str, whole))}"] if whole else []
    said += [f"a part of {len(parts)}" if binary else f"a part of cell {', '.join(parts)}"] if parts else []
    return f"erased: {' and '.join(said)}" + (" cell" if binary else ""), gone


def _components(labels: np.ndarray) -> np.ndarray:
    mask = (labels > 0).astype(np.uint8)
    return cv2.connectedComponents(mask, connectivity=8, ltype=cv2.CV_32S)[1]
