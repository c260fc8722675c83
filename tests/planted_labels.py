"""Label errors planted by a seeded hand: cells left out, cells that are none, cells drawn beside, two drawn as one."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

RECIPE = ("removed", "removed", "removed", "added", "added", "added", "shifted", "shifted", "merged", "merged")


@dataclass(frozen=True)
class Planted:
    """One error: what it is, in which image, and the pixels whose side it changed."""

    what: str
    image: int
    pixels: np.ndarray


def plant(labels: list[np.ndarray], seed: int, recipe=RECIPE) -> tuple[list[np.ndarray], list[Planted]]:
    """New label maps with the errors of `recipe`, no two at one place; images are drawn by their number of cells."""
    rng = np.random.default_rng(seed)
    drawn = [image.astype(np.int32).copy() for image in labels]
    taken = [np.zeros(image.shape, bool) for image in labels]
    weight = np.array([len(np.unique(image)) - 1 for image in labels], float)
    found: list[Planted] = []
    for what in recipe:
        for _ in range(500):
            number = int(rng.choice(len(drawn), p=weight / weight.sum()))
            after = _HANDS[what](drawn[number], rng)
            if after is None:
                continue
            changed = (after > 0) != (drawn[number] > 0)
            around = cv2.dilate(changed.view(np.uint8), np.ones((13, 13), np.uint8)) > 0
            if _is_more_than_a_slip(changed) and not (around & taken[number]).any():
                drawn[number], taken[number] = after, taken[number] | around
                found.append(Planted(what, number, changed))
                break
        else:
            raise AssertionError(f"no room for one more {what}")
    return drawn, found


def _is_more_than_a_slip(changed: np.ndarray) -> bool:
    """Whether it is a sixth of a cell and a disc of five pixels fits in: less is how two people draw one outline."""
    return (
        changed.sum() >= 40
        and cv2.erode(changed.view(np.uint8), cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (5, 5))).any()
    )


def _cell(labels: np.ndarray, rng: np.random.Generator, least_px: int = 60) -> np.ndarray | None:
    ids, sizes = np.unique(labels[labels > 0], return_counts=True)
    large = ids[sizes >= least_px]
    return labels == rng.choice(large) if len(large) else None


def _removed(labels, rng):
    cell = _cell(labels, rng)
    return None if cell is None else np.where(cell, 0, labels)


def _added(labels, rng):
    radius = np.sqrt((labels > 0).sum() / max(1, len(np.unique(labels)) - 1) / np.pi)
    row, col = (int(rng.integers(14, side - 14)) for side in labels.shape)
    axes = tuple(max(4, round(radius * rng.uniform(0.8, 1.2))) for _ in range(2))
    disc = cv2.ellipse(np.zeros(labels.shape, np.uint8), (col, row), axes, rng.uniform(0, 180), 0, 360, 1, -1)
    room = cv2.dilate(disc, np.ones((7, 7), np.uint8)) > 0
    return None if (labels[room] > 0).any() else np.where(disc > 0, labels.max() + 1, labels)


def _shifted(labels, rng):
    cell = _cell(labels, rng, 120)
    if cell is None:
        return None
    angle, far = rng.uniform(0, 2 * np.pi), 0.6 * np.sqrt(cell.sum() / np.pi)
    by = np.float32([[1, 0, round(far * np.cos(angle))], [0, 1, round(far * np.sin(angle))]])
    moved = cv2.warpAffine(cell.view(np.uint8), by, cell.shape[::-1], flags=cv2.INTER_NEAREST) > 0
    rest = np.where(cell, 0, labels)
    if (rest[moved] > 0).mean() > 0.1:
        return None
    return np.where(moved & (rest == 0), labels[cell].max(), rest)


def _merged(labels, rng):
    cell = _cell(labels, rng)
    if cell is None:
        return None
    around = cv2.dilate(cell.view(np.uint8), cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (17, 17))) > 0
    beside = cv2.dilate(cell.view(np.uint8), np.ones((5, 5), np.uint8)) > 0  # what touches changes a notch alone
    others = np.setdiff1d(np.unique(labels[around]), [0, *np.unique(labels[beside])])
    if not len(others):
        return None
    both = cell | (labels == rng.choice(others))
    points = np.column_stack(np.nonzero(both))[:, ::-1].astype(np.int32)
    hull = cv2.fillConvexPoly(np.zeros(labels.shape, np.uint8), cv2.convexHull(points), 1) > 0
    return np.where(hull & ((labels == 0) | both), labels[cell].max(), labels)


_HANDS = {"removed": _removed, "added": _added, "shifted": _shifted, "merged": _merged}
