"""Experiments: a question asked of many runs at once. A folder under checkpoints/experiments/; every trial of it is an
ordinary run under checkpoints/, started through the queue, so a grid needs nobody to watch over it. No torch.
"""

from __future__ import annotations

import contextlib
import re
import secrets
import shutil
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from seglib.exceptions import InputError
from seglib.experiments import trial as trials_
from seglib.experiments.design import (
    GRID,
    ONE_AT_A_TIME,
    OPTUNA,
    Design,
    check_seeds,
    plain_design,
    with_base_levels,
)
from seglib.experiments.factor import Factor
from seglib.experiments.opened import FILE, FOLDER, KIND, Experiment, Standing, find_experiment, list_experiments
from seglib.experiments.trained import Trained, compared
from seglib.experiments.trial import Trial
from seglib.runs import bin as bin_
from seglib.runs import jobs, launcher, lock
from seglib.runs.files import read_json, write_json
from seglib.runs.store import Run, check_id, checkpoints_root, portable
from seglib.settings import merge
from seglib.training.config import Config

__all__ = [
    "GRID",
    "ONE_AT_A_TIME",
    "OPTUNA",
    "Design",
    "Experiment",
    "Factor",
    "Standing",
    "Trial",
    "add_seeds",
    "cancel",
    "create",
    "find_experiment",
    "list_experiments",
    "move_to_bin",
    "start",
]

PATIENCE_S = 30.0  # for another process that starts the same experiment: it may read every picture


def create(design: Design, experiment_id: str | None = None, root: str | Path | None = None) -> Experiment:
    """A new experiment, nothing started yet.

    Without an id it is made of the name. Raises InputError for a design that cannot be carried out, a name that is
    taken or whose runs' names are; then nothing is written.
    """
    root = Path(root).resolve() if root else checkpoints_root()
    design = _stored(with_base_levels(design))
    design.check()
    place = root / FOLDER
    name = _checked_id(experiment_id) if experiment_id is not None else _free_id(design.name, place)
    _check_runs(root, name)
    place.mkdir(parents=True, exist_ok=True)
    making = place / f".{name}.{secrets.token_hex(4)}"
    making.mkdir()
    try:
        trials_.write(making, trials_.planned(design, name))
        write_json(making / FILE, {**plain_design(design), "created": round(time.time(), 3)})
        making.rename(place / name)  # fails where that one exists: one of several that try at once has it
    except OSError as error:
        shutil.rmtree(making, ignore_errors=True)
        if (place / name).exists():
            raise InputError(f"experiment {name!r} exists; choose another name, or give it more seeds.") from None
        raise InputError(f"{place / name} cannot be made: {error.strerror}.") from None
    return Experiment(place / name)


def start(experiment: Experiment, again: bool = False) -> list[Run]:
    """Put every trial that has no run in the queue; those runs.

    A trial whose very config was trained to its end on the same pictures is that run. One whose run is missing is made
    anew, one that was taken out of the queue put back; with `again` one that failed or was stopped is made anew too
    (what there is of it goes to the bin). A search gets its conductor, which goes on from where an earlier one ended.
    """
    if experiment.design().sampler == OPTUNA:
        jobs.start(KIND, {"experiment": str(experiment.folder)}, again=True)
        return []
    with lock.hold(experiment.folder, PATIENCE_S):
        design, trials = experiment.design(), experiment.trials()
        trained = Trained(experiment.root)
        wanted: list[tuple[Config, Trial]] = []
        back = list(filter(_put_back, filter(None, map(experiment.run_of, trials))))
        for i, trial in enumerate(trials):
            if _is_there(experiment, design, trial, again):
                continue
            config = design.config(trial.levels, trial.seed)
            found = trained.run_of(config)
            own = trials_.own_run_id(experiment.id, trial.number)
            run_id = found.id if found else own
            trials[i] = replace(trial, run_id=run_id, reused=run_id != own, submitted=True)
            if not found:
                wanted.append((config, trials[i]))
        if wanted:
            trained.check_pictures(reversed(experiment.runs()), wanted[0][0])
        trials_.write(experiment.folder, trials)
        return back + submit(experiment, design, wanted)


def _put_back(run: Run) -> bool:
    """Whether the run, taken out of the queue before, waits in it again, at its end."""
    from seglib.runs import queue

    state = run.state()
    if (state.name, state.reason) != ("stopped", launcher.TAKEN_OUT):
        return False
    queue.put_back(run, len(queue.read(run.folder.parent).order))
    return True


def add_seeds(experiment: Experiment, seeds: Sequence[int]) -> list[Run]:
    """Ask the same question with more seeds and start what is new; a seed it has already is left alone."""
    with lock.hold(experiment.folder, PATIENCE_S):
        design = experiment.design()
        if design.sampler == OPTUNA:
            raise InputError(f"experiment {experiment.id} is a search, which takes one seed; make a grid of its best.")
        both = (*design.seeds, *(seed for seed in dict.fromkeys(seeds) if seed not in design.seeds))
        check_seeds(both)
        design = replace(design, seeds=both)
        design.check()
        trials = trials_.planned(design, experiment.id, experiment.trials())
        _check_free(experiment.root, trials[len(experiment.trials()) :])
        write_json(experiment.folder / FILE, {**read_json(experiment.folder / FILE), "seeds": list(both)})
        trials_.write(experiment.folder, trials)
    return start(experiment)


