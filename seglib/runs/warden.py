"""The warden of a training, `python -m seglib.runs.warden train FOLDER`: a small process that outlives its starter.

It starts the trainer in a session of its own and waits for it. It alone is told by which signal a trainer died, and
writes that down; it ends by force one that was asked to stop and does not; it lets the next run of the queue begin.
Nothing depends on it: without it the lock still says who lives, and whoever looks at the queue moves it on.

It lives as long as the training, so the heavier modules are imported when there is something to do.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from seglib.runs import detached

LOOK_S = 0.2
# From the request to stop to SIGTERM. A trainer that saves or validates changes files in its folder: it is left
# alone until it has changed none for as long, but not for ever.
STOP_GRACE_S, LONGEST_STOP_S = 30.0, 300.0
KILL_GRACE_S = 5.0  # from SIGTERM to SIGKILL
_QUEUE_PATIENCE_S = 60.0


def start(kind: str, folder: Path) -> subprocess.Popen:
    """The worker, on the GPU and with the threads that the queue gave the run."""
    given = _record(folder)
    gpu, threads = given.get("gpu"), given.get("threads")
    chosen = {} if gpu is None else {"CUDA_VISIBLE_DEVICES": str(gpu), "CUDA_DEVICE_ORDER": "PCI_BUS_ID"}
    if threads is not None:
        chosen["OMP_NUM_THREADS"] = str(int(threads))
    return detached.start("seglib.runs.worker", kind, folder, **chosen)


def watch(trainer: subprocess.Popen, folder: Path) -> int:
    """Wait for the trainer; its end is written when this returns. Its exit code."""
    asked: float | None = None
    forced, killed_before = False, _killed_for_memory()
    stop = _StopSign(folder)
    while not _has_ended(trainer):
        if asked is None and stop.is_given():
            asked = time.time()
        if asked is not None and not forced and _is_overdue(folder, asked):
            forced = True
            _end_by_force(trainer)
        time.sleep(LOOK_S)
    if not forced:  # then they went with it, and its pid may be another's by now
        _end_helpers(trainer)
    code = trainer.wait()
    _write_end(folder, trainer.pid, code, forced, _killed_for_memory() > killed_before)
    return code


class _StopSign:
    """Whether a stop was asked for: the trainer takes the request away as it hears it, and says so in its record."""

    def __init__(self, folder: Path):
        self._folder, self._seen, self._heard = folder, 0, False

    def is_given(self) -> bool:
        if (self._folder / "requests" / "stop").exists():
            return True
        changed = _changed(self._folder / "run.json")
        if changed != self._seen:
            self._seen, self._heard = changed, _record(self._folder).get("state") == "stopping"
        return self._heard


def _is_overdue(folder: Path, asked: float) -> bool:
    now = time.time()
    if now - asked < STOP_GRACE_S:
        return False
    return now - asked >= LONGEST_STOP_S or now - _last_sign_of_life(folder) >= STOP_GRACE_S


def _last_sign_of_life(folder: Path) -> float:
    """When something was last written: events, log, checkpoints, and pictures of a validation as they come."""
    written = [p for p in folder.iterdir() if p.name not in ("lock", "requests", "label.json")]
    written += (folder / "validation").glob("*")
    return max(map(_changed, written), default=0) / 1e9


def _changed(path: Path) -> int:
    """Time of the last change, nanoseconds; 0 for what is not there."""
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


def _has_ended(trainer: subprocess.Popen) -> bool:
    """It stays a zombie until `wait` where the system allows it, so that its pid and group are nobody else's."""
    if not hasattr(os, "waitid"):
        return trainer.poll() is not None
    try:
        return os.waitid(os.P_PID, trainer.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
    except ChildProcessError:  # `_end_by_force` has waited for it
        return True


def _end_helpers(trainer: subprocess.Popen) -> None:
    """Data workers of a trainer that was killed. Elsewhere they see to it themselves, within a second or two."""
    if hasattr(os, "waitid"):
        try:
            os.killpg(trainer.pid, signal.SIGKILL)
        except OSError:
            return


def _end_by_force(trainer: subprocess.Popen) -> None:
    """SIGTERM, then SIGKILL of the trainer's own group."""
    from seglib.runs import identity, process

    who = identity.of(trainer.pid)
    if who is not None:
        process.end(who, KILL_GRACE_S)


def _write_end(folder: Path, pid: int, code: int, forced: bool, out_of_memory: bool) -> None:
    """What the trainer could not write itself; nothing if it did."""
    from seglib.runs import process, record

    force = folder / "requests" / "force"
    if forced or force.exists():
        record.write_end(folder, "stopped", record.FORCED, pid)
    else:
        record.write_end(folder, "failed", process.how_it_ended(code, out_of_memory), pid)
    force.unlink(missing_ok=True)


def _killed_for_memory() -> int:
    """How many processes the system has killed because memory ran out; 0 where it does not say."""
    try:
        lines = Path("/proc/vmstat").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("oom_kill ")), 0)


def _record(folder: Path) -> dict:
    try:
        return json.loads((folder / "run.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


def main(arguments: list[str]) -> int:
    """The trainer's exit code."""
    kind, folder = arguments[0], Path(arguments[1])
    code = watch(start(kind, folder), folder)
    from seglib.runs import queue

    queue.advance(folder.parent, _QUEUE_PATIENCE_S)
    return code


if __name__ == "__main__":
    if os.name != "nt":
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # whoever started the app may have ignored it: no code then
    sys.exit(main(sys.argv[1:]) & 0xFF)
