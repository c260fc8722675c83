"""The recipe as code: the script draws what the page shows, the command trains with it."""

from __future__ import annotations

import json
import shlex

import numpy as np
import pytest
from asgi_client import Client
from conftest import make_disc_data
from starlette.applications import Starlette
from test_preview import unpacked

from seglib.augment import recipe as recipes
from seglib.augment.recipe import SHIPPED, Noise, Recipe, load_recipe, save_recipe
from seglib.cli.parser import build_parser
from seglib.cli.training import given_settings
from seglib.settings import plain
from seglib.training.config import DataConfig, resolve
from seglib.training.script import recipe_source, sample_script
from ui import opened, preview, preview_route, recipe_code, registry


@pytest.fixture
def data(tmp_path, monkeypatch):
    for key, place in {"DATASETS": "datasets.json", "DEMO": "demo", "CHECKPOINTS": "ck", "CACHE": "cache"}.items():
        monkeypatch.setenv(f"SEGLIB_{key}", str(tmp_path / place))
    opened.st.cache_resource.clear()
    return registry.add(make_disc_data(tmp_path / "discs"))


@pytest.mark.parametrize("name", SHIPPED)
def test_the_source_of_a_recipe_is_that_recipe(name):
    names = vars(recipes).copy()
    exec(recipe_source(load_recipe(name)), names)
    assert names["recipe"] == load_recipe(name)


def test_a_part_that_is_off_keeps_its_range():
    off = Recipe(noise=Noise(probability=0.0, deviation=(0.1, 0.2)), border="constant")
    assert "Noise(probability=0.0, deviation=(0.1, 0.2))" in recipe_source(off)
    assert recipe_source(Recipe()) == "recipe = Recipe()"


@pytest.mark.parametrize("crop_px", [32, 16])
def test_the_script_draws_the_bytes_of_the_preview(data, crop_px, capsys):
    where = DataConfig(str(data.path), normalisation="zscore", crop_px=crop_px)
    names: dict = {}
    exec(sample_script(load_recipe("strong"), where, index=2, seed=7), names)
    drawn = names["drawn"]
    query = {"recipe": json.dumps(plain(load_recipe("strong"))), "seed": 7, "n": 1, "crop": crop_px}
    client = Client(Starlette(routes=preview_route.ROUTES))
    header, _, (shown,) = unpacked(client.get(preview_route.url(data.name, opened.dataset(data.name), 2), query))
    np.testing.assert_array_equal(shown["grey"], preview.to_bytes(drawn.image, header["low"], header["high"]))
    np.testing.assert_array_equal(shown["marks"] & preview.INSIDE > 0, drawn.labels > 0)
    assert f"({crop_px}, {crop_px})" in capsys.readouterr().out


@pytest.mark.parametrize("saved", [True, False])
def test_the_command_line_trains_with_the_recipe(data, tmp_path, monkeypatch, saved):
    monkeypatch.setattr(recipes, "RECIPES_FOLDER", tmp_path)
    for name in SHIPPED:  # presets name them
        (tmp_path / f"{name}.json").write_text(recipes.recipe_json(Recipe()), encoding="utf-8")
    wanted = Recipe(noise=Noise(probability=0.25, deviation=(0.1, 0.2)))
    if saved:
        save_recipe(wanted, "grainy")
    line = recipe_code.command(wanted, DataConfig("my data", grouping="file"))
    assert ("--recipe grainy" in line) == saved
    words = shlex.split(line)
    assert words[:4] == ["python", "-m", "seglib", "train"]
    args = build_parser().parse_args(words[3:])
    config = resolve(args.preset, None, given_settings(args))
    assert config.recipe == wanted and (config.data.path, config.data.grouping) == ("my data", "file")
