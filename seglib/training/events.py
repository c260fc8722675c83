"""Events: what a training says while it runs. `to_dict()` of each is one line of events.jsonl."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, ClassVar


@dataclass(frozen=True)
class Event:
    kind: ClassVar[str]

    def to_dict(self) -> dict[str, Any]:
        return {"kind": self.kind, **asdict(self)}


@dataclass(frozen=True)
class Started(Event):
    """Before the first step of this process; `step` > 0 after a resume."""

    kind: ClassVar[str] = "started"
    step: int
    planned_steps: int | None
    n_train: int
    n_val: int
    steps_per_epoch: float
    n_parameters: int
    device: str
    precision: str
    threads: int


@dataclass(frozen=True)
class Planned(Event):
    """The number of steps, fixed once; with a time budget this comes after step 25."""

    kind: ClassVar[str] = "planned"
    planned_steps: int
    validate_every: int
    seconds_per_step: float | None


@dataclass(frozen=True)
class Step(Event):
    kind: ClassVar[str] = "step"
    step: int
    epoch: float
    elapsed_s: float
    loss: float
    lr: float
    grad_norm: float
    samples_per_s: float


@dataclass(frozen=True)
class Memory(Event):
    """Bytes resident of the trainer with the processes it started; the most taken of the GPU, None without CUDA."""

    kind: ClassVar[str] = "memory"
    step: int
    process_bytes: int
    device_bytes: int | None


@dataclass(frozen=True)
class Epoch(Event):
    """After the last draw of an epoch; loss is the mean of its steps in this process."""

    kind: ClassVar[str] = "epoch"
    step: int
    epoch: int
    elapsed_s: float
    loss: float


@dataclass(frozen=True)
class Summary:
    """Figures of one split: pooled = counts summed over images first; mean = over images, undefined ones left out."""

    pooled_iou: float | None
    mean_iou: float | None
    pooled_dice: float | None
    n_images: int
    n_undefined: int


@dataclass(frozen=True)
class Validation(Event):
    """`val` is None without a validation set; `train` is of a fixed sample as large as the val set."""

    kind: ClassVar[str] = "validation"
    step: int
    epoch: float
    elapsed_s: float
    best: bool
    val: Summary | None
    train: Summary | None


@dataclass(frozen=True)
class Saved(Event):
    kind: ClassVar[str] = "checkpoint"
    step: int
    file: str


@dataclass(frozen=True)
class Note(Event):
    kind: ClassVar[str] = "note"
    text: str


@dataclass(frozen=True)
class Paused(Note):
    """The training waits (`paused`, `text` says for what), or goes on again."""

    paused: bool


@dataclass(frozen=True)
class Finished(Event):
    """reason: steps, deadline, patience or stopped (asked to). `train`: the best weights on all train images."""

    kind: ClassVar[str] = "finished"
    step: int
    reason: str
    elapsed_s: float
    best_step: int | None
    train: Summary | None
