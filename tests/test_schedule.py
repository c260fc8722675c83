"""Schedules: learning rates by hand, and plans that fill their time."""

import math

import pytest

from seglib.training.config import OptimizerConfig, resolve
from seglib.training.schedule import counted_steps, learning_rate, timed_plan


def rates(schedule, total=100):
    config = OptimizerConfig(lr=0.5, schedule=schedule)
    return [learning_rate(config, step, total) for step in range(total + 1)]


def test_constant():
    assert set(rates("constant")) == {0.5}


def test_cosine_halves_in_the_middle():
    found = rates("cosine")
    assert found[0] == 0.5
    assert math.isclose(found[50], 0.5 * (1 + 1e-3) / 2)
    assert math.isclose(found[100], 0.5e-3)
    assert found == sorted(found, reverse=True)


def test_one_cycle_rises_for_a_fifth_and_falls():
    found = rates("one_cycle")
    assert math.isclose(found[0], 0.5 / 25)
    assert found.index(max(found)) == 20
    assert math.isclose(found[20], 0.5)
    assert math.isclose(found[100], 0.5e-3)


@pytest.mark.parametrize(
    ("settings", "draws", "expected"),
    [
        ({"training.epochs": 3, "training.batch_size": 4}, 10, 8),
        ({"training.steps": 5, "training.epochs": 3, "training.batch_size": 4}, 10, 5),
        ({"training.minutes": 1.0}, 10, None),
    ],
)
def test_counted_steps(settings, draws, expected):
    assert counted_steps(resolve("quick", settings=settings), draws) == expected


def test_a_timed_plan_fills_the_time_left():
    config = resolve("quick", settings={"training.minutes": 5.0})
    plan = timed_plan(config, 25, 290.0, 0.25, 2.0, 4.0, None)
    validations = (plan.steps - 25) / plan.validate_every
    assert 270 < (plan.steps - 25) * 0.25 + validations * 2.0 + 4.0 <= 291


def test_a_timed_plan_keeps_to_a_limit_and_to_what_was_asked():
    config = resolve("quick", settings={"training.minutes": 5.0, "training.validate_every": 10})
    assert timed_plan(config, 25, 290.0, 0.25, 2.5, 0.0, 40).steps == 40
    plan = timed_plan(config, 25, 100.0, 0.25, 2.5, 0.0, None)
    assert (plan.steps, plan.validate_every) == (25 + 200, 10)


def test_no_time_left_still_is_a_plan():
    assert timed_plan(resolve("quick"), 25, -3.0, 0.25, 2.0, 4.0, None).steps == 25
