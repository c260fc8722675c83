"""Jobs: long tasks other than training, each in a folder of `cache/jobs/` named by the hash of its inputs.

The same inputs lead to the same folder: a result that is there is used, a job that works is joined. The code of a
job is imported by its worker alone, so that pages can start one without torch.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seglib import __version__
from seglib.data import lineage
from seglib.data.records import CSV_NAME
from seglib.data.substitute import csv_of
from seglib.exceptions import InputError
from seglib.places import cache_root
from seglib.runs import events, identity, lock, process, record
from seglib.runs.files import write_json
from seglib.settings import nearest

# kind -> "module:function" called by the worker as function(inputs, result_folder, progress, should_stop)
KINDS: dict[str, str] = {
    "predict": "seglib.runs.tasks:predict",
    "evaluate": "seglib.runs.tasks:evaluate",
    "errors": "seglib.runs.tasks:errors",
    "changes": "seglib.runs.tasks:changes",
    "transforms": "seglib.runs.transforms:transforms",
    "recurrence": "seglib.runs.recurring_job:recurrence",
    "kinds": "seglib.runs.kinds_job:kinds",
    "ceiling": "seglib.runs.ceilings:job",
    "version": "seglib.runs.acting_jobs:version",
    "export": "seglib.runs.acting_jobs:export",
    "suggestions": "seglib.runs.suspects:suggestions",
    "demo": "seglib.runs.tasks:demo",
    "survey": "seglib.runs.tasks:survey",
    "recognise": "seglib.runs.imports:recognise",
    "import": "seglib.runs.imports:import_source",
    "normalisation": "seglib.runs.tasks:normalisation",
    "weakness": "seglib.experiments.weakness_job:weakness",
    "preflight": "seglib.experiments.preflight_job:preflight",
    "experiment": "seglib.experiments.conductor:conduct",
    "report": "seglib.report.work:report",
}
_RECORD = "job.json"


@dataclass(frozen=True)
class JobProgress:
    """fraction 0…1 of the work done, and what is being done."""

    fraction: float = 0.0
    text: str = ""


@dataclass(frozen=True)
class Job:
    """One job folder: job.json, progress.jsonl, lock, log.txt, requests/, result/."""

    folder: Path

    @property
    def id(self) -> str:
        return self.folder.name

    @property
    def kind(self) -> str:
        return str(record.read(self.folder, _RECORD).get("kind", ""))

    @property
    def inputs(self) -> dict[str, Any]:
        return record.read(self.folder, _RECORD).get("inputs", {})

    @property
    def result(self) -> Path:
        """Folder of the results; complete only when the state is done."""
        return self.folder / "result"

    def state(self) -> record.State:
        """What is true now: starting, running, stopping, done, failed, cancelled or interrupted, with the reason."""
        process.reap()
        return record.current(self.folder, _RECORD, requests=("cancel",))

    def progress(self) -> JobProgress:
        rows, _ = events.tail(self.folder / "progress.jsonl")
        last = rows[-1] if rows else {}
        return JobProgress(float(last.get("fraction", 0.0)), str(last.get("text", "")))

    def cancel(self) -> None:
        """Ask the worker to end; a job that is not alive stays as it is."""
        if self.state().live:
            (self.folder / "requests").mkdir(exist_ok=True)
            (self.folder / "requests" / "cancel").touch()

    def escalate(self, grace_s: float = 5.0) -> None:
        """End a worker that does not answer `cancel`."""
        if process.end(identity.from_record(record.read(self.folder, _RECORD)), grace_s):
            record.write_end(self.folder, "cancelled", "ended by force")


def start(kind: str, inputs: dict[str, Any], root: str | Path | None = None, *, again: bool = False) -> Job:
    """The job of these inputs: joined if it works, as it is if done, else started. `again` redoes a finished one.

    `inputs` are JSON values; what a result depends on beyond them (a run's checkpoint, files by size and time) is
    hashed with them. Raises InputError for an unknown kind or inputs that JSON cannot hold.
    """
    job = find(kind, inputs, root)
    if (job.folder / _RECORD).exists() and job.state().live:
        return job
    job.folder.mkdir(parents=True, exist_ok=True)
    try:
        with lock.hold(job.folder):
            state = record.at_rest(record.read(job.folder, _RECORD))
            if state.live or (state.name == "done" and _is_there(job, kind, inputs) and not again):
                return job
            _prepare(job, kind, inputs)
    except lock.Busy:
        return job
    process.spawn(kind, job.folder)
    return job


def find(kind: str, inputs: dict[str, Any], root: str | Path | None = None) -> Job:
    """The job of these inputs, whether or not it was ever started."""
    if kind not in KINDS:
        raise InputError(f"unknown kind of job {kind!r}; allowed: {', '.join(KINDS)}.{nearest(kind, KINDS)}")
    try:
        what = {"kind": kind, "inputs": inputs, "version": __version__, "stamps": _stamps(inputs)}
        text = json.dumps(what, sort_keys=True, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise InputError(f"inputs of the job {kind!r} must be JSON values: {error}.") from None
    root = Path(root) if root else cache_root() / "jobs"
    return Job(root.resolve() / hashlib.sha256(text.encode("utf-8")).hexdigest())


def _is_there(job: Job, kind: str, inputs: dict[str, Any]) -> bool:
    """Whether the result of a job that was done has not been removed since."""
    made = {"demo": CSV_NAME, "import": CSV_NAME, "version": lineage.FILE_NAME}.get(kind)
    return job.result.is_dir() and (made is None or (Path(inputs["folder"]) / made).exists())


def _prepare(job: Job, kind: str, inputs: dict[str, Any]) -> None:
    shutil.rmtree(job.result, ignore_errors=True)
    job.result.mkdir()
    (job.folder / "progress.jsonl").unlink(missing_ok=True)
    (job.folder / "requests" / "cancel").unlink(missing_ok=True)
    write_json(job.folder / _RECORD, {"kind": kind, "inputs": inputs, "boot_id": identity.boot_id()})
    record.update(job.folder, "starting", name=_RECORD)


def _stamps(inputs: dict[str, Any]) -> list[Any]:
    """What lies behind the paths among the inputs, so that a changed file or a newer checkpoint is a new job."""
    found: list[Any] = []
    for key in ("images", "run", "runs", "data"):
        value = inputs.get(key)
        for path in value if isinstance(value, list) else [value] if isinstance(value, str) else []:
            found += _stamp(Path(path), inputs)
    return found


def _stamp(path: Path, inputs: dict[str, Any]) -> list[Any]:
    if path.is_file():
        stat = path.stat()
        return [str(path), stat.st_size, stat.st_mtime_ns]
    note = path / ("last.pt.sha256" if inputs.get("checkpoint") == "last" else "best.safetensors.sha256")
    for file in (note, csv_of(path)):
        if file is not None and file.is_file():
            return [file.name, hashlib.sha256(file.read_bytes()).hexdigest()]
    return []
