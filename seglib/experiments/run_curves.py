"""Run curves: the points of a run's loss and IoU, read once and followed, few enough to be drawn over each other.

Of 100,000 step lines only about a thousand are parsed: the rest is passed over as bytes. Validations are all kept.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any

from seglib.runs.store import Run

MAX_POINTS = 400  # of one loss curve; a browser draws no more points than pixels
MAX_RUNS = 512  # readings kept
_STEP = b'{"kind": "step"'  # as events.EventFile writes it

Points = list[list[float]]


@dataclass
class Reading:
    """What was read of one events.jsonl: every `stride`-th step, all validations, how it ended."""

    inode: int
    offset: int = 0
    stride: int = 1
    counted: int = 0
    steps: list[tuple[int, float, float | None]] = field(default_factory=list)
    validations: list[dict[str, Any]] = field(default_factory=list)
    finished: dict[str, Any] | None = None
    started: dict[str, Any] | None = None

    def take(self, block: bytes) -> None:
        """Add whole lines; a resume takes back what it repeats."""
        lines = block.splitlines()
        n_steps = sum(line.startswith(_STEP) for line in lines)
        while (len(self.steps) + n_steps / self.stride) > 2 * MAX_POINTS:
            self.stride *= 2
            self.steps = self.steps[::2]
        for line in lines:
            if line.startswith(_STEP):
                self.counted += 1
                if self.counted % self.stride:
                    continue
            if (event := _parsed(line)) is not None:
                self._add(event)

    def _add(self, event: dict[str, Any]) -> None:
        kind, step = event.get("kind"), event.get("step")
        if kind == "started":
            self.started, self.finished = event, None
            self.steps = [s for s in self.steps if s[0] <= (step or 0)]
            self.validations = [v for v in self.validations if v["step"] <= (step or 0)]
        elif kind == "step" and step is not None:
            self.steps.append((step, _minutes(event), event.get("loss")))
        elif kind == "validation" and step is not None:
            self.validations.append(event)
        elif kind == "finished":
            self.finished = event


def _parsed(line: bytes) -> dict[str, Any] | None:
    """None for half a line that a killed writer left."""
    try:
        event = json.loads(line)
    except ValueError:
        return None
    return event if isinstance(event, dict) else None


def _minutes(event: Mapping[str, Any]) -> float:
    return round((event.get("elapsed_s") or 0.0) / 60, 4)


_readings: OrderedDict[Path, Reading] = OrderedDict()
_lock = Lock()


def reading(run: Run) -> Reading:
    """The run's events as far as they are written; only what is new since the last call is read."""
    file = run.folder / "events.jsonl"
    with _lock:
        try:
            stat = file.stat()
        except OSError:
            return Reading(0)
        known = _readings.get(file)
        if known is None or known.inode != stat.st_ino or stat.st_size < known.offset:
            known = _readings[file] = Reading(stat.st_ino)
        _readings.move_to_end(file)
        if stat.st_size > known.offset:
            _follow(file, known)
        while len(_readings) > MAX_RUNS:
            _readings.popitem(last=False)
        return known


def _follow(file: Path, known: Reading) -> None:
    with file.open("rb") as stream:
        stream.seek(known.offset)
        block = stream.read()
    end = block.rfind(b"\n") + 1
    known.take(block[:end])
    known.offset += end


def curves(run: Run, x: str = "step") -> dict[str, Points]:
    """`train_loss`, `val_iou`, `train_iou`: lists of [x, y]; x is `step` or `minutes` (of training and validation).

    Undefined values are left out. The loss is thinned, not smoothed. IoU is pooled; that of train is of a fixed sample.
    """
    known, place = reading(run), {"step": 0, "minutes": 1}[x]
    steps = known.steps[:: -(-len(known.steps) // MAX_POINTS) or 1]
    found: dict[str, Points] = {"train_loss": [[s[place], s[2]] for s in steps if s[2] is not None]}
    for split in ("val", "train"):
        pairs = [(v["step"] if x == "step" else _minutes(v), pooled(v, split)) for v in known.validations]
        found[f"{split}_iou"] = [[at, iou] for at, iou in pairs if iou is not None]
    return found


def pooled(event: Mapping[str, Any] | None, split: str) -> float | None:
    """The pooled IoU of a split in a validation (or `finished`) event; None where there is none."""
    return ((event or {}).get(split) or {}).get("pooled_iou")
