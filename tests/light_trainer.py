"""Trainers without torch, for tests of what starts, watches and ends them; warden, worker, lock, queue are real.

`install` writes a `sitecustomize` that every Python process started with its environment loads: it puts a recorder of
a few lines in the place of the one that trains. What it does stands in the run's id.
"""

from __future__ import annotations

import os
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
_CODE = """
import sys, types

def train_and_record(folder, resume, stop, on_event):
    import os, signal, time
    from seglib.runs import events, record
    file = events.EventFile(folder / "events.jsonl")
    file.append({"kind": "started", "step": 0, "pid": os.getpid(), "gpu": os.environ.get("CUDA_VISIBLE_DEVICES")})
    record.update(folder, "running", planned_steps=10)
    if "deaf" in folder.name:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        import subprocess
        code = "import signal, time; signal.signal(15, signal.SIG_IGN); time.sleep(120)"
        helper = subprocess.Popen([sys.executable, "-c", code])
        file.append({"kind": "note", "text": "helper", "pid": helper.pid})
        time.sleep(120)
    if "fails" in folder.name:
        raise ValueError("this one fails")
    for step in range(10_000 if "long" in folder.name else 3):
        time.sleep(0.05)
        if stop():
            return "stopped", "as asked"
    file.append({"kind": "finished", "step": 3, "reason": "steps"})
    return "finished", "all planned steps are done"

light = types.ModuleType("seglib.runs.recorder")
light.train_and_record = train_and_record
sys.modules["seglib.runs.recorder"] = light
"""


def install(folder: Path, monkeypatch, more: str = "") -> None:
    """Every process started from now on trains lightly; `more` is code that it runs besides."""
    folder.mkdir(exist_ok=True)
    (folder / "sitecustomize.py").write_text(_CODE + more, encoding="utf-8")
    before = os.environ.get("PYTHONPATH", "")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, [str(folder), str(REPOSITORY), before])))
