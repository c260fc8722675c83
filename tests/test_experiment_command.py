"""The command line of an experiment: read again it asks the very same."""

from __future__ import annotations

import shlex

import pytest

from seglib.cli import experiment as cli
from seglib.cli.parser import build_parser
from seglib.experiments import ready_made
from seglib.experiments.design import ONE_AT_A_TIME, OPTUNA, Design
from seglib.experiments.experiment_command import experiment_command, typed
from seglib.experiments.factor import Factor
from seglib.settings import plain
from seglib.training.config import resolve


def read_again(design: Design, preset: str = "quick") -> Design:
    words = shlex.split(experiment_command(design, preset, "asked"))
    return cli._design(build_parser().parse_args(words[3:]))


def same(a: Design, b: Design) -> bool:
    keys = ("question", "base", "factors", "seeds", "sampler", "n_trials", "target_iou")
    return all(getattr(a, key) == getattr(b, key) for key in keys)


@pytest.mark.parametrize("question", ready_made.READY)
@pytest.mark.parametrize("preset", ["quick", "exercise"])
def test_a_ready_made_question(question, preset):
    design = ready_made.design(question, resolve(preset, settings={"data.path": "d"}), (0, 1, 7))
    assert same(read_again(design, preset), design)
    assert f"--ready {question}" in experiment_command(design, preset, "asked")


@pytest.mark.parametrize(
    "factors",
    [
        (Factor("loss.name", ("bce", "dice")), Factor("model.residual", (False, True))),
        (Factor("model.depth", (3, 4)), Factor("optimizer.lr", (1e-4, 0.003))),
        (Factor("recipe", ("none", "light")), Factor("optimizer.clip_norm", (None, 1.0))),
        (Factor("recipe", ({"flip": {"probability": 0.5}}, {})),),
    ],
)
def test_ones_own_factors(factors):
    base = plain(resolve(settings={"data.path": "d", "model.channels": 4, "training.minutes": 2.5}))
    design = Design("Is it so?", "Is it so?", base, factors, (0,), ONE_AT_A_TIME, target_iou=0.95)
    assert same(read_again(design), design)


def test_a_search_with_ranges():
    rate = Factor("optimizer.lr", low=1e-4, high=1e-2, log=True)
    base = plain(resolve(settings={"data.path": "d"}))
    design = Design("s", "", base, (rate, Factor("model.depth", low=2, high=5)), (0,), OPTUNA, 30)
    assert same(read_again(design), design)


def test_a_level_left_out_is_no_ready_made_question_any_more():
    design = ready_made.design("which_loss", resolve(settings={"data.path": "d"}))
    fewer = Design(design.name, design.question, design.base, (Factor("loss.name", ("bce", "dice")),), (0, 1))
    assert "--ready" not in experiment_command(fewer, "quick", "x") and same(read_again(fewer), fewer)


def test_numbers_are_typed_as_they_are_read():
    assert typed(Factor("model.depth", (3, 4))) == "model.depth=3,4"
    assert typed(Factor("loss.name", ("bce", "dice"))) == "loss.name=bce,dice"
