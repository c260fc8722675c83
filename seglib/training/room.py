"""Room: whether a disk has room for what is to be written, and how a full one shows. No torch."""

from __future__ import annotations

import errno
import math
import shutil
from pathlib import Path

MARGIN_BYTES = 16 * 2**20  # kept free beside every save: events, tables, pictures, the record
FULL = (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC))
# What libraries make of it: the system, torch (its writer, and that writer closing the file), safetensors, pyarrow.
_WORDS = (
    "no space left",
    "not enough space",
    "disk quota exceeded",
    "file write failed",
    "unexpected pos",
    "os error 28",
    "errno 28",
)


def is_full(error: BaseException | None) -> bool:
    """Whether `error` says that a disk is full, also where a library has wrapped it in one of its own.

    A system error with a number decides by that number: torch reports every failed write in the same words.
    """
    chain = _chain(error)
    numbers = [e.errno for e in chain if isinstance(e, OSError) and e.errno is not None]
    if numbers:
        return any(number in FULL for number in numbers)
    return any(words in str(e).lower() for e in chain for words in _WORDS)


def _chain(error: BaseException | None) -> list[BaseException]:
    chain: list[BaseException] = []
    while error is not None and error not in chain and len(chain) < 10:
        chain.append(error)
        error = error.__cause__ or error.__context__
    return chain


def missing_bytes(folder: Path, needed_bytes: int) -> int:
    """How much too little room there is for `needed_bytes` beside the margin; 0 = there is room, or nobody knows."""
    try:
        usage = shutil.disk_usage(folder)
    except OSError:
        return 0
    known = usage.total > 0  # some network drives report none of their sizes
    return max(0, needed_bytes + MARGIN_BYTES - usage.free) if known else 0


def megabytes(n_bytes: int) -> int:
    """Rounded up, at least 1."""
    return max(1, math.ceil(n_bytes / 1e6))
