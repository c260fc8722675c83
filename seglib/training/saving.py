"""Saving: what a training loop knows, its way into the checkpoints of a run folder and back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from seglib.settings import plain
from seglib.training.checkpoint import load_last, save_last, save_weights
from seglib.training.clock import Clock
from seglib.training.config import Config
from seglib.training.events import Event, Note, Saved
from seglib.training.integrity import BEST, LAST, is_intact
from seglib.training.pause import Pause
from seglib.training.schedule import Plan
from seglib.training.trainer import Trainer

ROOM = 2  # times the size of what is saved has to be free: the new file lies beside the old for a moment


@dataclass
class Progress:
    """What the loop knows besides the trainer's state; stored in every checkpoint."""

    plan: Plan | None = None
    best_iou: float | None = None
    best_step: int | None = None
    worse_in_a_row: int = 0
    validated_step: int = -1


class Saving:
    """Writes last.pt and best.safetensors where there is room for them, and reads them back for a resume."""

    def __init__(self, config: Config, folder: Path, trainer: Trainer, clock: Clock, pause: Pause):
        self.config, self.folder, self.trainer, self.clock, self.pause = config, folder, trainer, clock, pause

    def wait_for_room(self) -> Iterator[Event]:
        """Before anything is trained that could not be saved."""
        yield from self.pause.writing(lambda: None, ROOM * n_bytes(self.trainer.state()))

    def save_best(self) -> Iterator[Event]:
        model, step = self.trainer.validated_model, self.trainer.steps_done
        about = dict(step=step, model=plain(self.config.model), normalisation=self.config.data.normalisation)
        weights = model.state_dict()
        yield from self.pause.writing(lambda: save_weights(self.folder / BEST, weights, about), ROOM * n_bytes(weights))
        yield Saved(step, BEST)

    def save_last(self, progress: Progress) -> Iterator[Event]:
        trained = self.trainer.state()
        yield from self.pause.writing(
            lambda: save_last(self.folder, {**trained, **self._known(progress)}), ROOM * n_bytes(trained)
        )
        yield Saved(self.trainer.steps_done, LAST)

    def _known(self, progress: Progress) -> dict[str, Any]:
        plan = progress.plan
        return dict(
            plan=[plan.steps, plan.validate_every] if plan else None,
            best_iou=progress.best_iou,
            best_step=progress.best_step,
            worse_in_a_row=progress.worse_in_a_row,
            validated_step=progress.validated_step,
            elapsed_s=self.clock.elapsed_s,
            minutes=self.config.training.minutes,
        )

    def restore(self, progress: Progress, limit: int | None) -> Iterator[Event]:
        """Set trainer, clock and `progress` to what last.pt holds, a plan by time to the minutes of today.

        Raises InputError where no checkpoint is intact.
        """
        state, note = load_last(self.folder)
        if note:
            yield Note(note)
        self.trainer.restore(state)
        self.clock.before_s = state["elapsed_s"]
        minutes = self.config.training.minutes
        if minutes is not None and state["plan"]:
            progress.plan = _extended(Plan(*state["plan"]), minutes / state["minutes"], limit)
        progress.worse_in_a_row = state["worse_in_a_row"]
        progress.validated_step = state.get("validated_step", -1)
        progress.best_iou, progress.best_step = state["best_iou"], state["best_step"]
        yield from self._best_is_intact(progress)

    def _best_is_intact(self, progress: Progress) -> Iterator[Event]:
        """A best that was lost is said, and the next validation's weights are the best again."""
        if progress.best_step is None or is_intact(self.folder / BEST):
            return
        yield Note(
            f"{BEST} is missing or damaged: the weights of step {progress.best_step} are lost; the next validation's "
            "become the best."
        )
        progress.best_iou = progress.best_step = None
        progress.validated_step = -1


def _extended(plan: Plan, factor: float, limit: int | None) -> Plan:
    """The stored plan; with more minutes than it was made for, as many more steps."""
    steps = round(plan.steps * factor)
    return Plan(min(steps, limit or steps), plan.validate_every)


def n_bytes(value: Any) -> int:
    """Of all tensors in nested dicts and lists: nearly what they take on disk."""
    if isinstance(value, torch.Tensor):
        return value.nbytes
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, (list, tuple)) else ()
    return sum(map(n_bytes, inner))
