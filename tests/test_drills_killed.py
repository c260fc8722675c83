"""Drills of death: trainings and saves that are killed, really, by SIGKILL; each shown able to fail."""

import json
import os
import subprocess
import sys

import pytest
from conftest import REPOSITORY

from seglib.training.config import resolve, to_json

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL and fork")


def program(name: str, *arguments: object):
    """What tests/<name>.py prints."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(REPOSITORY)}
    command = [sys.executable, str(REPOSITORY / "tests" / f"{name}.py"), *map(str, arguments)]
    done = subprocess.run(command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)


# -- a save, killed at each of its system calls: steps 1 and 2 are saved, the save of step 3 dies


def check_saves(found: list) -> None:
    assert found[0] == 2  # killed at the first call
    assert found[-1] == 3  # not killed any more
    assert set(found) == {2, 3}  # never the one before those, never none


def test_a_save_killed_at_every_third_call_leaves_a_checkpoint():
    for found in program("killed_saves", "last,best", 3).values():
        check_saves(found)


@pytest.mark.slow
def test_a_save_killed_at_every_call_leaves_a_checkpoint():
    for found in program("killed_saves", "last,best", 1).values():
        assert len(found) > 25
        check_saves(found)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "broken"),
    [("last", "in place"), ("last", "none before kept"), ("best", "note knows only the new")],
)
def test_the_drill_of_saves_can_fail(kind, broken):
    with pytest.raises(AssertionError):
        check_saves(program("killed_saves", kind, 1, broken)[kind])


# -- a training, killed again and again


def killed(discs, tmp_path, kills: int, broken: str = "", **settings) -> dict:
    """Dropout and running average on, so that the random state and both sets of weights matter."""
    small = {"data.path": str(discs), "data.crop_px": 32, "model.depth": 1, "model.channels": 2, "model.dropout": 0.2}
    small |= {"training.steps": 12 + 8 * kills, "training.validate_every": 4, "training.device": "cpu"}
    small |= {"training.ema": 0.9, "optimizer.schedule": "one_cycle"}
    file = tmp_path / "config.json"
    file.write_text(to_json(resolve("quick", settings=small | settings)), encoding="utf-8")
    return program("killed_runs", file, tmp_path / "runs", kills, 0, *([broken] if broken else []))


def check_runs(result: dict, kills: int) -> None:
    assert result["kills"] == kills
    assert result["killed"] == result["whole"]


def test_killed_twice_a_run_ends_in_the_same_weights(discs, tmp_path):
    check_runs(killed(discs, tmp_path, 2), 2)


@pytest.mark.slow
@pytest.mark.parametrize("settings", [{}, {"training.workers": 2}], ids=["thread", "workers"])
def test_killed_eight_times_a_run_ends_in_the_same_weights(discs, tmp_path, settings):
    check_runs(killed(discs, tmp_path, 8, **settings), 8)


@pytest.mark.slow
@pytest.mark.parametrize("broken", ["random state", "optimizer"])
def test_the_drill_of_runs_can_fail(discs, tmp_path, broken):
    result = killed(discs, tmp_path, 1, broken)
    with pytest.raises(AssertionError):
        check_runs(result, 1)
