"""The training loop: a config -> a stream of typed events; checkpoints and scores go into the run folder.

The library is silent: whoever iterates over `train` shows the events. Every state the loop needs after a resume is in
the checkpoint; draws and learning rate are functions of the step, so a resumed run ends in the same weights.
"""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import torch

from seglib.data.cache import SampleCache
from seglib.data.dataset import Dataset, open_dataset
from seglib.exceptions import InputError
from seglib.predict.predictor import Predictor
from seglib.training import schedule
from seglib.training.checkpoint import load_weights
from seglib.training.clock import Clock
from seglib.training.config import Config
from seglib.training.device import choose_device, keep_memory
from seglib.training.draws import Draws
from seglib.training.events import Epoch, Event, Finished, Planned, Started, Step, Summary, Validation
from seglib.training.failed import DiskFull, TrainingFailed
from seglib.training.integrity import BEST
from seglib.training.loader import batches
from seglib.training.memory import MemoryWatch
from seglib.training.pause import Noted, Pause
from seglib.training.saving import Progress, Saving
from seglib.training.trainer import Trainer
from seglib.training.validation import CutShort, Validator

__all__ = ["TrainingFailed", "open_training_data", "train"]

LAST_LOOK_S = 10.0  # that a run stopped before its first validation is given to have one


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

    `should_stop` is asked after every step and between the pictures of a validation: the step is finished, the state
    saved, the iteration ends. While the disk is full the iteration waits; a Paused event says so.
    Raises InputError for a data set or setting that cannot be used, TrainingFailed where it cannot go on: a loss,
    gradient, input or score that is not finite, a disk that stays full or does not keep what is written.
    """
    loop = _Loop(config, Path(folder), should_stop)
    if resume:
        yield from loop.saving.restore(loop.progress, loop.limit)
    yield from loop.saving.wait_for_room()
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
        self.limit = schedule.counted_steps(config, len(self.draws))
        self.progress = Progress()
        if config.training.minutes is None:
            self.progress.plan = schedule.counted_plan(config, self.limit)
        self.clock = Clock()
        self.pause = Pause(self.folder, self.clock, should_stop)
        self.saving = Saving(config, self.folder, self.trainer, self.clock, self.pause)
        self.validator = Validator(
            self.dataset, SampleCache(self.dataset), config.training.seed, self.folder, self.pause
        )
        self.memory = MemoryWatch(self.device.name)
        self.epoch_losses: list[float] = []

    @property
    def step(self) -> int:
        return self.trainer.steps_done

    @property
    def epoch(self) -> float:
        return round(self.step * self.config.training.batch_size / len(self.draws), 4)

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
        self.clock.start()
        reason = self._reason_to_end()
        times: list[float] = []
        try:
            if self._validation_is_due() and not reason:  # a stop came before it
                yield from self._validate(self.should_stop)
                reason = self._reason_to_end()
            while not reason:
                begun = time.perf_counter()
                result = self.trainer.step(next(stream), self.progress.plan.steps if self.progress.plan else None)
                times.append(time.perf_counter() - begun)
                yield self._stepped(result, times[-1])
                yield from self._now_and_then()
                yield from self._epoch_end(result["loss"])
                if self.progress.plan is None and len(times) >= schedule.TIMED_TO:
                    yield from self._make_plan(times)
                reason = self._reason_to_end()
                if self._validation_is_due() and reason != "stopped":
                    yield from self._validate(self.should_stop)
                    reason = self._reason_to_end()
        finally:
            stream.close()
        yield from self._finish(reason)

    def _stepped(self, result: dict[str, float], seconds: float) -> Step:
        rate = self.config.training.batch_size / seconds
        return Step(self.step, self.epoch, round(self.clock.elapsed_s, 3), samples_per_s=round(rate, 2), **result)

    def _now_and_then(self) -> Iterator[Event]:
        """How much memory is used; and room on the disk for what is written between two checkpoints."""
        if self.memory.due():
            yield self.memory.look(self.step)
            yield from self.pause.writing(lambda: None)

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
        begun_s = self.clock.elapsed_s
        yield from self._validate(self.should_stop)
        if self.progress.validated_step != self.step:
            return
        validation_s = self.clock.elapsed_s - begun_s
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
        return bool(plan and self.step and self.step % plan.validate_every == 0 and not self._is_validated())

    def _is_validated(self) -> bool:
        return self.progress.validated_step == self.step

    def _validate(self, should_stop: Callable[[], bool]) -> Iterator[Event]:
        """Score, keep the best, save. Without a val set the last state is the best. Cut short, nothing has changed."""
        try:
            val, train = yield from self.validator.validate(self.predictor, self.step, should_stop)
        except CutShort:
            return
        better = self._judge(val)
        yield Validation(self.step, self.epoch, round(self.clock.elapsed_s, 3), better, val, train)
        if better:
            yield from self.validator.keep_as_best()
            yield from self.saving.save_best()
        yield from self.saving.save_last(self.progress)

    def _judge(self, val: Summary | None) -> bool:
        """Whether this validation is the best so far; `progress` knows afterwards."""
        iou, progress = val.pooled_iou if val else None, self.progress
        if iou is not None and not math.isfinite(iou):
            raise TrainingFailed(
                f"the IoU of the validation at step {self.step} is not finite ({iou}): it is no score; best and last "
                "checkpoint stay the ones before."
            )
        better = val is None or progress.best_step is None or (iou or 0.0) > (progress.best_iou or 0.0)
        if better:
            progress.best_iou, progress.best_step, progress.worse_in_a_row = iou, self.step, 0
        else:
            progress.worse_in_a_row += 1
        progress.validated_step = self.step
        return better

    def _finish(self, reason: str) -> Iterator[Event]:
        """Save; validate the last state, unless a person waits for the stop and there is a best already."""
        if not self._is_validated():
            yield from self.saving.save_last(self.progress)
        stopped = reason == "stopped"
        if not self._is_validated() and not (stopped and self.progress.best_step is not None):
            yield from self._last_look() if stopped else self._validate(self.should_stop)
        train = None
        if not stopped and self._is_validated():
            train = yield from self._score_best_on_train()
        if train is None:  # a stop came while the last figures were worked out; a resume does that again
            reason = "stopped"
        yield Finished(self.step, reason, round(self.clock.elapsed_s, 3), self.progress.best_step, train)

    def _last_look(self) -> Iterator[Event]:
        """A validation for a run that is stopped before its first: what is needed is saved, so it may fall away."""
        until = time.monotonic() + LAST_LOOK_S
        with contextlib.suppress(DiskFull):
            yield from self._validate(lambda: time.monotonic() > until)

    def _score_best_on_train(self) -> Noted[Summary | None]:
        self.trainer.validated_model.load_state_dict(load_weights(self.folder / BEST)[0])
        try:
            return (yield from self.validator.all_train(self.predictor, self.should_stop))
        except CutShort:
            return None
