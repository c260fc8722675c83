"""The gauges of the realism meter: what is green, amber and red, and that the value named for green is green."""

from __future__ import annotations

import json

import numpy as np
import pytest
from conftest import real_data
from scipy.stats import ks_2samp, kstwobign
from test_realism import ellipses, sample_of

from seglib.augment import realism
from seglib.augment.comparison import compare, sketch
from seglib.augment.gauge import NO_MASK, status, worse
from seglib.augment.limits import LIMITS
from seglib.augment.realism import Material, read
from seglib.augment.recipe import (
    Blur,
    Brightness,
    Contrast,
    Elastic,
    Noise,
    Recipe,
    Rotation,
    Scale,
    load_recipe,
    recipe_json,
)
from seglib.augment.remedies import changed, slider
from seglib.augment.verdict import gauges
from seglib.cli import main
from seglib.data.dataset import open_dataset
from seglib.data.demo import make_demo

ABSURD = Recipe(
    elastic=Elastic(probability=1.0, displacement_px=(10.0, 30.0), sigma_px=(10.0, 14.0)),
    scale=Scale(probability=1.0, factor=(0.5, 2.0)),
    brightness=Brightness(probability=1.0, shift=(0.9, 1.0)),
    contrast=Contrast(probability=1.0, factor=(1.0, 4.0)),
    blur=Blur(probability=1.0, sigma_px=(3.0, 10.0)),
)


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    return make_demo(tmp_path_factory.mktemp("realism") / "demo", n_images=12)


@pytest.fixture(scope="module")
def cells() -> Material:
    """Four pictures of ellipses, measured at full size."""
    return Material([realism.picture(sample_of(ellipses(seed=k)), k) for k in range(4)], 4, labelled=True)


def judged(sources: Material, recipe: Recipe, draws: int = 32, seed: int = 0) -> dict:
    return {g.key: g for g in gauges(sources, list(read(sources, recipe, seed, draws)), recipe, seed)}


# ---- what ships


def test_the_recipe_that_does_nothing_is_all_green(demo):
    found = judged(realism.material(open_dataset(demo)), load_recipe("none"))
    assert {g.status for g in found.values()} == {"good"}
    assert [found[key].value for key in ("folding", "area", "eccentricity", "solidity")] == [
        "0",
        "±0 %",
        "±0.00",
        "±0.00",
    ]
    assert not any(g.changes or g.worst for g in found.values())


@pytest.mark.parametrize("data", ["demo", "colony"])
@pytest.mark.parametrize("name", ["exercise", "light", "gentle"])
def test_shipped_recipes_are_green_or_amber(demo, data, name):
    sources = realism.material(open_dataset(demo if data == "demo" else real_data(data)))
    found = judged(sources, load_recipe(name), draws=64)
    amber = {key for key, g in found.items() if g.status == "watch"}
    assert {g.status for g in found.values()} <= {"good", "watch"}
    # colony's cells are drawn apart by gaps of one pixel, which close whenever a mask is turned by an angle
    assert amber <= {"topology"} and ("topology" in amber) == (data == "colony" and name != "exercise")


def test_an_absurd_recipe_is_red(demo):
    found = judged(realism.material(open_dataset(demo)), ABSURD)
    assert {key for key, g in found.items() if g.status == "bad"} >= {
        *("folding", "displacement", "area", "eccentricity", "topology", "range", "contrast"),
    }
    folding = found["folding"]
    assert folding.value == "32" and "set Elastic › Displacement to 0.5 … 2 px" in folding.sentence
    assert len(folding.worst) == 3 and {"index", "epoch", "place", "figure"} == set(folding.worst[0])


