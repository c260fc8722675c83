"""A recipe beyond the folding limit says so before anybody trains with it: on Train's form and on the command line."""

from __future__ import annotations

import shutil

from conftest import make_disc_data
from test_page_train import home, page, texts  # noqa: F401 - a fixture

from seglib.augment import recipe as recipes
from seglib.augment.recipe import Elastic, Recipe, recipe_json, save_recipe
from seglib.cli import main

FOLDING = Recipe(elastic=Elastic(probability=1.0, displacement_px=(1.0, 9.0), sigma_px=(10.0, 20.0)))


def test_the_form_warns_of_a_folding_recipe(home, monkeypatch):  # noqa: F811
    shutil.copytree(recipes.RECIPES_FOLDER, home / "recipes")
    monkeypatch.setattr(recipes, "RECIPES_FOLDER", home / "recipes")
    save_recipe(FOLDING, "bent-one", home / "recipes")
    save_recipe(Recipe(), "flat-one", home / "recipes")
    at = page()
    at.session_state["recipe_for_training"] = "bent-one"
    at.run()
    assert not at.exception
    assert "Elastic displacement of 9 px at sigma 10 px can fold" in texts(at) and "2 px or below" in texts(at)
    at.selectbox(key="train_recipe_name").select("flat-one").run()
    assert "can fold" not in texts(at)


def test_the_command_line_notes_it_when_a_training_starts(tmp_path, capsys):
    data = make_disc_data(tmp_path / "discs")
    (tmp_path / "bent.json").write_text(recipe_json(FOLDING), encoding="utf-8")
    small = ["model.depth=1", "model.channels=2", "training.steps=1", "data.crop_px=32", "training.device=cpu"]
    command = ["train", "--data", str(data), "--checkpoints", str(tmp_path / "ck"), "--set", *small]
    assert main([*command, "--run", "folds", "--recipe", str(tmp_path / "bent.json")]) == 0
    assert "recipe: Elastic displacement of 9 px at sigma 10 px can fold" in capsys.readouterr().err
    assert main([*command, "--run", "plain", "--recipe", "none"]) == 0
    assert "can fold" not in capsys.readouterr().err
