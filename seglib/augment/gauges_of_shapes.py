"""Gauges of the shapes of cells: area, eccentricity and solidity against those of the data set."""

from __future__ import annotations

import math

import numpy as np

from seglib.augment import remedies
from seglib.augment.comparison import FEWEST, Comparison, compare, size_share, sketch, softest_share
from seglib.augment.gauge import NO_MASK, AtHand, Gauge, percent, said, status
from seglib.augment.limits import LIMITS, SMALLEST_CHANGE
from seglib.augment.remedies import Remedy

SHAPES = (
    ("area_px", "area", "Cell area", ("smaller or larger",) * 2),
    ("eccentricity", "eccentricity", "Eccentricity", ("longer", "rounder")),
    ("solidity", "solidity", "Solidity", ("smoother", "more dented")),
)


def shape_gauge(at_hand: AtHand, measure: str, key: str, title: str, words: tuple[str, str]) -> Gauge:
    compared = compare(at_hand.sources, at_hand.readings, measure)
    found = _shape_status(compared, key)
    remedy = at_hand.remedy(found, lambda: _shape_remedy(at_hand, compared, key))
    distance, change = compared.distance, compared.typical_change()
    if not at_hand.sources.labelled:
        sentence = NO_MASK
    elif found == "unknown":
        sentence = f"Only {compared.n_cells} whole cells in the images looked at: too few to compare."
    elif status(distance, key) != "good" and found == "good":
        sentence = f"Cells change by {_figure(change, key)} as a rule, hardly more than by resampling."
    elif found == "good":
        sentence = "Cells look like the data set's own."
    else:
        word = words[0] if np.median(compared.after) > np.median(compared.before) else words[1]
        sentence = said(f"Cells are {word} than those of the data set", remedy, "bend and scale less")
    return Gauge(
        key=key,
        title=title,
        status=found,
        value=f"±{_figure(change, key)}" if math.isfinite(change) else "–",
        unit=f"a cell · KS distance {distance:.2f}" if math.isfinite(distance) else "",
        sentence=sentence,
        reason=LIMITS[key].told() + _TOO_SMALL[key],
        details=_shape_details(compared, key),
        changes=remedy.changes,
        sketch=sketch(compared),
        worst=() if found == "unknown" else _worst_shapes(at_hand, compared),
    )


_TOO_SMALL = {
    key: f" Green whatever D is while cells change by less than {percent(least) if key == 'area' else least} as a rule."
    for key, least in SMALLEST_CHANGE.items()
}


def _figure(change: float, key: str) -> str:
    return percent(change) if key == "area" else f"{change:.2f}" if math.isfinite(change) else "–"


def _shape_status(compared: Comparison, key: str) -> str:
    distance, change = compared.distance, compared.typical_change()
    if compared.n_cells < FEWEST or not math.isfinite(distance):
        return "unknown"
    found = status(distance, key)
    if change < SMALLEST_CHANGE[key]:
        return "good"
    return "watch" if found == "bad" and change < 2 * SMALLEST_CHANGE[key] else found


def _shape_remedy(at_hand: AtHand, compared: Comparison, key: str) -> Remedy:
    """Bending made weaker, and for areas the range of sizes narrower: whichever goes too far, else the worse one."""
    recipe, green = at_hand.recipe, 0.9 * LIMITS[key].green
    size, form = (compared.of_size_alone, compared.of_form_alone) if key == "area" else (0.0, 1.0)
    found = []
    if size > green or size > form:
        share = size_share(compared, green)
        found.append(remedies.scale_less(recipe, share))
    if form > green or form >= size:
        unscaled = compared.unscaled()
        share = softest_share(unscaled, lambda softer: _shape_status(softer, key) == "good")
        found.append(remedies.bend_less(recipe, share * recipe.elastic.displacement_px[1]))
    return remedies.together(found)


def _shape_details(compared: Comparison, key: str) -> tuple[tuple[str, str], ...]:
    if not len(compared.before) or not len(compared.after):
        return ()
    lines = [("KS distance D of all changes together", f"{compared.distance:.2f}")]
    if key == "area":
        lines += [
            ("D of larger and smaller cells alone (Scale)", f"{compared.of_size_alone:.2f}"),
            ("D of bent cells alone, scaling taken out again", f"{compared.of_form_alone:.2f}"),
        ]
    change = compared.change()
    if len(change):
        low, middle, high = np.percentile(change, (5, 50, 95))
        as_text = (lambda v: f"{100 * v:+.0f} %") if key == "area" else (lambda v: f"{v:+.2f}")
        spread = f"{as_text(low)} to {as_text(high)}, middle {as_text(middle)}"
        lines.append(("Bending changes 9 of 10 cells by", spread))
    n = f"{compared.n_cells} whole cells in the data set's images, {len(compared.after)} in draws"
    return (
        *lines,
        ("Compared", n),
        ("D that chance alone reaches 1 time in 20, for independent cells", f"{compared.critical():.2f}"),
    )


def _worst_shapes(at_hand: AtHand, compared: Comparison) -> tuple:
    of = {id(r): change for r, change in zip(at_hand.readings, compared.change_of_draws(len(at_hand.readings)))}
    as_text = (
        (lambda s: f"cells change by {percent(s)}")
        if compared.measure == "area_px"
        else (lambda s: f"cells change by {s:.2f}")
    )
    return at_hand.worst(lambda r: of[id(r)], as_text, above=1e-6)
