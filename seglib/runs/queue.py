"""The queue: runs that wait, started one after another or `at_once` at a time. No process owns it.

queue.json holds their order, nothing else: that a run waits stands in its run.json (state queued), that one works is
what its lock says. Whoever comes by calls `advance`: the warden of a run that has ended, a page, the command line.
"""

from __future__ import annotations

import logging
import os
import shutil
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seglib.exceptions import InputError
from seglib.runs import gpus, lock, order, process, record
from seglib.runs.order import Queue
from seglib.runs.store import Run, checkpoints_root, list_runs

if TYPE_CHECKING:
    from seglib.training.config import Config

logger = logging.getLogger(__name__)

__all__ = ["Queue"]
_alive: dict[Path, tuple[str, ...]] = {}  # a root's live runs at the last look: mostly they still are


def read(root: str | Path | None = None) -> Queue:
    """The queue as it stands; never waits for anybody, never writes."""
    root = _root(root)
    queue = order.stored(root)
    return replace(queue, order=tuple(order.waiting(root, queue.order)))


def running(root: str | Path | None = None) -> list[Run]:
    """The runs that work now, however they were started; newest first."""
    root = _root(root)
    runs = [run for run in list_runs(root) if run.state().live]
    _alive[root] = tuple(run.id for run in runs)
    return runs


# -- joining


def submit(
    config: Config, run_id: str | None = None, root: str | Path | None = None, *, name: str = "", note: str = ""
) -> Run:
    """A new run at the end of the queue; started at once where there is room.

    Raises InputError as `launcher.create` does, and when the queue is kept busy for too long.
    """
    [run] = submit_many([(config, run_id, name)], root)
    if note:
        run.write_note(note)
    return run


def submit_many(
    wanted: Sequence[tuple[Config, str | None, str]], root: str | Path | None = None, *, start: bool = True
) -> list[Run]:
    """New runs (config, id or None, shown name or "") at the end of the queue: all of them, or none and an InputError.

    Without `start` they wait until somebody calls `advance`.
    """
    from seglib.runs import launcher  # NumPy and more come with it; a warden needs none

    root = _root(root)
    for config in {(c.model.name, c.data): c for c, _, _ in wanted}.values():
        launcher.check(config)
    root.mkdir(parents=True, exist_ok=True)
    made: list[Run] = []
    with order.changing(root) as ids:
        try:
            for config, run_id, name in wanted:
                made.append(launcher.make(config, run_id, root, name=name, state="queued"))
        except BaseException:
            for run in made:
                shutil.rmtree(run.folder, ignore_errors=True)
            raise
        ids += [run.id for run in made]
    if start:
        advance(root)
    return made


def submit_resume(run: Run, **budget: float | None) -> Run:
    """A run that has ended, at the end of the queue to go on; `budget` as in `launcher.resume`, and its errors."""
    from seglib.runs import launcher

    root = run.folder.parent
    with order.changing(root) as ids:
        launcher.prepare_resume(run, state="queued", **budget)
        ids.append(run.id)
    advance(root)
    return run


# -- what a person does with it


def move(run: Run, to: int) -> None:
    """Put a waiting run at place `to`, 0 = next. Raises InputError for one that does not wait."""
    with order.changing(run.folder.parent) as ids:
        if run.id not in ids:
            raise InputError(f"run {run.id} is {run.state()}, not waiting in the queue; only waiting runs are moved.")
        ids.remove(run.id)
        ids.insert(max(0, to), run.id)
    advance(run.folder.parent)


def first(run: Run) -> None:
    """Let a waiting run be the next."""
    move(run, 0)


def cancel(run: Run) -> None:
    """Take a waiting run out; its folder stays. Raises InputError for one that does not wait."""
    from seglib.runs import launcher

    with order.changing(run.folder.parent) as ids:
        if not launcher.take_out(run):
            raise InputError(f"run {run.id} is {run.state()}, not waiting in the queue; a running one is stopped.")
        if run.id in ids:
            ids.remove(run.id)
    advance(run.folder.parent)


