"""Statistics: how far apart two set-ups are, and how sure that is, from counts per image. Pure numbers; no torch.

The quantity is pooled IoU: true positives of all images over the union of all images. Its uncertainty is that of the
val images: they are drawn again with replacement, whole groups at a time, both set-ups on the same draw (paired). With
few groups, blocks of consecutive frames take their place, because frames of one movie are not independent. What another
seed would change is a matter of its own: seeds are shown as points, and get an interval from MIN_SEEDS on.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

CONFIDENCE = 0.95
DRAWS = 10_000
MIN_GROUPS = 5  # fewer groups say nothing of another movie: blocks within them instead
MIN_BLOCKS = 5  # fewer independent stretches than this give no interval at all
MIN_SEEDS = 5
_CHUNK = 4_000_000  # weights in memory at once


@dataclass(frozen=True)
class Overlaps:
    """Pixels of R runs on the same N images: true positives and union (tp + fp + fn), (R, N) integers each."""

    tp: np.ndarray
    union: np.ndarray

    def pooled(self) -> np.ndarray:
        """(R,) pooled IoU; NaN for a run with neither cell nor prediction anywhere."""
        return _ratio(self.tp.sum(1), self.union.sum(1))

    def influence(self) -> np.ndarray:
        """(N,) what each image adds to the mean over runs of the pooled IoU, relative to the average image."""
        iou = self.pooled()[:, None]
        return ((self.tp - iou * self.union) / self.union.mean(1, keepdims=True)).mean(0)


@dataclass(frozen=True)
class Units:
    """What is drawn with replacement: n groups, or about n blocks of `block` frames (`block` is 0 for groups).

    members: for every group the numbers of its images, in the order of time.
    """

    kind: str
    n: int
    block: int
    members: tuple[np.ndarray, ...]


@dataclass(frozen=True)
class Interval:
    """Mean over runs of a's pooled IoU minus that of b, as a fraction; low, high: None where units are too few."""

    difference: float
    low: float | None
    high: float | None
    units: Units


def difference(a: Overlaps, b: Overlaps, names: Sequence[str], groups: Sequence[str], seed: int = 0) -> Interval:
    """a − b with its bootstrap interval over groups, or over blocks of frames.

    The interval is the expanded percentile one (Hesterberg 2015, doi:10.1080/00031305.2015.1089789, section 5.2): the
    plain one is too narrow for a few units. names, groups: of the N images, in their order; a movie's frames are put in
    order by the numbers in their names.
    """
    units = units_of(names, groups, a.influence() - b.influence())
    found = float(a.pooled().mean() - b.pooled().mean())
    if units.n < (MIN_GROUPS if units.kind == "groups" else MIN_BLOCKS):
        return Interval(found, None, None, units)
    rng = np.random.default_rng(seed)
    drawn = np.concatenate([_scores(a, w) - _scores(b, w) for w in weights(units, DRAWS, rng)])
    tail = _expanded_tail(units.n)
    low, high = np.nanquantile(drawn, [tail, 1 - tail])
    return Interval(found, float(low), float(high), units)


def _expanded_tail(n: int) -> float:
    """Share of the draws beyond each end, for n units: 2.5 % for many, less for few."""
    from scipy.stats import norm, t

    return float(norm.cdf(math.sqrt(n / (n - 1)) * t.ppf((1 - CONFIDENCE) / 2, n - 1)))


def over_seeds(differences: Sequence[float]) -> tuple[float, float] | None:
    """Student's 95 % interval of the mean of one difference a seed; None with fewer than MIN_SEEDS seeds."""
    if len(differences) < MIN_SEEDS:
        return None
    from scipy.stats import t

    half = t.ppf((1 + CONFIDENCE) / 2, len(differences) - 1) * np.std(differences, ddof=1) / math.sqrt(len(differences))
    return float(np.mean(differences) - half), float(np.mean(differences) + half)


# -- what is drawn


