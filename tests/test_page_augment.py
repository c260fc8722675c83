"""The Augment page under AppTest: recipes by name, the image, the view, and what is handed to the sliders."""

from __future__ import annotations

import json
import shutil
from dataclasses import fields
from pathlib import Path

import pytest
from conftest import make_disc_data
from streamlit.testing.v1 import AppTest

from seglib.augment import recipe as recipes
from seglib.augment.draw import Draw
from seglib.augment.fixed import Fixed
from seglib.augment.recipe import Recipe, load_recipe, recipe_json, save_recipe
from seglib.data.normalise import NORMALISATION_NAMES
from seglib.runs import launcher
from seglib.settings import build, merge, plain, specs
from seglib.training.config import resolve
from ui import recipe_bar, registry

SHELL = Path(__file__).resolve().parents[1] / "ui" / "shell.py"
FOLDING = {"elastic": {"probability": 1.0, "displacement_px": [1.0, 30.0], "sigma_px": [10.0, 20.0]}}


@pytest.fixture
def home(tmp_path, monkeypatch) -> Path:
    """Discs in view, and a recipes folder of its own with those that ship."""
    shutil.copytree(recipes.RECIPES_FOLDER, tmp_path / "recipes")
    for name in set(recipes.list_recipes(tmp_path / "recipes")) - set(recipes.SHIPPED):
        (tmp_path / "recipes" / f"{name}.json").unlink()
    monkeypatch.setattr(recipes, "RECIPES_FOLDER", tmp_path / "recipes")
    monkeypatch.setenv("SEGLIB_DATASETS", str(tmp_path / "datasets.json"))
    monkeypatch.setenv("SEGLIB_CHECKPOINTS", str(tmp_path / "checkpoints"))
    monkeypatch.setenv("SEGLIB_CACHE", str(tmp_path / "cache"))
    registry.add(make_disc_data(tmp_path / "discs"))
    return tmp_path


def page(**query: str) -> AppTest:
    at = AppTest.from_file(str(SHELL), default_timeout=60)
    at.query_params["data"] = "discs"
    for key, value in query.items():
        at.query_params[key] = value
    at.run()
    at.switch_page("../pages/augment.py")
    return at.run()


def preview(at: AppTest) -> dict:
    """What the page hands to the live preview."""
    (component,) = [e for e in at.get("bidi_component") if e.proto.component_name.endswith("live_preview")]
    return json.loads(component.proto.json)


def drag(at: AppTest, change: dict) -> AppTest:
    """Let a slider go: the component reports the whole recipe."""
    at.session_state["augment_preview"] = {"recipe": merge(preview(at)["recipe"], change), "seed": None}
    return at.run()


def texts(at: AppTest) -> str:
    return " ".join(e.value for kind in (at.error, at.info, at.caption, at.markdown) for e in kind)


def test_the_link_on_train_opens_its_recipe_but_not_over_unsaved_sliders(home):
    at = page()
    at.query_params["recipe"] = "strong"
    at.run()
    assert at.selectbox(key="recipe_pick").value == "strong" and "recipe" not in at.query_params
    drag(at, {"rotation": {"probability": 0.11}})
    at.query_params["recipe"] = "light"
    at.run()
    assert (
        at.selectbox(key="recipe_pick").value == "strong" and preview(at)["recipe"]["rotation"]["probability"] == 0.11
    )
    at.query_params["recipe"] = "../x"
    assert not at.run().exception


def test_sliders_come_from_the_recipes_own_metadata(home):
    at = page()
    assert not at.exception and not at.error
    data = preview(at)
    assert [s["path"] for s in data["specs"]] == [s.path for s in specs(Recipe)]
    assert [s["group"] for s in data["specs"]][:4] == ["elastic"] * 3 + ["rotation"]
    bend = next(s for s in data["specs"] if s["path"] == "elastic.displacement_px")
    assert (bend["low"], bend["high"], bend["step"], bend["unit"]) == (0.0, 40.0, 0.5, "px") and bend["help"]
    assert build(Recipe, data["recipe"]) == load_recipe("gentle")
    assert data["url"].startswith("/seg/augment/discs/0?")
    assert data["label"] == "gentle" and data["loaded"] == data["recipe"]


