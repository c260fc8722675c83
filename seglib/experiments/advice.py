"""Advice: what a weakness map says in words, and which range of the recipe it speaks for. Every figure is the map's."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from seglib.augment.recipe import Elastic, Recipe
from seglib.experiments.axes import Axis, axis
from seglib.experiments.weakness import WeaknessMap

ELASTIC = "elastic.displacement_px"
TOLERANCE = 0.02  # a loss of pooled IoU above this counts as weak unless the person says otherwise


@dataclass(frozen=True)
class Advice:
    """path: which parameter. text: one sentence or two. proposed: the range that training would have to draw from to
    cover what is weak; None where there is nothing to widen."""

    path: str
    text: str
    weak: bool
    proposed: tuple[float, float] | None = None


@dataclass(frozen=True)
class _Side:
    """The values on one side of no change, outwards, with their IoU; weak: those below the limit."""

    values: list[float]
    weak: list[tuple[float, float]]

    @property
    def first(self) -> float:
        return self.weak[0][0]

    @property
    def through(self) -> bool:
        """Whether everything from the first weak value outwards is weak."""
        return [value for value, _ in self.weak] == self.values[self.values.index(self.first) :]


def advise(found: WeaknessMap, recipe: Recipe, trained: Recipe, tolerance: float = TOLERANCE) -> list[Advice]:
    """One advice an axis, from the line where the other parameter changes least; none before the map has a baseline.

    recipe: in hand. trained: what the run was trained with.
    """
    if found.baseline is None or math.isnan(found.baseline.pooled_iou):
        return []
    return [_about(found, a, recipe, trained, tolerance) for a in found.grid.axes]


def summary(found: WeaknessMap, tolerance: float = TOLERANCE) -> str:
    """The lowest cell in words; '' before there is any."""
    scored = {cell: s for cell, s in found.scores.items() if cell is not None and not math.isnan(s.pooled_iou)}
    if found.baseline is None or not scored:
        return ""
    before = found.baseline.pooled_iou
    cell = min(scored, key=lambda c: scored[c].pooled_iou)
    lowest = scored[cell].pooled_iou
    place = ", ".join(f"{axis(path).title.lower()} {axis(path).said(v)}" for path, v in found.grid.at(cell).items())
    if before - lowest <= tolerance:
        return f"Nothing in this map costs more than {max(0.0, before - lowest):.3f} of the pooled IoU ({before:.3f})."
    return f"Weakest: {place}, pooled IoU {lowest:.3f} where the unchanged images have {before:.3f}."


def _about(found: WeaknessMap, of: Axis, recipe: Recipe, trained: Recipe, tolerance: float) -> Advice:
    before = found.baseline.pooled_iou
    limit = before - tolerance
    profile = [(value, iou) for value, iou in found.profile(of.path) if not math.isnan(iou)]
    sides = [_side(of, profile, limit, up) for up in (False, True)]
    held = _held(found, of)
    weak = [side for side in sides if side.weak]
    if not weak:
        return Advice(of.path, _holds(of, profile, limit, held), False)
    values = [value for side in weak for value, _ in side.weak]
    verdict, proposed = _verdict(found, of, values, recipe, trained)
    return Advice(of.path, f"{_fall(of, weak, limit, before, held)} {verdict}", True, proposed)


def _side(of: Axis, profile: Sequence[tuple[float, float]], limit: float, up: bool) -> _Side:
    part = [(v, iou) for v, iou in profile if (v > of.neutral if up else v < of.neutral)]
    outwards = part if up else part[::-1]
    return _Side([v for v, _ in outwards], [(v, iou) for v, iou in outwards if iou < limit])


def _held(found: WeaknessMap, of: Axis) -> str:
    """` (at blur 1 px)` where the line that is spoken of changes the other parameter too."""
    grid = found.grid
    for other, values in ((grid.x_axis, grid.x_values), (grid.y_axis, grid.y_values)):
        if other is not None and other != of:
            value = values[other.nearest_to_neutral(values)]
            return "" if value == other.neutral else f" (at {other.title.lower()} {other.said(value)})"
    return ""


def _holds(of: Axis, profile: Sequence[tuple[float, float]], limit: float, held: str) -> str:
    if not profile:
        return f"{of.title}: not computed yet."
    low, high = profile[0][0], profile[-1][0]
    least = min(iou for _, iou in profile)
    where = f"from {of.said(low)} to {of.said(high)}"
    if least < limit:  # where this parameter changes nothing: the other one's doing
        return (
            f"{of.title}{held}: the pooled IoU is at least {least:.3f} {where}, and this parameter costs nothing more."
        )
    return f"{of.title}{held}: the pooled IoU stays above {limit:.3f} {where}."


def _fall(of: Axis, weak: Sequence[_Side], limit: float, before: float, held: str) -> str:
    """`Rotation: from 30° on the pooled IoU falls below 0.909 (0.929 unchanged; 0.851 at 60°).`"""
    lowest, at = min((iou, value) for side in weak for value, iou in side.weak)
    where = " and ".join(_where(of, side) for side in weak)
    numbers = f"{before:.3f} unchanged; {lowest:.3f} at {of.said(at)}"
    return f"{of.title}{held}: {where} the pooled IoU falls below {limit:.3f} ({numbers})."


def _where(of: Axis, side: _Side) -> str:
    if not side.through:
        return "at " + ", ".join(of.said(value) for value, _ in side.weak)
    if len(side.weak) == 1:
        return f"at {of.said(side.first)}"
    return f"from {of.said(side.first)} {'on' if side.first > of.neutral else 'down'}"


def _verdict(
    found: WeaknessMap, of: Axis, weak: list[float], recipe: Recipe, trained: Recipe
) -> tuple[str, tuple[float, float] | None]:
    """What to do about the weak values, and the range that does it."""
    missing = [value for value in weak if not _within(value, of.reach(recipe))]
    if not missing:
        return _covered(of, weak, recipe, trained), None
    part, reach = getattr(recipe, of.part), of.reach(recipe)
    has = f"reaches from {of.said(reach[0])} to {of.said(reach[1])}" if part.probability else "leaves it alone"
    said = f"The recipe in hand {has}"
    if of.path == ELASTIC:
        limit = Elastic.folding_limit(found.grid.sigma_px)
        missing = [value for value in missing if value <= limit]
        if not missing:
            sigma = found.grid.sigma_px
            return (
                f"{said}. Above {of.said(limit)} at sigma {sigma:g} px cells fold: no images to learn from.",
                None,
            )
    proposed = _widened(of, missing, recipe)
    if proposed is None:
        return (
            f"{said}, and its sigma from {recipe.elastic.sigma_px[0]:g} px folds cells beyond: raise sigma first.",
            None,
        )
    verb = "widen it to" if part.probability else "train with it,"
    return f"{said}: if your images vary so, {verb} {of.said(proposed[0])} to {of.said(proposed[1])}.", proposed


def _covered(of: Axis, weak: list[float], recipe: Recipe, trained: Recipe) -> str:
    now, before = (getattr(r, of.part).probability for r in (recipe, trained))
    if not all(_within(value, of.reach(trained)) for value in weak):
        return "The recipe in hand covers that and the one this run was trained with did not: train with it."
    if now > before:
        return f"The run was trained with it in {before:.0%} of the samples; the recipe in hand has it in {now:.0%}."
    return f"The run was trained with it, in {before:.0%} of the samples: more often, or a longer training, may help."


def _widened(of: Axis, missing: list[float], recipe: Recipe) -> tuple[float, float] | None:
    """The recipe's own range, or no change where the part is off, stretched over the missing values; bending only as
    far as it does not fold; None where that leaves nothing new."""
    part, name = getattr(recipe, of.part), of.path.partition(".")[2]
    low, high = getattr(part, name) if part.probability else (of.neutral, of.neutral)
    wide = min(low, *missing), max(high, *missing)
    if of.path == ELASTIC:
        wide = wide[0], min(wide[1], round(Elastic.folding_limit(recipe.elastic.sigma_px[0]), 2))
    return wide if wide[0] < low or wide[1] > high else None


def _within(value: float, reach: tuple[float, float]) -> bool:
    return reach[0] <= value <= reach[1]