def cancel(experiment: Experiment, running: bool = False) -> None:
    """Take what waits out of the queue; with `running` also stop what works. What is done stays.

    A search asks for no more. Started again it goes on with what was stopped.
    """
    from seglib.runs import queue

    if experiment.design().sampler == OPTUNA:
        _send_home(experiment.conductor())
    runs = [run for t in experiment.trials() if not t.reused and (run := experiment.run_of(t)) is not None]
    for run in reversed(runs):  # the last first: where there is room, taking one out lets the next one in
        if run.state().name == "queued":
            with contextlib.suppress(InputError):  # it began between the look and the act
                queue.cancel(run)
    for run in runs if running else ():
        launcher.stop(run)


def _send_home(conductor: jobs.Job) -> None:
    """Before its runs are touched: it would take their end for an answer."""
    conductor.cancel()
    deadline = time.monotonic() + PATIENCE_S
    while conductor.state().live:
        if time.monotonic() > deadline:
            conductor.escalate()
            return
        time.sleep(0.1)


def move_to_bin(experiment: Experiment) -> Path:
    """Put the experiment's folder into `.bin/` beside the others; where it is then. Its runs stay as they are."""
    if not _at_rest(experiment):
        raise InputError(f"experiment {experiment.id} still works or waits; cancel it first.")
    return bin_.put_away(experiment.folder)


def _at_rest(experiment: Experiment) -> bool:
    try:
        return experiment.standing().over
    except InputError:  # damaged: nobody can say what it does, and it can do nothing
        return True


def submit(experiment: Experiment, design: Design, wanted: Sequence[tuple[Config, Trial]]) -> list[Run]:
    """Runs of these trials at the end of the queue."""
    from seglib.runs import queue

    for folder in (experiment.root / trial.run_id for _, trial in wanted):
        if folder.is_dir() and not (folder / "config.json").exists():
            bin_.put_away(folder)  # half a run, of a process of ours killed while it made it
    names = [design.told(trial.levels, trial.seed)[:120] for _, trial in wanted]
    runs = queue.submit_many([(c, t.run_id, n) for (c, t), n in zip(wanted, names)], root=experiment.root)
    for run, (_, trial) in zip(runs, wanted):
        run.write_note(f"Trial {trial.number} of experiment {experiment.id}: {design.question or design.name}")
    return runs


def _is_there(experiment: Experiment, design: Design, trial: Trial, again: bool) -> bool:
    """Whether the trial has a run that is to be left alone; one that is to be made anew is put in the bin."""
    run = experiment.run_of(trial)
    if run is None:
        return False
    if trial.reused:
        return True
    if not trial.submitted and compared(run.config()) != compared(design.config(trial.levels, trial.seed)):
        raise InputError(f"run {run.id} exists and is not of experiment {experiment.id}; move it to the bin.")
    if again and experiment.state_of(trial) in ("failed", "stopped"):
        bin_.move_to_bin(run)
        return False
    return True


def _stored(design: Design) -> Design:
    """The path of the data as runs store it, so that the folder can be moved with its runs."""
    path = design.base.get("data", {}).get("path") if isinstance(design.base.get("data"), dict) else None
    if not path:
        raise InputError("no data set: set data.path (--data) to a folder with images and masks.")
    return replace(design, base=merge(design.base, {"data": {"path": portable(path)}}))


def _checked_id(experiment_id: str) -> str:
    check_id(experiment_id)
    if len(experiment_id) > 90:
        raise InputError(f"experiment name {experiment_id!r} is too long: at most 90 characters.")
    return experiment_id


def _free_id(name: str, place: Path) -> str:
    stem = re.sub(r"[^A-Za-z0-9]+", "-", name).strip("-").lower()[:60] or "experiment"
    names = (stem if i == 1 else f"{stem}-{i}" for i in range(1, 10_000))
    return _checked_id(next(n for n in names if not (place / n).exists()))


def _check_runs(root: Path, name: str) -> None:
    pattern = re.compile(re.escape(name) + r"-\d{2,}")
    taken = sorted(p.name for p in root.iterdir() if pattern.fullmatch(p.name)) if root.is_dir() else []
    if taken:
        raise InputError(f"run {taken[0]!r} exists, and a trial of experiment {name!r} would be called so; rename it.")


def _check_free(root: Path, trials: Sequence[Trial]) -> None:
    for trial in trials:
        if (root / trial.run_id).exists():
            raise InputError(f"run {trial.run_id!r} exists, and a new trial would be called so; move it to the bin.")
