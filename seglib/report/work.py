"""The job `report`. Imported by the worker alone."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from seglib.report.kernel import Stopped
from seglib.report.making import build
from seglib.report.request import MADE
from seglib.runs.files import write_json
from seglib.runs.store import Run
from seglib.runs.tasks import Cancelled, Progress, StopAsked


def report(inputs: dict[str, Any], result: Path, progress: Progress, should_stop: StopAsked) -> None:
    """inputs: as `seglib.report.request.inputs` makes them. result: made.json, the names of the files and the notes."""
    from seglib.report.study import find_experiments

    runs = [Run(folder) for folder in inputs["runs"]]
    experiments = find_experiments(inputs["experiments"], inputs["root"])
    try:
        made = build(
            runs,
            inputs["out"],
            experiments=experiments,
            zip=True,
            title=inputs["title"],
            threshold=inputs["threshold"],
            progress=progress,
            should_stop=should_stop,
        )
    except Stopped:
        raise Cancelled from None
    write_json(result / MADE, {key: str(v) if isinstance(v, Path) else v for key, v in asdict(made).items()})
