"""Loader: draws prepared ahead of the step that uses them, in a thread or in worker processes, always in order."""

from __future__ import annotations

import multiprocessing
import os
import threading
import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass

import cv2
import numpy as np
import torch

from seglib.training.draws import Drawn, Draws

AHEAD = 2  # batches in preparation while one is used

_draws: Draws  # of a worker process


@dataclass(frozen=True)
class Batch:
    """x, target, valid (N, 1, h, w) float32; weights the same or None; names of the N images."""

    names: tuple[str, ...]
    x: torch.Tensor
    target: torch.Tensor
    valid: torch.Tensor
    weights: torch.Tensor | None


def batches(draws: Draws, batch_size: int, first_step: int, workers: int = 0) -> Iterator[Batch]:
    """Endless batches from step `first_step` on, the same whatever `workers` is; closing the iterator ends them."""
    executor, get = _executor(draws, workers)
    waiting: deque = deque()
    step = first_step
    try:
        while True:
            while len(waiting) <= AHEAD:
                waiting.append([executor.submit(get, step * batch_size + k) for k in range(batch_size)])
                step += 1
            yield collate([future.result() for future in waiting.popleft()])
    finally:
        executor.shutdown(wait=False, cancel_futures=True)


def collate(drawn: list[Drawn]) -> Batch:
    """N draws of one size -> tensors (N, 1, h, w)."""

    def stack(arrays: list[np.ndarray]) -> torch.Tensor:
        return torch.from_numpy(np.stack(arrays).astype(np.float32, copy=False))[:, None]

    weights = None if drawn[0].weights is None else stack([d.weights for d in drawn])
    return Batch(
        names=tuple(d.name for d in drawn),
        x=stack([d.x for d in drawn]),
        target=stack([d.target for d in drawn]),
        valid=stack([d.valid for d in drawn]),
        weights=weights,
    )


def _executor(draws: Draws, workers: int) -> tuple[Executor, object]:
    if workers == 0:
        return ThreadPoolExecutor(1, thread_name_prefix="draws"), draws.__getitem__
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(workers, context, initializer=_start_worker, initargs=(draws,)), _draw


def _start_worker(draws: Draws) -> None:
    global _draws
    _draws = draws
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _draw(number: int) -> Drawn:
    return _draws[number]


def _end_with_parent() -> None:
    """A trainer that was killed leaves no workers behind, on any system."""
    parent = multiprocessing.parent_process()
    while parent is not None and parent.is_alive():
        time.sleep(1)
    os._exit(1)
