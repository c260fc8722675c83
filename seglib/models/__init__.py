"""models: (N, 1, H, W) images to (N, 1, H, W) logits.

Importing this package loads no torch, because the web server lists models through `listing` and draws them through
`plan`. `MODELS` and `build_model` arrive on first use from `registry`, which does load torch.
"""

from __future__ import annotations

import importlib
from typing import Any

_FROM_REGISTRY = ("MODELS", "build_model")


def __getattr__(name: str) -> Any:
    if name in _FROM_REGISTRY:
        return getattr(importlib.import_module("seglib.models.registry"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_FROM_REGISTRY])
