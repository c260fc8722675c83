"""Detached worker processes: started without a shell, told apart from strangers, and ended with all they started."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
from pathlib import Path

import psutil

from seglib.runs import detached, identity, record

_children: list[tuple[Path, subprocess.Popen]] = []
_guard = threading.Lock()


def spawn(kind: str, folder: Path) -> None:
    """Start the worker of a job, or a warden that starts the trainer of a run; either outlives this process."""
    module = "seglib.runs.warden" if kind == "train" else "seglib.runs.worker"
    process = detached.start(module, kind, folder)
    with _guard:
        _children.append((folder, process))


def reap() -> None:
    """Collect what this process has started and has ended: no zombies, and a killed job gets its reason written.

    The end of a trainer is its warden's to write, whose own end says nothing about it.
    """
    with _guard:
        ended = [(folder, p) for folder, p in _children if p.poll() is not None]
        for pair in ended:
            _children.remove(pair)
    for folder, p in ended:
        if p.returncode and (folder / "job.json").exists():
            record.write_end(folder, "failed", how_it_ended(p.returncode), p.pid)


def how_it_ended(code: int, out_of_memory: bool = False) -> str:
    """One phrase for an exit code: the signal by name, or the code. `out_of_memory`: the system has killed for that."""
    if code >= 0:
        return f"the process ended with code {code}; see log.txt"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    if name == "SIGKILL" and out_of_memory:
        return "out of memory: the system killed it (SIGKILL); a smaller training.batch_size or data.crop_px needs less"
    hint = " (the system does that when memory runs out)" if name == "SIGKILL" else ""
    return f"killed by {name}{hint}"


def end(who: identity.Identity | None, grace_s: float = 5.0) -> bool:
    """SIGTERM, then SIGKILL after `grace_s` seconds, to that very process and all it started. Whether it is gone.

    A stranger that has got the pid since is left alone.
    """
    process = identity.find(who)
    if process is None:
        return True
    family = _family(process)
    _signal(process, getattr(signal, "SIGTERM", None))
    _, alive = psutil.wait_procs([process], timeout=grace_s)
    if alive and identity.find(who) is not None:
        _signal(process, getattr(signal, "SIGKILL", None))
    for member in family:  # helpers in a group of their own, or orphaned when their parent went
        with contextlib.suppress(psutil.Error):
            member.kill()
    _, alive = psutil.wait_procs([process, *family], timeout=5.0)
    return identity.find(who) is None and not any(p.is_running() and p.status() != psutil.STATUS_ZOMBIE for p in alive)


def _family(process: psutil.Process) -> list[psutil.Process]:
    try:
        return process.children(recursive=True)
    except psutil.Error:
        return []


def _signal(process: psutil.Process, number: int | None) -> None:
    """To its whole group where it leads one (workers we detached do; a command in a terminal may not)."""
    with contextlib.suppress(psutil.Error, ProcessLookupError, PermissionError):
        if os.name == "nt" or number is None:
            process.terminate()
        elif os.getpgid(process.pid) == process.pid and process.pid != os.getpgid(0):
            os.killpg(process.pid, number)
        else:
            process.send_signal(number)
