"""A progress bar on standard error, so that standard output holds results alone."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tqdm import tqdm


@contextmanager
def bar(what: str, total: int | None = None) -> Iterator[Callable[[int, int], None]]:
    """The callback (done, total) that moves the bar."""
    with tqdm(total=total, desc=what, file=sys.stderr, leave=False, disable=None, dynamic_ncols=True) as line:

        def move(done: int, of: int) -> None:
            line.total = of
            line.update(done - line.n)

        yield move
