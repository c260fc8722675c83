"""Looks: the same images judged several times, by the checkpoints of a run, by several runs, or under transforms.

A look is one table of wrong regions at the stored threshold, 0.5. What is wrong at one place in many looks is
systematic; what one look alone gets wrong is chance. The last look of a list is the one in view. No torch.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from seglib.exceptions import InputError
from seglib.metrics import Counts
from seglib.runs import validation

if TYPE_CHECKING:
    import pandas as pd

    from seglib.runs.jobs import Job
    from seglib.runs.store import Run

MOST = 20  # checkpoints of one run: more would say no more, and cost more
AS_IT_IS = "as it is"  # the transform that changes nothing


@dataclass(frozen=True)
class Look:
    """name: what it is called on screen. step: of the validation; None for a transform. kind: checkpoint, run or
    transform. regions: image, and the columns of `seglib.errors.regions`. images: those it judged, wrong or not.
    counts: pixels of all of them added up. groups: image -> its movie."""

    name: str
    run_id: str
    step: int | None
    kind: str
    regions: pd.DataFrame
    images: frozenset[str]
    counts: Counts
    groups: Mapping[str, str] = field(default_factory=dict)


def of_run(run: Run, which: int | str = "best", most: int = MOST) -> list[Look]:
    """The validations up to that of `which` (best, last or a step), in order of time; of more than `most` the first,
    the last and some evenly between. Those whose regions are not stored are left out.

    Raises InputError for a run without a validation, or whose files cannot be read.
    """
    return [_look(run, step, f"step {step}", "checkpoint") for step in steps_of(run, which, most)]


def of_runs(runs: Sequence[Run], which: str = "best") -> list[Look]:
    """One look a run, in the order given, named as `names` does; runs without stored regions are left out."""
    named = names(runs)
    return [_look(run, step, named[run.id], "run") for run, step in with_regions(runs, which)]


def of_transforms(job: Job) -> list[Look]:
    """The looks of a job `transforms` that is done; the picture as it is comes last. Raises InputError without."""
    run_id = str(job.inputs.get("run", "")).rstrip("/").rpartition("/")[2]
    regions, scores = (_read(job.result / name) for name in ("regions.parquet", "images.parquet"))
    order = list(dict.fromkeys(scores["transform"]))
    order = [name for name in order if name != AS_IT_IS] + [AS_IT_IS]
    parts = dict(list(regions.groupby("transform", sort=False)))
    found = []
    for name in order:
        own, table = scores[scores["transform"] == name], parts.get(name, regions.iloc[:0])
        table = table.drop(columns="transform").reset_index(drop=True)
        found.append(Look(name, run_id, None, "transform", table, frozenset(own.image), _counts(own), _groups(own)))
    return found


def steps_of(run: Run, which: int | str = "best", most: int = MOST) -> list[int]:
    """The validations `of_run` takes."""
    last = validation.step_of(run, which)
    steps = [s for s in validation.validation_steps(run) if s <= last and _has_regions(run, s)]
    if len(steps) <= most:
        return steps
    gaps = max(most - 1, 1)
    return [steps[len(steps) - 1 - round(i * (len(steps) - 1) / gaps)] for i in range(most)][::-1]


def with_regions(runs: Sequence[Run], which: str = "best") -> list[tuple[Run, int]]:
    """The runs whose regions at the checkpoint `which` are stored, and its step."""
    found = []
    for run in runs:
        with contextlib.suppress(InputError):
            step = validation.step_of(run, which)
            found += [(run, step)] if _has_regions(run, step) else []
    return found


def seeds(runs: Sequence[Run]) -> list[list[Run]]:
    """Runs that differ in nothing but `training.seed`, together; the groups and the runs in the order given.

    Two runs of one seed are a repetition and belong to the group too.
    """
    groups: list[tuple[dict[str, Any], list[Run]]] = []
    for run in runs:
        config = _but_seed(run)
        for known, members in groups:
            if config and known == config:
                members.append(run)
                break
        else:
            groups.append((config, [run]))
    return [members for _, members in groups]


def names(runs: Sequence[Run]) -> dict[str, str]:
    """run id -> what to call it: `seed 1` where all are seeds of one setting, `NAME · seed 1` where some are, else the
    run's name; one that two would share gets the id behind it."""
    groups = seeds(runs)
    found = {}
    for group in groups:
        told = [run.settings().get("training", {}).get("seed") for run in group]
        for run, seed in zip(group, told):
            alone = len(group) == 1 or None in told or len(set(told)) < len(told)
            found[run.id] = run.name if alone else f"seed {seed}" if len(groups) == 1 else f"{run.name} · seed {seed}"
    twice = Counter(found.values())
    return {run_id: name if twice[name] == 1 else f"{name} ({run_id})" for run_id, name in found.items()}


def _but_seed(run: Run) -> dict[str, Any]:
    settings = run.settings()
    training = {key: value for key, value in settings.get("training", {}).items() if key != "seed"}
    return {**settings, "training": training} if settings else {}


def _has_regions(run: Run, step: int) -> bool:
    return (validation.folder_of(run, step) / "regions.parquet").exists()


def _look(run: Run, step: int, name: str, kind: str) -> Look:
    scores, regions = validation.scores(run, step), validation.regions(run, step)
    return Look(name, run.id, step, kind, regions, frozenset(scores.image), _counts(scores), _groups(scores))


def _groups(scores: pd.DataFrame) -> dict[str, str]:
    return dict(zip(scores.image, scores.group))


def _counts(scores: pd.DataFrame) -> Counts:
    return Counts(*(int(scores[name].sum()) for name in ("tp", "fp", "fn", "tn")))


def _read(file) -> pd.DataFrame:
    import pandas as pd  # half a second that a list of runs does not need

    try:
        return pd.read_parquet(file)
    except (OSError, ValueError) as error:
        raise InputError(f"{file} cannot be read: {str(error).splitlines()[0]}; do the job again.") from None
