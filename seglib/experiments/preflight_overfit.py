"""Pre-flight, the test of tests: a network that cannot learn one batch by heart will not learn a data set."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from scipy.stats import rankdata
from torch import Tensor

from seglib.metrics import Counts
from seglib.training.config import Config
from seglib.training.device import Device
from seglib.training.loader import Batch
from seglib.training.trainer import Trainer, TrainingFailed

STEPS = 30
RANKED_MOST = 50_000
CONSTANTS = tuple(k / 100 for k in range(2, 99, 4))  # probabilities tried as the answer everywhere


@dataclass(frozen=True)
class Overfit:
    """losses: before each step and after the last one taken. chance: of the best constant answer.

    iou_before, iou_after: over the batch, None where it has no cell and none is found. ranked_before, ranked_after: how
    often a cell's pixel is given more than one of the background, 0.5 by chance. failed: why it broke off, or ''.
    low, high: the smallest and the largest logit after it.
    """

    losses: tuple[float, ...]
    chance: float
    iou_before: float | None
    iou_after: float | None
    ranked_before: float
    ranked_after: float
    n_samples: int
    low: float
    high: float
    failed: str = ""


def settings(config: Config) -> Config:
    """The optimiser of the config at its learning rate all the time, no running average."""
    optimizer = replace(config.optimizer, schedule="constant")
    return replace(config, optimizer=optimizer, training=replace(config.training, ema=0.0))


def overfit(
    config: Config, device: Device, batch: Batch, told: Callable[[int], None], prepared: Callable[[Trainer], None]
) -> Overfit:
    """STEPS steps of a fresh network on this one batch. `told(step)` before each may raise; `prepared` sees the
    trainer before the first."""
    trainer = Trainer(settings(config), device)
    prepared(trainer)
    first = answers(trainer, batch)
    losses, failed = [], ""
    try:
        for step in range(STEPS):
            told(step)
            losses.append(trainer.step(batch, None)["loss"])
    except TrainingFailed as error:
        failed = str(error)
    last = answers(trainer, batch)
    losses.append(loss_of(trainer, last, batch))
    seen = last[batch.valid > 0]
    low, high = (float(v) for v in (seen.min(), seen.max())) if seen.numel() else (0.0, 0.0)
    return Overfit(
        losses=tuple(losses),
        chance=chance(trainer, batch),
        iou_before=iou(first, batch),
        iou_after=iou(last, batch),
        ranked_before=ranked(first, batch),
        ranked_after=ranked(last, batch),
        n_samples=len(batch.names),
        low=low,
        high=high,
        failed=failed,
    )


@torch.no_grad()
def answers(trainer: Trainer, batch: Batch) -> Tensor:
    """(N, 1, h, w) float32 logits on the processor, in training mode (norms of this batch) but without dropout."""
    dropouts = [m for m in trainer.model.modules() if isinstance(m, torch.nn.modules.dropout._DropoutNd) and m.training]
    for module in dropouts:
        module.eval()
    with trainer.device.autocast():
        logits = trainer.model(trainer.device.put(batch.x)).float().cpu()
    for module in dropouts:
        module.train()
    return logits


def loss_of(trainer: Trainer, logits: Tensor, batch: Batch) -> float:
    return float(trainer.loss(logits, batch.target, batch.valid, batch.weights))


def constant_loss(trainer: Trainer, batch: Batch, p: float) -> float:
    """The loss of a network that answers the probability p at every pixel of this batch."""
    return loss_of(trainer, torch.full_like(batch.target, math.log(p / (1 - p))), batch)


def chance(trainer: Trainer, batch: Batch) -> float:
    """The least loss of a constant answer: what one gets knowing the share of foreground and nothing else."""
    return min(constant_loss(trainer, batch, p) for p in CONSTANTS)


def ranked(logits: Tensor, batch: Batch) -> float:
    """Share of pairs (a valid pixel of a cell, one of the background) in which the cell's has the larger logit; equal
    ones count half (Mann & Whitney 1947, the area under the ROC curve). 0.5 where there are no pairs. Of at most
    RANKED_MOST pixels, evenly spread."""
    seen, true = logits[batch.valid > 0].numpy(), (batch.target[batch.valid > 0] > 0).numpy()
    every = max(1, len(seen) // RANKED_MOST)
    seen, true = seen[::every], true[::every]
    n_cell, n_other = int(true.sum()), int((~true).sum())
    if not n_cell or not n_other:
        return 0.5
    return float((rankdata(seen)[true].sum() - n_cell * (n_cell + 1) / 2) / (n_cell * n_other))


def iou(logits: Tensor, batch: Batch) -> float | None:
    """Over all valid pixels of the batch at threshold 0.5."""
    said, true = (logits > 0)[batch.valid > 0], (batch.target > 0)[batch.valid > 0]
    tp, fp, fn = (int(n.sum()) for n in (said & true, said & ~true, ~said & true))
    value = Counts(tp, fp, fn, len(said) - tp - fp - fn).iou
    return value if value == value else None
