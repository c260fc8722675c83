"""The order of the queue on disk: queue.json under queue.lock, and what the runs themselves say of it.

The file is a memory of the order alone. A run waits if its run.json says so: one that the file has lost is found
again, one that the file names and that does not wait is passed over.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seglib.exceptions import InputError
from seglib.runs import gpus, lock, record
from seglib.runs.files import read_json, write_json
from seglib.runs.store import check_id, list_runs

logger = logging.getLogger(__name__)

FILE, LOCK = "queue.json", "queue.lock"
MOST_AT_ONCE = 64
_PATIENCE_S = 30.0
_LOST = "queue.json could not be read; the waiting runs were found again, in the order in which they were queued."

_scans: dict[Path, tuple[int, tuple[str, ...]]] = {}  # a root's time of change, and what waited there then


@dataclass(frozen=True)
class Queue:
    """order: ids of the runs that wait; at_once: how many may work at a time; held: none is started.

    automatic: at_once follows the number of GPUs. problem: what was wrong with the file, for the person.
    """

    order: tuple[str, ...] = ()
    at_once: int = 1
    held: bool = False
    automatic: bool = True
    problem: str = ""


def stored(root: Path) -> Queue:
    """queue.json alone, whatever the runs say; a file that is damaged is an empty order and a problem to tell."""
    path = root / FILE
    content = read_json(path)
    order, at_once = content.get("order", []), _at_once(content.get("at_once"))
    sound = isinstance(order, list) and all(isinstance(name, str) for name in order)
    if not sound or (not content and path.exists()):
        problem, order = _LOST, []
    else:
        problem = " ".join(filter(None, [str(content.get("note") or ""), _gone(root, order)]))
    return Queue(tuple(order), at_once or max(1, len(gpus.names())), content.get("held") is True, not at_once, problem)


def _at_once(value: Any) -> int | None:
    return min(value, MOST_AT_ONCE) if type(value) is int and value >= 1 else None


def _gone(root: Path, order: Sequence[str]) -> str:
    gone = [name for name in order if not _is_run(root, name)]
    return f"Waiting runs that are gone from {root}: {', '.join(gone)}." if gone else ""


def _is_run(root: Path, name: str) -> bool:
    try:
        return (root / check_id(name) / "config.json").exists()
    except InputError:
        return False


def waiting(root: Path, order: Sequence[str]) -> Iterator[str]:
    """Those of `order` that do wait, then any that wait without standing in it (a process was killed between)."""
    once = tuple(dict.fromkeys(order))
    yield from (name for name in once if _waits(root, name))
    yield from (name for name in _queued_on_disk(root) if name not in once and _waits(root, name))


def _waits(root: Path, name: str) -> bool:
    return _is_run(root, name) and record.read(root / name).get("state") == "queued"


def _queued_on_disk(root: Path) -> tuple[str, ...]:
    """Every run in state queued, longest waiting first; looked for anew when something came or went in `root`."""
    try:
        changed = root.stat().st_mtime_ns
    except OSError:
        return ()
    when, found = _scans.get(root, (-1, ()))
    if when != changed:
        records = [(run.id, run.record()) for run in list_runs(root)]
        found = tuple(n for _, n in sorted((record.since(r), n) for n, r in records if r.get("state") == "queued"))
        _scans[root] = (changed, found)
    return found


@contextmanager
def changing(root: Path, **news: Any) -> Iterator[list[str]]:
    """The order of the waiting runs, to be changed in place while others wait; written at the end with `news`.

    Written by a person's press, so what was to be told about the file has been told. Raises lock.Busy.
    """
    root.mkdir(parents=True, exist_ok=True)
    with locked(root, _PATIENCE_S):
        queue = stored(root)
        order = list(waiting(root, queue.order))
        yield order
        write(root, queue, order, **news)


def settle(root: Path, queue: Queue) -> None:
    """Write who still waits, if that has changed. What is wrong stays in the file, until a person changes the queue."""
    order = list(waiting(root, queue.order))
    if tuple(order) != queue.order or not (root / FILE).exists():
        if queue.problem:
            logger.warning("%s: %s", root / FILE, queue.problem)
        write(root, queue, order, **({"note": queue.problem} if queue.problem else {}))


def write(root: Path, queue: Queue, order: list[str], **news: Any) -> None:
    at_once = None if queue.automatic else queue.at_once
    write_json(root / FILE, {"order": order, "at_once": at_once, "held": queue.held, **news})


@contextmanager
def locked(root: Path, patience_s: float) -> Iterator[None]:
    """Nobody else changes the order or starts a run from it. Raises lock.Busy."""
    with ExitStack() as stack:
        try:
            stack.enter_context(lock.hold(root, patience_s, LOCK))
        except lock.Busy:
            raise lock.Busy(f"the queue in {root} is busy: another process kept it for {patience_s:.0f} s.") from None
        yield
