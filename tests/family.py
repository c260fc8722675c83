"""The processes of a test's runs: started from a process that is gone at once, found, and none left behind."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import psutil
from tiny_run import wait_until

from seglib.runs import identity, order, process
from seglib.runs.store import Run, list_runs

REPOSITORY = Path(__file__).resolve().parents[1]
_SPAWN = (
    "import sys; from pathlib import Path; from seglib.runs import process; process.spawn('train', Path(sys.argv[1]))"
)


def start_from_elsewhere(run: Run) -> None:
    """As a server does that is killed a moment later: nobody of this process's family looks after the run."""
    subprocess.run([sys.executable, "-c", _SPAWN, str(run.folder)], cwd=REPOSITORY, check=True)


def wardens(run: Run) -> list[psutil.Process]:
    return processes_of(run.folder, "seglib.runs.warden")


def trainer(run: Run) -> psutil.Process:
    """The one that its record names, once it works."""
    assert wait_until(lambda: written(run)["state"] == "running", 200), written(run)
    return identity.find(identity.from_record(run.record()))


def written(run: Run) -> dict:
    """run.json itself: `state()` would help a look along."""
    return json.loads((run.folder / "run.json").read_text(encoding="utf-8"))


def events(run: Run, kind: str) -> list[dict]:
    return [event for event in run.events()[0] if event["kind"] == kind]


def processes_of(folder: Path, module: str = "") -> list[psutil.Process]:
    """All whose command line names something in `folder`, and `module`."""
    found = []
    for p in psutil.process_iter():
        try:
            line = " ".join(p.cmdline())
        except psutil.Error:  # it has ended meanwhile
            continue
        if str(folder) in line and module in line:
            found.append(p)
    return found


def end_all(root: Path) -> None:
    """Kill what still trains in `root` and below, start nothing more, and hold that no process is left."""
    for here in {root, *(file.parent for file in root.rglob(order.FILE))} if root.exists() else ():
        with order.changing(here, held=True):
            pass
        for run in list_runs(here):
            process.end(identity.from_record(run.record()), grace_s=0.1)
    assert wait_until(lambda: process.reap() or not processes_of(root), 60), processes_of(root)


def ours() -> list[psutil.Process]:
    """Wardens, trainers and jobs that this process has started and that are still there, alive or zombies.

    Other children are not a test's matter: multiprocessing keeps one of its own for the rest of the process.
    """
    found = psutil.Process().children()
    return [p for p in found if p.status() == psutil.STATUS_ZOMBIE or "seglib.runs" in " ".join(p.cmdline())]


def is_gone(pid: int) -> bool:
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
