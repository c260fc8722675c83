"""Device: where to compute and how: cuda, mps or cpu; float32 or bfloat16; memory layout. One place decides for all."""

from __future__ import annotations

import contextlib
import ctypes
import sys
from dataclasses import dataclass

import torch

from seglib.exceptions import InputError


@dataclass(frozen=True)
class Device:
    """A torch device with the precision and memory layout that are fast on it."""

    torch_device: torch.device
    bfloat16: bool
    channels_last: bool

    @property
    def precision(self) -> str:
        return "bfloat16" if self.bfloat16 else "float32"

    @property
    def name(self) -> str:
        return self.torch_device.type

    def place(self, model: torch.nn.Module) -> torch.nn.Module:
        """The model on the device, in its layout."""
        layout = torch.channels_last if self.channels_last else torch.contiguous_format
        return model.to(self.torch_device, memory_format=layout)

    def put(self, x: torch.Tensor) -> torch.Tensor:
        """(N, C, H, W) on the device, in its layout."""
        layout = torch.channels_last if self.channels_last else torch.contiguous_format
        return x.to(self.torch_device, memory_format=layout, non_blocking=True)

    def autocast(self) -> contextlib.AbstractContextManager:
        """bfloat16 for the forward pass where chosen; losses compute in float32 inside it."""
        if not self.bfloat16:
            return contextlib.nullcontext()
        return torch.autocast(self.name, dtype=torch.bfloat16)


M_MMAP_THRESHOLD, M_TRIM_THRESHOLD = -3, -1  # names of glibc's mallopt(3)


def keep_memory() -> None:
    """Let the C library keep freed blocks instead of giving them back to the system after every step.

    Page faults cost 5 to 55 % of a training step, more with more channels (docs/log.md). Other systems have other
    allocators and no mallopt; nothing happens there.
    """
    if not sys.platform.startswith("linux"):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(M_MMAP_THRESHOLD, 2**30)
        mallopt(M_TRIM_THRESHOLD, 2**31 - 1)


def choose_device(name: str = "auto", precision: str = "auto") -> Device:
    """The device of that name, or the best there is; `precision` auto is bfloat16 where the hardware is fast at it.

    Raises InputError if the device asked for is not on this machine.
    """
    available = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if name == "auto":
        name = next(kind for kind, there in available.items() if there)
    if not available.get(name, False):
        there = ", ".join(kind for kind, yes in available.items() if yes)
        raise InputError(f"training.device is {name!r}, which this machine has not; here: {there}, or auto.")
    fast = _fast_at_bfloat16(name)
    bfloat16 = fast if precision == "auto" else precision == "bfloat16"
    return Device(torch.device(name), bfloat16=bfloat16, channels_last=fast)


def _fast_at_bfloat16(name: str) -> bool:
    if name == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return name == "cpu" and torch.cpu._is_amx_tile_supported()
