"""Config: presets, files and single settings laid over each other; later wins."""

import json

import pytest

from seglib.augment.recipe import load_recipe
from seglib.exceptions import InputError
from seglib.settings import build, plain
from seglib.training.config import PRESETS, Config, parse_value, read_config, resolve, to_json


def test_every_preset_resolves_and_survives_a_file(tmp_path):
    for preset in PRESETS:
        config = resolve(preset)
        file = tmp_path / f"{preset}.json"
        file.write_text(to_json(config), encoding="utf-8")
        assert read_config(file) == config


def test_exercise_is_the_sheets_plain_start():
    config = resolve("exercise")
    assert (config.model.depth, config.model.channels, config.model.norm) == (5, 16, "none")
    assert (config.optimizer.name, config.optimizer.lr, config.training.batch_size) == ("adam", 1e-4, 4)
    assert config.recipe == load_recipe("exercise")
    assert config.model.activation == "relu"
    assert config.loss.name == "dice"


def test_later_wins(tmp_path):
    file = tmp_path / "mine.json"
    file.write_text(json.dumps({"model": {"depth": 3, "channels": 7}}), encoding="utf-8")
    config = resolve("exercise", file, {"model.depth": 2})
    assert (config.model.depth, config.model.channels, config.model.norm) == (2, 7, "none")


def test_a_later_budget_replaces_the_earlier_one():
    training = resolve("quick", settings={"training.steps": 8}).training
    assert (training.steps, training.epochs, training.minutes) == (8, None, None)


def test_a_recipe_by_name_replaces_fields_and_fields_change_it():
    config = resolve("quick", settings={"recipe": "none"})
    assert config.recipe == load_recipe("none")
    both = resolve("quick", settings={"recipe.rotation.probability": 0.5, "recipe": "exercise"})
    assert both == resolve("quick", settings={"recipe": "exercise", "recipe.rotation.probability": 0.5})
    changed = resolve("exercise", settings={"recipe.rotation.probability": 0.5})
    assert both.recipe == changed.recipe
    assert changed.recipe.rotation.probability == 0.5
    assert changed.recipe.flip == load_recipe("exercise").flip


@pytest.mark.parametrize(
    ("settings", "word"),
    [
        ({"model.dpeth": 4}, "depth"),
        ({"loss.name": "dise"}, "dice"),
        ({"recipe": "stong"}, "strong"),
        ({"training.batch_size": 0}, "1"),
        ({"model.kernel_size": 4}, "odd"),
        ({"training.minutes": None}, "no end"),
    ],
)
def test_mistakes_name_what_is_allowed(settings, word):
    with pytest.raises(InputError, match=word):
        resolve("quick", settings=settings)


def test_unreadable_files_are_named(tmp_path):
    with pytest.raises(InputError, match=r"gone\.json"):
        resolve("quick", tmp_path / "gone.json")
    (tmp_path / "broken.json").write_text("{", encoding="utf-8")
    with pytest.raises(InputError, match=r"broken\.json"):
        resolve("quick", tmp_path / "broken.json")


def test_values_are_json_else_text():
    assert parse_value("4") == 4
    assert parse_value("null") is None
    assert parse_value("dice") == "dice"
    assert parse_value("[1, 2]") == [1, 2]


def test_config_is_what_it_was_after_json():
    config = build(Config, {"data": {"path": "x"}, "model": {"extra": {"dilation": 2}}})
    assert build(Config, json.loads(to_json(config))) == config
    assert plain(config)["model"]["extra"] == {"dilation": 2}
