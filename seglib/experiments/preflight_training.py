"""Pre-flight, the rehearsal: the trainer's own steps on the first batches, then one batch learned by heart."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import asdict, replace

from seglib.augment.recipe import Recipe
from seglib.data.dataset import Dataset
from seglib.experiments import cost
from seglib.experiments import preflight_verdicts as verdicts
from seglib.experiments.preflight_machine import (
    Memory,
    Meter,
    Others,
    fixed_bytes,
    free_memory,
    held,
    place,
    sample_bytes,
)
from seglib.experiments.preflight_overfit import STEPS, answers, chance, constant_loss, loss_of, overfit
from seglib.experiments.preflight_report import Report
from seglib.experiments.preflight_steps import Watch, seldom, timed, validation_s, waiting, without_gradient
from seglib.experiments.preflight_verdicts import Start
from seglib.predict.predictor import Predictor
from seglib.runs.estimate import HERE, Work, planned
from seglib.training import schedule
from seglib.training.config import Config
from seglib.training.device import Device
from seglib.training.draws import Drawn, Draws
from seglib.training.loader import Batch, batches, collate
from seglib.training.trainer import Trainer

OVERFIT_S = 60.0  # with slower steps fewer samples are learned
UNCERTAIN = 0.5  # share of what is free from which on a guess is tried with one sample first
SIZED = 12  # pictures whose mean size stands for all


class Rehearsal:
    """What a training will be like, told to `report`."""

    def __init__(self, config: Config, dataset: Dataset, draws: Draws, report: Report):
        self.config, self.dataset, self.draws, self.report = config, dataset, draws, report
        self.look = seldom(report.look)

    def steps(self, trainer: Trainer, drawn: list[Drawn]) -> tuple[Device, Start, float] | None:
        """Loss at the start, then gradients, memory and time of real steps. None where no step fits into memory."""
        config, device = self.config, trainer.device
        first = collate(drawn[: config.training.batch_size])
        free, before = free_memory(device), held(device)
        n_parameters = sum(p.numel() for p in trainer.model.parameters())
        fixed = fixed_bytes(config, n_parameters)
        needed = self._guess(device, first, free, before + fixed)
        if needed > free:
            self.report.add(verdicts.too_large(needed, free, place(device), config))
            return None
        Watch(self.look).on(trainer)
        self.report.told(0.32, "looking at the untrained network")
        start = start_of(trainer, first)
        self.report.add(verdicts.loss_at_start(start, config.loss.name))
        with Meter(device) as meter, Others() as others:
            step_s = self._timed(trainer)
            self.report.add(verdicts.gradients(without_gradient(trainer.model), n_parameters))
            self.report.told(0.57, "predicting pictures of the validation")
            predictor = Predictor(trainer.validated_model, config, device)
            validated = self.dataset.indices("val") or self.draws.indices
            image_s = validation_s(predictor, self.dataset, validated, self.look)
        self.report.add(verdicts.memory(Memory(free, meter.peak, before, place(device)), config, fixed))
        self._time(step_s, image_s, others.cores)
        return device, start, step_s

    def _timed(self, trainer: Trainer) -> float:
        training = self.config.training
        stream = batches(self.draws, training.batch_size, 0, training.workers)
        ready = waiting(stream, self.look) if training.workers else stream
        limit = schedule.counted_steps(self.config, len(self.draws))
        try:
            return timed(
                trainer, ready, limit, lambda k: self.report.told(0.35 + 0.02 * min(k, 10), f"real step {k + 1}")
            )
        finally:
            ready.close()

    def _guess(self, device: Device, batch: Batch, free: int, already: int) -> int:
        """Bytes that steps will hold at most, 0 where that is no question; guessed from the plan, and where that is
        much from one sample's step."""
        n, each = len(batch.names), sample_bytes(self.config)
        if already + each > free:
            return already + n * each
        if already + n * each < UNCERTAIN * free:
            return 0
        trainer = Trainer(self.config, device)
        Watch(self.look).on(trainer)
        self.report.told(0.31, "trying one sample")
        before = held(device)
        with Meter(device) as meter:
            trainer.step(part(batch, 1), None)
        fixed = fixed_bytes(self.config, sum(p.numel() for p in trainer.model.parameters()))
        return already + n * max(0, meter.peak - before - fixed)

    def _time(self, step_s: float, image_s: float, others: float) -> None:
        config, training, draws = self.config, self.config.training, self.draws
        sample_ms = cost.measure(draws.samples[draws.indices[0]], config.recipe, config.data.crop_px).ms
        step = cost.Step(step_s, training.batch_size, training.workers, HERE, "")
        self.report.add(verdicts.speed(step, sample_ms, others))
        n_val, n_train = len(self.dataset.indices("val")), len(draws.indices)
        pixels = [draws.samples[i].labels.size for i in draws.indices[:: max(1, n_train // SIZED)]]
        work = Work(len(draws), n_val + min(n_val or n_train, n_train), sum(pixels) / len(pixels))
        all_s = image_s * work.validated
        self.report.measured = dict(step_s=step_s, validation_s=all_s, sample_ms=sample_ms, **asdict(work))
        self.report.add(verdicts.duration(planned(config, work, step_s, all_s), config, all_s, others))

    def learn(self, device: Device, start: Start, step_s: float) -> None:
        """One batch learned by heart, without augmentation."""
        config = replace(self.config, recipe=Recipe())
        plainly = copy.copy(self.draws)  # the same pictures, read already
        plainly.config = config
        batch_size = config.training.batch_size
        n = max(1, min(batch_size, int(batch_size * OVERFIT_S / (STEPS * step_s))))
        batch = collate(with_cells(plainly, n, self.report.look))

        def told(k: int) -> None:
            self.report.told(0.6 + 0.4 * k / STEPS, f"learning one batch by heart: step {k + 1} of {STEPS}")

        found = overfit(config, device, batch, told, Watch(self.look).on)
        self.report.overfit = asdict(found)
        self.report.add(verdicts.overfits(found, config), verdicts.output(start, found))


def part(batch: Batch, n: int) -> Batch:
    """The first n samples."""
    weights = None if batch.weights is None else batch.weights[:n]
    return Batch(batch.names[:n], batch.x[:n], batch.target[:n], batch.valid[:n], weights)


def with_cells(draws: Draws, n: int, look: Callable[[], None]) -> list[Drawn]:
    """The first n draws that hold a cell; where there are too few, the first ones without fill up."""
    found, empty = [], []
    for k in range(4 * n):
        look()
        drawn = draws[k]
        (found if (drawn.target & drawn.valid).any() else empty).append(drawn)
        if len(found) == n:
            break
    return (found + empty)[:n]


def start_of(trainer: Trainer, batch: Batch) -> Start:
    """The network as it is on this batch, and what constant answers would give."""
    logits = answers(trainer, batch)
    seen = logits[batch.valid > 0]
    return Start(
        loss=loss_of(trainer, logits, batch),
        half=constant_loss(trainer, batch, 0.5),
        best=chance(trainer, batch),
        worst=max(constant_loss(trainer, batch, p) for p in verdicts.UNDECIDED),
        mean=float(seen.mean()) if seen.numel() else 0.0,
        spread=float(seen.std()) if seen.numel() > 1 else 0.0,
    )
