"""The job `preflight` as it is started: which files make it a new one, Cancel, the command line, the page."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from conftest import make_disc_data
from streamlit.testing.v1 import AppTest
from test_preflight import config_of
from tiny_run import wait_until

from seglib.cli import main
from seglib.experiments import preflight
from seglib.runs import jobs
from ui import preflight as card
from ui import registry
from ui.preflight_curve import overfit_curve

SHELL = Path(__file__).resolve().parents[1] / "ui" / "shell.py"
TINY = ["data.crop_px=48", "model.depth=1", "model.channels=2", "training.device=cpu", "training.steps=150"]


@pytest.fixture
def home(tmp_path, monkeypatch) -> Path:
    for key, name in {"DATASETS": "datasets.json", "CHECKPOINTS": "checkpoints", "CACHE": "cache"}.items():
        monkeypatch.setenv(f"SEGLIB_{key}", str(tmp_path / name))
    make_disc_data(tmp_path / "discs")
    monkeypatch.setenv("SEGLIB_DEMO", str(tmp_path / "discs"))
    registry.add(tmp_path / "discs")
    return tmp_path


def test_a_changed_mask_csv_setting_or_class_is_another_check(home, monkeypatch):
    data, config = home / "discs", config_of(home / "discs")
    first = preflight.find(config).id
    assert preflight.find(config).id == first
    assert preflight.find(config_of(data, optimizer__lr=2e-3)).id != first
    mask = data / "masks" / "d0.png"
    cv2.imwrite(str(mask), np.roll(cv2.imread(str(mask), cv2.IMREAD_UNCHANGED), 3))
    second = preflight.find(config).id
    csv = data / "dataset.csv"
    csv.write_text(csv.read_text().replace("g3,train", "g3,val"))
    assert len({first, second, preflight.find(config).id}) == 3
    mine = home / "mine.py"
    mine.write_text("a")
    monkeypatch.setattr(preflight, "YOUR_MODELS", mine)
    own = config_of(data, model__name="DilatedUNet")
    before = preflight.find(own).id
    mine.write_text("b")
    assert preflight.find(own).id != before
    assert preflight.find(config_of(home / "nowhere")).id != first  # does not open: the job says so


@pytest.mark.slow
def test_cancel_ends_a_check_within_two_seconds_though_a_step_takes_longer(home):
    big = config_of(home / "discs", data__crop_px=512, model__depth=4, model__channels=24, training__batch_size=8)
    job = preflight.start(big)
    assert wait_until(lambda: job.progress().text.startswith("real step"), 200), (job.state(), job.progress())
    began = time.monotonic()
    job.cancel()
    assert wait_until(lambda: not job.state().live, 60)
    took = time.monotonic() - began
    assert job.state().name == "cancelled" and took < 2 * max(1.0, os.getloadavg()[0] / os.cpu_count())
    assert not (job.result / preflight.RESULT).exists() and preflight.read(job.result).items


def run_command(*arguments: str) -> int:
    return main(["preflight", *arguments])


def test_command_prints_reds_first_and_strict_exits_2(home, capsys):
    before = {path for path in home.rglob("*") if "cache" not in path.parts}
    common = ["--data", str(home / "discs"), "--set", *TINY]
    assert run_command(*common, "optimizer.lr=10", "--strict") == 2
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("✗ red    Learning rate: 10.") and "→" in lines[1]
    assert run_command(*common, "optimizer.lr=10", "--json") == 0  # kept: no second measuring
    told = json.loads(capsys.readouterr().out)
    assert told["worst"] == "red" and {"code", "level", "title", "value", "explanation", "remedy"} == set(
        told["items"][0]
    )
    assert len(told["overfit"]["losses"]) == 31 and told["measured"]["step_s"] > 0
    after = {path for path in home.rglob("*") if "cache" not in path.parts}
    assert after == before  # nothing is left outside of the cache


def test_command_says_what_is_wrong_with_its_arguments_and_its_data(home, capsys):
    assert run_command("--data", str(home / "nowhere"), "--set", *TINY) == 0
    assert capsys.readouterr().out.splitlines()[0].startswith("✗ red    Data set: does not work.")
    assert run_command("--data", str(home / "discs"), "--set", "modle.depth=3") == 2
    assert "modle" in capsys.readouterr().err


# -- the page


def page() -> AppTest:
    at = AppTest.from_file(str(SHELL), default_timeout=60)
    at.query_params["data"] = "demo"
    return at.switch_page("../pages/train.py").run()


def texts(at: AppTest) -> str:
    return " ".join(e.value for kind in (at.error, at.warning, at.info, at.caption, at.markdown) for e in kind)


def fill(at: AppTest) -> AppTest:
    for path, value in {"data.crop_px": 48, "model.depth": 1, "model.channels": 2, "training.steps": 150}.items():
        at.get_by_key(f"train_set_{path}").set_value(value)
    at.get_by_key("train_set_training.minutes").set_value(None)
    at.get_by_key("train_set_training.device").set_value("cpu")
    return at.run()


def test_page_checks_shows_and_says_when_it_is_of_other_settings(home):
    at = fill(page())
    assert not at.exception
    start = at.get_by_key("preflight_start")
    assert start.label == "Check before starting"
    start.click().run()
    job = jobs.Job(home / "cache" / "jobs" / at.session_state[card.SHOWN])
    assert wait_until(lambda: not job.state().live, 200) and job.state().name == "done", job.state()
    at.run()
    assert not at.exception
    assert at.get_by_key("preflight_start").label == "Measure again"
    found = preflight.read(job.result)
    fine = next(e for e in at.expander if e.label.endswith("checks are fine"))
    assert fine.label.split()[0] == str(len(found.of("green")))
    for item in found.items:
        assert item.title in texts(at)
    at.get_by_key("train_set_optimizer.lr").set_value(10.0).run()
    assert not at.exception
    assert at.get_by_key("preflight_start").label == "Check these settings"
    assert any(e.label.startswith("Of other settings: ") for e in at.expander)
    assert not at.get_by_key("train_start").disabled  # it keeps nobody from starting
    at.get_by_key("train_set_optimizer.lr").set_value(4e-3).run()
    assert at.get_by_key("preflight_start").label == "Measure again"  # shown at once, not measured again


def test_file_names_are_shown_as_they_are():
    item = preflight.Item("input", "red", "Input values", "0 ± 1", "a*b*[x](y).png has none.", "Look at it.")
    shown = card.line(item)
    assert r"a\*b\*\[x\](y).png" in shown and shown.startswith(":red-badge[:material/dangerous: red] **Input values**")


def test_curve_shows_the_chance_and_goes_logarithmic_where_the_loss_jumped():
    calm = overfit_curve({"losses": [0.7, 0.5, 0.1], "chance": 0.6})
    assert calm["yAxis"]["type"] == "value" and calm["yAxis"]["max"] == 0.8
    assert calm["series"][0]["markLine"]["data"] == [{"yAxis": 0.6}]
    assert overfit_curve({"losses": [0.7, 90.0, 0.3], "chance": 0.6})["yAxis"]["type"] == "log"