def test_a_senseless_image_in_the_address_shows_the_first(home):
    for wrong in ("²", "9" * 5000, "x"):
        at = page(image=wrong)
        assert not at.exception and preview(at)["url"].startswith("/seg/augment/discs/0?")


def test_a_recipe_is_loaded_by_name(home):
    at = page()
    before = preview(at)["version"]
    at.selectbox(key="recipe_pick").select("strong").run()
    assert build(Recipe, preview(at)["recipe"]) == load_recipe("strong") and preview(at)["version"] > before
    assert at.button(key="recipe_save").disabled and at.button(key="recipe_reset").disabled


def test_a_moved_slider_is_kept_and_can_be_reset(home):
    at = drag(page(), FOLDING)
    assert preview(at)["recipe"]["elastic"] == FOLDING["elastic"]
    assert preview(at)["version"] == 1, "a rerun must not take the sliders out of the person's hand"
    at.button(key="recipe_reset").click().run()
    assert build(Recipe, preview(at)["recipe"]) == load_recipe("gentle") and preview(at)["version"] == 2
    at.run()
    assert build(Recipe, preview(at)["recipe"]) == load_recipe("gentle")


def save(at: AppTest, name: str) -> AppTest:
    at.button(key="recipe_save").click().run()
    at.text_input(key="recipe_name").set_value(name).run()
    return at


def test_a_recipe_is_saved_under_a_name(home):
    at = save(drag(page(), FOLDING), "bent")
    at.button(key="recipe_confirm").click().run()
    assert not at.exception and not at.error
    saved = load_recipe("bent", home / "recipes")
    assert saved == build(Recipe, merge(plain(load_recipe("gentle")), FOLDING))
    assert at.selectbox(key="recipe_pick").value == "bent" and at.button(key="recipe_save").disabled


def test_a_shipped_recipe_or_a_path_is_refused_in_one_line(home):
    before = (home / "recipes" / "gentle.json").read_bytes()
    for name, said in (("gentle", "ships with the program"), ("../evil", "allowed: 1 to 64 letters")):
        at = save(drag(page(), FOLDING), name)
        at.button(key="recipe_confirm").click().run()
        assert not at.exception and said in at.error[0].value
    assert (home / "recipes" / "gentle.json").read_bytes() == before and not (home / "evil.json").exists()


def test_one_of_ones_own_is_overwritten_only_when_confirmed(home):
    save_recipe(Recipe(), "mine", home / "recipes")
    at = save(drag(page(), FOLDING), "mine")
    assert at.button(key="recipe_confirm").disabled
    at.checkbox(key="recipe_overwrite").check().run()
    assert load_recipe("mine", home / "recipes") == Recipe()
    at.button(key="recipe_confirm").click().run()
    assert load_recipe("mine", home / "recipes").elastic.displacement_px == (1.0, 30.0)


def test_train_takes_the_name_along_and_saves_first_what_is_new(home, monkeypatch):
    opened = []
    monkeypatch.setattr(recipe_bar.navigation, "go", lambda name, **query: opened.append(name))
    at = page()
    at.selectbox(key="recipe_pick").select("strong").run()
    at.button(key="recipe_train").click().run()
    assert at.session_state["recipe_for_training"] == "strong" and opened == ["train"]
    drag(at, FOLDING).button(key="recipe_train").click().run()
    assert opened == ["train"]
    at.button(key="recipe_confirm").click().run()
    assert at.session_state["recipe_for_training"] == "strong-2" and opened == ["train"] * 2
    assert load_recipe("strong-2", home / "recipes").elastic.probability == 1.0
    train = at.switch_page("../pages/train.py").run()
    assert not train.exception and train.selectbox(key="train_recipe_name").value == "strong-2"
    assert "--recipe strong-2" in " ".join(code.value for code in train.code)


