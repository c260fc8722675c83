"""Detached worker processes: started without a shell, told apart from strangers, and ended with all they started."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import psutil

from seglib.runs import identity, record

REPOSITORY = Path(__file__).resolve().parents[2]
_children: list[tuple[Path, subprocess.Popen]] = []
_guard = threading.Lock()


def spawn(kind: str, folder: Path) -> None:
    """Start `python -m seglib.runs.worker kind folder`; it outlives this process. Output goes to folder/log.txt."""
    with (folder / "log.txt").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "seglib.runs.worker", kind, str(folder)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=REPOSITORY,
            env=environment(),
            close_fds=True,
            **_detached(),
        )
    with _guard:
        _children.append((folder, process))


def environment() -> dict[str, str]:
    """This process's environment with seglib found, UTF-8 and output unbuffered."""
    paths = [str(REPOSITORY), *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    found = {"PYTHONPATH": os.pathsep.join(dict.fromkeys(paths)), "PYTHONUNBUFFERED": "1", "PYTHONUTF8": "1"}
    return {**os.environ, **found}


def _detached() -> dict:
    if os.name == "nt":
        return {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.DETACHED_PROCESS}
    return {"start_new_session": True}


def reap() -> None:
    """Collect workers of this process that have ended: no zombies, and one that was killed gets its reason written."""
    with _guard:
        ended = [(folder, p) for folder, p in _children if p.poll() is not None]
        for pair in ended:
            _children.remove(pair)
    for folder, p in ended:
        if p.returncode:
            record.write_end(folder, "failed", how_it_ended(p.returncode), p.pid)


def how_it_ended(code: int) -> str:
    """One phrase for a non-zero exit code: the signal by name, or the code."""
    if code > 0:
        return f"the process ended with code {code}; see log.txt"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
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
