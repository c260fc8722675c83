"""The jobs that act on verdicts: `version` and `export`. Imported by the worker alone."""

from __future__ import annotations

import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

from seglib.data.changes import from_json
from seglib.data.dataset import open_dataset
from seglib.data.version import Stopped
from seglib.errors.export import zipped
from seglib.runs import acting, predicted
from seglib.runs.files import write_json
from seglib.runs.store import Run
from seglib.runs.tasks import Progress, StopAsked, evaluated_data


def version(inputs: dict[str, Any], result: Path, progress: Progress, should_stop: StopAsked) -> None:
    """A new version of a data set. inputs: as `acting.version_inputs` or `taking_back_inputs` make them.

    result: version.json; the folder itself is the result.
    """
    folder = Path(inputs["folder"])
    if "take_back" in inputs:
        made, carried = acting.take_back(Path(inputs["data"]), inputs["take_back"], folder, progress, should_stop)
    else:
        choices = {key: inputs.get(key) for key in ("grouping", "split", "fold")}
        changes = [from_json(values) for values in inputs["changes"]]
        made, carried = acting.make(open_dataset(inputs["data"], **choices), folder, changes, progress, should_stop)
    write_json(result / acting.VERSION, acting.told(made, carried))
    progress(1.0, f"{len(made.done)} changes")


def export(inputs: dict[str, Any], result: Path, progress: Progress, should_stop: StopAsked) -> None:
    """Tables, crops and label TIFFs as a zip. inputs: as `export_inputs` makes them.

    result: export.zip, exported.json. The folder that was packed does not stay.
    """
    dataset, folder = evaluated_data(inputs), result / "export"
    folder.mkdir()

    def go_on() -> None:
        if should_stop():
            raise Stopped

    source = predicted.from_inputs(Run(inputs["run"]), inputs)
    made = acting.write_export(
        folder, source, dataset, float(inputs["threshold"]), inputs["crops"], bool(inputs["labels"]), progress, go_on
    )
    zipped(folder, result / acting.ZIP, go_on)
    shutil.rmtree(folder)
    write_json(result / acting.EXPORTED, asdict(made))
