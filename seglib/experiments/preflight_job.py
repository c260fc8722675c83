"""The job `preflight`: one real batch, the real network, real steps. Imported by the worker alone.

What trains is what is checked: Draws, collate, Trainer, Predictor and the losses are the trainer's own.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from seglib.data.dataset import Dataset
from seglib.experiments import preflight_rules as rules
from seglib.experiments import preflight_verdicts as verdicts
from seglib.experiments.preflight_machine import fixed_bytes, free_memory, place
from seglib.experiments.preflight_masks import masks
from seglib.experiments.preflight_report import Report
from seglib.experiments.preflight_samples import write_samples
from seglib.experiments.preflight_steps import reach_px
from seglib.experiments.preflight_training import Rehearsal
from seglib.models import plan
from seglib.models.listing import BUILT_IN_NAMES
from seglib.runs.tasks import Progress, StopAsked
from seglib.settings import build
from seglib.training.config import Config
from seglib.training.device import choose_device, keep_memory
from seglib.training.draws import Drawn, Draws
from seglib.training.loop import open_training_data
from seglib.training.trainer import Trainer

LOOKED_AT = 16  # draws whose foreground and grey values are looked at, at least
LABELLED = 12  # pictures whose cells are measured


def preflight(inputs: dict[str, Any], result: Path, progress: Progress, should_stop: StopAsked) -> None:
    """inputs: as `seglib.experiments.preflight.inputs` makes them.

    result: items.jsonl and samples.json while it works, pictures of the samples, preflight.json at the end.
    """
    begun = time.perf_counter()
    report = Report(result, progress, should_stop)
    with report.red("settings", "Settings", "Change that setting."):
        check(build(Config, inputs["config"]), report)
    report.told(1.0, f"{len(report.items)} checks")
    report.write(round(time.perf_counter() - begun, 1))


def check(config: Config, report: Report) -> None:
    """All checks in their order; what fails leaves a red item, and what needs it is left out."""
    keep_memory()
    report.add(rules.learning_rate(config.optimizer), rules.depth(config))
    trainer = draws = drawn = dataset = None
    with report.red("model", "Network", "Mend the class, or choose another network."):
        trainer = _network(config, report)
    with report.red("data", "Data set", "Look at it on the Data page, then check again."):
        dataset = open_training_data(config)
        draws = _draws(dataset, config, report)
        drawn = _batch(draws, config, report)
        report.add(masks(dataset, draws.indices, lambda: report.told(0.28, "looking at masks on their images")))
    if trainer is not None and drawn is not None:
        with report.red("model", "Network", "Mend the class, or choose another network."):
            _cells(draws, trainer, config, report)
    if trainer is None or report.ended:
        return
    with report.red("step", "A training step", "Mend what it says, then check again."):
        rehearsal = Rehearsal(config, dataset, draws, report)
        steps = rehearsal.steps(trainer, drawn)
        del trainer  # its memory goes before the next one is built
        if steps is not None:
            rehearsal.learn(*steps)


def _network(config: Config, report: Report) -> Trainer | None:
    """None where its weights alone would not fit."""
    report.told(0.02, "building the network")
    device = choose_device(config.training.device, config.training.precision)
    free, needed = free_memory(device), fixed_bytes(config, plan.n_parameters(config.model))
    if needed > free:
        report.add(verdicts.too_large(needed, free, place(device), config))
        return None
    trainer = Trainer(config, device)
    n = sum(p.numel() for p in trainer.model.parameters())
    report.add(verdicts.parameters(n, config.model.name))
    report.add(verdicts.device(device.name, device.precision, torch.get_num_threads()))
    return trainer


@dataclass(frozen=True)
class _Watched(Dataset):
    """A data set that looks up before each picture it reads."""

    look: Callable[[], None] = lambda: None

    def sample(self, index: int):
        self.look()
        return super().sample(index)


def _draws(dataset: Dataset, config: Config, report: Report) -> Draws:
    """The trainer's draws; making them reads every train picture."""
    report.add(rules.validation_set(dataset))
    n_train, n_read = len(dataset.indices("train")), 0

    def read() -> None:
        nonlocal n_read
        n_read += 1
        report.told(0.05 + 0.2 * min(1.0, n_read / n_train), f"reading picture {n_read} of {n_train}")

    watched = _Watched(dataset.path, dataset.records, dataset.has_csv, dataset.notes, dataset.independent, read)
    draws = Draws(watched, config)
    draws.samples.dataset = dataset  # loader processes are sent it, and cannot be sent who looks on
    return draws


def _batch(draws: Draws, config: Config, report: Report) -> list[Drawn]:
    """The first draws of the training, at least one batch."""
    drawn = []
    for k in range(max(config.training.batch_size, LOOKED_AT)):
        report.told(0.25, "drawing samples")
        drawn.append(draws[k])
    report.show(write_samples(draws, drawn[: config.training.batch_size], report.result))
    values = rules.input_values(drawn, config.data.normalisation)
    report.add(rules.foreground(drawn), rules.left_out(drawn), values)
    report.ended = report.ended or values.value == rules.NOT_FINITE
    return drawn


def _cells(draws: Draws, trainer: Trainer, config: Config, report: Report) -> None:
    """Cells against what a pixel sees and against the crop."""
    report.told(0.3, "measuring cells")
    some = draws.indices[:: max(1, len(draws.indices) // LABELLED)][:LABELLED]
    sizes = rules.cell_sizes([draws.samples[i] for i in some])
    own, crop_px = config.model.name not in BUILT_IN_NAMES, config.data.crop_px
    if own:  # what its modules add is not in the plan
        seen = reach_px(trainer.model, crop_px, trainer.device.torch_device)
    else:
        seen = plan.receptive_field_px(config.model)
    report.add(rules.receptive_field(seen, sizes, config.model, measured=own), rules.crop(crop_px, sizes))
