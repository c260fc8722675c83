"""Waiting for a job: a bar on standard error until it is done; Ctrl-C cancels it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from seglib.cli.bar import bar
from seglib.exceptions import InputError

if TYPE_CHECKING:
    from seglib.runs.jobs import Job

STEPS = 1000  # of the bar
POLL_S = 0.5  # more often, the looking would slow the work down


def wait(job: Job, label: str, noun: str) -> None:
    """Until the job is done. Raises InputError where it fails: `the <noun> was not finished: …`."""
    try:
        with bar(label, STEPS) as move:
            while job.state().live:
                move(round(STEPS * job.progress().fraction), STEPS)
                time.sleep(POLL_S)
    except KeyboardInterrupt:
        job.cancel()
        raise
    state = job.state()
    if state.name != "done":
        raise InputError(f"the {noun} was not finished: {state.name}{': ' if state.reason else ''}{state.reason}.")
