"""How a process is started that outlives the one that starts it. Imports almost nothing: the warden lives on it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]


def start(module: str, kind: str, folder: Path, **variables: str) -> subprocess.Popen:
    """`python -m module kind folder` in a session of its own, without a shell. Output goes to folder/log.txt.

    `variables` are laid over this process's environment.
    """
    with (folder / "log.txt").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", module, kind, str(folder)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=REPOSITORY,
            env={**environment(), **variables},
            close_fds=True,
            **session_of_its_own(),
        )


def environment() -> dict[str, str]:
    """This process's environment with seglib found, UTF-8 and output unbuffered."""
    paths = [str(REPOSITORY), *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    found = {"PYTHONPATH": os.pathsep.join(dict.fromkeys(paths)), "PYTHONUNBUFFERED": "1", "PYTHONUTF8": "1"}
    return {**os.environ, **found}


def session_of_its_own() -> dict:
    """For Popen: what ends us, a closed terminal or Ctrl-C, does not reach it."""
    if os.name == "nt":
        return {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.DETACHED_PROCESS}
    return {"start_new_session": True}
