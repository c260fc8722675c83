"""Wording: a difference with its interval as one sentence that claims no more than the interval allows."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from seglib.experiments import statistics
from seglib.experiments.statistics import Units

if TYPE_CHECKING:
    from seglib.experiments.answers import Difference


def claim(d: Difference) -> str:
    """`dice is ahead of bce by 0.6 points, 95 % interval 0.1 to 1.0, within this one movie, 2 seeds.`

    Points are hundredths of pooled val IoU. Whoever is ahead is named first.
    """
    if d.points < 0:
        return claim(_turned(d))
    if d.low is None or d.high is None:
        return (
            f"{d.a} and {d.b}: {_signed(d.points)} points {d.scope}, {_seeds(d)}; "
            f"too few val images for an interval, so no claim."
        )
    interval = f"95 % interval {plain(d.low)} to {plain(d.high)}, {d.scope}, {_seeds(d)}"
    if round(d.low, 1) <= 0:  # as it stands on the screen: an interval from 0.0 allows no claim
        return f"{d.a} and {d.b} cannot be told apart: difference {_signed(d.points)} points, {interval}{_doubt(d)}."
    if doubt := _doubt(d):
        return f"{d.a} is not shown to be ahead of {d.b}: {_signed(d.points)} points, {interval}{doubt}."
    if _are_far_apart(d):
        return _by_seed(d)
    return f"{d.a} is ahead of {d.b} by {d.points:.1f} points, {interval}{_over_seeds(d)}."


def scope_of(units: Units) -> str:
    """What the interval speaks of: the groups it was drawn from, or no more than the movies that were seen."""
    if units.kind == "groups":
        return f"over {units.n} groups"
    n = len(units.members)
    return "within this one movie" if n == 1 else f"within these {n} movies"


def method_of(units: Units, n_images: int) -> str:
    """How the interval was made, for the small print."""
    same = f"{statistics.DRAWS} draws, both set-ups on the same draw"
    if units.kind == "groups":
        return f"bootstrap over {units.n} groups of val images ({n_images} images), {same}."
    about = (
        f"circular bootstrap over about {units.n} blocks of {units.block} consecutive frames ({n_images} frames), as "
        f"long as the autocorrelation of the differences asks; {same}. With fewer than {statistics.MIN_GROUPS} groups "
        "it says nothing of another movie."
    )
    enough = units.n >= statistics.MIN_BLOCKS
    return about if enough else f"{about} Fewer than {statistics.MIN_BLOCKS} blocks: no interval."


def _turned(d: Difference) -> Difference:
    def minus(value: float | None) -> float | None:
        return None if value is None else -value

    per_seed = tuple((seed, -value) for seed, value in d.per_seed)
    turned = replace(d, a=d.b, b=d.a, points=-d.points, low=minus(d.high), high=minus(d.low), per_seed=per_seed)
    return replace(turned, seed_low=minus(d.seed_high), seed_high=minus(d.seed_low))


def _doubt(d: Difference) -> str:
    """What seeds say against it; '' where they do not."""
    if any(round(value, 1) <= 0 for _, value in d.per_seed) and d.points > 0:
        shown = ", ".join(_signed(value) for _, value in d.per_seed)
        return f"; its seeds disagree ({shown})"
    if d.seed_low is not None and d.seed_low <= 0:
        return f"; over seeds the interval is {plain(d.seed_low)} to {plain(d.seed_high)}"
    return ""


def _over_seeds(d: Difference) -> str:
    if d.seed_low is None:
        return "" if d.n_seeds > 1 else ": another seed may turn it"
    return f", over seeds {plain(d.seed_low)} to {plain(d.seed_high)}"


def _are_far_apart(d: Difference) -> bool:
    """Whether seeds differ by more than the interval is wide: it is over images and does not tell how far ahead."""
    values = [value for _, value in d.per_seed]
    return d.seed_low is None and max(values) - min(values) > max((d.high or 0.0) - (d.low or 0.0), 1.0)


def _by_seed(d: Difference) -> str:
    *others, last = (plain(value) for _, value in d.per_seed)
    seeds = "both seeds" if d.n_seeds == 2 else f"each of {d.n_seeds} seeds"
    return (
        f"{d.a} is ahead of {d.b} with {seeds}, by {', '.join(others)} and {last} points: how far depends on the seed. "
        f"Of their mean, {plain(d.points)}, the 95 % interval is {plain(d.low)} to {plain(d.high)}, {d.scope}."
    )


def _seeds(d: Difference) -> str:
    return f"{d.n_seeds} seed{'' if d.n_seeds == 1 else 's'}"


def _signed(value: float) -> str:
    return f"{plain(value)}" if value < 0 else f"+{value:.1f}"


def plain(value: float | None) -> str:
    """One decimal, a real minus sign; never −0.0."""
    rounded = round(value or 0.0, 1) + 0.0
    return f"−{-rounded:.1f}" if rounded < 0 else f"{rounded:.1f}"
