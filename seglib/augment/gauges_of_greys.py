"""Gauges of grey values: the range that is left, and how cells stand out."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from seglib.augment import remedies
from seglib.augment.gauge import NO_MASK, AtHand, Gauge, percent, said, status, worse
from seglib.augment.greys import Greys
from seglib.augment.limits import LIMITS
from seglib.augment.realism import Reading
from seglib.augment.remedies import Remedy


def grey_range(at_hand: AtHand) -> Gauge:
    found = [r.greys for r in at_hand.readings]
    beyond = float(np.mean([g.beyond for g in found])) if found else math.nan
    clipped = float(np.mean([g.clipped for g in found])) if found else math.nan
    judged = status(beyond, "range")

    def excess(greys: list[Greys]) -> float:
        return float(np.mean([g.beyond for g in greys])) - 0.9 * LIMITS["range"].green

    remedy = at_hand.remedy(judged, lambda: _grey_remedy(at_hand, excess))
    good = "Grey values stay within those of the picture."
    low, high = (np.median([getattr(g, k) for g in found]) if found else math.nan for k in ("low", "high"))
    return Gauge(
        key="range",
        title="Grey range",
        status=judged,
        value=percent(beyond),
        unit="of pixels beyond it",
        sentence=good if judged == "good" else said(f"{percent(beyond)} of the pixels leave the grey range", remedy),
        reason=LIMITS["range"].told(),
        details=(
            ("Darker or lighter than every pixel of the picture before, mean of draws", percent(beyond)),
            ("Beyond the limits of the file's type: a camera would cut it off", percent(clipped)),
            ("1st and 99th percentile after, median of draws (before: 0 and 1)", f"{low:.2f} and {high:.2f}"),
        ),
        changes=remedy.changes,
        worst=at_hand.worst(lambda r: r.greys.beyond, percent, above=0.0),
    )


def contrast(at_hand: AtHand) -> Gauge:
    found = [r.greys for r in at_hand.readings]
    left, strongest = _least_contrast(found), _most_contrast(found)
    faint, harsh = status(1 - left, "faint"), status(strongest, "harsh")
    judged = worse(faint, harsh)

    def excess(greys: list[Greys]) -> float:
        lost = 1 - _least_contrast(greys) - 0.95 * LIMITS["faint"].green
        return max(lost, _most_contrast(greys) / LIMITS["harsh"].green - 0.97)

    remedy = at_hand.remedy(judged, lambda: _grey_remedy(at_hand, excess))
    if not at_hand.sources.labelled:
        sentence = NO_MASK
    elif judged == "unknown":
        sentence = "The outlines of these cells show no clear step to measure by."
    elif judged == "good":
        sentence = "Cells stand out as they did."
    elif faint in ("watch", "bad"):
        sentence = said(f"1 draw in 20 leaves {percent(max(left, 0))} or less of the contrast of cells", remedy)
    else:
        sentence = said(f"1 draw in 20 makes cells stand out {strongest:.1f} times as much or more", remedy)
    middle = [np.nanmedian(v) if np.isfinite(v).any() else math.nan for v in _contrasts(found)]
    return Gauge(
        key="contrast",
        title="Contrast of cells",
        status=judged,
        value=f"{left:.2f}" if math.isfinite(left) else "–",
        unit="× in 1 of 20 draws",
        sentence=sentence,
        reason=f"{LIMITS['faint'].told()} {LIMITS['harsh'].told()}",
        details=(
            ("Step at the outlines ÷ before, median of draws", f"{middle[0]:.2f}"),
            ("Step ÷ noise beside it ÷ before, median of draws", f"{middle[1]:.2f}"),
            ("The smaller of both, 5th percentile of draws", f"{left:.2f}"),
            ("Step ÷ before, 95th percentile of draws", f"{strongest:.2f}"),
        ),
        changes=remedy.changes,
        worst=at_hand.worst(_loss, lambda s: f"{max(1 - s, 0):.2f} × left", above=0.02),
    )


def _contrasts(found: Sequence[Greys]) -> tuple[np.ndarray, np.ndarray]:
    return np.array([g.contrast for g in found], float), np.array([g.visibility for g in found], float)


def _least_contrast(found: Sequence[Greys]) -> float:
    least = np.fmin(*_contrasts(found))
    return float(np.nanpercentile(least, 5)) if np.isfinite(least).any() else math.nan


def _most_contrast(found: Sequence[Greys]) -> float:
    contrast, _ = _contrasts(found)
    return float(np.nanpercentile(contrast, 95)) if np.isfinite(contrast).any() else math.nan


def _loss(reading: Reading) -> float:
    left = np.fmin(reading.greys.contrast, reading.greys.visibility)
    return 1 - float(left) if np.isfinite(left) else 0.0


def _grey_remedy(at_hand: AtHand, excess: Callable[[list[Greys]], float]) -> Remedy:
    return remedies.grey_remedy(at_hand.sources, at_hand.readings, at_hand.recipe, at_hand.seed, excess)
