"""Duplicates: pictures that show one scene twice, judged by how alike honest pictures of this data set are.

`likeness` says how alike two pictures are. From where on that means one scene depends on the data: fields full of cells
are never alike, a thousand crops of one round cell are. So the limit is drawn from the nearest neighbours among
pictures of different groups that do not stand beside each other in the list.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from seglib.data.facts import Facts
from seglib.data.likeness import Comparison, same_exposure
from seglib.data.records import Record
from seglib.data.report import Finding, Neighbour

LEAST, MOST = 0.5, 0.95  # the limit lies between; honest pictures of full fields reach 0.44
SPREADS, MARGIN = 3.0, 0.1
SAMPLE = 500
CANDIDATE = 0.8  # two exposures of less likeness are not looked at again
SAME_LEAST, SAME_MOST, SAME_MARGIN = 0.75, 0.96, 0.05
LOOKS, FRAMES = 40, 20  # pairs that are read again at most: for each finding, and of consecutive frames

Gray = Callable[[int], np.ndarray]


@dataclass(frozen=True)
class Scenes:
    """What is compared: a row a readable picture. gray(position) reads one again."""

    records: Sequence[Record]
    facts: Sequence[Facts]
    comparison: Comparison
    gray: Gray

    @property
    def all(self) -> np.ndarray:
        return np.arange(len(self.facts))

    def record(self, position: int) -> Record:
        return self.records[self.facts[position].index]

    def split(self, split: str) -> np.ndarray:
        """Positions of the labelled pictures of `split`."""
        return np.array([p for p in self.all if self.record(p).mask and self.record(p).split == split], int)

    def groups(self) -> np.ndarray:
        """(n,) number of each picture's group."""
        names = [self.record(p).group for p in self.all]
        return np.unique(names, return_inverse=True)[1] if names else np.zeros(0, int)

    @cached_property
    def same_limit(self) -> float:
        """Agreement of the finest structure from which two pictures are one exposure: more than any two frames have.

        Two exposures have two noises. Consecutive frames agree up to 0.38 (demo), 0.86 (colony), 0.92 (baby, where
        nothing moves); a picture brightened or moved from 0.97 on, as JPEG of quality 90 from 0.84 to 0.98.
        """
        groups = self.groups()
        follow = np.flatnonzero(groups[1:] == groups[:-1])
        alike = self.comparison.of_pairs(follow, follow + 1)
        pairs = [(int(a), int(a) + 1) for a in follow[np.argsort(-alike, kind="stable")[: FRAMES + LOOKS]]]
        frames = [pair for pair in pairs if not _equal(self, pair)][:FRAMES]
        if not frames:
            return SAME_MOST
        most = max(_fine(self, pair) for pair in frames)
        return float(np.clip(most + SAME_MARGIN, SAME_LEAST, SAME_MOST))


