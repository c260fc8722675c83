"""Recipes as files: copies, names, the bin, and what comes from elsewhere."""

from __future__ import annotations

import pytest

from seglib.augment.recipe import SHIPPED, Recipe, Rotation, list_recipes, load_recipe, recipe_json, save_recipe
from seglib.augment.recipe_files import (
    binned_recipes,
    delete_recipe,
    duplicate_recipe,
    free_name,
    parse_recipe,
    rename_recipe,
    restore_recipe,
)
from seglib.exceptions import InputError

MINE = Recipe(rotation=Rotation(probability=0.3, angle_deg=(-10, 25)))


@pytest.fixture
def folder(tmp_path):
    for name in SHIPPED:
        save_recipe_as_shipped(tmp_path, name)
    save_recipe(MINE, "mine", tmp_path)
    return tmp_path


def save_recipe_as_shipped(folder, name):
    (folder / f"{name}.json").write_text(recipe_json(load_recipe(name)), encoding="utf-8")


def test_a_copy_gets_a_free_name_and_the_same_values(folder):
    assert duplicate_recipe("mine", folder) == "mine-2" and duplicate_recipe("mine", folder) == "mine-3"
    assert duplicate_recipe("mine-2", folder) == "mine-4"
    assert duplicate_recipe("strong", folder) == "strong-2"
    assert load_recipe("mine-4", folder) == MINE and load_recipe("strong-2", folder) == load_recipe("strong")


def test_free_names_do_not_differ_in_case_only():
    assert free_name("Mine", ["mine"]) == "Mine-2"
    assert len(free_name("x" * 64, ["x" * 64])) <= 64


def test_a_deleted_recipe_comes_back_as_it_was(folder):
    before = (folder / "mine.json").read_bytes()
    assert delete_recipe("mine", folder) == "mine"
    assert "mine" not in list_recipes(folder) and binned_recipes(folder) == ["mine"]
    assert restore_recipe("mine", folder) == "mine" and binned_recipes(folder) == []
    assert (folder / "mine.json").read_bytes() == before


def test_nothing_is_lost_where_names_meet(folder):
    delete_recipe("mine", folder)
    save_recipe(Recipe(), "mine", folder)
    assert delete_recipe("mine", folder) == "mine-2"
    save_recipe(Recipe(border="constant"), "mine", folder)
    assert restore_recipe("mine", folder) == "mine-2" and load_recipe("mine-2", folder) == MINE
    assert load_recipe("mine", folder).border == "constant"


def test_what_ships_is_neither_deleted_nor_renamed(folder):
    for name in SHIPPED:
        with pytest.raises(InputError, match="ships with the program"):
            delete_recipe(name, folder)
        with pytest.raises(InputError, match="ships with the program"):
            rename_recipe(name, "other", folder)
    with pytest.raises(InputError, match="ships with the program"):
        rename_recipe("mine", "gentle", folder)
    assert set(SHIPPED) <= set(list_recipes(folder))


def test_renaming_refuses_a_taken_name_and_a_path(folder):
    save_recipe(Recipe(), "other", folder)
    for name, said in (("other", "exists"), ("OTHER", "exists"), ("../evil", "allowed: 1 to 64"), ("", "allowed: 1")):
        with pytest.raises(InputError, match=said):
            rename_recipe("mine", name, folder)
    rename_recipe("mine", "yours", folder)
    assert load_recipe("yours", folder) == MINE and "mine" not in list_recipes(folder)


@pytest.mark.parametrize("name", ["../mine", "nothing", ".bin/mine", ""])
def test_names_that_name_no_recipe_are_refused(name, folder):
    with pytest.raises(InputError, match="there is no recipe"):
        delete_recipe(name, folder)
    with pytest.raises(InputError, match="no recipe"):
        restore_recipe(name, folder)


def test_a_file_from_elsewhere_is_read_or_refused_in_one_line():
    assert parse_recipe(recipe_json(MINE).encode(), "x.json") == MINE
    for content, said in [
        (b"{", "not JSON"),
        (b"\xff\xfe", "not JSON"),
        (b"[" * 50_000, "not JSON"),
        (b"[1]", "expected a mapping"),
        (b'{"elastc": {}}', "Did you mean elastic"),
        (b" " * 100_001, "at most 100,000"),
    ]:
        with pytest.raises(InputError, match=said) as caught:
            parse_recipe(content, "x.json")
        assert "x.json" in str(caught.value) and "\n" not in str(caught.value)
