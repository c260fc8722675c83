"""Places: where the project keeps what it derives."""

from __future__ import annotations

import os
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]


def cache_root() -> Path:
    """Where derived files live: the environment's SEGLIB_CACHE, else `cache/` of the repository. Safe to delete."""
    return Path(os.environ.get("SEGLIB_CACHE") or REPOSITORY / "cache").expanduser().resolve()
