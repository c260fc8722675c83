"""Schedule: how many steps a training takes and the learning rate at each. Pure functions of numbers."""

from __future__ import annotations

import math
from dataclasses import dataclass

from seglib.training.config import Config, OptimizerConfig

TIMED_FROM, TIMED_TO = 5, 25  # steps whose time fixes the plan of a run with a time budget
PROVISIONAL_STEPS = 1000  # what the learning rate assumes before that plan is known
WARM_UP = 0.2  # share of a one-cycle run in which the learning rate rises
START_SHARE, END_SHARE = 1 / 25, 1e-3  # of the peak learning rate
VALIDATIONS = 12  # per run, unless they would take more than VALIDATION_SHARE of the time
VALIDATION_SHARE = 0.12


@dataclass(frozen=True)
class Plan:
    """The number of steps and the steps between validations; fixed once and kept over a resume."""

    steps: int
    validate_every: int


def learning_rate(config: OptimizerConfig, step: int, planned_steps: int | None) -> float:
    """The learning rate of step `step` (0 = first). It depends on nothing else, so a resume needs no state for it.

    one_cycle: half a cosine up from lr/25 to lr over the first fifth, half a cosine down to lr/1000 over the rest
    (after Smith & Topin, https://arxiv.org/abs/1708.07120). cosine: lr down to lr/1000.
    """
    if config.schedule == "constant":
        return config.lr
    done = min(step / (planned_steps or PROVISIONAL_STEPS), 1.0)
    rise = WARM_UP if config.schedule == "one_cycle" else 0.0
    if done < rise:
        return config.lr * _half_cosine(START_SHARE, 1.0, done / rise)
    return config.lr * _half_cosine(1.0, END_SHARE, (done - rise) / (1 - rise))


def _half_cosine(start: float, end: float, done: float) -> float:
    return end + (start - end) * (1 + math.cos(math.pi * done)) / 2


def counted_steps(config: Config, draws_per_epoch: int) -> int | None:
    """The fewest steps that `epochs` and `steps` allow; None if only a time is set."""
    training = config.training
    limits = [training.steps] if training.steps else []
    if training.epochs:
        limits.append(math.ceil(training.epochs * draws_per_epoch / training.batch_size))
    return min(limits) if limits else None


def counted_plan(config: Config, steps: int) -> Plan:
    return Plan(steps, config.training.validate_every or max(1, math.ceil(steps / VALIDATIONS)))


def timed_plan(
    config: Config,
    steps_done: int,
    seconds_left: float,
    seconds_per_step: float,
    validation_s: float,
    final_s: float,
    limit: int | None,
) -> Plan:
    """The plan that fills `seconds_left` with steps and validations; `limit` is the most steps allowed otherwise."""
    left = max(seconds_left - final_s, 0.0)
    every = config.training.validate_every
    if every is None:
        n_validations = max(1, min(VALIDATIONS, int(VALIDATION_SHARE * left / max(validation_s, 1e-9))))
        more = int((left - n_validations * validation_s) / seconds_per_step)
        every = max(1, math.ceil(max(more, 1) / n_validations))
    else:
        more = int(left / (seconds_per_step + validation_s / every))
    steps = steps_done + max(more, 0)
    return Plan(max(min(steps, limit or steps), 1), every)
