"""The training loop: a config -> a stream of typed events; checkpoints and scores go into the run folder.

The library is silent: whoever iterates over `train` shows the events. Every state the loop needs after a resume is in
the checkpoint; draws and learning rate are functions of the step, so a resumed run ends in the same weights.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import torch

from seglib.data.cache import SampleCache
from seglib.data.dataset import Dataset, open_dataset
from seglib.exceptions import InputError
from seglib.predict.predictor import Predictor
from seglib.settings import plain
from seglib.training import schedule
from seglib.training.checkpoint import load_last, load_weights, save_last, save_weights
from seglib.training.config import Config
from seglib.training.device import choose_device, keep_memory
from seglib.training.draws import Draws
from seglib.training.events import Epoch, Event, Finished, Note, Planned, Saved, Started, Step, Summary, Validation
from seglib.training.integrity import BEST, LAST
from seglib.training.loader import batches
from seglib.training.memory import MemoryWatch
from seglib.training.schedule import Plan
from seglib.training.trainer import Trainer, TrainingFailed
from seglib.training.validation import Validator

__all__ = ["TrainingFailed", "open_training_data", "train"]


@dataclass
class Clock:
    """Seconds of training and validation, over all processes of a run; start-up is not counted."""

    before_s: float = 0.0
    started: float = field(default_factory=time.perf_counter)

    @property
    def elapsed_s(self) -> float:
        return self.before_s + time.perf_counter() - self.started


@dataclass
class Progress:
    """What the loop knows besides the trainer's state; stored in every checkpoint."""

    plan: Plan | None = None
    best_iou: float | None = None
    best_step: int | None = None
    worse_in_a_row: int = 0


def open_training_data(config: Config) -> Dataset:
    """The data set of a config, with its grouping, split and fold."""
    data = config.data
    if not data.path:
        raise InputError("data.path is empty: name the folder of the data set (--data DIR).")
    return open_dataset(data.path, grouping=data.grouping, split=data.split, fold=data.fold)


def train(
    config: Config, folder: Path, resume: bool = False, should_stop: Callable[[], bool] = lambda: False
) -> Iterator[Event]:
    """Train as `config` says, writing checkpoints and validation scores into `folder`; yields events.

    `should_stop` is asked after every step: the step is finished, the state saved, the iteration ends.
    Raises InputError for a data set or setting that cannot be used, TrainingFailed when the loss is not finite.
    """
    loop = _Loop(config, Path(folder), should_stop)
    if resume:
        yield from loop.restore()
    yield loop.started()
    yield from loop.run()


