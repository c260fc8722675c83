"""run.json and job.json: what the worker last said of itself, and what is true of it now.

The file says what was; the lock says whether somebody lives. Where they disagree the lock is believed.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seglib.runs import identity, lock
from seglib.runs.files import read_json, write_json

STATES = ("queued", "starting", "running", "stopping", "stopped", "finished", "failed", "interrupted")
JOB_STATES = ("starting", "running", "stopping", "done", "failed", "cancelled", "interrupted")
LIVE = ("starting", "running", "stopping")
ENDED = ("stopped", "finished", "failed", "interrupted")  # of a run: only a person starts it again
# A worker takes its lock before it imports anything heavy. After so many seconds without it somebody must be seen to be
# at it: on a machine that is very busy a process may take longer to come up.
START_GRACE_S, LONGEST_START_S = 8.0, 300.0
_DIED = "it ended without a word: killed, or out of memory; resume goes on from the last checkpoint"
_REBOOTED = "the machine was restarted; resume goes on from the last checkpoint"
FORCED = "ended by force; resume goes on from the last checkpoint"
_NEVER_STARTED = "the process did not start; see log.txt"


@dataclass(frozen=True)
class State:
    """One of STATES (or JOB_STATES), why, and since when (Unix seconds)."""

    name: str
    reason: str = ""
    since: float = 0.0

    @property
    def live(self) -> bool:
        """A process works, or is about to."""
        return self.name in LIVE

    def __str__(self) -> str:
        return self.name


def read(folder: Path, name: str = "run.json") -> dict[str, Any]:
    return read_json(folder / name)


def update(folder: Path, state: str, reason: str = "", *, name: str = "run.json", **more: Any) -> dict[str, Any]:
    """Write a new state into the record and its history. Only the holder of the lock may call this."""
    record = read(folder, name)
    moment = round(time.time(), 3)
    if (record.get("state"), record.get("reason")) != (state, reason):
        record["history"] = [*record.get("history", []), {"time": moment, "state": state, "reason": reason}]
    record.update(more, state=state, reason=reason)
    write_json(folder / name, record)
    return record


def forget_worker(folder: Path, name: str = "run.json") -> None:
    """Take the last worker's identity out of the record, before a new one is started. For the holder of the lock."""
    kept = {k: v for k, v in read(folder, name).items() if k not in ("pid", "process_start", "gpu")}
    write_json(folder / name, {**kept, "boot_id": identity.boot_id()})


def write_end(folder: Path, state: str, reason: str, pid: int | None = None) -> None:
    """Write an end that the worker could not write itself.

    Nothing happens if it did write it, if another works there by now, or if the record is of another pid.
    """
    name = "job.json" if (folder / "job.json").exists() else "run.json"
    if not (folder / name).exists():
        return
    try:
        with lock.hold(folder):
            written = read(folder, name)
            if written.get("state") in LIVE and (pid is None or written.get("pid", pid) == pid):
                update(folder, state, reason, name=name)
    except lock.Busy:
        return


def current(folder: Path, name: str = "run.json", requests: Iterable[str] = ("stop",)) -> State:
    """What is true now of the run or job in `folder`; waits up to 2 s only where lock and record disagree."""
    record = read(folder, name)
    if record.get("state") not in LIVE:
        return _as_written(record)

    def recorded_lives() -> bool:  # read anew: a worker has the lock a moment before it has written who it is
        return identity.find(identity.from_record(read(folder, name))) is not None

    if lock.is_held(folder, certain=recorded_lives):
        if any((folder / "requests" / r).exists() for r in requests):
            return State("stopping", record.get("reason", ""), since(record))
        # read anew: a worker says that it has heard a request, then takes it away
        return _as_written(read(folder, name) or record)
    now = at_rest(read(folder, name))  # it may have come to its end between the two looks
    if now.reason == _NEVER_STARTED and time.time() - now.since < LONGEST_START_S and identity.works_on(folder):
        return State("starting", "", now.since)
    return now


def at_rest(record: dict[str, Any]) -> State:
    """What a record means while nobody holds the lock, or for its holder before it works."""
    return _without_a_worker(record) if record.get("state") in LIVE else _as_written(record)


def _as_written(record: dict[str, Any]) -> State:
    if not record:
        return State("interrupted", "its record cannot be read")
    return State(str(record.get("state", "interrupted")), str(record.get("reason") or ""), since(record))


def _without_a_worker(record: dict[str, Any]) -> State:
    when = since(record)
    if not identity.same_boot(str(record.get("boot_id", ""))):
        return State("interrupted", _REBOOTED, when)
    if "pid" in record:
        return State("failed", _DIED, when)
    waiting = 0 <= time.time() - when < START_GRACE_S
    return State("starting", "", when) if waiting else State("failed", _NEVER_STARTED, when)


def since(record: dict[str, Any]) -> float:
    """Unix seconds of the last change of state; 0 where nothing is written."""
    history = record.get("history") or [{}]
    return float(history[-1].get("time", 0.0))
