"""The command line that the app shows trains exactly what its form says."""

from __future__ import annotations

import shlex

import pytest

from seglib.augment.recipe import load_recipe
from seglib.cli.parser import build_parser
from seglib.cli.training import given_settings
from seglib.settings import plain
from seglib.training.command import arguments, queue_command, recipe_name, train_command
from seglib.training.config import PRESETS, Config, resolve

CASES = [
    {},
    {"model.depth": 2, "model.extra": {"dilations": [1, 2], "a": "it's"}, "model.name": "DilatedUNet"},
    {"training.steps": 40},
    {"training.steps": 40, "training.minutes": 0.33},
    {"training.epochs": 3, "training.minutes": 5.0, "training.steps": 7},
    {"optimizer.clip_norm": None, "optimizer.lr": 1e-7, "data.fold": 2, "model.residual": True},
    {"recipe": "strong"},
    {"recipe": "gentle", "recipe.rotation.probability": 0.123},
    {"data.grouping": "file", "loss.name": "focal", "loss.gamma": 0.0},
]


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("settings", CASES, ids=lambda case: "+".join(case) or "nothing")
def test_typed_back_it_is_the_same_config(preset, settings):
    recipe = settings.get("recipe")
    fine = {key: value for key, value in settings.items() if key != "recipe"}
    base = resolve(preset, settings={"recipe": recipe} if recipe else None)
    wanted = _with(base, {"data.path": "my data/cells & more", **fine})
    words = shlex.split(train_command(wanted, preset, "my-run"))
    assert words[:4] == ["python", "-m", "seglib", "train"]
    args = build_parser().parse_args(words[3:])
    assert resolve(args.preset, args.config, given_settings(args)) == wanted
    assert args.run == "my-run"
    queued = shlex.split(queue_command(wanted, preset, "my-run"))
    assert queued[3:] == ["queue", "add", *words[4:]]
    args = build_parser().parse_args(queued[3:])
    assert resolve(args.preset, args.config, given_settings(args)) == wanted


def _with(base: Config, settings: dict) -> Config:
    from seglib.settings import build, merge, nest

    return build(Config, merge(plain(base), nest(settings)))


def test_what_the_preset_says_is_not_said_again():
    config = resolve("exercise", settings={"data.path": "d", "model.depth": 3})
    assert arguments(config, "exercise", "r") == [
        *("--data", "d", "--run", "r", "--preset", "exercise"),
        *("--set", "model.depth=3"),
    ]


def test_a_recipe_is_known_by_its_values():
    assert recipe_name(resolve(settings={"recipe": "strong"})) == "strong"
    changed = resolve(settings={"recipe": {**plain(load_recipe("strong")), "border": "constant"}})
    assert (recipe_name(changed) is None) == (load_recipe("strong").border != "constant")
