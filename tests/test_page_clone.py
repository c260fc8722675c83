"""Settings of another run taken into the form: what differs is shown first, some or all of it is taken, and undone."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
import train_page
from conftest import make_disc_data
from streamlit.testing.v1 import AppTest
from tiny_run import tiny_config
from train_page import command, ended, page, setting, texts

from seglib.augment.recipe import load_recipe
from seglib.cli.parser import build_parser
from seglib.cli.training import given_settings
from seglib.runs import launcher
from seglib.runs.files import write_json
from seglib.runs.store import Run
from seglib.settings import plain
from seglib.training.config import resolve
from ui import form, registry


@pytest.fixture
def home(tmp_path, monkeypatch) -> Path:
    return train_page.places(tmp_path, monkeypatch)


def made(home: Path, name: str = "other", data: str = "discs", **settings) -> Run:
    run = launcher.create(tiny_config(home / data, **settings), name, home / "checkpoints")
    ended(run)
    return run


def chosen(at: AppTest, run: Run) -> AppTest:
    at.run()  # the run may be newer than the page
    at.button(key="train_clone_open").click().run()
    at.get_by_key("train_clone").select(run.id).run()
    assert not at.exception
    return at


def ticks(at: AppTest) -> dict[str, bool]:
    return {box.key.removeprefix("clone_take_"): box.value for box in at.checkbox if box.key.startswith("clone_take_")}


def test_what_differs_is_shown_by_section_before_anything_is_taken(home):
    at = chosen(page(), made(home, recipe="strong", loss__name="dice"))
    assert list(ticks(at)) == [
        *("model.depth", "model.channels", "loss.name", "training.steps", "training.minutes"),
        *("training.precision", "training.device", "training.validate_every", "data.crop_px", "recipe"),
    ]
    said = texts(at)
    assert "**Network**" in said and "**Images and crops**" in said and "**strong**" in said
    assert "Elastic:" in said and "→" in said
    assert setting(at, "model.depth").value == 4  # nothing is taken yet
    assert at.button(key="clone_confirm").label == "Take all 10 settings"


def test_all_of_a_run_of_another_data_set_gives_its_config_in_form_and_command(home):
    make_disc_data(home / "elsewhere")
    registry.add(home / "elsewhere")
    recipe = {**plain(load_recipe("strong")), "border": "constant"}
    run = made(home, data="elsewhere", recipe=recipe, loss__name="focal", loss__gamma=1.5, optimizer__clip_norm=None)
    at = chosen(page(), run)
    assert at.get_by_key("train_clone").options == ["other · failed · elsewhere"]
    at.button(key="clone_confirm").click().run()
    at.run()
    assert not at.exception and not at.button(key="train_start").disabled
    args = build_parser().parse_args(shlex.split(command(at))[3:])
    typed = plain(resolve(args.preset, args.config, given_settings(args)))
    wanted = plain(run.config())
    assert Path(typed["data"].pop("path")).name == "discs" and Path(wanted["data"].pop("path")).name == "elsewhere"
    assert typed == wanted
    assert at.selectbox(key=form.RECIPE_NAME).value == "as in other"
    assert "settings of **other** taken over" in texts(at)


def test_only_what_is_ticked_is_taken_and_undo_gives_everything_back(home):
    at = page()
    setting(at, "model.channels").set_value(5).run()
    before = command(at)
    at = chosen(at, made(home))
    at.button(key="clone_tick").click().run()
    assert not any(ticks(at).values()) and at.button(key="clone_confirm").disabled
    at.checkbox(key="clone_take_model.depth").check().run()
    assert at.button(key="clone_confirm").label == "Take 1 setting"
    at.button(key="clone_confirm").click().run()
    at.run()
    assert setting(at, "model.depth").value == 1 and setting(at, "model.channels").value == 5
    assert command(at) != before
    at.button(key="clone_undo_button").click().run()
    assert command(at) == before and "taken over" not in texts(at)


def test_settings_of_another_version_are_said_and_the_rest_can_be_taken(home):
    run = made(home)
    settings = run.settings()
    settings["model"] |= {"depht": 3, "channels": 100_000}
    write_json(run.folder / "config.json", settings)
    at = chosen(page(), run)
    said = texts(at)
    assert "Left out" in said and "model.depht" in said and "model.channels is 100000" in said
    at.button(key="clone_confirm").click().run()
    at.run()
    assert setting(at, "model.depth").value == 1 and setting(at, "model.channels").value == 16  # the default
    write_json(run.folder / "config.json", {"model": "nonsense <b> [x](y)"})
    at = chosen(page(), run)
    assert "expected a mapping" in texts(at)


def test_a_fold_is_left_out_where_the_data_set_has_none(home):
    run = made(home)
    settings = run.settings()
    settings["data"] |= {"fold": 3}
    write_json(run.folder / "config.json", settings)
    at = chosen(page(), run)
    assert "data.fold is 3" in texts(at) and "data.fold" not in ticks(at)


def test_a_run_equal_to_the_form_has_nothing_to_take(home):
    run = launcher.create(resolve(settings={"data.path": str(home / "discs")}), "same", home / "checkpoints")
    ended(run)
    assert "holds these settings already" in texts(chosen(page(), run))
