"""Trials: the runs of an experiment, in trials.json. A trial says which run is it; how that run does is the run's own.

The file can be written anew from the design of a grid, so a damaged one costs nothing but which trials were found
trained already.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from seglib.exceptions import InputError
from seglib.experiments.design import OPTUNA, Design
from seglib.runs.files import read_json, write_json
from seglib.runs.store import check_id

FILE = "trials.json"


@dataclass(frozen=True)
class Trial:
    """levels: factor key -> value. run_id: the run that it is. reused: that run was trained before, for something else.
    submitted: it was put in the queue (a run that is not there any more is then missed). pruned: why a search gave it
    up; '' = it did not."""

    number: int
    levels: dict[str, Any] = field(hash=False)
    seed: int
    run_id: str
    reused: bool = False
    submitted: bool = False
    pruned: str = ""


def planned(design: Design, experiment_id: str, before: Sequence[Trial] = ()) -> list[Trial]:
    """The trials of a grid, seed by seed so that one that ends early has every level equally often; those `before`
    keep their numbers and runs. Of a search only those before: the rest is asked for as it goes."""
    trials = list(before)
    if design.sampler == OPTUNA:
        return trials
    known = {trial.seed for trial in trials}
    for seed in design.seeds:
        if seed not in known:
            for levels in design.combinations():
                number = len(trials) + 1
                trials.append(Trial(number, levels, seed, own_run_id(experiment_id, number)))
    return trials


def own_run_id(experiment_id: str, number: int) -> str:
    return f"{experiment_id}-{number:02d}"


def read(folder: Path, design: Design) -> list[Trial]:
    """What trials.json says; where it is damaged, the plan of a grid. Raises InputError for a search's."""
    rows = read_json(folder / FILE).get("trials")
    try:
        return [_trial(row) for row in rows]
    except (KeyError, TypeError, ValueError):
        if design.sampler != OPTUNA:
            return planned(design, folder.name)
        raise InputError(f"{folder / FILE} is damaged; put a copy back, or start a new search.") from None


def write(folder: Path, trials: Sequence[Trial]) -> None:
    write_json(folder / FILE, {"trials": [asdict(trial) for trial in trials]})


def _trial(row: Mapping[str, Any]) -> Trial:
    return Trial(
        number=int(row["number"]),
        levels=dict(row["levels"]),
        seed=int(row["seed"]),
        run_id=check_id(row["run_id"]),
        reused=bool(row.get("reused", False)),
        submitted=bool(row.get("submitted", False)),
        pruned=str(row.get("pruned", "")),
    )
