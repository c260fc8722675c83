"""Pre-flight: every light provoked by a real configuration that is broken so, and all green on one that is not."""

from __future__ import annotations

import pytest
from conftest import make_disc_data

from seglib.experiments import preflight
from seglib.settings import plain
from seglib.training.config import Config, resolve

SMALL = {
    "data.crop_px": 48,
    "model.depth": 2,
    "model.channels": 4,
    "training.steps": 200,
    "training.minutes": None,
    "training.device": "cpu",
    "training.precision": "float32",
}


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("SEGLIB_CACHE", str(tmp_path / "cache"))


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return make_disc_data(tmp_path_factory.mktemp("preflight") / "discs", n_train=8)


def config_of(data, **settings) -> Config:
    return resolve(settings={**SMALL, "data.path": str(data), **{k.replace("__", "."): v for k, v in settings.items()}})


def checked(config: Config) -> preflight.Found:
    """The job's work, in this process."""
    job = preflight.find(config)
    folder = job.folder
    (folder / "result").mkdir(parents=True)
    from seglib.experiments.preflight_job import preflight as work

    work({"config": plain(config)}, folder / "result", lambda fraction, text="": None, lambda: False)
    return preflight.read(folder / "result")


def item(found: preflight.Found, code: str) -> preflight.Item:
    return next(i for i in found.items if i.code == code)


def test_a_good_training_is_green_throughout(data):
    found = checked(config_of(data))
    assert found.done and not [i for i in found.items if i.level != "green"]
    assert {"parameters", "memory", "speed", "time", "receptive_field", "crop", "loss_at_start", "overfit"} <= {
        i.code for i in found.items
    }
