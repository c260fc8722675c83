"""Interrupted runs: ended by a restart of the machine or a signal, not by themselves or a person. Until one says: seen.

That a person has seen it stands in the run's label.json, so it holds after a reload and on every page.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from seglib.runs.files import read_json, write_json
from seglib.runs.record import State
from seglib.runs.store import Run

# How `record` and `process.how_it_ended` begin the reason of a run that could not write its own end, and how the
# trainer refuses to go on with other data.
_CUT_OFF = re.compile(
    r"killed by |it ended without a word|the process ended with code|out of memory: the system killed"
)
_REFUSED = re.compile(r"data set has changed|no intact checkpoint")


def interrupted(runs: Iterable[Run]) -> list[Run]:
    """Those of `runs` that were cut off, or could not be resumed, and that nobody has dismissed since."""
    return [run for run in runs if _is_cut_off(state := run.state()) and dismissed_at(run) != state.since]


def _is_cut_off(state: State) -> bool:
    if state.name == "failed":
        return bool(_CUT_OFF.match(state.reason) or _REFUSED.search(state.reason))
    return state.name == "interrupted"


def dismiss(run: Run) -> None:
    """Do not name it again, unless it is cut off another time."""
    label = run.folder / "label.json"
    write_json(label, {**read_json(label), "dismissed": run.state().since})


def dismissed_at(run: Run) -> float | None:
    """`since` of the end that was dismissed, Unix seconds."""
    return read_json(run.folder / "label.json").get("dismissed")
