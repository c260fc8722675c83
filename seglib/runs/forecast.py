"""Forecast: how long each waiting run will take, from the runs timed on this machine, and when it will begin."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence
from dataclasses import replace

from seglib.exceptions import InputError
from seglib.runs import estimate
from seglib.runs.store import Run
from seglib.training.config import BUDGET, Config

TIMED = 8  # runs whose speed is looked at; the newest, because each look reads its config


def left_s(run: Run, work: Callable[[Config], estimate.Work], runs: Sequence[Run]) -> float | None:
    """Seconds of training and validation still to come; None where it cannot be told.

    run: one that waits, new or to be resumed. work: what its data set asks for; only called where no minutes end it.
    """
    try:
        config = run.config()
        budget = {k: v for k, v in run.record().get("budget", {}).items() if k in BUDGET}
        training = replace(config.training, **budget)
        if training.minutes is not None and training.steps is None and training.epochs is None:
            total_s = training.minutes * 60
        else:
            config = replace(config, training=training)
            total_s = estimate.estimate(config, work(config), timed(runs)).minutes * 60
    except InputError:
        return None
    return max(0.0, total_s - run.elapsed_s)


def timed(runs: Sequence[Run]) -> list[Run]:
    """The newest that have trained long enough to tell their speed."""
    return [run for run in runs if run.last_step >= estimate.MIN_TIMED_STEPS][:TIMED]


def starts_s(left_s: Sequence[float | None], lengths_s: Sequence[float | None], at_once: int) -> list[float | None]:
    """Seconds from now until each waiting run begins; None where it hangs on a length that nobody knows.

    left_s: of the runs that work now, also those beyond `at_once`; lengths_s: of those that wait, in their order.
    """
    unknown = float("inf")
    ends = [unknown if left is None else left for left in left_s]
    heapq.heapify(ends)
    begins, now = [], 0.0
    for length in lengths_s:
        while len(ends) >= at_once:
            now = max(now, heapq.heappop(ends))
        begins.append(now)
        heapq.heappush(ends, unknown if length is None else now + length)
    return [None if begin == unknown else begin for begin in begins]
