"""Trained: the run that a config was trained to its end as already, on the same pictures. No torch."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from seglib.data.dataset import open_dataset
from seglib.exceptions import InputError
from seglib.runs import contents
from seglib.runs.store import Run, list_runs, located
from seglib.settings import plain
from seglib.training.config import Config


class Trained:
    """The finished runs under `root`, as they are now. The pictures are read once, and only when a config agrees.

    read: what an earlier look read of them.
    """

    def __init__(self, root: Path, read: dict[Any, contents.Contents] | None = None):
        self._runs = [run for run in list_runs(root) if run.state().name == "finished"]
        self._configs: dict[Run, dict[str, Any] | None] = {}
        self._read: dict[Any, contents.Contents] = {} if read is None else read

    def run_of(self, config: Config) -> Run | None:
        """The oldest finished run of this very config on the same pixels and split; None if there is none."""
        wanted = compared(config)
        for run in reversed(self._runs):
            written = run.settings()
            if written.get("training", {}).get("seed") != config.training.seed:
                continue  # cheap, and true of most
            if self._config(run) == wanted and self._same_pictures(run, config):
                return run
        return None

    def check_pictures(self, runs: Iterable[Run], config: Config) -> None:
        """Raises InputError where the newest of `runs` that trained was trained on other pictures than there are now:
        a comparison across the change would be of the pictures, not of the settings."""
        for run in runs:
            if run.environment().get("data", {}).get("fingerprint"):
                if not self._same_pictures(run, config):
                    raise InputError(
                        f"{config.data.path} has changed since run {run.id} was trained on it"
                        f"{self._what_changed(run, config)}; put it back as it was, or make a new experiment."
                    )
                return

    def _what_changed(self, run: Run, config: Config) -> str:
        before = contents.stored(run.folder)
        changes = contents.changes(before, self._contents(config).pictures) if before else []
        return f" ({'; '.join(changes)})" if changes else ""

    def _config(self, run: Run) -> dict[str, Any] | None:
        if run not in self._configs:
            try:
                self._configs[run] = compared(as_trained(run))
            except (InputError, TypeError):
                self._configs[run] = None
        return self._configs[run]

    def _same_pictures(self, run: Run, config: Config) -> bool:
        fingerprint = run.environment().get("data", {}).get("fingerprint")
        return bool(fingerprint) and fingerprint == self._contents(config).fingerprint

    def _contents(self, config: Config) -> contents.Contents:
        data = config.data
        key = (data.path, data.grouping, data.split, data.fold)
        if key not in self._read:
            dataset = open_dataset(data.path, grouping=data.grouping, split=data.split, fold=data.fold)
            self._read[key] = contents.read(dataset)
        return self._read[key]


def as_trained(run: Run) -> Config:
    """The run's config, with the larger budget of a resume if it was given one."""
    config = run.config()
    return replace(config, training=replace(config.training, **run.record().get("budget", {})))


def compared(config: Config) -> dict[str, Any]:
    """What decides the result: the whole config, the data's folder in one way of writing."""
    return plain(replace(config, data=replace(config.data, path=str(located(config.data.path)))))
