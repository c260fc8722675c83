"""Trainer: a network with its optimiser; takes one step at a time and can be stored and restored exactly."""

from __future__ import annotations

import copy
import math
from typing import Any

import torch

from seglib.losses import build_loss
from seglib.models.registry import build_model
from seglib.training.config import Config, OptimizerConfig
from seglib.training.device import Device
from seglib.training.failed import TrainingFailed
from seglib.training.loader import Batch
from seglib.training.random_state import random_state, restore_random_state, seed_all
from seglib.training.schedule import learning_rate

BETAS, MOMENTUM = (0.9, 0.99), 0.9


def build_optimizer(config: OptimizerConfig, parameters: Any) -> torch.optim.Optimizer:
    """Adam (decay as L2), AdamW (decoupled decay, https://arxiv.org/abs/1711.05101) or SGD with Nesterov momentum."""
    shared = dict(lr=config.lr, weight_decay=config.weight_decay)
    if config.name == "sgd":
        return torch.optim.SGD(parameters, momentum=MOMENTUM, nesterov=True, **shared)
    kind = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[config.name]
    return kind(parameters, betas=BETAS if config.name == "adamw" else (0.9, 0.999), **shared)


class Trainer:
    """Weights, their running average, optimiser and the count of steps done."""

    def __init__(self, config: Config, device: Device):
        self.config, self.device = config, device
        seed_all(config.training.seed)
        self.model = device.place(build_model(config.model)).train()
        self.average = copy.deepcopy(self.model).eval() if config.training.ema else None
        self.optimizer = build_optimizer(config.optimizer, self.model.parameters())
        self.loss = build_loss(config.loss)
        self.steps_done = 0

    @property
    def validated_model(self) -> torch.nn.Module:
        """The network that is scored and kept: the running average where there is one."""
        return self.average if self.average is not None else self.model

    def step(self, batch: Batch, planned_steps: int | None) -> dict[str, float]:
        """One step of the optimiser; returns loss, grad_norm (before clipping) and lr.

        Raises TrainingFailed on an input, loss or gradient that is not finite, before any weight is touched.
        """
        lr = learning_rate(self.config.optimizer, self.steps_done, planned_steps)
        for group in self.optimizer.param_groups:
            group["lr"] = lr
        self.optimizer.zero_grad(set_to_none=True)
        self._check_input(batch)
        loss = self._loss(batch)
        loss.backward()
        limit = self.config.optimizer.clip_norm or math.inf
        norm = float(torch.nn.utils.clip_grad_norm_(self.model.parameters(), limit))
        value = float(loss.detach())
        self._check_finite(value, norm)
        self.optimizer.step()
        self.steps_done += 1
        self._update_average()
        return dict(loss=value, grad_norm=norm, lr=lr)

    def _check_input(self, batch: Batch) -> None:
        """Before the forward pass, whose batch norms would remember what they saw."""
        if not torch.isfinite(batch.x).all():
            bad = [name for name, x in zip(batch.names, batch.x) if not torch.isfinite(x).all()]
            raise TrainingFailed(
                f"step {self.steps_done + 1}: the input image {', '.join(bad)} has a NaN or infinite value: no step "
                "was taken; find what is wrong with it by `python -m seglib check`, or use another normalisation."
            )

    def _check_finite(self, loss: float, norm: float) -> None:
        if math.isfinite(loss) and math.isfinite(norm):
            return
        which = "gradient" if math.isfinite(loss) else "loss"
        raise TrainingFailed(
            f"the {which} of step {self.steps_done + 1} is not finite (loss {loss}, gradient {norm}): no step was "
            "taken; try a lower learning rate, clipping, or another normalisation of the images."
        )

    def _loss(self, batch: Batch) -> torch.Tensor:
        put = self.device.put
        with self.device.autocast():
            logits = self.model(put(batch.x))
        weights = None if batch.weights is None else put(batch.weights)
        return self.loss(logits.float(), put(batch.target), put(batch.valid), weights)

    @torch.no_grad()
    def _update_average(self) -> None:
        """Running average of the weights, faster at the start: decay = min(ema, (1 + steps) / (10 + steps))."""
        if self.average is None:
            return
        decay = min(self.config.training.ema, (1 + self.steps_done) / (10 + self.steps_done))
        for kept, now in zip(self.average.state_dict().values(), self.model.state_dict().values()):
            if kept.is_floating_point():
                kept.lerp_(now, 1 - decay)
            else:
                kept.copy_(now)

    def state(self) -> dict[str, Any]:
        """Everything a resume needs, as tensors and plain values.

        There is no scaler of losses in it: half precision here is bfloat16, which has the range of float32.
        """
        return dict(
            step=self.steps_done,
            model=self.model.state_dict(),
            ema=self.average.state_dict() if self.average is not None else None,
            optimizer=self.optimizer.state_dict(),
            random=random_state(self.device.name),
        )

    def restore(self, state: dict[str, Any]) -> None:
        self.steps_done = state["step"]
        self.model.load_state_dict(state["model"])
        if self.average is not None:
            self.average.load_state_dict(state["ema"])
        self.optimizer.load_state_dict(state["optimizer"])
        restore_random_state(state, self.device.name)
