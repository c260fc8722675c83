"""Gauges of places: folding and displacement, cells merged, split or lost, and cells made up by mirroring."""

from __future__ import annotations

import math

import numpy as np

from seglib.augment import remedies
from seglib.augment.gauge import NO_MASK, AtHand, Gauge, percent, said, status, worse
from seglib.augment.limits import LIMITS
from seglib.augment.remedies import Remedy


def folding(at_hand: AtHand) -> Gauge:
    readings, recipe = at_hand.readings, at_hand.recipe
    share = float(np.mean([r.bending.folded for r in readings])) if readings else math.nan
    n_folded = sum(r.bending.folded > 0 for r in readings)
    least = min((r.bending.determinant for r in readings), default=math.nan)
    risky = recipe.warnings()
    found = worse(status(share, "folding"), "watch" if risky and readings else "good")
    remedy = at_hand.remedy(found, lambda: remedies.not_folding(recipe))
    if n_folded:
        sentence = said(f"Cells are folded over themselves in {n_folded} of {len(readings)} draws", remedy)
    elif risky:
        sentence = said("These draws do not fold, but the settings allow it", remedy)
    else:
        sentence = "Nothing folds."
    return Gauge(
        key="folding",
        title="Folding",
        status=found if readings else "unknown",
        value=str(n_folded),
        unit=f"of {len(readings)} draws fold",
        sentence=sentence,
        reason=LIMITS["folding"].told(),
        details=(
            ("Folded pixels, of all pixels of all draws", percent(share)),
            ("Least determinant of the map from the augmented picture to the source", f"{least:.2f}"),
            ("The same without bending", "1.00; at 0 and below it is folded"),
        ),
        changes=remedy.changes,
        worst=at_hand.worst(lambda r: -r.bending.determinant, lambda s: f"determinant {-s:.2f}", above=-0.999),
    )


def displacement(at_hand: AtHand) -> Gauge:
    most = max((r.bending.displacement_px for r in at_hand.readings), default=math.nan)
    diameter = at_hand.sources.diameter_px()
    # both as they are in the augmented picture, where cells are scaled
    share = max((r.bending.displacement_px / (diameter * r.draw.scale) for r in at_hand.readings), default=math.nan)
    found = status(share, "displacement")
    limit = LIMITS["displacement"].green
    remedy = at_hand.remedy(found, lambda: _stay_near(at_hand, limit * diameter))
    cells = f"{share:.2g} cell diameters" if math.isfinite(share) else "no cells to compare with"
    sentence = "Cells stay among their neighbours." if found == "good" else said(f"Cells move by {cells}", remedy)
    if not math.isfinite(share):
        sentence = NO_MASK if not at_hand.sources.labelled else "No whole cell in the images looked at."
    return Gauge(
        key="displacement",
        title="Displacement",
        status=found if most else "good",
        value=f"{most:.1f}",
        unit=f"px · {cells}",
        sentence=sentence if most else "Nothing is bent.",
        reason=LIMITS["displacement"].told(),
        details=(
            ("Largest displacement by bending, of all draws", f"{most:.1f} px"),
            ("Median cell diameter of the data set", f"{diameter:.1f} px" if math.isfinite(diameter) else "no cells"),
        ),
        changes=remedy.changes,
        worst=at_hand.worst(lambda r: r.bending.displacement_px, lambda s: f"{s:.1f} px", above=0.0),
    )


def _stay_near(at_hand: AtHand, most_px: float) -> Remedy:
    """Such that even the field that reaches farthest for its strength moves nothing by more than `most_px`."""
    reach = [
        r.bending.displacement_px / (r.draw.displacement_px * r.draw.scale)
        for r in at_hand.readings
        if r.draw.displacement_px
    ]
    return remedies.bend_less(at_hand.recipe, most_px / max(reach), smoother=False)


