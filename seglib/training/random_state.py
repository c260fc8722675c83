"""Random state: the global generators that a module of one's own may draw from, seeded, stored and set back.

Draws and augmentations need none of it: they are functions of (seed, epoch, index). Everything stored is a tensor or a
plain value, so that `torch.load(weights_only=True)` reads it.
"""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import torch


def seed_all(seed: int) -> None:
    """Torch on every device, numpy's global generator and Python's."""
    torch.manual_seed(seed)
    np.random.seed(seed)
    random.seed(seed)


def random_state(device: str) -> dict[str, Any]:
    """The state of all of them now; of the device only where it computes."""
    kind, keys, position, has_gauss, gauss = np.random.get_state()
    version, internal, gauss_next = random.getstate()
    state = dict(
        torch=torch.get_rng_state(),
        numpy=[kind, torch.from_numpy(keys.astype(np.int64)), int(position), int(has_gauss), float(gauss)],
        python=[version, torch.tensor(internal, dtype=torch.int64), gauss_next],
    )
    if device == "cuda":
        state["cuda"] = torch.cuda.get_rng_state_all()
    if device == "mps":
        state["mps"] = torch.mps.get_rng_state()
    return state


def restore_random_state(state: dict[str, Any], device: str) -> None:
    """Set back what a checkpoint holds; one of version 0.2 holds torch's alone, under other names."""
    stored = state["random"]
    if isinstance(stored, torch.Tensor):
        stored = {"torch": stored, "cuda": state.get("random_cuda")}
    torch.set_rng_state(stored["torch"])
    if "numpy" in stored:
        kind, keys, *rest = stored["numpy"]
        np.random.set_state((kind, keys.numpy().astype(np.uint32), *rest))
    if "python" in stored:
        version, internal, gauss_next = stored["python"]
        random.setstate((version, tuple(internal.tolist()), gauss_next))
    if device == "cuda" and stored.get("cuda"):
        torch.cuda.set_rng_state_all(stored["cuda"])
    if device == "mps" and stored.get("mps") is not None:
        torch.mps.set_rng_state(stored["mps"])