@dataclass(frozen=True)
class Limits:
    """Likeness from which two pictures show one scene: `cells` where one has cells, `blank` where neither has.

    typical: median of the nearest neighbours among different groups; consecutive: median of pictures that follow each
    other in a group. NaN where there are none.
    """

    cells: float
    blank: float
    typical: float
    consecutive: float

    def of(self, comparison: Comparison, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return np.where(comparison.has_cells[a] & comparison.has_cells[b], self.cells, self.blank)


def limits(scenes: Scenes) -> Limits:
    """min(median + 3 · (median - 10th percentile), maximum + 0.1) of the nearest neighbours, between 0.5 and 0.95.

    Median and lower spread do not move when up to half of the pictures have a copy somewhere; the maximum keeps the
    limit low where the spread is large.
    """
    groups, n = scenes.groups(), len(scenes.facts)
    rows = np.unique(np.linspace(0, max(0, n - 1), min(n, SAMPLE)).astype(int))

    def apart(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return (groups[a][:, None] != groups[b]) & (np.abs(a[:, None] - b) > n // 10)

    found = []
    for picture_only in (False, True):
        alike = scenes.comparison.nearest(rows, scenes.all, apart, picture_only=picture_only)
        found.append(alike.likeness[alike.index >= 0])
    follow = np.flatnonzero(groups[1:] == groups[:-1])
    beside = scenes.comparison.of_pairs(follow, follow + 1)
    typical, consecutive = (float(np.median(v)) if len(v) else np.nan for v in (found[0], beside))
    return Limits(_limit(found[0]), _limit(found[1]), typical, consecutive)


def _limit(nearest: np.ndarray) -> float:
    if not len(nearest):
        return LEAST
    low, median = np.quantile(nearest, (0.1, 0.5))
    return float(np.clip(min(median + SPREADS * (median - low), nearest.max() + MARGIN), LEAST, MOST))


def duplicates(scenes: Scenes) -> tuple[list[Finding], list[Neighbour]]:
    """Findings about pictures that show one scene, and the nearest train neighbour of every val picture."""
    if len(scenes.facts) < 2:
        return [], []
    limit = limits(scenes)
    pairs, by_picture = (_nearest_train(scenes, picture_only=only) for only in (False, True))
    copies = _copies(scenes, by_picture)  # their masks may contradict each other
    told = {frozenset(pair[:2]) for pair in copies}
    frames = [pair for pair in _close(scenes, pairs, limit) if frozenset(pair[:2]) not in told]
    told |= {frozenset(pair[:2]) for pair in frames}
    found = [*_across(scenes, frames, copies, limit), *_repeated(scenes, told), *_groups_alike(scenes, limit, told)]
    return found, [Neighbour(scenes.record(a).image, scenes.record(b).image, _distance(s)) for a, b, s in pairs]


Pair = tuple[int, int, float]


def _nearest_train(scenes: Scenes, picture_only: bool) -> list[Pair]:
    val = scenes.split("val")
    nearest = scenes.comparison.nearest(val, scenes.split("train"), picture_only=picture_only)
    return [(int(a), int(b), float(s)) for a, b, s in zip(val, nearest.index, nearest.likeness) if b >= 0]


def _distance(likeness: float) -> float:
    return round(min(2.0, max(0.0, 1 - likeness)), 4)


def _close(scenes: Scenes, pairs: Iterable[Pair], limit: Limits) -> list[Pair]:
    """The pairs that show one scene, most alike first, without those of exactly equal pixels (told elsewhere)."""
    pairs = [pair for pair in pairs if not _equal(scenes, pair)]
    a, b = (np.array([pair[k] for pair in pairs], int) for k in (0, 1))
    least = limit.of(scenes.comparison, a, b)
    return sorted((pair for pair, low in zip(pairs, least) if pair[2] >= low), key=lambda pair: -pair[2])


def _equal(scenes: Scenes, pair: Sequence[int | float]) -> bool:
    a, b = (scenes.facts[int(position)] for position in pair[:2])
    return a.digest == b.digest or a.constant or b.constant


def _copies(scenes: Scenes, pairs: Iterable[Pair]) -> list[Pair]:
    """Those of the LOOKS most alike pairs that are one exposure: read again, compared in their finest structure."""
    alike = sorted((p for p in pairs if p[2] >= CANDIDATE and not _equal(scenes, p)), key=lambda pair: -pair[2])
    return [pair for pair in alike[:LOOKS] if _fine(scenes, pair) >= scenes.same_limit]


def _fine(scenes: Scenes, pair: Sequence[int | float]) -> float:
    return same_exposure(scenes.gray(int(pair[0])), scenes.gray(int(pair[1])))


def _files(scenes: Scenes, pairs: Sequence[Pair]) -> dict:
    """The fields files and pairs of a finding."""
    named = [(scenes.record(a).image, scenes.record(b).image, _distance(s)) for a, b, s in pairs]
    return {"files": tuple(dict.fromkeys(n for a, b, _ in named for n in (a, b))), "pairs": tuple(named)}


def _across(scenes: Scenes, frames: Sequence[Pair], copies: Sequence[Pair], limit: Limits) -> Iterator[Finding]:
    if copies:
        text = f"{len(copies)} val pictures are train pictures saved again (re-encoded, brightened or moved)"
        remedy = "Keep each on one side only: val would be measured on what was trained on."
        yield Finding("near_duplicate_across_split", "error", explanation=text, remedy=remedy, **_files(scenes, copies))
    if frames:
        text = f"{len(frames)} val pictures show nearly the scene of a train picture, as frames of one movie do: "
        text += f"distance {_distance(frames[0][2]):.2f} and more, limit {1 - limit.cells:.2f}{_usual(limit)}"
        remedy = (
            "Look at the pairs. If they are of one movie or field, give them one group, so that they stay together."
        )
        yield Finding("similar_across_split", "warning", explanation=text, remedy=remedy, **_files(scenes, frames))


def _usual(limit: Limits) -> str:
    parts = []
    if np.isfinite(limit.typical):
        parts.append(f"the nearest of another group is usually at {1 - limit.typical:.2f}")
    if np.isfinite(limit.consecutive):
        parts.append(f"consecutive frames at {1 - limit.consecutive:.2f}")
    return f" ({', '.join(parts)}; medians)" if parts else ""


def _repeated(scenes: Scenes, told: set[frozenset[int]]) -> Iterator[Finding]:
    """One exposure saved twice, anywhere: searched by the picture alone, masks may contradict each other."""
    nearest = scenes.comparison.nearest(scenes.all, scenes.all, picture_only=True)
    copies = _copies(scenes, _once(zip(scenes.all, nearest.index, nearest.likeness), told))
    told |= {frozenset(pair[:2]) for pair in copies}
    if copies:
        text = f"{len(copies)} pictures are saved twice, not with equal pixels (re-encoded, brightened or moved)"
        remedy = "Keep one of each; look whether their masks agree."
        yield Finding("near_duplicate", "warning", explanation=text, remedy=remedy, **_files(scenes, copies))


def _groups_alike(scenes: Scenes, limit: Limits, told: set[frozenset[int]]) -> Iterator[Finding]:
    """Labelled pictures of different groups, on one side of the split, that show one scene."""
    groups = scenes.groups()
    sides = np.array([scenes.record(p).split for p in scenes.all])
    labelled = np.array([p for p in scenes.all if scenes.record(p).mask], int)

    def other(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return (groups[a][:, None] != groups[b]) & (sides[a][:, None] == sides[b])

    nearest = scenes.comparison.nearest(labelled, labelled, other)
    pairs = _close(scenes, _once(zip(labelled, nearest.index, nearest.likeness), told), limit)
    if pairs:
        text = f"{len(pairs)} pictures show nearly the scene of a picture of another group: distance "
        text += f"{_distance(pairs[0][2]):.2f} and more, limit {1 - limit.cells:.2f}{_usual(limit)}"
        remedy = "Look at the pairs. If they are of one movie or field, give them one group before they are split."
        yield Finding("similar_groups", "warning", explanation=text, remedy=remedy, **_files(scenes, pairs))


def _once(pairs: Iterable[tuple[int, int, float]], told: set[frozenset[int]]) -> list[Pair]:
    """Each pair once, the smaller position first, without those that were told."""
    found: dict[frozenset[int], Pair] = {}
    for a, b, likeness in pairs:
        key = frozenset((int(a), int(b)))
        if b >= 0 and key not in told:
            found[key] = (min(key), max(key), float(likeness))
    return list(found.values())
