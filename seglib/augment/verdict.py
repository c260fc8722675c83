"""Verdict: the readings of a recipe judged, one gauge a question, green, amber or red, with one sentence on what to do.

The same function serves the page, while readings come in, and the command line.
"""

from __future__ import annotations

from collections.abc import Sequence

from seglib.augment.gauge import AtHand, Gauge
from seglib.augment.gauges_of_greys import contrast, grey_range
from seglib.augment.gauges_of_places import displacement, folding, mirrored, objects
from seglib.augment.gauges_of_shapes import SHAPES, shape_gauge
from seglib.augment.realism import Material, Reading
from seglib.augment.recipe import Recipe


def gauges(
    sources: Material, readings: Sequence[Reading], recipe: Recipe, seed: int = 0, advise: bool = True
) -> list[Gauge]:
    """All gauges, from the readings so far; `seed` is theirs.

    advise: also name the values that would be green. They are found on the same readings, which takes up to a second.
    """
    at_hand = AtHand(sources, list(readings), recipe, seed, advise)
    shapes = [shape_gauge(at_hand, *named) for named in SHAPES]
    others = [judge(at_hand) for judge in (objects, mirrored, grey_range, contrast)]
    return [folding(at_hand), displacement(at_hand), *shapes, *others]