def test_settings_that_may_fold_are_said_before_they_do(cells):
    """A field beyond its limit by a little: hardly any draw folds, yet it is amber and names the limit."""
    recipe = Recipe(elastic=Elastic(probability=0.05, displacement_px=(0.0, 5.0), sigma_px=(20.0, 20.0)))
    (warning,) = recipe.warnings()
    folding = judged(cells, recipe, draws=16)["folding"]
    assert folding.status == "watch" and folding.value == "0" and "settings allow it" in folding.sentence
    assert folding.changes == {"elastic.displacement_px": [0.0, 4.0]} and "4 px" in warning
    assert not changed(recipe, folding.changes).warnings()


# ---- remedies

CAUSES = [
    ("folding", Recipe(elastic=Elastic(probability=1.0, displacement_px=(8.0, 12.0), sigma_px=(10.0, 12.0)))),
    ("displacement", Recipe(elastic=Elastic(probability=1.0, displacement_px=(10.0, 12.0), sigma_px=(80.0, 90.0)))),
    ("area", Recipe(scale=Scale(probability=1.0, factor=(0.6, 1.6)))),
    ("eccentricity", Recipe(elastic=Elastic(probability=1.0, displacement_px=(4.0, 4.0), sigma_px=(20.0, 20.0)))),
    ("range", Recipe(brightness=Brightness(probability=1.0, shift=(-0.6, 0.6)))),
    ("contrast", Recipe(blur=Blur(probability=1.0, sigma_px=(1.0, 6.0)))),
    ("contrast", Recipe(noise=Noise(probability=1.0, deviation=(0.0, 0.5)))),
    ("contrast", Recipe(contrast=Contrast(probability=1.0, factor=(0.25, 1.0)))),
    ("invented", Recipe(rotation=Rotation(probability=1.0), scale=Scale(probability=1.0, factor=(0.7, 0.8)))),
]


@pytest.mark.parametrize(("key", "recipe"), CAUSES, ids=[f"{key}-{i}" for i, (key, _) in enumerate(CAUSES)])
def test_the_value_named_for_green_is_green(cells, key, recipe):
    before = judged(cells, recipe, draws=32)[key]
    assert before.status in ("watch", "bad") and before.changes, before
    assert all(slider(path) in before.sentence for path in before.changes)
    if key == "invented":  # by how often: the draws left are the same, so it may take one step more
        assert judged(cells, changed(recipe, before.changes), draws=32)[key].value < before.value
        return
    assert judged(cells, changed(recipe, before.changes), draws=32)[key].status == "good"


