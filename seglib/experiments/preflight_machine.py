"""Pre-flight, the machine: memory there is and memory taken, and how much of it others use meanwhile."""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
import torch

from seglib.models.plan import plan
from seglib.training.config import Config
from seglib.training.device import Device

EVERY_S = 0.005
FLOAT_BYTES = 4
MAPS_KEPT = 2.5  # feature maps kept for the way back, for each convolution: its output, its norm's, its activation's
_CGROUP = Path("/sys/fs/cgroup")


@dataclass(frozen=True)
class Memory:
    """Bytes. free: what the training may take in all; peak: what it took at most; before: what it held without the
    network; place: 'memory' or 'GPU memory'."""

    free: int
    peak: int
    before: int
    place: str

    @property
    def share(self) -> float:
        return self.peak / max(1, self.free)


def resident() -> int:
    """Bytes of this process in memory."""
    return psutil.Process().memory_info().rss


def held(device: Device) -> int:
    """Bytes this process holds where the network computes."""
    return torch.cuda.memory_reserved() if device.name == "cuda" else resident()


def place(device: Device) -> str:
    return "GPU memory" if device.name == "cuda" else "memory"


def free_memory(device: Device) -> int:
    """Bytes this process may hold in all: what is free now and what it holds already."""
    if device.name == "cuda":
        return torch.cuda.mem_get_info()[0] + torch.cuda.memory_reserved()
    free = psutil.virtual_memory().available
    limit = _container_free()
    return resident() + (free if limit is None else min(free, limit))


def _container_free() -> int | None:
    """What a container's own limit leaves; the system's figures do not know of it."""
    for most, now in (
        ("memory.max", "memory.current"),
        ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes"),
    ):
        with suppress(OSError, ValueError):
            return max(0, int((_CGROUP / most).read_text()) - int((_CGROUP / now).read_text()))
    return None


class Meter:
    """`with Meter(device) as meter: …; meter.peak` the most bytes held meanwhile; a thread looks every 5 ms."""

    def __init__(self, device: Device):
        self._cuda, self.peak = device.name == "cuda", 0
        self._ended = threading.Event()

    def __enter__(self) -> Meter:
        if self._cuda:
            torch.cuda.reset_peak_memory_stats()
        self._look()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()
        self._look()

    def _watch(self) -> None:
        while not self._ended.wait(EVERY_S):
            self._look()

    def _look(self) -> None:
        self.peak = max(self.peak, torch.cuda.max_memory_reserved() if self._cuda else resident())


class Others:
    """`with Others() as others: …; others.cores` how many processor cores other programs used meanwhile."""

    cores = 0.0

    def __enter__(self) -> Others:
        self._begun = self._times()
        return self

    def __exit__(self, *_: object) -> None:
        wall, busy, own = (now - then for now, then in zip(self._times(), self._begun))
        self.cores = max(0.0, (busy - own) / max(wall, 1e-9))

    @staticmethod
    def _times() -> tuple[float, float, float]:
        everything, mine = psutil.cpu_times(), psutil.Process().cpu_times()
        idle = everything.idle + getattr(everything, "iowait", 0.0)
        return time.monotonic(), sum(everything[:8]) - idle, mine.user + mine.system


def fixed_bytes(config: Config, n_parameters: int) -> int:
    """Weights, gradients, what the optimiser keeps for each, and their running average."""
    kept = 1 if config.optimizer.name == "sgd" else 2
    return FLOAT_BYTES * n_parameters * (2 + kept + bool(config.training.ema))


def sample_bytes(config: Config) -> int:
    """About what one sample's way there and back takes, from the plan of the U-Net; of a class of one's own a guess."""
    convolved = {"encoder", "base", "decoder"}
    n = config.model.convs_per_block
    maps = sum(
        b.channels_out * b.size**2 * (n * MAPS_KEPT if b.side in convolved else 1)
        for b in plan(config.model, config.data.crop_px)
    )
    return int(FLOAT_BYTES * maps)