class _Loop:
    def __init__(self, config: Config, folder: Path, should_stop: Callable[[], bool]):
        self.config, self.folder, self.should_stop = config, folder, should_stop
        keep_memory()
        self.dataset = open_training_data(config)
        self.draws = Draws(self.dataset, config)
        self.device = choose_device(config.training.device, config.training.precision)
        self.trainer = Trainer(config, self.device)
        self.predictor = Predictor(self.trainer.validated_model, config, self.device)
        self.validator = Validator(self.dataset, SampleCache(self.dataset), config.training.seed, self.folder)
        self.limit = schedule.counted_steps(config, len(self.draws))
        self.progress = Progress()
        if config.training.minutes is None:
            self.progress.plan = schedule.counted_plan(config, self.limit)
        self.clock = Clock()
        self.memory = MemoryWatch(self.device.name)
        self.validated_step = -1
        self.epoch_losses: list[float] = []

    @property
    def step(self) -> int:
        return self.trainer.steps_done

    @property
    def epoch(self) -> float:
        return round(self.step * self.config.training.batch_size / len(self.draws), 4)

    def restore(self) -> Iterator[Event]:
        state, note = load_last(self.folder)
        if note:
            yield Note(note)
        self.trainer.restore(state)
        if self.config.training.minutes is not None and state["plan"]:
            self.progress.plan = self._extended(Plan(*state["plan"]), state["minutes"])
        self.progress.best_iou, self.progress.best_step = state["best_iou"], state["best_step"]
        self.progress.worse_in_a_row = state["worse_in_a_row"]
        self.clock = Clock(before_s=state["elapsed_s"])

    def _extended(self, plan: Plan, minutes: float) -> Plan:
        """The stored plan; with more minutes than it was made for, as many more steps."""
        steps = round(plan.steps * self.config.training.minutes / minutes)
        return Plan(min(steps, self.limit or steps), plan.validate_every)

    def started(self) -> Started:
        plan = self.progress.plan
        return Started(
            step=self.step,
            planned_steps=plan.steps if plan else None,
            n_train=len(self.draws.indices),
            n_val=len(self.validator.val),
            steps_per_epoch=len(self.draws) / self.config.training.batch_size,
            n_parameters=sum(p.numel() for p in self.trainer.model.parameters()),
            device=self.device.name,
            precision=self.device.precision,
            threads=torch.get_num_threads(),
        )

    def run(self) -> Iterator[Event]:
        training = self.config.training
        stream = batches(self.draws, training.batch_size, self.step, training.workers)
        self.clock.started = time.perf_counter()
        reason = self._reason_to_end()
        times: list[float] = []
        try:
            while not reason:
                begun = time.perf_counter()
                result = self.trainer.step(next(stream), self.progress.plan.steps if self.progress.plan else None)
                times.append(time.perf_counter() - begun)
                yield self._stepped(result, times[-1])
                if self.memory.due():
                    yield self.memory.look(self.step)
                yield from self._epoch_end(result["loss"])
                if self.progress.plan is None and len(times) >= schedule.TIMED_TO:
                    yield from self._make_plan(times)
                reason = self._reason_to_end()
                if self._validation_is_due() and reason != "stopped":
                    yield from self._validate()
                    reason = self._reason_to_end()
        finally:
            stream.close()
        yield from self._finish(reason)

    def _stepped(self, result: dict[str, float], seconds: float) -> Step:
        rate = self.config.training.batch_size / seconds
        return Step(self.step, self.epoch, round(self.clock.elapsed_s, 3), samples_per_s=round(rate, 2), **result)

    def _epoch_end(self, loss: float) -> Iterator[Epoch]:
        """At the step that takes the last draw of an epoch."""
        self.epoch_losses.append(loss)
        batch_size, length = self.config.training.batch_size, len(self.draws)
        epoch = self.step * batch_size // length
        if epoch > (self.step - 1) * batch_size // length:
            mean = sum(self.epoch_losses) / len(self.epoch_losses)
            self.epoch_losses = []
            yield Epoch(self.step, epoch, round(self.clock.elapsed_s, 3), mean)

    def _make_plan(self, times: list[float]) -> Iterator[Event]:
        """Fix the number of steps from the time of steps 5 to 25 and of one validation."""
        seconds = sum(times[schedule.TIMED_FROM :]) / len(times[schedule.TIMED_FROM :])
        begun = time.perf_counter()
        yield from self._validate()
        validation_s = time.perf_counter() - begun
        share = len(self.validator.train) / max(len(self.validator.val) + len(self.validator.train_sample), 1)
        left = self.config.training.minutes * 60 - self.clock.elapsed_s
        plan = schedule.timed_plan(
            self.config, self.step, left, seconds, validation_s, share * validation_s, self.limit
        )
        self.progress.plan = plan
        yield Planned(plan.steps, plan.validate_every, round(seconds, 4))

    def _reason_to_end(self) -> str:
        training, plan = self.config.training, self.progress.plan
        if self.should_stop():
            return "stopped"
        if plan and self.step >= plan.steps:
            return "steps"
        if training.minutes is not None and self.clock.elapsed_s >= training.minutes * 60:
            return "deadline"
        if training.patience is not None and self.progress.worse_in_a_row >= training.patience:
            return "patience"
        return ""

    def _validation_is_due(self) -> bool:
        plan = self.progress.plan
        return plan is not None and self.step % plan.validate_every == 0 and self.validated_step != self.step

    def _validate(self) -> Iterator[Event]:
        """Score, keep the best, save. Without a val set the last state is the best."""
        val, train = self.validator.validate(self.predictor, self.step)
        iou = val.pooled_iou if val else None
        better = val is None or self.progress.best_step is None or (iou or 0.0) > (self.progress.best_iou or 0.0)
        if better:
            self.progress.best_iou, self.progress.best_step, self.progress.worse_in_a_row = iou, self.step, 0
        else:
            self.progress.worse_in_a_row += 1
        self.validated_step = self.step
        yield Validation(self.step, self.epoch, round(self.clock.elapsed_s, 3), better, val, train)
        if better:
            yield self._save_best()
        yield self._save_last()

    def _save_best(self) -> Saved:
        self.validator.keep_as_best()
        about = dict(step=self.step, model=plain(self.config.model), normalisation=self.config.data.normalisation)
        save_weights(self.folder / BEST, self.trainer.validated_model.state_dict(), about)
        return Saved(self.step, BEST)

    def _save_last(self) -> Saved:
        plan, progress = self.progress.plan, self.progress
        more = dict(
            plan=[plan.steps, plan.validate_every] if plan else None,
            best_iou=progress.best_iou,
            best_step=progress.best_step,
            worse_in_a_row=progress.worse_in_a_row,
            elapsed_s=self.clock.elapsed_s,
            minutes=self.config.training.minutes,
        )
        save_last(self.folder, {**self.trainer.state(), **more})
        return Saved(self.step, LAST)

    def _finish(self, reason: str) -> Iterator[Event]:
        """Save; validate the last state, unless a person waits for the stop and there is a best already."""
        if self.validated_step != self.step:
            yield self._save_last()
        stopped = reason == "stopped"
        if self.validated_step != self.step and not (stopped and self.progress.best_step is not None):
            yield from self._validate()
        train = None if stopped else self._score_best_on_train()
        yield Finished(self.step, reason, round(self.clock.elapsed_s, 3), self.progress.best_step, train)

    def _score_best_on_train(self) -> Summary:
        self.trainer.validated_model.load_state_dict(load_weights(self.folder / BEST)[0])
        return self.validator.all_train(self.predictor)
