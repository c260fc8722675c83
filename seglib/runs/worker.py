"""The process that works: `python -m seglib.runs.worker KIND FOLDER`, KIND = train or a kind of job.

It takes the folder's lock before anything heavy is imported, says in run.json or job.json how it stands, and ends
with one clear line whatever happens; tracebacks go to log.txt alone. `run_training` is what the command line calls
too, in its own process.
"""

from __future__ import annotations

import importlib
import json
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

from seglib.exceptions import InputError
from seglib.runs import failure, identity, lock, record

logger = logging.getLogger("seglib.runs.worker")  # not __name__: that is __main__ in a worker
NICENESS = 5


class StopRequest:
    """Whether to end: asked by a file in requests/, or by SIGTERM or Ctrl-C. A second signal ends at once."""

    def __init__(self, folder: Path, name: str, asked: Callable[[], None] = lambda: None):
        self._file, self._tell = folder / "requests" / name, asked
        self._asked = self._told = False
        self.by_signal = ""  # its name, where one asked

    def __call__(self) -> bool:
        self._asked = self._asked or self._file.exists()
        if self._asked and not self._told:
            self._told = True
            self._tell()
            self._file.unlink(missing_ok=True)  # after it was told: at no moment does nothing say that it stops
        return self._asked

    def on_signal(self, number: int, frame: object) -> None:
        name = signal.Signals(number).name
        if self._asked:
            raise KeyboardInterrupt(f"{name} while stopping")
        self._asked, self.by_signal = True, name

    @contextmanager
    def listening(self) -> Iterator[StopRequest]:
        """Signals ask too, meanwhile. In a thread other than the main one only the file does."""
        if threading.current_thread() is not threading.main_thread():
            yield self
            return
        numbers = (signal.SIGTERM, signal.SIGINT)
        before = [signal.signal(number, self.on_signal) for number in numbers]
        try:
            yield self
        finally:
            for number, handler in zip(numbers, before):
                signal.signal(number, handler)


def run_training(folder: str | Path, on_event: Callable[[Any], None] = lambda event: None) -> record.State:
    """Train the run that `launcher.create` or `prepare_resume` left in `folder`, in this process; the state it ends in.

    `on_event` sees every event of the loop, after it is on disk. A failure is written into run.json and returned as
    state `failed`. Raises lock.Busy when another process trains this run.
    """
    folder = Path(folder).resolve()
    with lock.hold(folder), _log_file(folder):
        resume = _taken_over(folder)
        record.update(folder, "starting", **identity.mine().to_dict())
        stop = StopRequest(folder, "stop", lambda: record.update(folder, "stopping"))
        with stop.listening():
            try:
                from seglib.runs.recorder import train_and_record  # torch comes with it, so not before the lock

                state, reason = train_and_record(folder, resume, stop, on_event)
                if state == "stopped" and stop.by_signal:
                    reason = f"asked by {stop.by_signal}"
            except BaseException as error:  # whatever it was, the record must say so
                state, reason = "failed", _logged(error)
        (folder / "requests" / "stop").unlink(missing_ok=True)
        record.update(folder, state, reason)
    return record.current(folder)


def _taken_over(folder: Path) -> bool:
    """Whether the run prepared in `folder` is resumed.

    Raises InputError if nobody prepared it: a training that has ended would be overwritten.
    """
    written = record.read(folder)
    if written.get("state") != "starting" or "pid" in written:
        state = record.at_rest(written)
        raise InputError(f"run {folder.name} is {state}, not waiting to start; resume it or start a new one.")
    return written.get("reason") == "resumed"


def run_job(kind: str, folder: str | Path) -> record.State:
    """Do the job whose inputs lie in `folder`; the state it ends in."""
    folder = Path(folder).resolve()
    from seglib.runs import jobs

    with lock.hold(folder), _log_file(folder):
        inputs = record.read(folder, "job.json").get("inputs", {})
        record.update(folder, "running", name="job.json", **identity.mine().to_dict())
        stop = StopRequest(folder, "cancel", lambda: record.update(folder, "stopping", name="job.json"))
        with stop.listening():
            try:
                module, _, function = jobs.KINDS[kind].partition(":")
                work = getattr(importlib.import_module(module), function)
                work(inputs, folder / "result", ProgressFile(folder / "progress.jsonl"), stop)
                state, reason = "done", ""
            except BaseException as error:  # whatever it was, the record must say so
                state, reason = ("cancelled", "") if stop() else ("failed", _logged(error))
        record.update(folder, state, reason, name="job.json")
    return record.current(folder, "job.json")


def _logged(error: BaseException) -> str:
    """The failure in one line; the traceback goes to the log."""
    reason = failure.told(error)
    logger.error("failed: %s", reason)
    logger.debug("where it failed", exc_info=error)
    return reason


class ProgressFile:
    """progress(fraction, text): one JSON line, at most ten a second."""

    def __init__(self, path: Path):
        self._path, self._last = path, 0.0

    def __call__(self, fraction: float, text: str = "") -> None:
        now = time.monotonic()
        if fraction >= 1.0 or now - self._last >= 0.1:
            self._last = now
            with self._path.open("a", encoding="utf-8") as file:
                file.write(json.dumps({"fraction": round(float(fraction), 4), "text": text}) + "\n")


@contextmanager
def _log_file(folder: Path) -> Iterator[None]:
    """What seglib logs goes to log.txt of this folder, tracebacks included."""
    handler = logging.FileHandler(folder / "log.txt", encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    log = logging.getLogger("seglib")
    before = log.level, log.propagate
    log.addHandler(handler)
    log.setLevel(logging.DEBUG)
    log.propagate = False  # the file is for the curious; the person is told by the record
    try:
        yield
    finally:
        log.level, log.propagate = before
        log.removeHandler(handler)
        handler.close()


def main(arguments: list[str]) -> int:
    """Exit code 0 when the work came to a good end (finished, stopped, done, cancelled), 2 else."""
    kind, folder = arguments if len(arguments) == 2 else ("", "")
    try:
        if kind == "train":
            _give_way()
            state = run_training(folder)
        elif kind in _kinds_of_jobs():
            state = run_job(kind, folder)
        else:
            kinds = ", ".join(("train", *_kinds_of_jobs()))
            print(f"usage: python -m seglib.runs.worker KIND FOLDER; KIND: {kinds}", file=sys.stderr)
            return 2
    except InputError as error:
        print(error, file=sys.stderr)
        return 2
    return 0 if state.name in ("finished", "stopped", "done", "cancelled") else 2


def _kinds_of_jobs() -> tuple[str, ...]:
    from seglib.runs import jobs  # it brings NumPy and more: a trainer has its lock before that

    return tuple(jobs.KINDS)


def _give_way() -> None:
    """A little lower priority for a detached training and its data workers, so that the app stays quick beside it."""
    if os.name == "nt":
        psutil.Process().nice(psutil.BELOW_NORMAL_PRIORITY_CLASS)
    else:
        os.nice(NICENESS)


if __name__ == "__main__":
    code = main(sys.argv[1:])
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # threads of libraries may linger; everything of ours is on disk
