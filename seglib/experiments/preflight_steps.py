"""Pre-flight, real steps of the real trainer: timed, weighed, and ended within a moment when the person asks."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass
from statistics import median

import torch
from torch import Tensor, nn

from seglib.data.dataset import Dataset
from seglib.predict.predictor import Predictor
from seglib.training.loader import Batch
from seglib.training.trainer import Trainer

WARM_UP, LEAST, MOST = 3, 3, 12  # steps: not timed, timed at least, timed at most
STEPS_S, VALIDATED, VALIDATION_S = 5.0, 3, 4.0  # seconds for the timed steps; images predicted, and seconds for them
EVERY_S = 0.1  # how often it is asked whether to go on
REACH_MOST_PX = 512


@dataclass(frozen=True)
class Watch:
    """What a module calls on its way forward and back; raises where the person wants no more."""

    look: Callable[[], None]

    def on(self, trainer: Trainer) -> None:
        for model in filter(None, (trainer.model, trainer.average)):
            for module in model.modules():
                module.register_forward_hook(self._passed)

    def _passed(self, module: nn.Module, inputs: object, output: object) -> None:
        self.look()
        if isinstance(output, Tensor) and output.requires_grad:
            output.register_hook(self._back)

    def _back(self, gradient: Tensor) -> None:
        self.look()


def seldom(look: Callable[[], None], every_s: float = EVERY_S) -> Callable[[], None]:
    """`look`, but not more often than every so many seconds."""
    last = 0.0

    def called() -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= every_s:
            last = now
            look()

    return called


def timed(trainer: Trainer, stream: Iterator[Batch], planned: int | None, told: Callable[[int], None]) -> float:
    """Median seconds of a step, waiting for its samples included, as the trainer counts them."""
    times: list[float] = []
    while len(times) < WARM_UP + LEAST or (len(times) < WARM_UP + MOST and sum(times[WARM_UP:]) < STEPS_S):
        told(len(times))
        begun = time.perf_counter()
        trainer.step(next(stream), planned)
        times.append(time.perf_counter() - begun)
    return median(times[WARM_UP:])


def waiting(stream: Iterator[Batch], look: Callable[[], None]) -> Iterator[Batch]:
    """The same batches; while one is not there yet, `look` may end the waiting (processes take seconds to start)."""
    pool = ThreadPoolExecutor(1)
    try:
        while True:
            coming = pool.submit(next, stream)
            while not coming.done():
                look()
                wait([coming], EVERY_S)
            yield coming.result()
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
        with suppress(ValueError):  # it is still being waited for: the worker ends, and its processes with it
            stream.close()


def validation_s(predictor: Predictor, dataset: Dataset, indices: list[int], look: Callable[[], None]) -> float:
    """Median seconds to read and predict one image; the first one, which warms up, counts only where it is alone."""
    times: list[float] = []
    for index in indices[:: max(1, len(indices) // VALIDATED)][:VALIDATED]:
        look()
        begun = time.perf_counter()
        predictor.probabilities(dataset.sample(index).image)
        times.append(time.perf_counter() - begun)
        if sum(times) > VALIDATION_S:
            break
    return median(times[1:] or times)


def without_gradient(model: nn.Module) -> list[tuple[str, int]]:
    """(name, size) of the weights to which the last step brought no gradient at all."""
    return [
        (name, p.numel())
        for name, p in model.named_parameters()
        if p.requires_grad and (p.grad is None or not bool(p.grad.any()))
    ]


def reach_px(model: nn.Module, crop_px: int, device: torch.device) -> int:
    """Side of the square of input that moves the output's middle pixel, from its gradient; at most the crop itself.

    For a class of one's own, whose plan is not known. The weights' gradients are left as they were.
    """
    side = min(crop_px, REACH_MOST_PX)
    was_training = model.training
    model.eval()
    x = torch.randn(1, 1, side, side, generator=torch.Generator().manual_seed(0)).to(device).requires_grad_()
    try:
        (gradient,) = torch.autograd.grad(model(x)[0, 0, side // 2, side // 2], x)
    finally:
        model.train(was_training)
    reached = gradient[0, 0] != 0
    spans = [torch.nonzero(reached.any(axis)).flatten() for axis in (0, 1)]
    return max((int(span[-1] - span[0]) + 1 for span in spans if len(span)), default=0)
