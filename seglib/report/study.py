"""Study: the runs a report is of, sorted into set-ups and data sets. What every cell of the notebook is given."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seglib.exceptions import InputError
from seglib.experiments.runs_table import recipe_text
from seglib.report import places
from seglib.report.history import History, history
from seglib.runs.store import Run
from seglib.settings import flatten

if TYPE_CHECKING:
    from seglib.data.dataset import Dataset

TARGET = 0.91
SEED, RECIPE = "training.seed", "recipe"
_PLACES = ("data.path",)  # told by the data set's name
_LONG = 44  # characters; a label beyond them makes way for a letter


@dataclass(frozen=True, eq=False)
class Setup:
    """Runs whose settings are the same but for the seed. levels: the settings in which set-ups differ."""

    label: str
    levels: dict[str, Any]
    runs: tuple[Run, ...]

    @property
    def seeds(self) -> list[int]:
        return [int(run.settings().get("training", {}).get("seed", 0)) for run in self.runs]


@dataclass(frozen=True, eq=False)
class Material:
    """A data set of the study and its runs. dataset is None, and why says so, where its folder is gone or broken."""

    name: str
    runs: tuple[Run, ...]
    dataset: Dataset | None
    why: str

    @property
    def independent(self) -> bool:
        """False where train and val are frames of one movie, by the runs' settings or their record of the data."""
        recorded = (run.environment().get("data", {}).get("independent", True) for run in self.runs)
        return all(run.independent for run in self.runs) and all(recorded)


class Study:
    """Runs in the order given; everything else follows from their folders."""

    def __init__(
        self, runs: Sequence[Run], experiments: Sequence[Any] = (), threshold: float = 0.5, target: float = TARGET
    ):
        self.runs, self.experiments = tuple(runs), tuple(experiments)
        self.threshold, self.target = threshold, target

    def _repr_html_(self) -> str:
        return f"<p>{self!r}.</p>"

    def __repr__(self) -> str:
        n, m = len(self.runs), len(self.setups)
        return f"{n} {'run' if n == 1 else 'runs'} of {m} {'set-up' if m == 1 else 'set-ups'}"

    # -- settings

    @cached_property
    def settings(self) -> dict[str, dict[str, Any]]:
        """Run id -> its settings by dotted key; the whole recipe is one setting, by the name it is saved under."""
        found = {}
        for run in self.runs:
            stored = run.settings()
            found[run.id] = {
                **flatten({k: v for k, v in stored.items() if k != "recipe"}),
                RECIPE: recipe_text(stored.get("recipe")),
            }
        return found

    @cached_property
    def differing(self) -> list[str]:
        """Settings, in the config's order, that are not the same in all runs; the seed is not among them."""
        keys = dict.fromkeys(key for settings in self.settings.values() for key in settings)
        return [key for key in keys if key not in (SEED, *_PLACES) and len(self._values(key)) > 1]

    def _values(self, key: str) -> set[str]:
        return {repr(settings.get(key)) for settings in self.settings.values()}

    # -- set-ups

    @cached_property
    def setups(self) -> tuple[Setup, ...]:
        """In the order of their first runs."""
        groups: dict[tuple, list[Run]] = {}
        for run in self.runs:
            levels = tuple(repr(self.settings[run.id].get(key)) for key in self.differing)
            groups.setdefault((self.material_of(run).name, levels), []).append(run)
        labels = self._labels(list(groups.values()))
        return tuple(Setup(label, self._levels(runs[0]), tuple(runs)) for label, runs in zip(labels, groups.values()))

    def _levels(self, run: Run) -> dict[str, Any]:
        levels = {key: self.settings[run.id].get(key) for key in self.differing}
        return {"data": self.material_of(run).name, **levels} if len(self.materials) > 1 else levels

    def _labels(self, groups: list[list[Run]]) -> list[str]:
        if len(groups) == 1:
            return [groups[0][0].name if len(groups[0]) == 1 else "all runs"]
        labels = [", ".join(worded(key, v) for key, v in self._levels(runs[0]).items()) for runs in groups]
        if max(map(len, labels)) <= _LONG:
            return labels
        return [f"set-up {_letters(number)}" for number in range(len(groups))]

    def setup_of(self, run: Run) -> Setup:
        return next(setup for setup in self.setups if run in setup.runs)

    # -- data sets

    @cached_property
    def materials(self) -> tuple[Material, ...]:
        """The data sets, by the pixels the runs were trained on where that was recorded, else by folder."""
        groups: dict[str, list[Run]] = {}
        for run in self.runs:
            groups.setdefault(_identity(run), []).append(run)
        names = [runs[0].data_path().name or "data" for runs in groups.values()]
        found = []
        for number, (name, runs) in enumerate(zip(names, groups.values())):
            again = names[:number].count(name)
            dataset, why = _opened(runs[0])
            found.append(Material(name if not again else f"{name} ({again + 1})", tuple(runs), dataset, why))
        return tuple(found)

    def material_of(self, run: Run) -> Material:
        return next(material for material in self.materials if run in material.runs)

    def best_run(self, material: Material) -> Run | None:
        """The run of a data set with the highest pooled val IoU; None where none was validated."""
        scored = [(best.pooled, -n, run) for n, run in enumerate(material.runs) if (best := self.history(run).best)]
        scored = [entry for entry in scored if entry[0] is not None]
        return max(scored, key=lambda entry: entry[:2])[2] if scored else None

    def history(self, run: Run) -> History:
        return history(run)


