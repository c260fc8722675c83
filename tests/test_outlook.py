"""What a design asks for, what is trained already, and how long the rest takes."""

from __future__ import annotations

from dataclasses import replace

import pytest
from conftest import make_disc_data
from made_up_runs import made_up_run

from seglib.data.dataset import open_dataset
from seglib.exceptions import InputError
from seglib.experiments import experiment as experiments
from seglib.experiments import ready_made, searched
from seglib.experiments.design import OPTUNA, Design
from seglib.experiments.factor import Factor
from seglib.experiments.outlook import outlook, seconds_left
from seglib.runs.files import write_json
from seglib.settings import plain
from seglib.training.config import resolve


@pytest.fixture
def base(tmp_path):
    make_disc_data(tmp_path / "discs")
    return resolve(settings={"data.path": str(tmp_path / "discs"), "training.minutes": 3.0})


@pytest.fixture
def make(tmp_path):
    return lambda name, **more: made_up_run(tmp_path / "runs", name, tmp_path / "discs", training__minutes=3.0, **more)


def test_a_run_of_the_very_config_and_pictures_is_not_trained_again(base, make, tmp_path):
    prints = open_dataset(tmp_path / "discs").fingerprint()
    make("had", loss__name="dice", training__seed=1, fingerprint=prints)
    make("other-pictures", loss__name="bce", training__seed=0)
    make("cut", loss__name="bce", training__seed=1, fingerprint=prints, state="failed", of_all=None)
    seen = outlook(ready_made.design("which_loss", base), [], tmp_path / "runs")
    assert [(p.told, p.seed, p.run_id) for p in seen.runs if p.run_id] == [("loss dice", 1, "had")]
    assert (seen.n, seen.n_trained, seen.minutes) == (6, 1, 15.0)


def test_a_search_is_counted_by_its_trials(base, tmp_path):
    design = Design("s", "", plain(base), (Factor("optimizer.lr", low=1e-4, high=1e-2),), (0,), OPTUNA, 20)
    seen = outlook(design, [], tmp_path / "runs")
    assert (seen.n, seen.minutes, seen.runs) == (20, 60.0, ())


def test_a_budget_of_steps_asks_for_a_measured_or_rough_speed(base, tmp_path):
    config = replace(base, training=replace(base.training, minutes=None, steps=100))
    seen = outlook(ready_made.design("residual", config), [], tmp_path / "runs")
    assert seen.minutes > 0 and "rough guess" in seen.explanation


def test_what_cannot_be_carried_out_is_refused(base, tmp_path):
    with pytest.raises(InputError, match="depth"):
        outlook(Design("d", "", plain(base), (Factor("model.depth", (3, 99)),)), [], tmp_path / "runs")


def test_time_left_by_pace_by_budget_and_side_by_side(base, make, tmp_path):
    made = experiments.create(ready_made.design("which_loss", base, (0,)), "losses", tmp_path / "runs")
    first, second, third = made.trials()
    assert seconds_left(made) == 0.0  # nothing works or waits
    make(first.run_id, loss__name="bce")
    for trial in (second, third):
        run = make(trial.run_id, state="queued", val=[], of_all=None)
        (run.folder / "events.jsonl").unlink()
    assert seconds_left(made) == 2 * 180.0
    assert seconds_left(made, at_once=2) == 180.0
    config = plain(base) | {"training": plain(base.training) | {"minutes": None, "steps": 30}}
    write_json(run.folder / "config.json", config)
    assert seconds_left(made) == 180.0 + 60.0  # as long as the one that is done


def test_the_best_so_far_of_a_search(base, make, tmp_path):
    design = Design("s", "", plain(base), (Factor("loss.name", ("bce", "dice")),), (0,), OPTUNA, 3)
    made = experiments.create(design, "s", tmp_path / "runs")
    assert searched.tried(made) == []