def objects(at_hand: AtHand) -> Gauge:
    found = [r.topology for r in at_hand.readings]
    n_cells = sum(t.n_cells + t.lost for t in found)
    merged, split, lost, wrong, closed, left = (sum(getattr(t, kind) for t in found) for kind in _KINDS)
    wrong, narrow = ((n / n_cells if n_cells else math.nan) for n in (wrong, closed))
    by_bending, by_turning = status(wrong, "topology"), status(narrow, "hairline")
    remedy = at_hand.remedy(by_bending, lambda: _topology_remedy(at_hand, wrong))
    if not remedy.text:
        remedy = at_hand.remedy(by_turning, lambda: _hairline_remedy(at_hand, narrow))
    if not at_hand.sources.labelled:
        sentence = NO_MASK
    elif not n_cells:
        sentence = "No cells in the draws."
    elif by_bending in ("watch", "bad"):
        sentence = said(f"{percent(wrong)} of the cells are merged, split or lost", remedy, "bend less")
    elif by_turning == "watch":
        sentence = said(f"Gaps of one pixel close: {percent(narrow)} of the cells touch another one now", remedy)
    else:
        sentence = "Every cell stays one cell."
    return Gauge(
        key="topology",
        title="Merged, split, lost",
        status=worse(by_bending, by_turning),
        value=percent(wrong + narrow),
        unit="of the cells",
        sentence=sentence,
        reason=f"{LIMITS['topology'].told()} {LIMITS['hairline'].told()}",
        details=(
            ("Merged across a gap of two pixels or more", _of(merged, n_cells)),
            ("Merged because a gap of one pixel closed", _of(closed, n_cells)),
            ("Split into pieces of a tenth of the cell or more", _of(split, n_cells)),
            ("Lost, although their place is in the picture", _of(lost, n_cells)),
            ("Left the picture (not a mistake)", f"{left} cells"),
        ),
        changes=remedy.changes,
        worst=at_hand.worst(
            lambda r: r.topology.wrong + r.topology.closed,
            lambda s: f"{s:.0f} cells",
            above=0,
        ),
    )


_KINDS = ("merged", "split", "lost", "wrong", "closed", "left")


def _of(n: int, of: int) -> str:
    return f"{n} of {of} cells" + (f", {percent(n / of)}" if of else "")


def _topology_remedy(at_hand: AtHand, wrong: float) -> Remedy:
    recipe = at_hand.recipe
    bent = sum(r.topology.merged + r.topology.split for r in at_hand.readings if r.draw.displacement_px)
    if recipe.elastic.probability and bent:
        highest = recipe.elastic.displacement_px[1]
        softer = min(0.5, LIMITS["topology"].green / wrong) * highest
        return remedies.bend_less(recipe, min(softer, recipe.elastic.folding_limit(recipe.elastic.sigma_px[0])))
    return remedies.scale_less(recipe, 0.5) if recipe.scale.probability else Remedy()


def _hairline_remedy(at_hand: AtHand, narrow: float) -> Remedy:
    parts = [part for part in ("rotation", "elastic", "scale") if getattr(at_hand.recipe, part).probability]
    return remedies.less_often(at_hand.recipe, parts, LIMITS["hairline"].green / narrow)


def mirrored(at_hand: AtHand) -> Gauge:
    readings = at_hand.readings
    invented, foreground = sum(r.invented for r in readings), sum(r.foreground for r in readings)
    share = invented / foreground if foreground else math.nan
    found = status(share, "invented")
    remedy = at_hand.remedy(found, lambda: _corners(at_hand, share))
    if not at_hand.sources.labelled:
        sentence = NO_MASK
    elif found in ("watch", "bad"):
        sentence = said(f"{percent(share)} of the cell pixels are mirror images from outside the picture", remedy)
    else:
        sentence = "Hardly any cell is a mirror image." if invented else "No cell is a mirror image."
    return Gauge(
        key="invented",
        title="Mirrored cells",
        status=found,
        value=percent(share),
        unit="of cell pixels",
        sentence=sentence,
        reason=LIMITS["invented"].told(),
        details=(
            ("Cell pixels that lie outside the picture, mirrored", f"{invented:,} of {foreground:,}"),
            ("Trained on", "none of them: they are marked as not valid"),
        ),
        changes=remedy.changes,
        worst=at_hand.worst(
            lambda r: r.invented / r.foreground if r.foreground else 0.0, lambda s: percent(s), above=0.0
        ),
    )


def _corners(at_hand: AtHand, share: float) -> Remedy:
    parts = [part for part in ("rotation", "scale", "elastic") if getattr(at_hand.recipe, part).probability]
    return remedies.less_often(at_hand.recipe, parts[:1], LIMITS["invented"].green / share) if parts else Remedy()