def open_study(
    runs: Iterable[str],
    checkpoints: str = "",
    experiments: Iterable[str] = (),
    threshold: float = 0.5,
    target: float = TARGET,
) -> Study:
    """The study of the runs of these names. Raises RunsNotFound, in clear words, where some are gone.

    checkpoints: the folder that holds the runs, relative to the notebook; empty = that of the project.
    """
    found = places.find_runs(runs, checkpoints)
    if not found:
        raise InputError("no run is named; give at least one in RUNS.")
    return Study(found, find_experiments(experiments, found[0].folder.parent), threshold, target)


def find_experiments(names: Iterable[str], root: str | Path | None = None) -> list[Any]:
    """The experiments of these names under a folder of runs (default: the project's)."""
    names = list(names)
    if not names:
        return []
    from seglib.experiments.experiment import find_experiment

    return [find_experiment(name, root) for name in names]


def _identity(run: Run) -> str:
    return str(run.environment().get("data", {}).get("fingerprint") or run.data_path())


def _opened(run: Run) -> tuple[Dataset | None, str]:
    """The run's data set as it opens now, with the run's own choices; or None and why not."""
    from seglib.data.dataset import open_dataset
    from seglib.data.substitute import csv_of

    folder, name = run.data_path(), run.data_path().name
    if not folder.is_dir():
        return None, f"The data set {name} is not where run {run.id} found it; its pictures cannot be shown."
    try:
        data = run.config().data
        if csv_of(folder) is not None:
            return open_dataset(folder, fold=data.fold), ""
        return open_dataset(folder, grouping=data.grouping, split=data.split), ""
    except InputError as error:
        return None, f"The data set {name} does not open: {error}"


# -- words


def short(key: str) -> str:
    """`loss.name` -> `loss`, `model.convs_per_block` -> `convs per block`."""
    head, _, leaf = key.rpartition(".")
    return (head.rpartition(".")[2] if leaf == "name" and head else leaf).replace("_", " ")


def said(value: Any) -> str:
    """A setting's value as a person says it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None:
        return "not set"
    if isinstance(value, (list, tuple)):
        return " to ".join(said(v) for v in value)
    return f"{value:g}" if isinstance(value, float) else str(value)


def worded(key: str, value: Any) -> str:
    """`norm batch`, `residual: no`."""
    return f"{short(key)} {said(value)}"


def _letters(number: int) -> str:
    """A, B, … Z, AA, AB, …"""
    letters = ""
    number += 1
    while number:
        number, rest = divmod(number - 1, 26)
        letters = chr(65 + rest) + letters
    return letters