def put_back(run: Run, to: int) -> None:
    """Undo `cancel`: let the run wait again, at place `to`. Raises InputError for one that was not taken out."""
    from seglib.runs import launcher

    with order.changing(run.folder.parent) as ids:
        if not launcher.put_back(run):
            raise InputError(f"run {run.id} is {run.state()}; only one that was taken out of the queue is put back.")
        ids.insert(max(0, to), run.id)
    advance(run.folder.parent)


def set_at_once(k: int | None, root: str | Path | None = None) -> None:
    """How many runs work at a time, 1 to 64; None = as many as there are GPUs, at least 1."""
    if k is not None and (isinstance(k, bool) or not isinstance(k, int) or not 1 <= k <= order.MOST_AT_ONCE):
        raise InputError(f"at once is {k!r}; allowed: 1 to {order.MOST_AT_ONCE} runs, or as many as there are GPUs.")
    with order.changing(_root(root), at_once=k):
        pass
    advance(root)


def hold(root: str | Path | None = None) -> None:
    """Start no waiting run until `release`; what runs goes on."""
    with order.changing(_root(root), held=True):
        pass


def release(root: str | Path | None = None) -> None:
    with order.changing(_root(root), held=False):
        pass
    advance(root)


# -- going on


def advance(root: str | Path | None = None, patience_s: float = 2.0) -> list[Run]:
    """Start what there is room for; the runs started. Any process may call it at any time.

    It takes no lock while nothing waits or nothing has room, and gives up after `patience_s` seconds where another
    process is at it. One that fails to start does not stop the next.
    """
    root = _root(root)
    queue = order.stored(root)
    if queue.held or next(order.waiting(root, queue.order), None) is None or _is_full(root, queue.at_once):
        return []
    started: list[Run] = []
    try:
        with order.locked(root, patience_s):
            _start_what_fits(root, started)
    except lock.Busy:
        pass
    except OSError as error:  # a full disk: those that wait go on waiting
        logger.warning("the queue in %s cannot go on: %s", root, error)
    return started


def _start_what_fits(root: Path, started: list[Run]) -> None:
    queue, alive = order.stored(root), running(root)
    for name in order.waiting(root, queue.order):
        if queue.held or len(alive) >= queue.at_once:
            break
        run = Run(root / name)
        if _start(run, _gpu_for(run, alive), queue.at_once):
            alive.append(run)
            started.append(run)
    _alive[root] = tuple(run.id for run in alive)
    order.settle(root, queue)


def _start(run: Run, gpu: str | None, at_once: int) -> bool:
    """Whether its trainer is on its way: not if somebody took it out, or the system can start no process."""
    try:
        with lock.hold(run.folder):
            written = run.record()
            if written.get("state") != "queued":
                return False
            threads = _threads(written, gpu, at_once)
            record.forget_worker(run.folder)
            record.update(run.folder, "starting", written.get("reason", ""), gpu=gpu, threads=threads)
        process.spawn("train", run.folder)
    except lock.Busy:
        return False
    except OSError as error:
        record.write_end(run.folder, "failed", f"it could not be started: {error.strerror or error}")
        return False
    return True


def _threads(written: dict[str, Any], gpu: str | None, at_once: int) -> int | None:
    """A share of the processor for each of several runs; None = all of it. Two that both want all of it wait for each
    other at every step (docs/log.md). A resumed run keeps what it began with: other sums would end in other weights."""
    if written.get("reason") == "resumed":
        return written.get("threads")
    if gpu is not None or at_once == 1 or "OMP_NUM_THREADS" in os.environ:
        return None
    return max(1, (os.cpu_count() or 1) // at_once)


def _gpu_for(run: Run, alive: list[Run]) -> str | None:
    """The GPU with the fewest runs; None without GPUs and for a run that is to use the processor."""
    names = gpus.names()
    if not names or _on_processor(run):
        return None
    load = Counter(str(other.record().get("gpu") or names[0]) for other in alive if not _on_processor(other))
    return min(names, key=lambda name: load[name])


def _on_processor(run: Run) -> bool:
    return run.settings().get("training", {}).get("device") == "cpu"


def _is_full(root: Path, at_once: int) -> bool:
    known = [Run(root / name) for name in _alive.get(root, ())]
    if sum(run.state().live for run in known) >= at_once:
        return True
    return len(running(root)) >= at_once


def _root(root: str | Path | None) -> Path:
    return Path(root).expanduser().resolve() if root else checkpoints_root()