def test_the_image_is_one_of_train(home):
    at = page()
    assert list(at.selectbox(key="augment_image_discs").options) == ["d0", "d1", "d2", "d3"]
    at.button(key="augment_step_-1").click().run()
    assert "/seg/augment/discs/3?" in preview(at)["url"]
    at.button(key="augment_step_1").click().run()
    assert "/seg/augment/discs/0?" in preview(at)["url"]


def test_the_networks_view_starts_as_train_begins(home):
    data = preview(page())
    assert data["start"] == {"crop": 256, "normalisation": "zscore"}
    assert 256 in data["crops"] and data["normalisations"] == list(NORMALISATION_NAMES)


def test_there_is_one_slider_for_every_value_of_a_draw_but_the_seeds(home):
    data = preview(page())
    assert {s["path"] for s in data["fixed_specs"]} == {f.name for f in fields(Draw) if not f.name.endswith("_seed")}
    assert build(Fixed, data["fixed"]).draw() == Draw()
    angle = next(s for s in data["fixed_specs"] if s["path"] == "angle_deg")
    assert (angle["low"], angle["high"], angle["unit"], angle["group"]) == (-180.0, 180.0, "°", "shape_and_place")


def test_without_a_train_image_it_says_so(home):
    lines = (home / "discs" / "dataset.csv").read_text(encoding="utf-8").splitlines()
    rows = [f"images/d{i}.png,,g{i}," for i in range(6)]
    (home / "discs" / "dataset.csv").write_text("\n".join([lines[0], *rows]), encoding="utf-8")
    at = page()
    assert not at.exception and "has no mask" in texts(at)
    assert len(at.selectbox(key="augment_image_discs").options) == 6


def test_a_damaged_recipe_is_one_line_and_leaves_the_sliders(home):
    (home / "recipes" / "broken.json").write_text("{", encoding="utf-8")
    at = page()
    at.selectbox(key="recipe_pick").select("broken").run()
    assert not at.exception and "broken.json" in at.error[0].value and "not JSON" in at.error[0].value
    assert at.selectbox(key="recipe_pick").value == "gentle"
    assert build(Recipe, preview(at)["recipe"]) == load_recipe("gentle")


# -- more about recipes


def more(at: AppTest, option: str) -> AppTest:
    at.get_by_key("recipe_more").set_value(option).run()
    assert not at.exception
    return at


def confirm(at: AppTest, name: str | None = None) -> AppTest:
    if name is not None:
        at.text_input(key="recipe_name").set_value(name).run()
    at.button(key="recipe_confirm").click().run()
    assert not at.exception
    return at


def test_ones_own_recipe_is_saved_over_in_place(home):
    save_recipe(Recipe(), "mine", home / "recipes")
    at = page()
    at.selectbox(key="recipe_pick").select("mine").run()
    drag(at, FOLDING).button(key="recipe_save").click().run()
    assert load_recipe("mine", home / "recipes").elastic.displacement_px == (1.0, 30.0)
    assert at.selectbox(key="recipe_pick").value == "mine" and at.button(key="recipe_save").disabled


def test_a_new_recipe_begins_with_nothing(home):
    at = confirm(more(page(), "New"), "fresh")
    assert load_recipe("fresh", home / "recipes") == Recipe() == build(Recipe, preview(at)["recipe"])
    at = confirm(more(at, "New"), "../evil")
    assert "allowed: 1 to 64 letters" in at.error[0].value


