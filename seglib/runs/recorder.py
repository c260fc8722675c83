"""A training's events onto disk: events.jsonl, run.json, environment.json, TensorBoard, wrong regions.

This module imports torch: only a process that trains does so.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from seglib.data.dataset import Dataset
from seglib.runs import events, failure, record, validation
from seglib.runs.board import STRIP_IMAGES, Board
from seglib.runs.diagnosis import Diagnosis
from seglib.runs.environment import check_same_data, describe
from seglib.runs.files import write_json
from seglib.runs.store import Run
from seglib.training.config import Config
from seglib.training.loop import open_training_data, train

logger = logging.getLogger(__name__)


def effective_config(run: Run) -> Config:
    """The stored config, its data path made absolute, with the larger budget of a resume if it was given one."""
    config = run.config()
    budget = run.record().get("budget", {})
    return replace(
        config,
        data=replace(config.data, path=str(run.data_path())),
        training=replace(config.training, **budget),
    )


def train_and_record(
    folder: Path, resume: bool, should_stop: Callable[[], bool], on_event: Callable[[Any], None]
) -> tuple[str, str]:
    """Train the run in `folder` and write down all it says; the state it ends in, finished or stopped, and why."""
    run = Run(folder)
    config = effective_config(run)
    dataset = open_training_data(config)
    about = describe(dataset)
    if resume:
        check_same_data(run.environment(), about, run.id)
    reason = "stopped"
    with Recorder(run, dataset, about) as recorder:
        for event in train(config, folder, resume, should_stop):
            recorder.write(event.to_dict())
            on_event(event)
            reason = getattr(event, "reason", reason)
    return ("stopped", "as asked") if reason == "stopped" else ("finished", _ENDS.get(reason, reason))


_ENDS = {
    "steps": "all planned steps are done",
    "deadline": "the time given is over",
    "patience": "no better IoU for as long as training.patience allows",
}


class Recorder:
    """Takes events one by one; closed, everything is on disk."""

    def __init__(self, run: Run, dataset: Dataset, about: dict[str, Any]):
        self.run, self.about = run, about
        self._diagnosis = Diagnosis(run, dataset)
        self._events = events.EventFile(run.folder / "events.jsonl")
        self._board: Board | None = None

    def __enter__(self) -> Recorder:
        return self

    def __exit__(self, *error: object) -> None:
        self._events.close()
        if self._board:
            self._board.close()

    def write(self, event: dict[str, Any]) -> None:
        """One event, as its `to_dict()`: into its files, before anybody is told."""
        self._events.append(event)
        handle = getattr(self, f"_on_{event['kind']}", None)
        if handle:
            handle(event)

    def _on_started(self, event: dict[str, Any]) -> None:
        machine = {k: event[k] for k in ("device", "precision", "threads", "n_parameters")}
        write_json(self.run.folder / "environment.json", {**self.about, **machine})
        planned = event["planned_steps"] or self.run.record().get("planned_steps")
        record.update(self.run.folder, "running", planned_steps=planned)
        self._board = Board(self.run.folder / "tensorboard", event["step"], self.run.settings())
        logger.info("started at step %s on %s (%s)", event["step"], event["device"], event["precision"])

    def _on_planned(self, event: dict[str, Any]) -> None:
        written = self.run.record()
        record.update(self.run.folder, written["state"], written["reason"], planned_steps=event["planned_steps"])
        logger.info("planned: %s steps", event["planned_steps"])

    def _on_step(self, event: dict[str, Any]) -> None:
        if self._board:
            self._board.step(event)

    def _on_validation(self, event: dict[str, Any]) -> None:
        iou = (event.get("val") or {}).get("pooled_iou")
        shown = "none" if iou is None else f"{iou:.4f}"
        logger.info("step %s: val IoU %s%s", event["step"], shown, " (best)" if event["best"] else "")
        if self._board:
            first = self._diagnosis.indices[:STRIP_IMAGES]
            pairs = [
                (self._diagnosis.samples[i], validation.probability(self.run, "last", k)) for k, i in enumerate(first)
            ]
            self._board.validation(event, pairs)
        self._tolerant(f"of step {event['step']}", lambda: self._diagnosis.add(event["step"], event["elapsed_s"]))

    def _tolerant(self, what: str, work: Callable[[], None]) -> None:
        """A picture of the mistakes is not worth a training: what goes wrong here is noted, and it goes on."""
        try:
            work()
        except Exception as error:
            logger.exception("wrong regions %s", what)
            self._events.append({"kind": "note", "text": f"wrong regions {what} are missing: {failure.told(error)}"})

    def _on_note(self, event: dict[str, Any]) -> None:
        logger.info("%s", event["text"])

    def _on_finished(self, event: dict[str, Any]) -> None:
        stopped = event["reason"] == "stopped"
        if self._board and not stopped:
            self._board.finished()
        self._tolerant("of earlier steps", lambda: self._diagnosis.finish(newest_only=stopped))
        logger.info("ended at step %s after %.1f s: %s", event["step"], event["elapsed_s"], event["reason"])
