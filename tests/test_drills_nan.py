"""Drills of numbers that are none: in input, loss, gradient and score, each told apart; each shown able to fail."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from tiny_run import make_data, tiny_config

from seglib.runs import launcher, worker
from seglib.runs.store import Run
from seglib.training import loop, validation
from seglib.training.draws import Draws
from seglib.training.integrity import BEST, LAST, sha256
from seglib.training.trainer import Trainer

FROM_STEP = 4  # a validation at step 3 leaves a checkpoint, then it comes


class Poison(torch.autograd.Function):
    """The same number, with a gradient that is none."""

    @staticmethod
    def forward(ctx, x):
        return x.clone()

    @staticmethod
    def backward(ctx, gradient):
        return gradient * float("nan")


def poison_input(monkeypatch):
    draw = Draws.__getitem__

    def drawn(self, number):
        found = draw(self, number)
        if number >= (FROM_STEP - 1) * 4:
            found.x[3, 5] = np.nan
        return found

    monkeypatch.setattr(Draws, "__getitem__", drawn)


def poison_loss(monkeypatch, how=lambda loss: loss * float("nan")):
    loss = Trainer._loss
    monkeypatch.setattr(
        Trainer,
        "_loss",
        lambda self, batch: how(loss(self, batch)) if self.steps_done >= FROM_STEP - 1 else loss(self, batch),
    )


def poison_gradient(monkeypatch):
    poison_loss(monkeypatch, Poison.apply)


def poison_score(monkeypatch):
    ratios, calls = validation.ratios, []

    def scored(scores):
        calls.append(1)
        return ratios(scores) | ({"pooled_iou": float("nan")} if len(calls) > 2 else {})

    monkeypatch.setattr(validation, "ratios", scored)


DRILLS = {
    "input": (poison_input, ("step 4: the input image images/", "has a NaN")),
    "loss": (poison_loss, ("the loss of step 4 is not finite",)),
    "gradient": (poison_gradient, ("the gradient of step 4 is not finite",)),
    "score": (poison_score, ("the IoU of the validation at step 6 is not finite",)),
}


def trained(tmp_path, poison, monkeypatch) -> tuple[Run, dict[str, str]]:
    """The run, and the hashes of its checkpoints at step 3."""
    config = tiny_config(make_data(tmp_path / "data"), training__steps=9, training__validate_every=3)
    run, before = launcher.create(config, "poisoned", tmp_path / "checkpoints"), {}
    poison(monkeypatch)

    def remember(event):
        if event.kind == "checkpoint" and event.step == 3:
            before[event.file] = sha256(run.folder / event.file)

    worker.run_training(run.folder, remember)
    assert before.keys() == {BEST, LAST}
    return run, before


def check(run: Run, before: dict[str, str], words: tuple[str, ...]) -> None:
    state = run.state()
    assert state.name == "failed"
    assert all(word in state.reason for word in words), state.reason
    assert "\n" not in state.reason
    assert {name: sha256(run.folder / name) for name in before} == before
    assert run.progress().best_step == 3
    told = [e for e in run.events()[0] if e["kind"] == "step"]
    assert len(told) == (5 if "validation" in words[0] else FROM_STEP - 1) + ("validation" in words[0])


@pytest.mark.parametrize("where", DRILLS)
def test_a_nan_ends_the_run_with_its_reason(tmp_path, monkeypatch, where):
    poison, words = DRILLS[where]
    run, before = trained(tmp_path, poison, monkeypatch)
    check(run, before, words)


@pytest.mark.slow
@pytest.mark.parametrize("where", DRILLS)
def test_the_drill_of_nan_can_fail(tmp_path, monkeypatch, where):
    poison, words = DRILLS[where]
    if where == "score":
        monkeypatch.setattr(loop, "math", SimpleNamespace(isfinite=lambda x: True))
    else:
        monkeypatch.setattr(Trainer, "_check_input" if where == "input" else "_check_finite", lambda *arguments: None)
    run, before = trained(tmp_path, poison, monkeypatch)
    with pytest.raises(AssertionError):
        check(run, before, words)


def test_no_weight_is_touched(tmp_path, monkeypatch):
    """Not even what a batch norm remembers, where the input is the culprit."""
    from seglib.training.device import choose_device
    from seglib.training.failed import TrainingFailed
    from seglib.training.loader import batches

    config = tiny_config(make_data(tmp_path / "data"), model__norm="batch")
    trainer, stream = (
        Trainer(config, choose_device("cpu")),
        batches(Draws(loop.open_training_data(config), config), 4, 0),
    )
    before = {name: value.clone() for name, value in trainer.model.state_dict().items()}
    batch = next(stream)
    stream.close()
    batch.x[1, 0, 2, 2] = float("inf")
    with pytest.raises(TrainingFailed, match=batch.names[1]):
        trainer.step(batch, 4)
    assert all(torch.equal(value, before[name]) for name, value in trainer.model.state_dict().items())
    assert trainer.steps_done == 0