def units_of(names: Sequence[str], groups: Sequence[str], series: np.ndarray) -> Units:
    """Groups where there are MIN_GROUPS or more, else blocks of frames as long as the autocorrelation of `series` asks.

    series: (N,) what each image contributes to the difference.
    """
    members = tuple(np.array(found) for found in _by_time(names, groups).values())
    if len(members) >= MIN_GROUPS:
        return Units("groups", len(members), 0, members)
    block = max(block_length(series[m]) for m in members)
    return Units("blocks", sum(max(len(m) // block, 1) for m in members), block, members)


def _by_time(names: Sequence[str], groups: Sequence[str]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for i in sorted(range(len(names)), key=lambda i: _natural(names[i])):
        found.setdefault(groups[i], []).append(i)
    return found


def _natural(name: str) -> list[tuple[int, int, str]]:
    """t2 before t10."""
    return [(0, int(part), "") if part.isdigit() else (1, 0, part) for part in re.split(r"(\d+)", name)]


def block_length(series: np.ndarray) -> int:
    """Frames a block should have for the circular block bootstrap of a mean, from the autocorrelation of `series`.

    Politis & White 2004 (doi:10.1081/ETC-120028836) with the correction of Patton, Politis & White 2009
    (doi:10.1080/07474930802459016): flat-top window up to twice the last lag that stands out. Never more than a part of
    MIN_BLOCKS, so that the interval of a short movie is wide (few units) rather than missing.
    """
    n = len(series)
    most = max(1, n // MIN_BLOCKS)
    centred = series - series.mean()
    if n < 4 or not np.any(np.abs(centred) > 1e-12):
        return 1
    in_a_row = max(5, math.ceil(math.sqrt(math.log10(n))))
    furthest = min(n - 1, math.ceil(math.sqrt(n)) + in_a_row)
    lags = min(furthest, 2 * _last_lag(centred, in_a_row, furthest))
    covariance = np.array([centred[: n - k] @ centred[k:] / n for k in range(lags + 1)])
    window = np.minimum(1, 2 * (1 - np.arange(lags + 1) / max(lags, 1)))
    spread = 2 * np.sum(window[1:] * np.arange(1, lags + 1) * covariance[1:])
    at_zero = covariance[0] + 2 * np.sum(window[1:] * covariance[1:])
    if at_zero <= 0:
        return most
    length = (2 * spread**2 / (4 / 3 * at_zero**2)) ** (1 / 3) * n ** (1 / 3)
    return int(min(max(1, math.ceil(length)), most))


def _last_lag(centred: np.ndarray, in_a_row: int, furthest: int) -> int:
    """The lag after which so many in a row do not stand out of chance, or the last that does up to `furthest`."""
    n = len(centred)
    correlation = [centred[: n - k] @ centred[k:] / (centred @ centred) for k in range(1, furthest + 1)]
    out = np.abs(correlation) > 2 * math.sqrt(math.log10(n) / n)
    for lag in range(len(out) - in_a_row + 1):
        if not out[lag : lag + in_a_row].any():
            return max(lag, 1)
    standing = np.flatnonzero(out)
    return int(standing[-1]) + 1 if len(standing) else 1  # in a short series nothing need stand out


def weights(units: Units, n_draws: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """How often each image stands in each draw, (draws, N) integers, in chunks.

    Groups: as many as there are, with replacement. Blocks: within every movie, from any frame, its end joined to its
    start.
    """
    n_images = sum(len(m) for m in units.members)
    step = max(1, _CHUNK // max(n_images, 1))
    for begin in range(0, n_draws, step):
        size = min(step, n_draws - begin)
        drawn = np.zeros((size, n_images), np.int64)
        if units.kind == "groups":
            times = rng.multinomial(units.n, np.full(units.n, 1 / units.n), size=size)
            for group, images in enumerate(units.members):
                drawn[:, images] = times[:, group, None]
        else:
            for images in units.members:
                drawn[:, images] = _blocks(len(images), units.block, size, rng)
        yield drawn


def _blocks(n: int, block: int, size: int, rng: np.random.Generator) -> np.ndarray:
    """(size, n) how often each of n frames is drawn, in blocks of `block`, n frames in all."""
    starts = rng.integers(0, n, (size, math.ceil(n / block)))
    frames = ((starts[:, :, None] + np.arange(block)) % n).reshape(size, -1)[:, :n]
    flat = frames + n * np.arange(size)[:, None]
    return np.bincount(flat.ravel(), minlength=size * n).reshape(size, n)


def _scores(overlaps: Overlaps, drawn: np.ndarray) -> np.ndarray:
    """(draws,) mean over runs of the pooled IoU of each draw."""
    return _ratio(drawn @ overlaps.tp.T, drawn @ overlaps.union.T).mean(1)


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return np.divide(part, whole, out=np.full(np.shape(part), np.nan), where=np.asarray(whole) > 0)
