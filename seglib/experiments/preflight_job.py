"""The job `preflight`: one real batch, the real network, real steps. Imported by the worker alone.

What trains is what is checked: Draws, collate, Trainer, Predictor and the losses are the trainer's own.
"""

from __future__ import annotations

import copy
import json
import logging
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch

from seglib.augment.recipe import Recipe
from seglib.data.dataset import Dataset
from seglib.exceptions import InputError
from seglib.experiments import cost
from seglib.experiments import preflight_rules as rules
from seglib.experiments import preflight_verdicts as verdicts
from seglib.experiments.preflight import ITEMS, RED, RESULT, SAMPLES, Item
from seglib.experiments.preflight_memory import Memory, Meter, fixed_bytes, free_memory, resident, sample_bytes
from seglib.experiments.preflight_overfit import STEPS, answers, chance, constant_loss, loss_of, overfit
from seglib.experiments.preflight_samples import write_samples
from seglib.experiments.preflight_steps import Watch, reach_px, seldom, timed, validation_s, waiting, without_gradient
from seglib.models import plan
from seglib.models.listing import BUILT_IN_NAMES, YOUR_MODELS
from seglib.predict.predictor import Predictor
from seglib.runs import failure
from seglib.runs.estimate import HERE, Work, planned
from seglib.runs.files import write_json
from seglib.runs.tasks import Cancelled, Progress, StopAsked
from seglib.settings import build
from seglib.training import schedule
from seglib.training.config import Config
from seglib.training.device import Device, choose_device, keep_memory
from seglib.training.draws import Drawn, Draws
from seglib.training.loader import Batch, batches, collate
from seglib.training.loop import open_training_data
from seglib.training.trainer import Trainer

logger = logging.getLogger(__name__)

LOOKED_AT = 16  # draws whose foreground and grey values are looked at, at least
LABELLED = 12  # pictures whose cells are measured
OVERFIT_S = 60.0  # with slower steps fewer samples are learned
UNCERTAIN = 0.5  # share of what is free from which on a guess is tried with one sample first


def preflight(inputs: dict[str, Any], result: Path, progress: Progress, should_stop: StopAsked) -> None:
    """inputs: as `seglib.experiments.preflight.inputs` makes them.

    result: items.jsonl and samples.json while it works, pictures of the samples, preflight.json at the end.
    """
    begun = time.perf_counter()
    check = _Check(result, progress, should_stop)
    with check.red("settings", "Settings", "Change that setting."):
        config = build(Config, inputs["config"])
        check.run(config)
    check.told(1.0, f"{len(check.items)} checks")
    check.write(round(time.perf_counter() - begun, 1))


@dataclass(frozen=True)
class _Watched(Dataset):
    """A data set that looks up before each picture it reads."""

    look: Callable[[], None] = lambda: None

    def sample(self, index: int):
        self.look()
        return super().sample(index)


