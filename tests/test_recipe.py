"""Recipes: what ships, what is refused and how, and that a file means the same when it is read back."""

import json
from dataclasses import replace

import pytest

from seglib.augment.draw import Draw, recipe_draw
from seglib.augment.pipeline import generator
from seglib.augment.recipe import SHIPPED, Elastic, Recipe, Rotation, list_recipes, load_recipe, save_recipe
from seglib.exceptions import InputError
from seglib.settings import build, plain, specs


def test_every_part_has_limits_help_and_a_probability():
    found = {spec.path: spec for spec in specs(Recipe)}
    parts = {path.split(".")[0] for path in found if "." in path}
    assert parts == {
        "elastic", "rotation", "scale", "flip", "quarter_turns", "brightness",
        "contrast", "gamma", "blur", "noise", "background",
    }  # fmt: skip
    for part in parts:
        assert (found[f"{part}.probability"].low, found[f"{part}.probability"].high) == (0.0, 1.0)
        assert found[f"{part}.probability"].default == 0.0
    for spec in found.values():
        assert spec.help and "\n" not in spec.help
        assert spec.kind == "str" or (spec.low < spec.high and spec.step > 0)
    assert found["border"].choices == ("reflect", "constant")
    assert next(iter(found)).startswith("elastic")


def test_shipped_recipes_are_listed_from_weak_to_strong_and_fold_nothing():
    assert tuple(list_recipes()[: len(SHIPPED)]) == SHIPPED
    for name in SHIPPED:
        assert load_recipe(name).warnings() == []
    assert load_recipe("none") == Recipe()
    parts = {part: value["probability"] for part, value in plain(load_recipe("exercise")).items() if part != "border"}
    assert {part for part, probability in parts.items() if probability} == {"flip", "quarter_turns"}


def test_a_draw_of_none_changes_nothing():
    for index in range(20):
        draw = recipe_draw(load_recipe("none"), generator(0, 0, index))
        assert not draw.interpolates and not draw.changes_intensity
        assert (draw.flip_rows, draw.flip_cols, draw.quarter_turns) == (False, False, 0)


def test_draws_stay_in_their_ranges_and_fill_them():
    recipe = load_recipe("strong")
    draws = [recipe_draw(recipe, generator(0, 0, index)) for index in range(2000)]
    for name, limits, probability in [
        ("displacement_px", recipe.elastic.displacement_px, recipe.elastic.probability),
        ("angle_deg", recipe.rotation.angle_deg, recipe.rotation.probability),
        ("scale", recipe.scale.factor, recipe.scale.probability),
        ("contrast", recipe.contrast.factor, recipe.contrast.probability),
        ("background", recipe.background.amplitude, recipe.background.probability),
    ]:
        values = [getattr(draw, name) for draw in draws if getattr(draw, name) != getattr(Draw(), name)]
        assert abs(len(values) / len(draws) - probability) < 0.04, name
        margin = 0.02 * (limits[1] - limits[0])
        assert limits[0] - 1e-9 <= min(values) < limits[0] + margin, name
        assert limits[1] - margin < max(values) <= limits[1] + 1e-9, name
    turns = [draw.quarter_turns for draw in draws]
    assert all(abs(turns.count(k) / len(turns) - 0.25) < 0.04 for k in range(4))
    grown = sum(draw.scale > 1 for draw in draws) / sum(draw.scale != 1 for draw in draws)
    assert abs(grown - 0.485) < 0.05  # log 1.4 / log (1.4 / 0.7)


def test_half_turns_only_where_height_and_width_must_stay():
    recipe = load_recipe("exercise")
    turns = [recipe_draw(recipe, generator(0, 0, index), odd_turns=False).quarter_turns for index in range(500)]
    assert set(turns) == {0, 2} and abs(turns.count(2) / 500 - 0.5) < 0.07


