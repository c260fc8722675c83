"""The Train page under AppTest: the form grown from the config, what it refuses, a real training."""

from __future__ import annotations

from pathlib import Path

import pytest
import train_page
from conftest import make_disc_data
from streamlit.testing.v1 import AppTest
from tiny_run import tiny_config, wait_until
from train_page import command, ended, page, setting, texts

from seglib.models import listing
from seglib.runs import launcher
from seglib.runs.store import list_runs
from seglib.settings import plain
from seglib.training.config import resolve
from ui import form, registry


@pytest.fixture
def home(tmp_path, monkeypatch) -> Path:
    return train_page.places(tmp_path, monkeypatch)


def test_every_setting_that_matters_has_its_widget(home):
    at = page()
    assert not at.exception and not at.error
    widgets = [w for kind in (at.selectbox, at.number_input, at.toggle, at.text_area) for w in kind]
    shown = {w.key.removeprefix("train_set_") for w in widgets if w.key.startswith("train_set_")}
    budget = {f"training.{key}" for key in ("minutes", "steps", "epochs")}
    wanted = {s.path for s in form.all_specs() if form.concerns(s, form_values(at))} - {"data.fold"} | budget
    assert shown == wanted
    assert "loss.bce_weight" in shown and "loss.gamma" not in shown and "model.extra" not in shown
    setting(at, "loss.name").select("focal").run()
    assert setting(at, "loss.gamma").value == 2.0
    depth = setting(at, "model.depth")
    assert (depth.min, depth.max, depth.label) == (0, 8, "Depth") and "downscalings" in depth.help
    assert setting(at, "training.minutes").label == "Minutes"


def form_values(at: AppTest) -> dict:
    return at.session_state[form.VALUES]


def test_a_preset_fills_the_form_and_an_edit_reaches_drawing_and_command(home):
    at = page()
    at.get_by_key("train_preset").set_value("exercise").run()
    assert not at.exception
    wanted = plain(resolve("exercise"))
    assert setting(at, "model.depth").value == wanted["model"]["depth"] == 5
    assert setting(at, "training.minutes").value is None and setting(at, "training.epochs").value == 20
    assert at.selectbox(key="train_recipe_name").value == "exercise"
    before = texts(at)
    setting(at, "model.depth").set_value(2).run()
    assert "--preset exercise" in command(at) and "model.depth=2" in command(at)
    assert "**44 px**" in texts(at) and "**44 px**" not in before
    at.get_by_key("train_preset").set_value("quick").run()
    assert setting(at, "model.depth").value == plain(resolve("quick"))["model"]["depth"]


def test_the_form_is_kept_while_another_page_is_looked_at(home):
    at = page()
    setting(at, "model.channels").set_value(3).run()
    at.switch_page("../pages/home.py").run()
    at.switch_page("../pages/train.py").run()
    assert setting(at, "model.channels").value == 3


def test_expected_time_is_said_and_called_a_guess_where_it_is_one(home):
    at = page()
    assert f"**{resolve('quick').training.minutes:g} min**" in texts(at) and "A rough guess" in texts(at)
    setting(at, "training.minutes").set_value(None).run()
    assert "no end of training" in texts(at) and at.button(key="train_start").disabled
    setting(at, "training.steps").set_value(50).run()
    assert "**about" in texts(at) and "50 steps" in texts(at) and not at.button(key="train_start").disabled


def test_what_cannot_be_started_says_why(home):
    at = page()
    setting(at, "model.kernel_size").set_value(4).run()
    assert at.button(key="train_start").disabled and "must be odd" in at.error[0].value
    setting(at, "model.kernel_size").set_value(3).run()
    setting(at, "model.name").select("DilatedUNet").run()
    setting(at, "model.extra").set_value("{nonsense").run()
    assert at.button(key="train_start").disabled and "model.extra is not understood" in texts(at)
    setting(at, "model.extra").set_value('{"dilations": [1, 3]}').run()
    assert not at.error and '"dilations": [1, 3]' in command(at)


def test_no_train_image_disables_the_start(home):
    folder = make_disc_data(home / "valonly")
    table = folder / "dataset.csv"
    table.write_text(table.read_text(encoding="utf-8").replace(",train", ",val"), encoding="utf-8")
    registry.add(folder)
    at = page("valonly")
    assert not at.exception and at.button(key="train_start").disabled
    assert "nothing to train on" in texts(at)


def test_a_data_set_that_is_gone_leaves_its_runs_to_look_at(home):
    folder = make_disc_data(home / "moved")
    registry.add(folder)
    ended(launcher.create(tiny_config(folder), "kept", home / "checkpoints"))
    folder.rename(home / "elsewhere")
    at = page("moved")
    assert not at.exception and "is gone" in texts(at)
    assert at.button(key="train_start").disabled and list(at.dataframe[0].value["Run"]) == ["kept"]


def test_a_broken_your_models_is_named_with_its_line_and_the_rest_works(home, monkeypatch):
    broken = home / "your_models.py"
    broken.write_text("from seglib.models.unet import UNet\n\nclass Mine(UNet:\n", encoding="utf-8")
    for function in (listing.model_names, listing.problem):
        monkeypatch.setattr(function, "__defaults__", (broken,))
    at = page()
    assert not at.exception and "line 3" in at.warning[0].value and "your_models.py" in at.warning[0].value
    assert setting(at, "model.name").options == ["UNet"] and not at.button(key="train_start").disabled


def test_start_trains_for_real_and_its_curves_are_shown(home):
    at = page()
    small = {"model.depth": 1, "model.channels": 2, "data.crop_px": 32, "training.minutes": None, "training.steps": 3}
    for path, value in {**small, "training.device": "cpu", "training.precision": "float32"}.items():
        widget = setting(at, path)
        (widget.select if widget.type == "selectbox" else widget.set_value)(value)
    at.text_input(key="train_name").set_value("my first run")
    at.run()
    assert not at.error
    at.button(key="train_start").click().run()
    assert not at.exception and at.get_by_key("train_view").value == "Curves"
    (run,) = list_runs(home / "checkpoints")
    assert (run.id, run.name) == ("my-first-run", "my first run") and at.query_params["run"] == run.id
    assert run.config().model.depth == 1 and run.config().data.path == str(home / "discs")
    assert wait_until(lambda: not run.state().live, 90) and run.state().name == "finished", run.log_tail()
    at.run()
    assert not at.exception and not at.error
    assert {m.label: m.value for m in at.metric}["Best val IoU"] == f"{run.best_iou():.4f}"
    assert len(at.get("echarts_chart")) == 5 and "IoU at each validation" in texts(at)
    assert "Predictions through" in texts(at)
    at.get_by_key("train_view").set_value("New training").run()
    at.text_input(key="train_name").set_value("my first run").run()
    assert at.button(key="train_start").disabled and "exists already" in texts(at)
