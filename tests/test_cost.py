"""What a recipe costs: with a clock of known ticks, with the real one, and as the page says it."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from conftest import make_disc_data
from streamlit.testing.v1 import AppTest
from test_estimate import timed_run

from seglib.augment.draw import recipe_draw
from seglib.augment.pipeline import generator
from seglib.augment.recipe import Recipe
from seglib.data.dataset import open_dataset
from seglib.experiments import cost
from seglib.experiments.cost import Cost, Step
from seglib.runs.estimate import MEASURED, ROUGH, SCALED
from seglib.settings import build
from seglib.training.draws import Normalise
from ui import cost as page_cost
from ui import registry

SHELL = Path(__file__).resolve().parents[1] / "ui" / "shell.py"
OFTEN = build(Recipe, {"noise": {"probability": 1.0, "deviation": [0.1, 0.2]}})
RARELY = build(Recipe, {"noise": {"probability": 0.25, "deviation": [0.1, 0.2]}, "flip": {"probability": 0.5}})


@pytest.fixture
def sample(tmp_path):
    return Normalise("zscore")(open_dataset(make_disc_data(tmp_path / "discs", size=160)).sample(0))


def ticking(monkeypatch, noise_s=0.004, bare_s=0.001):
    """A clock that takes so long for a draw, and so much longer for one with noise."""

    def seconds(sample, recipe, crop_px, number):
        return bare_s + noise_s * (recipe_draw(recipe, generator(0, number, 0)).noise > 0)

    monkeypatch.setattr(cost, "_seconds", seconds)


def test_a_part_that_happens_rarely_costs_its_share_of_the_mean(sample, monkeypatch):
    ticking(monkeypatch)
    assert cost.measure(sample, OFTEN, 128).ms == pytest.approx(5.0)
    found = cost.measure(sample, RARELY, 128, budget_s=10.0)
    noisy = sum(recipe_draw(RARELY, generator(0, i, 0)).noise > 0 for i in range(cost.MOST_DRAWS))
    assert found.n_draws == cost.MOST_DRAWS and found.ms == pytest.approx(1 + 4 * noisy / cost.MOST_DRAWS)
    assert 0 < noisy < 32
    assert cost.measure(sample, OFTEN, 128, budget_s=0.0).n_draws == cost.LEAST_DRAWS


def test_the_parts_are_compared_on_the_same_draws(sample, monkeypatch):
    ticking(monkeypatch)
    parts = cost.by_part(sample, RARELY, 128)
    noisy = sum(recipe_draw(RARELY, generator(0, i, 0)).noise > 0 for i in range(cost.PART_DRAWS))
    assert [(p.name, p.probability) for p in parts] == [("noise", 0.25), ("flip", 0.5)]
    assert [p.ms for p in parts] == pytest.approx([4 * noisy / cost.PART_DRAWS, 0.0])
    assert cost.by_part(sample, Recipe(), 128) == []
    off = cost.without(RARELY, "noise")
    assert off.noise.probability == 0 and off.flip == RARELY.flip and cost.active_parts(off) == ["flip"]


def test_by_the_real_clock_noise_is_dear_and_threads_are_given_back(sample):
    cv2.setNumThreads(2)
    try:
        bare, noisy = (min(cost.measure(sample, r, 128).ms for _ in range(3)) for r in (Recipe(), OFTEN))
        assert 0 < 2 * bare < noisy < 1000
        assert cost.by_part(sample, OFTEN, 128)[0].ms > bare
        assert cv2.getNumThreads() == 2
    finally:
        cv2.setNumThreads(1)


def test_share_and_limit_of_a_step():
    step = Step(0.1, batch_size=4, workers=0, source=MEASURED, run="r")
    assert step.share(5.0) == pytest.approx(0.2) and not step.limits(5.0)
    assert step.limits(26.0) and step.workers_needed(26.0) == 2
    two = Step(0.1, batch_size=4, workers=2, source=MEASURED, run="r")
    assert not two.limits(26.0) and two.limits(51.0) and two.workers_needed(51.0) == 3


def test_a_step_is_timed_by_a_run_on_this_machine(tmp_path, discs):
    run = timed_run(tmp_path / "ck", discs, "timed", 0.5, training__batch_size=2)
    assert cost.step(run.config(), [run]) == Step(pytest.approx(0.5), 2, 0, MEASURED, "timed")
    assert cost.step(run.config(), []).source == ROUGH


def test_the_line_says_what_of_what():
    found = Cost(3.14, 64, 256)
    said = page_cost.line(found, Step(0.142, 4, 0, MEASURED, "quick-3"), None)
    assert "**3.1 ms a sample** (crop of 256 px)" in said
    assert "4 samples a step = **9%** of a step of run quick-3 (142 ms)" in said and said.endswith(
        "one loader thread keeps up"
    )
    said = page_cost.line(found, Step(0.008, 4, 0, SCALED, "quick-3"), None)
    assert "estimated from the speed of run quick-3" in said and "would **not** keep up: training.workers=2" in said
    assert "guessed within a factor of three" in page_cost.line(found, Step(0.1, 1, 2, ROUGH, ""), None)


def test_the_page_measures_once_a_recipe_and_tells_the_parts_when_asked(tmp_path, monkeypatch):
    for name in ("DATASETS", "DEMO", "CHECKPOINTS", "CACHE"):
        monkeypatch.setenv(f"SEGLIB_{name}", str(tmp_path / name.lower()))
    monkeypatch.setenv("SEGLIB_DATASETS", str(tmp_path / "datasets.json"))
    registry.add(make_disc_data(tmp_path / "discs"))
    measured, measure = [], cost.measure
    monkeypatch.setattr(cost, "measure", lambda *args: measured.append(args) or measure(*args))
    at = AppTest.from_file(str(SHELL), default_timeout=60)
    at.query_params["data"] = "discs"
    at = at.run().switch_page("../pages/augment.py").run().run()
    (line,) = [c.value for c in at.caption if "a sample** (crop" in c.value]
    assert not at.exception and "guessed within a factor of three" in line and "crop of 256 px" in line
    assert len(measured) == 1
    at.selectbox(key="recipe_pick").select("strong").run()
    assert len(measured) == 2 and not at.dataframe
    at.button(key="cost_parts").click().run()
    table = at.dataframe[0].value
    assert {"Elastic", "Rotation", "Noise", "Cutting the crop"} <= set(table["Part"]) and (
        table["ms a sample"] >= 0
    ).all()
    assert np.isfinite(table["ms a sample"]).all() and len(measured) == 3
    at.run()
    assert len(measured) == 3