def test_moving_one_setting_leaves_the_other_draws():
    gentle = load_recipe("gentle")
    noisy = replace(gentle, noise=replace(gentle.noise, probability=1.0, deviation=(0.2, 0.2)))
    for index in range(20):
        before, after = (recipe_draw(recipe, generator(3, 0, index)) for recipe in (gentle, noisy))
        assert after.noise == pytest.approx(0.2) and replace(after, noise=before.noise) == before


def test_folding_is_warned_of_but_allowed():
    recipe = Recipe(elastic=Elastic(probability=0.5, displacement_px=(1, 10), sigma_px=(10, 20)))
    (warning,) = recipe.warnings()
    assert "10 px at sigma 10 px can fold" in warning and "2 px or below" in warning and "50 px or above" in warning
    assert replace(recipe, elastic=replace(recipe.elastic, probability=0.0)).warnings() == []
    mended = replace(recipe.elastic, displacement_px=(1.0, 2.0))
    assert replace(recipe, elastic=mended).warnings() == []


def test_saved_recipe_is_read_back(tmp_path):
    recipe = Recipe(rotation=Rotation(probability=0.3, angle_deg=(-10, 25)), border="constant")
    path = save_recipe(recipe, "my-recipe_2", tmp_path)
    assert load_recipe("my-recipe_2", tmp_path) == load_recipe(path) == recipe == build(Recipe, plain(recipe))
    assert list_recipes(tmp_path) == ["my-recipe_2"]
    with pytest.raises(InputError, match="exists; choose another name"):
        save_recipe(Recipe(), "my-recipe_2", tmp_path)
    assert load_recipe("my-recipe_2", tmp_path) == recipe
    save_recipe(Recipe(), "my-recipe_2", tmp_path, overwrite=True)
    assert load_recipe("my-recipe_2", tmp_path) == Recipe()
    assert [file.name for file in tmp_path.iterdir()] == ["my-recipe_2.json"]


@pytest.mark.parametrize(
    "name", ["", "../evil", "a/b", "a\\b", "C:x", ".hidden", "a b", "ä", "nul", "COM1", "x\n", "x" * 65]
)
def test_names_that_could_be_paths_are_refused(name, tmp_path):
    with pytest.raises(InputError, match="allowed: 1 to 64 letters"):
        save_recipe(Recipe(), name, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_shipped_recipes_cannot_be_overwritten(tmp_path):
    with pytest.raises(InputError, match="ships with the program"):
        save_recipe(Recipe(), "Gentle", tmp_path, overwrite=True)


def test_bad_recipes_are_refused_in_one_line_that_names_the_file(tmp_path):
    with pytest.raises(InputError, match=r"recipe is 'gentel'; known in .*Did you mean gentle\?"):
        load_recipe("gentel")
    with pytest.raises(InputError, match=r"missing\.json cannot be read"):
        load_recipe(tmp_path / "missing.json")
    for text, message in [
        ("{", "is not JSON"),
        ("[1]", "expected a mapping"),
        (json.dumps({"elastc": {}}), r"unknown setting elastc.*Did you mean elastic\?"),
        (json.dumps({"elastic": {"sigma": [1, 2]}}), r"unknown setting elastic.sigma.*Did you mean sigma_px\?"),
        (json.dumps({"elastic": {"probability": 2}}), r"elastic\.probability is 2.0; allowed: from 0.0 to 1.0"),
        (json.dumps({"rotation": {"angle_deg": [30, -30]}}), "first number must not exceed"),
        (json.dumps({"border": "wrap"}), "allowed: reflect, constant"),
    ]:
        file = tmp_path / "bad.json"
        file.write_text(text, encoding="utf-8")
        with pytest.raises(InputError, match=message) as caught:
            load_recipe(file)
        assert str(file) in str(caught.value) and "\n" not in str(caught.value)


def test_a_draw_by_hand_is_checked():
    with pytest.raises(InputError, match="border is 'wrap'"):
        Draw(border="wrap")
    with pytest.raises(InputError, match="scale is 0"):
        Draw(scale=0)
