"""Differences between settings: which, in what words, and what of a stranger's config is understood."""

from __future__ import annotations

import copy

import pytest

from seglib.augment.recipe import load_recipe
from seglib.settings import build, nest, plain
from seglib.training.config import PRESETS, Config, resolve
from seglib.training.differences import between, flat, named_recipe, recipe_lines, stored, words


def of(preset: str = "quick", **settings) -> dict:
    return flat(plain(resolve(preset, settings={k.replace("__", "."): v for k, v in settings.items()})))


def test_only_what_differs_is_listed_in_the_order_of_the_config():
    found = between(of(), of(training__steps=5, model__depth=2, recipe="strong"))
    assert [(d.path, d.section) for d in found] == [
        ("model.depth", "model"),
        ("training.steps", "training"),
        ("training.minutes", "training"),
        ("recipe", "recipe"),
    ]
    assert (found[0].here, found[0].there) == (4, 2)
    assert between(of(), of()) == []


@pytest.mark.parametrize("preset", PRESETS)
def test_taking_every_difference_gives_the_other_config(preset):
    here, there = of("quick"), of(preset, model__dropout=0.25, data__crop_px=64)
    taken = here | {d.path: d.there for d in between(here, there)}
    assert build(Config, nest(taken)) == build(Config, nest(there))


def test_a_whole_config_is_understood_to_the_last_setting():
    config = resolve("best", settings={"model.extra": {"dilations": [1, 2]}, "recipe": "strong"})
    found = stored(plain(config))
    assert build(Config, nest(found.values)) == config and not found.left_out


def test_what_is_unknown_or_out_of_range_is_said_and_the_rest_is_taken():
    settings = plain(resolve("best"))
    settings["model"] |= {"depht": 3, "depth": 99, "channels": 24, "kernel_size": 4}
    settings["recipe"]["wobble"] = {"probability": 1.0}
    settings["elsewhere"] = 1
    before = copy.deepcopy(settings)
    found = stored(settings)
    assert settings == before
    assert found.values["model.channels"] == 24 and found.values["training.minutes"] == 30.0
    assert found.values["model.depth"] == 4 and "model.depht" not in found.values  # the default
    assert len(found.left_out) == 5
    for said in ("model.depht", "model.depth is 99", "kernel_size is 4", "wobble", "elsewhere"):
        assert any(said in line for line in found.left_out), said


@pytest.mark.parametrize("settings", [{}, {"model": 3}, {"model": None, "recipe": "strong"}, {"training": {"lr": []}}])
def test_nonsense_never_raises(settings):
    found = stored(settings)
    build(Config, nest(found.values))
    assert len(found.left_out) == sum(1 for value in settings.values() if value != {})


def test_an_empty_budget_is_said():
    settings = plain(resolve())
    settings["training"] |= {"minutes": None, "steps": None, "epochs": None, "batch_size": 5000}
    found = stored(settings)
    assert found.values["training.minutes"] == 6.0 and any("no end of training" in line for line in found.left_out)


def test_values_in_words():
    assert words("model.residual", True) == "on" and words("training.steps", None) == "–"
    assert words("optimizer.lr", 1e-4) == "0.0001" and words("loss.name", "bce_dice") == "bce dice"
    assert words("model.name", "My_Net") == "My_Net" and words("model.extra", {}) == "–"
    strong = plain(load_recipe("strong"))
    assert words("recipe", strong) == named_recipe(strong) == "strong"
    assert words("recipe", strong | {"border": "constant"}) in ("of its own", "strong")


def test_a_recipe_differs_by_its_parts():
    none, other = plain(load_recipe("none")), plain(load_recipe("none"))
    other["elastic"] = {"probability": 0.5, "displacement_px": [1.0, 3.0], "sigma_px": [16.0, 24.0]}
    other["blur"] = {**other["blur"], "sigma_px": [0.5, 0.75]}
    lines = recipe_lines(none, other)
    assert lines[0].startswith("Elastic: off → probability 0.5, displacement 1 to 3 px, sigma 16 to 24 px")
    assert lines[1:] == ["Blur: off in both, with other ranges"]
    assert recipe_lines(other, other) == []