def test_duplicate_copies_what_is_on_disk_and_what_is_in_hand(home):
    at = more(page(), "Duplicate")
    assert at.selectbox(key="recipe_pick").value == "gentle-2"
    assert load_recipe("gentle-2", home / "recipes") == load_recipe("gentle")
    at = confirm(more(drag(at, FOLDING), "Duplicate"), "bent")
    assert load_recipe("bent", home / "recipes").elastic.probability == 1.0
    assert load_recipe("gentle-2", home / "recipes") == load_recipe("gentle")


def test_a_recipe_is_renamed_with_its_unsaved_sliders_kept(home):
    save_recipe(load_recipe("light"), "mine", home / "recipes")
    at = page()
    assert "Rename" not in at.get_by_key("recipe_more").options
    at.selectbox(key="recipe_pick").select("mine").run()
    drag(at, FOLDING)
    confirm(more(at, "Rename"), "yours")
    assert at.selectbox(key="recipe_pick").value == "yours" and preview(at)["recipe"]["elastic"] == FOLDING["elastic"]
    assert load_recipe("yours", home / "recipes") == load_recipe("light")


def test_a_recipe_is_deleted_after_asking_and_brought_back(home):
    save_recipe(load_recipe("strong"), "mine", home / "recipes")
    at = page()
    assert "Delete" not in at.get_by_key("recipe_more").options
    at.selectbox(key="recipe_pick").select("mine").run()
    more(at, "Delete")
    assert (home / "recipes" / "mine.json").exists(), "not before it is confirmed"
    confirm(at)
    assert not (home / "recipes" / "mine.json").exists() and at.selectbox(key="recipe_pick").value == "gentle"
    at.button(key="recipe_undelete").click().run()
    assert at.selectbox(key="recipe_pick").value == "mine" and build(Recipe, preview(at)["recipe"]) == load_recipe(
        "strong"
    )
    assert load_recipe("mine", home / "recipes") == load_recipe("strong")
    confirm(more(at, "Delete"))
    assert not (home / "recipes" / "mine.json").exists()
    confirm(more(at, "Bring back a deleted one"))
    assert at.selectbox(key="recipe_pick").value == "mine"


def test_the_recipe_of_a_past_run_is_opened_whole(home):
    values = {"data.path": str(home / "discs"), "recipe.noise.probability": 0.77, "recipe.noise.deviation": [0.1, 0.3]}
    run = launcher.create(resolve("quick", settings=values), "past")
    at = confirm(more(page(), "Open that of a run"))
    assert build(Recipe, preview(at)["recipe"]) == run.config().recipe
    assert at.selectbox(key="recipe_pick").value is None and preview(at)["label"] == "as in past"
    assert not at.button(key="recipe_save").disabled
    drag(at, FOLDING).button(key="recipe_reset").click().run()
    assert build(Recipe, preview(at)["recipe"]) == run.config().recipe
    at = save(at, "again")
    confirm(at)
    assert load_recipe("again", home / "recipes") == run.config().recipe


def test_a_recipe_comes_from_a_file_and_goes_into_one(home):
    at = more(page(), "Import")
    at.file_uploader(key="recipe_upload").upload("bad.json", b"{", "application/json").run()
    assert not at.exception and "not JSON" in at.error[0].value
    at = more(page(), "Import")
    content = recipe_json(load_recipe("strong")).encode()
    at.file_uploader(key="recipe_upload").upload("[a](b).json", content, "application/json").run()
    assert not at.exception and build(Recipe, preview(at)["recipe"]) == load_recipe("strong")
    assert preview(at)["label"] == "from ab"
    more(at, "Download")
    assert not at.exception and at.get_by_key("recipe_download").label == "Download recipe.json"


def test_as_code_follows_the_recipe_and_the_image(home):
    at = page()
    python, bash = (code.value for code in at.code)
    assert "--recipe gentle" in bash and "data.sample(0)" in python and "discs" in python
    drag(at, FOLDING)
    python, bash = (code.value for code in at.code)
    assert "displacement_px=(1.0, 30.0)" in python and "recipe.elastic.displacement_px=[1.0, 30.0]" in bash
