"""An experiment as it lies on disk: its design, its trials and how they stand. Reading alone; no torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from seglib.exceptions import InputError
from seglib.experiments import trial as trials_
from seglib.experiments.design import OPTUNA, Design, from_plain
from seglib.experiments.trial import Trial
from seglib.runs import jobs
from seglib.runs.files import read_json
from seglib.runs.store import Run, check_id, checkpoints_root
from seglib.settings import nearest

KIND = "experiment"  # of the conductor's job
FILE = "experiment.json"
FOLDER = "experiments"


@dataclass(frozen=True)
class Standing:
    """How many trials are where.

    n: trials so far, or that a search will make. planned: not in the queue yet. missing: their run was put in the bin
    or removed. stopped: by a person. conducted: whether a search's conductor lives, None for a grid; reason: why it
    ended.
    """

    n: int
    done: int = 0
    running: int = 0
    queued: int = 0
    failed: int = 0
    stopped: int = 0
    pruned: int = 0
    planned: int = 0
    missing: int = 0
    conducted: bool | None = None
    reason: str = ""

    @property
    def n_ended(self) -> int:
        """Trials that nothing more comes of by itself."""
        return self.done + self.failed + self.stopped + self.pruned + self.missing

    @property
    def over(self) -> bool:
        """Nothing of it works or waits."""
        return not (self.running or self.queued or self.conducted)

    @property
    def problem(self) -> str:
        """What keeps a search from going on; '' if nothing does."""
        if self.conducted is False and self.n_ended < self.n:
            why = f" ({self.reason.rstrip('.')})" if self.reason else ""
            return f"Nobody conducts the search{why}: no new trial is asked for until it is started again"
        return ""

    @property
    def complete(self) -> bool:
        return self.done + self.pruned == self.n

    def __str__(self) -> str:
        names = ("done", "running", "queued", "failed", "stopped", "pruned", "planned", "missing")
        said = ", ".join(f"{getattr(self, name)} {name}" for name in names if getattr(self, name))
        return f"{self.n} trials: {said or 'none begun'}" + (f"; {self.problem}" if self.problem else "")


class Experiment:
    """One experiment folder. Every look at it reads what is on disk."""

    def __init__(self, folder: str | Path):
        self.folder = Path(folder).expanduser().resolve()

    def __repr__(self) -> str:
        return f"Experiment({self.id!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Experiment) and other.folder == self.folder

    def __hash__(self) -> int:
        return hash(self.folder)

    @property
    def id(self) -> str:
        return self.folder.name

    @property
    def root(self) -> Path:
        """Where its runs lie."""
        return self.folder.parent.parent

    @property
    def created(self) -> float:
        """Unix seconds; 0 where the file does not tell."""
        moment = read_json(self.folder / FILE).get("created")
        return float(moment) if isinstance(moment, (int, float)) else 0.0

    def design(self) -> Design:
        """The question. Raises InputError naming the file where it is damaged."""
        try:
            return from_plain(read_json(self.folder / FILE))
        except InputError as error:
            raise InputError(f"{self.folder / FILE}: {error} Put a copy back, or make the experiment anew.") from None

    def trials(self) -> list[Trial]:
        """In the order they are trained. Raises InputError where the design is damaged."""
        return trials_.read(self.folder, self.design())

    def run_of(self, trial: Trial) -> Run | None:
        """The trial's run; None where it is not made yet, or not there any more."""
        folder = self.root / check_id(trial.run_id)
        return Run(folder) if (folder / "config.json").exists() else None

    def runs(self) -> list[Run]:
        """Those of its trials that are there."""
        return [run for run in map(self.run_of, self.trials()) if run is not None]

    def state_of(self, trial: Trial) -> str:
        """One of the fields of Standing."""
        run = self.run_of(trial)
        if run is None:
            return "missing" if trial.submitted else "planned"
        state = run.state()
        if trial.pruned and not state.live:
            return "pruned"
        names = {"finished": "done", "queued": "queued", "stopped": "stopped"}
        return "running" if state.live else names.get(state.name, "failed")

    def standing(self) -> Standing:
        """How many trials are done, running, waiting …"""
        design, trials = self.design(), self.trials()
        counts: dict[str, int] = {}
        for trial in trials:
            state = self.state_of(trial)
            counts[state] = counts.get(state, 0) + 1
        if design.sampler != OPTUNA:
            return Standing(len(trials), **counts)
        n = design.n_trials or 0
        counts["planned"] = max(0, n - len(trials)) + counts.get("planned", 0)
        conductor = self.conductor().state() if self.conductor().folder.exists() else None
        why = conductor.reason if conductor and not conductor.live else ""
        return Standing(n, **counts, conducted=bool(conductor and conductor.live), reason=why)

    def conductor(self) -> jobs.Job:
        """The job that carries a search on, whether or not it was ever started."""
        return jobs.find(KIND, {"experiment": str(self.folder)})


def list_experiments(root: str | Path | None = None) -> list[Experiment]:
    """Every experiment under `root`, newest first; damaged ones too."""
    place = (Path(root) if root else checkpoints_root()) / FOLDER
    folders = [p for p in place.iterdir() if (p / FILE).exists()] if place.is_dir() else []
    found = [Experiment(p) for p in folders if not p.name.startswith(".")]
    return sorted(found, key=lambda e: (-e.created, e.id))


def find_experiment(name: str, root: str | Path | None = None) -> Experiment:
    """The experiment of that name. Raises InputError naming the nearest."""
    place = (Path(root) if root else checkpoints_root()) / FOLDER
    if (place / check_id(name) / FILE).exists():
        return Experiment(place / name)
    ids = [experiment.id for experiment in list_experiments(root)]
    some = f" There are: {', '.join(ids[:8])}{' …' if len(ids) > 8 else ''}." if ids else " There are none yet."
    raise InputError(f"no experiment {name!r} in {place}.{nearest(name, ids)}{some}")
