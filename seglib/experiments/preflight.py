"""Pre-flight: what is worth knowing of a training before it starts, as items with a traffic light. No torch.

A job in a worker draws one real batch, builds the network, takes real steps and writes one item after the other; this
module says what the job is asked, where its answers lie and how they are read while it works.
"""

from __future__ import annotations

import hashlib
import json
import os
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from seglib.data.dataset import Dataset, open_dataset
from seglib.data.substitute import csv_of
from seglib.exceptions import InputError
from seglib.models.listing import BUILT_IN_NAMES, YOUR_MODELS
from seglib.runs import jobs
from seglib.runs.estimate import Estimate, Work, planned
from seglib.runs.files import read_json
from seglib.runs.store import located
from seglib.settings import plain
from seglib.training.config import Config

KIND = "preflight"
ITEMS, RESULT, SAMPLES = "items.jsonl", "preflight.json", "samples.json"
GREEN, AMBER, RED = "green", "amber", "red"
LEVELS = (RED, AMBER, GREEN)  # in the order they are shown


@dataclass(frozen=True)
class Item:
    """One check: value: a short figure with its unit; explanation: a sentence; remedy: one thing to do, '' if green."""

    code: str
    level: str
    title: str
    value: str
    explanation: str
    remedy: str = ""


@dataclass(frozen=True)
class Found:
    """What a pre-flight has found so far; `done` says whether that is all.

    overfit: {losses, chance, iou_before, iou_after, n_samples} or {}. samples: [{name, plain, outlined, note}], the two
    middle ones PNG files in the result folder. measured: {step_s, validation_s, draws_per_epoch, …}. took_s: of it all.
    """

    items: tuple[Item, ...]
    done: bool = False
    overfit: dict[str, Any] = field(default_factory=dict)
    samples: tuple[dict[str, Any], ...] = ()
    measured: dict[str, Any] = field(default_factory=dict)
    took_s: float | None = None

    def of(self, level: str) -> tuple[Item, ...]:
        return tuple(item for item in self.items if item.level == level)

    @property
    def worst(self) -> str:
        """The worst level among the items; green where there is none."""
        return next((level for level in LEVELS if self.of(level)), GREEN)


def inputs(config: Config, stamp: str | None = None) -> dict[str, Any]:
    """Inputs of the job: the config with the absolute path of its data, and stamps that change when a picture, a mask,
    the split or the class of one's own does. stamp: `files_stamp` of the opened data set, where the caller has it."""
    path = str(located(config.data.path)) if config.data.path else ""
    config = replace(config, data=replace(config.data, path=path))
    asked = {"config": plain(config), "files": _stamp_of(config) if stamp is None else stamp}
    if config.model.name not in BUILT_IN_NAMES:
        asked["your_models"] = _content(YOUR_MODELS)
    return asked


def find(config: Config, stamp: str | None = None) -> jobs.Job:
    """The pre-flight of these settings and files, whether or not it was ever started."""
    return jobs.find(KIND, inputs(config, stamp))


def start(config: Config, stamp: str | None = None, *, again: bool = False) -> jobs.Job:
    """Start the pre-flight, join the one that works, or take the one that is done; `again` measures anew."""
    return jobs.start(KIND, inputs(config, stamp), again=again)


def read(result: Path) -> Found:
    """What lies in the result folder by now. Lines that are not whole yet are left out."""
    whole = read_json(result / RESULT)
    if whole:
        return Found(
            tuple(Item(**item) for item in whole["items"]),
            True,
            whole.get("overfit") or {},
            tuple(whole.get("samples", ())),
            whole.get("measured", {}),
            whole.get("took_s"),
        )
    return Found(tuple(_lines(result / ITEMS)), samples=tuple(read_json(result / SAMPLES).get("samples", ())))


def expected(found: Found, config: Config) -> Estimate | None:
    """How long the training takes by the times that were measured; None where they were not."""
    measured = found.measured
    if not measured.get("step_s"):
        return None
    work = Work(measured["draws_per_epoch"], measured["validated"], measured["image_px"])
    return planned(config, work, measured["step_s"], measured["validation_s"])


def ordered(items: tuple[Item, ...]) -> list[Item]:
    """Reds first, then ambers, then greens; within each as they were found."""
    return sorted(items, key=lambda item: LEVELS.index(item.level))


def _lines(file: Path) -> list[Item]:
    try:
        text = file.read_text(encoding="utf-8")
    except OSError:
        return []
    found = []
    for line in text.splitlines():
        with suppress(ValueError, TypeError):
            found.append(Item(**json.loads(line)))
    return found


def _stamp_of(config: Config) -> str:
    data = config.data
    try:
        return files_stamp(open_dataset(data.path, grouping=data.grouping, split=data.split, fold=data.fold))
    except (InputError, OSError) as error:
        return f"not opened: {error}"


def files_stamp(dataset: Dataset) -> str:
    """Changes when any picture or mask is written, when dataset.csv is, and when pictures come or go."""
    digest = hashlib.sha256()
    csv = csv_of(dataset.path)
    digest.update((_content(csv) if csv is not None else "").encode())
    for record in dataset.records:
        for relative in filter(None, (record.image, record.mask, record.ignore)):
            digest.update(f"{relative}|".encode())
            with suppress(OSError):
                status = os.stat(f"{dataset.path}/{relative}")  # noqa: PTH116  twice as fast, and there are thousands
                digest.update(f"{status.st_mtime_ns}|{status.st_size};".encode())
    return digest.hexdigest()


def _content(file: Path) -> str:
    try:
        return hashlib.sha256(file.read_bytes()).hexdigest()
    except OSError:
        return ""