class _Check:
    """The checks in their order; each leaves its items, and a broken one a red item in place of a traceback."""

    def __init__(self, result: Path, progress: Progress, should_stop: StopAsked):
        self.result, self._progress, self._should_stop = result, progress, should_stop
        self.items: list[Item] = []
        self.more: dict[str, Any] = {"overfit": {}, "samples": [], "measured": {}}
        self.ended = False

    def run(self, config: Config) -> None:
        keep_memory()
        self.config = config
        self.add(rules.learning_rate(config.optimizer))
        self.add(rules.depth(config))
        trainer = draws = None
        with self.red("model", "Network", "Mend the class, or choose another network."):
            trainer = self.network()
        with self.red("data", "Data set", "Look at the Data page, then check again."):
            draws = self.data()
            drawn = self.batch(draws)
            if trainer is not None:
                self.cells(draws, trainer)
        if trainer is None or self.ended or draws is None:
            return
        with self.red("step", "A training step", "Mend what it says, then check again."):
            step_s = self.steps(trainer, draws, drawn)
            if step_s is not None:
                start, device = self.start, trainer.device
                del trainer
                self.learn(draws, device, start, step_s)

    # -- what is told

    def add(self, *items: Item | None) -> None:
        for item in filter(None, items):
            self.items.append(item)
            with (self.result / ITEMS).open("a", encoding="utf-8") as file:
                file.write(json.dumps(asdict(item)) + "\n")

    def told(self, fraction: float, text: str) -> None:
        self.look()
        self._progress(fraction, text)

    def look(self) -> None:
        if self._should_stop():
            raise Cancelled

    def write(self, took_s: float) -> None:
        write_json(self.result / RESULT, {"items": [asdict(i) for i in self.items], **self.more, "took_s": took_s})

    @contextmanager
    def red(self, code: str, title: str, remedy: str) -> Iterator[None]:
        """Whatever fails inside becomes a red item in the words for it, and the rest is not tried (`ended`)."""
        try:
            yield
        except Cancelled:
            raise
        except Exception as error:
            logger.debug("%s failed", code, exc_info=error)
            text = failure.told(error) + _line_of(error)
            memory = text.startswith("out of memory")
            title, code = ("Memory", "memory") if memory else (title, code)
            self.add(Item(code, RED, title, "does not fit" if memory else "does not work", text, remedy))
            self.ended = True

    # -- the checks

    def network(self) -> Trainer | None:
        config = self.config
        self.told(0.02, "building the network")
        device = choose_device(config.training.device, config.training.precision)
        free = free_memory(device.torch_device)
        needed = fixed_bytes(config, plan.n_parameters(config.model))
        if needed > free:
            self.add(verdicts.too_large(needed, free, _place(device), config))
            return None
        trainer = Trainer(config, device)
        n = sum(p.numel() for p in trainer.model.parameters())
        self.add(*verdicts.parameters(n, config.model.name, device.name, device.precision, torch.get_num_threads()))
        return trainer

    def data(self) -> Draws:
        self.told(0.05, "opening the data set")
        dataset = open_training_data(self.config)
        self.dataset = dataset
        self.add(rules.validation_set(dataset))
        n_train, n_read = len(dataset.indices("train")), 0

        def read() -> None:
            nonlocal n_read
            n_read += 1
            self.told(0.05 + 0.2 * min(1.0, n_read / n_train), f"reading picture {n_read} of {n_train}")

        watched = _Watched(dataset.path, dataset.records, dataset.has_csv, dataset.notes, dataset.independent, read)
        draws = Draws(watched, self.config)
        draws.samples.dataset = dataset  # loader processes are sent it, and cannot be sent who looks on
        return draws

    def batch(self, draws: Draws) -> list[Drawn]:
        drawn = []
        for k in range(max(self.config.training.batch_size, LOOKED_AT)):
            self.told(0.25, "drawing samples")
            drawn.append(draws[k])
        self.more["samples"] = write_samples(draws, drawn[: self.config.training.batch_size], self.result)
        write_json(self.result / SAMPLES, {"samples": self.more["samples"]})
        self.add(rules.foreground(drawn), rules.left_out(drawn))
        values = rules.input_values(drawn, self.config.data.normalisation)
        self.add(values)
        self.ended = self.ended or values.value == rules.NOT_FINITE
        return drawn

    def cells(self, draws: Draws, trainer: Trainer) -> None:
        self.told(0.3, "measuring cells")
        some = draws.indices[:: max(1, len(draws.indices) // LABELLED)][:LABELLED]
        sizes = rules.cell_sizes([draws.samples[i] for i in some])
        own = self.config.model.name not in BUILT_IN_NAMES
        crop_px = self.config.data.crop_px
        if own:
            seen = reach_px(trainer.model, crop_px, trainer.device.torch_device)
        else:
            seen = plan.receptive_field_px(self.config.model)
        self.add(rules.receptive_field(seen, sizes, self.config.model, measured=own), rules.crop(crop_px, sizes))

    def steps(self, trainer: Trainer, draws: Draws, drawn: list[Drawn]) -> float | None:
        """Loss at the start, then memory, time and gradients of real steps; the seconds of one, None if none fits."""
        config, device = self.config, trainer.device
        first = collate(drawn[: config.training.batch_size])
        free, before = free_memory(device.torch_device), _held(device)
        n_parameters = sum(p.numel() for p in trainer.model.parameters())
        fixed = fixed_bytes(config, n_parameters)
        needed = self._guess(device, first, free, before + fixed)
        if needed > free:
            self.add(verdicts.too_large(needed, free, _place(device), config))
            return None
        look = seldom(self.look)
        Watch(look).on(trainer)
        self.told(0.32, "looking at the untrained network")
        self.start = _start(trainer, first)
        self.add(verdicts.loss_at_start(self.start, config.loss.name))
        limit = schedule.counted_steps(config, len(draws))
        stream = batches(draws, config.training.batch_size, 0, config.training.workers)
        ready = waiting(stream, look) if config.training.workers else stream
        try:
            with Meter(device.torch_device) as meter:
                step_s = timed(trainer, ready, limit, lambda k: self.told(0.35 + 0.02 * min(k, 10), f"step {k + 1}"))
                self.add(verdicts.gradients(without_gradient(trainer.model), n_parameters))
                self.told(0.57, "predicting pictures of the validation")
                validated = self.dataset.indices("val") or draws.indices
                predictor = Predictor(trainer.validated_model, config, device)
                image_s = validation_s(predictor, self.dataset, validated, look)
        finally:
            ready.close()
            if not config.training.workers or not self._should_stop():
                stream.close()
        self.add(verdicts.memory(Memory(free, meter.peak, before, _place(device)), config, fixed))
        self._time(draws, step_s, image_s)
        return step_s

    def _time(self, draws: Draws, step_s: float, image_s: float) -> None:
        config, training = self.config, self.config.training
        sample_ms = cost.measure(draws.samples[draws.indices[0]], config.recipe, config.data.crop_px).ms
        self.add(verdicts.speed(cost.Step(step_s, training.batch_size, training.workers, HERE, ""), sample_ms))
        n_val, n_train = len(self.dataset.indices("val")), len(draws.indices)
        pixels = [draws.samples[i].labels.size for i in draws.indices[:: max(1, n_train // LABELLED)]]
        work = Work(len(draws), n_val + min(n_val or n_train, n_train), sum(pixels) / len(pixels))
        all_s = image_s * work.validated
        self.more["measured"] = dict(step_s=step_s, validation_s=all_s, sample_ms=sample_ms, **asdict(work))
        self.add(verdicts.duration(planned(config, work, step_s, all_s), config, all_s))

    def _guess(self, device: Device, batch: Batch, free: int, held: int) -> int:
        """Bytes that steps will hold at most: guessed from the plan; where that is much, from one sample's step."""
        n, each = len(batch.names), sample_bytes(self.config)
        if held + n * each < UNCERTAIN * free or held + each > free:
            return held + n * each if held + each > free else 0
        trainer = Trainer(self.config, device)
        Watch(seldom(self.look)).on(trainer)
        self.told(0.31, "trying one sample")
        before = _held(device)
        with Meter(device.torch_device) as meter:
            trainer.step(part(batch, 1), None)
        fixed = fixed_bytes(self.config, sum(p.numel() for p in trainer.model.parameters()))
        return held + n * max(0, meter.peak - before - fixed)

    def learn(self, draws: Draws, device: Device, start: verdicts.Start, step_s: float) -> None:
        config = replace(self.config, recipe=Recipe())
        plainly = copy.copy(draws)  # the same pictures, read already
        plainly.config = config
        n = max(1, min(config.training.batch_size, int(config.training.batch_size * OVERFIT_S / (STEPS * step_s))))
        batch = collate(_with_cells(plainly, n, self.look))
        found = overfit(
            config,
            device,
            batch,
            lambda k: self.told(0.6 + 0.4 * k / STEPS, f"learning one batch by heart: step {k + 1} of {STEPS}"),
            Watch(seldom(self.look)).on,
        )
        self.more["overfit"] = asdict(found)
        self.add(verdicts.overfits(found, config), verdicts.output(start, found))


def part(batch: Batch, n: int) -> Batch:
    """The first n samples."""
    weights = None if batch.weights is None else batch.weights[:n]
    return Batch(batch.names[:n], batch.x[:n], batch.target[:n], batch.valid[:n], weights)


def _with_cells(draws: Draws, n: int, look: Callable[[], None]) -> list[Drawn]:
    """The first n draws that hold a cell; where there are too few, the first ones without fill up."""
    found, empty = [], []
    for k in range(4 * n):
        look()
        drawn = draws[k]
        (found if (drawn.target & drawn.valid).any() else empty).append(drawn)
        if len(found) == n:
            break
    return (found + empty)[:n]


def _start(trainer: Trainer, batch: Batch) -> verdicts.Start:
    logits = answers(trainer, batch)
    seen = logits[batch.valid > 0]
    constants = [constant_loss(trainer, batch, p) for p in verdicts.UNDECIDED]
    return verdicts.Start(
        loss=loss_of(trainer, logits, batch),
        half=constant_loss(trainer, batch, 0.5),
        best=chance(trainer, batch),
        worst=max(constants),
        mean=float(seen.mean()),
        spread=float(seen.std()) if seen.numel() > 1 else 0.0,
    )


def _held(device: Device) -> int:
    return torch.cuda.memory_reserved() if device.name == "cuda" else resident()


def _place(device: Device) -> str:
    return "GPU memory" if device.name == "cuda" else "memory"


def _line_of(error: BaseException) -> str:
    """Where in the person's own classes it went wrong."""
    if isinstance(error, InputError):  # says it itself
        return ""
    lines = [f.lineno for f in traceback.extract_tb(error.__traceback__) if Path(f.filename) == YOUR_MODELS]
    return f" ({YOUR_MODELS.name}, line {lines[-1]})" if lines else ""
