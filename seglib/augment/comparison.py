"""Comparison: the shapes of augmented cells against those of the data set, and what of it is mere change of size.

Whole cells only, on both sides. Every draw contributes the cells of its picture once to the data set's side, so that a
recipe that changes nothing has the very same cells on both sides.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise

import numpy as np
from scipy.stats import ks_2samp, kstwobign

from seglib.augment.realism import Material, Reading

MEASURES = ("area_px", "eccentricity", "solidity")
BINS = 24
# Fewer whole cells than this in the data set's sample say nothing about a distribution
FEWEST = 20
_SOFTER = np.linspace(1, 0, 41)


@dataclass(frozen=True)
class Comparison:
    """Of one measure. before, after: one value a whole cell and draw; n_cells: different cells among `before`.

    was, now: the same cell before and after, for the cells whole in both; scale: what its draw scales areas by, 1 for
    other measures; draw: the number of its draw among the readings. scaled: `before`, if draws only scaled.
    """

    measure: str
    before: np.ndarray
    after: np.ndarray
    n_cells: int
    was: np.ndarray
    now: np.ndarray
    scale: np.ndarray
    draw: np.ndarray
    scaled: np.ndarray

    @cached_property
    def distance(self) -> float:
        """Two-sample Kolmogorov-Smirnov statistic D between `before` and `after`: the largest difference between the
        shares of cells below a value, from 0 to 1. NaN without cells."""
        return ks(self.before, self.after)

    @cached_property
    def of_size_alone(self) -> float:
        """D if every draw only scaled its cells: for areas; other measures do not know size."""
        return ks(self.before, self.scaled)

    @cached_property
    def of_form_alone(self) -> float:
        """D with the scaling of every draw taken out again: what bending and resampling do."""
        return self.unscaled().distance

    def unscaled(self) -> Comparison:
        """The same with the scaling of every draw taken out again, of the cells whole on both sides."""
        form, one = self.now / self.scale, np.ones_like(self.scale)
        return replace(self, before=self.was, after=form, now=form, scale=one, scaled=self.was)

    def critical(self) -> float:
        """D beyond which 5 of 100 comparisons of this many independent cells of one kind lie (asymptotic)."""
        n, m = self.n_cells, len(self.after)
        return float(kstwobign.ppf(0.95) * np.sqrt((n + m) / (n * m))) if n and m else float("nan")

    def change(self) -> np.ndarray:
        """What happened to each cell besides scaling: of areas the factor minus 1, else the difference."""
        form = self.now / self.scale
        return form / self.was - 1 if self.measure == "area_px" else form - self.was

    def typical_change(self) -> float:
        """Median size of the change of a cell, scaling included; NaN without cells."""
        sizes = self._sizes()
        return float(np.median(sizes)) if len(sizes) else float("nan")

    def change_of_draws(self, n: int) -> np.ndarray:
        """(n,): the same for each draw; 0 where it shows no whole cell."""
        sizes, ends = self._sizes(), np.searchsorted(self.draw, np.arange(n + 1))
        return np.array([np.median(sizes[a:b]) if b > a else 0.0 for a, b in pairwise(ends)])

    def _sizes(self) -> np.ndarray:
        return np.abs(self.now / self.was - 1 if self.measure == "area_px" else self.now - self.was)

    def softened(self, share: float) -> Comparison:
        """As if bending were `share` times as strong: each cell's change besides scaling is made smaller."""
        form = self.now / self.scale
        if self.measure == "area_px":
            form = self.was * (form / self.was) ** share
        else:
            form = self.was + share * (form - self.was)
        return replace(self, before=self.was, after=form * self.scale, now=form * self.scale)


def compare(sources: Material, readings: Sequence[Reading], measure: str) -> Comparison:
    """`measure` ('area_px', 'eccentricity', 'solidity') of the cells of `readings` and of their pictures."""
    before, after, was, now, scale, draw, scaled = ([] for _ in range(7))
    for number, reading in enumerate(readings):
        source, shapes = sources.pictures[reading.place].shapes, reading.after
        factor = reading.draw.scale**2 if measure == "area_px" else 1.0
        own = getattr(source, measure)
        before.append(own[~source.cut])
        scaled.append(own[~source.cut] * factor)
        whole = ~shapes.cut
        values = getattr(shapes, measure)[whole]
        after.append(values)
        place = np.searchsorted(source.label, shapes.label[whole])
        both = ~source.cut[place]
        was.append(own[place][both])
        now.append(values[both])
        scale.append(np.full(int(both.sum()), factor))
        draw.append(np.full(int(both.sum()), number))
    n_cells = sum(int((~sources.pictures[p].shapes.cut).sum()) for p in {r.place for r in readings})
    parts = [np.concatenate([np.zeros(0), *values]) for values in (before, after, was, now, scale, draw, scaled)]
    return Comparison(measure, parts[0], parts[1], n_cells, *parts[2:])


def ks(one: np.ndarray, other: np.ndarray) -> float:
    if not len(one) or not len(other):
        return float("nan")
    return float(ks_2samp(one, other, method="asymp").statistic)


def softest_share(comparison: Comparison, good) -> float:
    """The largest share of the bending, from 1 to 0, at which `good(comparison)` holds; 0 where none does."""
    return next((float(share) for share in _SOFTER if good(comparison.softened(share))), 0.0)


def size_share(comparison: Comparison, most: float) -> float:
    """The largest share of the scaling, on a logarithmic scale, at which it alone changes areas by D = `most`."""
    power = np.log(comparison.scaled / comparison.before)
    far = (ks(comparison.before, comparison.before * np.exp(share * power)) for share in _SOFTER)
    return next((float(share) for share, distance in zip(_SOFTER, far) if distance <= most), 0.0)


def sketch(comparison: Comparison) -> dict[str, list[float]] | None:
    """Histograms for a small drawing: edges (25), before and after (24 shares each); None without cells.

    From the 1st to the 99th percentile of both; what lies beyond counts in the outermost bins.
    """
    both = np.concatenate([comparison.before, comparison.after])
    if not len(comparison.before) or not len(comparison.after):
        return None
    low, high = (float(v) for v in np.percentile(both, (1, 99)))
    if high <= low:
        low, high = low - 0.5, high + 0.5
    edges = np.linspace(low, high, BINS + 1)
    shares = [np.histogram(np.clip(v, low, high), edges)[0] / len(v) for v in (comparison.before, comparison.after)]
    return {"edges": edges.tolist(), "before": shares[0].tolist(), "after": shares[1].tolist()}
