"""The job `recurrence`: large sets of looks followed by a worker. Imported by it alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from seglib.runs import recurring
from seglib.runs.tasks import Cancelled, Progress, StopAsked


def recurrence(inputs: dict[str, Any], result: Path, progress: Progress, should_stop: StopAsked) -> None:
    """The job. inputs: as `Question.inputs` makes them. result: as `write` leaves it."""

    def told(share: float) -> None:
        if should_stop():
            raise Cancelled
        progress(0.1 + 0.85 * share, "following mistakes from one to the next")

    progress(0.0, "reading the tables of mistakes")
    recurring.write(result, recurring.follow(recurring.Question.from_inputs(inputs).looks(), told))
    progress(1.0, "")
