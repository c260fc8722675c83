"""Gauge: one question to a recipe and its answer, and what all of them are made of."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from seglib.augment.limits import LIMITS
from seglib.augment.realism import Material, Reading
from seglib.augment.recipe import Recipe
from seglib.augment.remedies import Remedy

STATUSES = ("good", "watch", "bad", "unknown")
WORST = 3  # draws that a gauge names
NO_MASK = "No mask in the images looked at: only the geometry and the grey range can be measured."


@dataclass(frozen=True)
class Gauge:
    """One question to a recipe. status: one of STATUSES.

    value, unit: the figure that decides. sentence: what is found and what to change. changes: dotted setting -> value
    that makes it green. details: (what, figure) lines. reason: why the limits are where they are.
    sketch: histograms before and after, or None. worst: the draws that show it most.
    """

    key: str
    title: str
    status: str
    value: str
    unit: str
    sentence: str
    reason: str = ""
    details: tuple[tuple[str, str], ...] = ()
    changes: dict[str, Any] = field(default_factory=dict)
    sketch: dict[str, list[float]] | None = None
    worst: tuple[dict[str, Any], ...] = ()


@dataclass(frozen=True)
class AtHand:
    """What every gauge looks at."""

    sources: Material
    readings: list[Reading]
    recipe: Recipe
    seed: int
    advise: bool

    def worst(self, score: Callable[[Reading], float], say: Callable[[float], str], above: float) -> tuple:
        """The draws of the highest score, if above `above`."""
        scored = [(score(r), r) for r in self.readings]
        found = sorted((pair for pair in scored if pair[0] > above), key=lambda pair: -pair[0])[:WORST]
        return tuple({"index": r.index, "epoch": r.epoch, "place": r.place, "figure": say(s)} for s, r in found)

    def remedy(self, status: str, find: Callable[[], Remedy]) -> Remedy:
        return find() if self.advise and status in ("watch", "bad") else Remedy()


def status(value: float, key: str) -> str:
    """good, watch or bad by LIMITS[key]; unknown for NaN."""
    if not math.isfinite(value):
        return "unknown"
    limit = LIMITS[key]
    return "good" if value <= limit.green else "watch" if value <= limit.amber else "bad"


def worse(*found: str) -> str:
    """The worst of some statuses; unknown counts only where nothing is known."""
    known = [s for s in found if s != "unknown"]
    return max(known, key=STATUSES.index) if known else "unknown"


def said(finding: str, remedy: Remedy, otherwise: str = "") -> str:
    """One sentence: what was found, and what to do."""
    advice = remedy.text or otherwise
    return f"{finding}: {advice}." if advice else f"{finding}."


def percent(share: float) -> str:
    """`3.4 %`; `< 0.01 %` rather than a 0 that is none."""
    if not math.isfinite(share):
        return "–"
    value = 100 * share
    return "0 %" if value == 0 else "< 0.01 %" if value < 0.01 else f"{value:.2g} %" if value < 10 else f"{value:.0f} %"
