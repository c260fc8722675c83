"""What a map says in words, and which range it proposes: from maps made by hand."""

import pytest

from seglib.augment.recipe import Recipe
from seglib.experiments import advice
from seglib.experiments import weakness as maps
from seglib.experiments.grid import Grid
from seglib.metrics import Counts
from seglib.settings import build


def curve(path, ious, before=0.9, **grid):
    """A map along one parameter with these pooled IoU of a thousand pixels."""
    of = Grid(path, tuple(ious), **grid)

    def row(cell, iou):
        return maps.line(cell, [Counts(round(1000 * iou), 1000 - round(1000 * iou), 0, 0)], [])

    lines = [row(None, before), *(row((i, 0), iou) for i, iou in enumerate(ious.values()))]
    plan = {"grid": of.plain(), "images": [[0, "a.png"]], "n_val": 1, "threshold": 0.5, "border": "reflect"}
    return maps.as_map({**plan, "normalisation": "zscore"}, lines)


def recipe(**parts):
    return build(Recipe, parts)


ROTATION = curve("rotation.angle_deg", {0: 0.9, 10: 0.895, 30: 0.87, 60: 0.8})
NARROW = recipe(rotation={"probability": 0.5, "angle_deg": [-10, 10]})
WIDE = recipe(rotation={"probability": 0.5, "angle_deg": [-180, 180]})


def said(found, in_hand, trained, **more):
    (one,) = advice.advise(found, in_hand, trained, **more)
    return one


def test_a_recipe_that_does_not_reach_the_weak_values_is_widened():
    found = said(ROTATION, NARROW, NARROW)
    assert "from 30° on the pooled IoU falls below 0.880 (0.900 unchanged; 0.800 at 60°)" in found.text
    assert "reaches from −10° to 10°" in found.text and "widen it to −10° to 60°" in found.text
    assert found.weak and found.proposed == (-10, 60)


def test_a_part_that_is_off_begins_at_no_change():
    found = said(ROTATION, Recipe(), NARROW)
    assert found.proposed == (0, 60) and "leaves it alone" in found.text


def test_what_counts_as_weak_is_the_persons_choice():
    assert not said(ROTATION, NARROW, NARROW, tolerance=0.1).weak
    assert said(ROTATION, NARROW, NARROW, tolerance=0.1).text.endswith("stays above 0.800 from 0° to 60°.")
    assert said(ROTATION, NARROW, NARROW, tolerance=0.002).proposed == (-10, 60)


def test_a_recipe_that_covers_it_is_to_be_trained_with_unless_it_was():
    assert said(ROTATION, WIDE, NARROW).text.endswith("trained with did not: train with it.")
    assert "trained with it, in 50% of the samples: more often" in said(ROTATION, WIDE, WIDE).text
    rare = recipe(rotation={"probability": 0.1, "angle_deg": [-180, 180]})
    assert "in 10% of the samples; the recipe in hand has it in 50%" in said(ROTATION, WIDE, rare).text
    assert said(ROTATION, WIDE, NARROW).proposed is None


def test_both_sides_and_gaps_are_told_apart():
    gamma = curve("gamma.exponent", {0.5: 0.7, 0.7: 0.8, 1: 0.9, 1.5: 0.95, 2: 0.6})
    found = said(gamma, Recipe(), Recipe())
    assert "Gamma: from 0.7 down and at 2 the pooled IoU falls below 0.880" in found.text
    assert "0.600 at 2" in found.text and found.proposed == (0.5, 2)
    middle = curve("rotation.angle_deg", {0: 0.9, 30: 0.8, 60: 0.81, 90: 0.9})
    assert "at 30°, 60° the pooled" in said(middle, Recipe(), Recipe()).text


def test_nothing_is_advised_that_folds_cells():
    bent = curve("elastic.displacement_px", {0: 0.9, 2: 0.89, 3: 0.85, 6: 0.5})
    soft = recipe(elastic={"probability": 0.5, "displacement_px": [0, 1], "sigma_px": [20, 24]})
    assert said(bent, soft, soft).proposed == (0, 3)
    sharp = recipe(elastic={"probability": 0.5, "displacement_px": [0, 1], "sigma_px": [12, 24]})
    assert said(bent, sharp, sharp).proposed == (0, 2.4)
    full = recipe(elastic={"probability": 0.5, "displacement_px": [0, 2], "sigma_px": [10, 24]})
    assert said(bent, full, full).proposed is None and "raise sigma first" in said(bent, full, full).text
    only_folded = curve("elastic.displacement_px", {0: 0.9, 4: 0.89, 6: 0.5})
    found = said(only_folded, soft, soft)
    assert found.proposed is None and "Above 4 px at sigma 20 px cells fold" in found.text


def test_the_weakest_cell_is_named():
    assert advice.summary(ROTATION).startswith("Weakest: rotation 60°, pooled IoU 0.800")
    assert "costs more than 0.005" in advice.summary(curve("blur.sigma_px", {0: 0.9, 1: 0.895}))


@pytest.mark.parametrize("iou", [None, 0.9])
def test_a_map_that_has_hardly_begun_says_nothing_wrong(iou):
    found = curve("blur.sigma_px", {0: 0.9, 1: 0.5})
    found.counts.clear()
    if iou:
        found.counts[None] = [Counts(900, 100, 0, 0)]
    assert advice.summary(found) == ""
    assert [a.text for a in advice.advise(found, Recipe(), Recipe())] == (["Blur: not computed yet."] if iou else [])


def test_the_line_spoken_of_is_named_where_it_changes_the_other_parameter_too():
    of = Grid("rotation.angle_deg", (0.0, 30.0), "blur.sigma_px", (1.0, 2.0))
    ious = {None: 0.9, (0, 0): 0.87, (1, 0): 0.86, (0, 1): 0.5, (1, 1): 0.4}
    rows = [maps.line(c, [Counts(round(100 * iou), 100 - round(100 * iou), 0, 0)], []) for c, iou in ious.items()]
    plan = {"grid": of.plain(), "images": [[0, "a.png"]], "n_val": 1, "threshold": 0.5, "border": "reflect"}
    found = maps.as_map({**plan, "normalisation": "zscore"}, rows)
    turned, blurred = advice.advise(found, Recipe(), Recipe())
    assert turned.text.startswith("Rotation (at blur 1 px): at 30° the pooled IoU falls below 0.880")
    assert blurred.text.startswith("Blur: from 1 px on")  # 0° is no change
    rows[2]["counts"] = [[88, 12, 0, 0]]
    found = maps.as_map({**plan, "normalisation": "zscore"}, rows)
    assert "at least 0.870 from 0° to 30°" in advice.advise(found, Recipe(), Recipe())[0].text
