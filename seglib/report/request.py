"""Request: what the job `report` is asked for. No matplotlib, no notebook: a page makes one and looks at its result."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from seglib.report import places
from seglib.runs import jobs
from seglib.runs.files import read_json
from seglib.runs.store import Run

KIND, MADE = "report", "made.json"
_OF_RUN = ("best.safetensors.sha256", "config.json", "label.json")


@dataclass(frozen=True)
class Made:
    """What a finished job left. notes: what the person should know."""

    notebook: Path
    html: Path
    zip: Path
    notes: tuple[str, ...]


def inputs(
    runs: Sequence[Run], experiments: Sequence[Any], out: Path, title: str = "", threshold: float = 0.5
) -> dict[str, Any]:
    """Inputs of the job. They change when a run has gone on, an experiment has more trials, or the author has written:
    the same report is not made twice. Reads no picture and no checkpoint."""
    root = experiments[0].folder.parent.parent if experiments else None
    return {
        "runs": [str(run.folder) for run in runs],
        "experiments": [experiment.id for experiment in experiments],
        "root": str(root) if root else None,
        "out": str(out),
        "title": title,
        "threshold": round(float(threshold), 4),
        "stamp": _stamp(runs, experiments, out),
    }


def made(job: jobs.Job) -> Made | None:
    """What it left; None where it is not done, or its files have been removed since."""
    if not (job.folder / "job.json").exists() or job.state().name != "done":
        return None
    found = read_json(job.result / MADE)
    files = [Path(found.get(key) or "") for key in ("notebook", "html", "zip")]
    if not all(file.is_file() for file in files):
        return None
    return Made(*files, tuple(found.get("notes", ())))


def _stamp(runs: Sequence[Run], experiments: Sequence[Any], out: Path) -> str:
    of_trials = [run for experiment in experiments for run in experiment.runs()]
    parts: list[Any] = [_of_run(run) for run in dict.fromkeys([*runs, *of_trials])]
    parts += [
        _text(experiment.folder / name) for experiment in experiments for name in ("experiment.json", "trials.json")
    ]
    parts.append(_words_of_author(out / places.NOTEBOOK))
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode("utf-8")).hexdigest()


def _of_run(run: Run) -> list[Any]:
    events = run.folder / "events.jsonl"
    size = events.stat().st_size if events.exists() else 0
    state = run.state()
    return [size, state.name, state.reason, *(_text(run.folder / name) for name in _OF_RUN)]


def _text(file: Path) -> str:
    try:
        return hashlib.sha256(file.read_bytes()).hexdigest()
    except OSError:
        return ""


def _words_of_author(notebook: Path) -> str:
    try:
        stamp = notebook.stat()
    except OSError:
        return "[]"
    return _words(notebook, stamp.st_mtime_ns, stamp.st_size)


@lru_cache(maxsize=16)
def _words(notebook: Path, mtime_ns: int, size: int) -> str:
    """What the author wrote, by the same rule as `seglib.report.comments`, without nbformat, from the bare JSON."""
    cells = read_json(notebook).get("cells", [])
    kept = []
    for cell in cells if isinstance(cells, list) else []:
        if not isinstance(cell, dict):
            continue
        source = cell.get("source", "")
        text = source if isinstance(source, str) else "".join(map(str, source))
        about = cell.get("metadata", {}).get("seglib")
        known = about.get("sha256") if isinstance(about, dict) else None
        if known != hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest():
            kept.append([cell.get("cell_type"), text])
    return json.dumps(kept)