def test_gaps_of_one_pixel_are_told_from_merged_cells():
    """Squares of 12 px, one pixel apart: turned by an angle they touch."""
    rows, cols = np.mgrid[:156, :156]
    labels = np.where((rows % 13 < 12) & (cols % 13 < 12), 1 + rows // 13 * 12 + cols // 13, 0).astype(np.int32)
    sources = Material([realism.picture(sample_of(labels), 0)], 1, labelled=True)
    recipe = Recipe(rotation=Rotation(probability=1.0))
    topology = judged(sources, recipe, draws=8)["topology"]
    assert topology.status == "watch" and "Gaps of one pixel close" in topology.sentence
    assert dict(topology.details)["Merged across a gap of two pixels or more"].startswith("0 of")
    assert judged(sources, changed(recipe, topology.changes), draws=8)["topology"].status == "good"


# ---- the comparison


def test_the_distance_is_that_of_scipy_and_size_stands_apart_from_form(cells):
    recipe = Recipe(scale=Scale(probability=1.0, factor=(0.8, 0.8)))
    readings = list(read(cells, recipe, 0, 8))
    found = compare(cells, readings, "area_px")
    own = np.concatenate([cells.pictures[r.place].shapes.area_px for r in readings])
    after = np.concatenate([r.after.area_px[~r.after.cut] for r in readings])
    assert found.distance == ks_2samp(own[: len(found.before)], after).statistic or found.distance == pytest.approx(
        ks_2samp(found.before, found.after, method="exact").statistic
    )
    np.testing.assert_allclose(np.sort(found.scaled), np.sort(found.before) * 0.64)
    assert found.of_size_alone > 0.3 and found.of_form_alone < 0.05 and found.distance > 0.3
    assert np.abs(found.change()).max() < 0.1, "what is left after scaling is resampling"
    n, m = found.n_cells, len(found.after)
    assert found.critical() == pytest.approx(kstwobign.ppf(0.95) * np.sqrt(1 / n + 1 / m))


def test_cells_cut_by_the_border_are_left_out_on_both_sides(cells):
    cut = ellipses()
    cut[:, :20] = 0
    cut = np.roll(cut, -24, axis=1)  # cells at the left edge are halves
    sources = Material([realism.picture(sample_of(cut), 0)], 1, labelled=True)
    shapes = sources.pictures[0].shapes
    found = compare(sources, list(read(sources, Recipe(), 0, 2)), "area_px")
    assert shapes.cut.any() and len(found.before) == len(found.after) == 2 * (~shapes.cut).sum() == 2 * found.n_cells


def test_the_sketch_holds_every_cell(cells):
    drawn = sketch(compare(cells, list(read(cells, ABSURD, 0, 4)), "eccentricity"))
    assert len(drawn["edges"]) == 25 and sum(drawn["before"]) == pytest.approx(1) == sum(drawn["after"])


# ---- where there is little to measure


def test_without_masks_only_geometry_and_greys_are_judged():
    blank = sample_of(np.zeros((96, 96), np.int32))
    sources = Material([realism.picture(blank, 0)], 1, labelled=False)
    found = judged(sources, ABSURD, draws=4)
    assert found["folding"].status == "bad" and found["range"].status == "bad"
    unknown = ("area", "eccentricity", "solidity", "topology", "invented", "contrast")
    assert all(found[key].status == "unknown" and found[key].sentence == NO_MASK for key in unknown)


def test_few_cells_are_not_compared():
    sources = Material([realism.picture(sample_of(ellipses(size=96)), 0)], 1, labelled=True)
    area = judged(sources, ABSURD, draws=4)["area"]
    assert area.status == "unknown" and "Only 4 whole cells" in area.sentence


def test_nothing_yet_is_not_green(cells):
    assert {g.status for g in gauges(cells, [], Recipe())} == {"unknown"}


def test_limits_rise_and_give_their_reason():
    for key, limit in LIMITS.items():
        assert limit.green < limit.amber and len(limit.reason) > 40 and limit.unit in limit.told(), key
    assert [status(v, "invented") for v in (0.1, 0.2, 0.31, np.nan)] == ["good", "watch", "bad", "unknown"]
    assert worse("unknown", "good") == "good" and worse("bad", "watch") == "bad" and worse("unknown") == "unknown"
    assert status(9.9, "hairline") == "watch"


# ---- the command line


def test_the_command_line_prints_what_the_page_shows(demo, tmp_path, capsys):
    folding = Recipe(elastic=ABSURD.elastic)
    (tmp_path / "mine.json").write_text(recipe_json(folding), encoding="utf-8")
    command = ["realism", "--data", str(demo), "--recipe", str(tmp_path / "mine.json"), "--draws", "16", "--seed", "3"]
    assert main([*command, "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    sources = realism.material(open_dataset(demo))
    assert (said["n_draws"], said["n_pictures"], said["n_images"]) == (16, len(sources.pictures), sources.n_images)
    assert {g["key"]: g["value"] for g in said["gauges"]} == {
        key: g.value for key, g in judged(sources, folding, draws=16, seed=3).items()
    }
    assert main(command) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 10 and lines[1].startswith("✗ red") and "Folding: 16 of 16 draws fold" in lines[1]
    assert main([*command[:-3], "0"]) == 2 and "draws is 0" in capsys.readouterr().err
    assert main(["realism", "--data", str(demo), "--recipe", "gentel"]) == 2
    assert "Did you mean gentle?" in capsys.readouterr().err
