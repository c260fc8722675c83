"""A training's events onto disk: events.jsonl, run.json, environment.json, TensorBoard, wrong regions.

This module imports torch: only a process that trains does so.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from seglib.data.dataset import Dataset
from seglib.runs import contents, failure, validation
from seglib.runs.board import STRIP_IMAGES, Board
from seglib.runs.diagnosis import Diagnosis
from seglib.runs.environment import check_same_data, describe
from seglib.runs.outbox import Outbox
from seglib.runs.store import Run
from seglib.training.config import Config
from seglib.training.loop import open_training_data, train
from seglib.training.room import is_full

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
    run, should_stop = Run(folder), _heard(should_stop)
    config = effective_config(run)
    dataset = open_training_data(config)
    found = contents.read(dataset, should_stop)
    if found is None:
        return "stopped", "as asked, before its first step"
    about = describe(dataset, found)
    if resume:
        check_same_data(run, about, found)
    reason = "stopped"
    with Recorder(run, dataset, about) as recorder:
        recorder.keep(found)
        for event in train(config, folder, resume, should_stop):
            recorder.write(event.to_dict())
            on_event(event)
            reason = getattr(event, "reason", reason)
    return ("stopped", "as asked") if reason == "stopped" else ("finished", _ENDS.get(reason, reason))


def _heard(should_stop: Callable[[], bool]) -> Callable[[], bool]:
    """On a full disk it may be impossible to note that a stop was asked; it is heard nevertheless."""

    def asked() -> bool:
        try:
            return should_stop()
        except OSError as error:
            if not is_full(error):
                raise
            return should_stop()

    return asked


def _why(error: Exception) -> str:
    return "the disk is full" if is_full(error) else failure.told(error)


_ENDS = {
    "steps": "all planned steps are done",
    "deadline": "the time given is over",
    "patience": "no better IoU for as long as training.patience allows",
}


class Recorder:
    """Takes events one by one; closed, everything is on disk.

    Nothing here ends a training because the disk is full: events and records wait in the outbox, curves and wrong
    regions may be missing, which is noted. The loop itself pauses before long.
    """

    def __init__(self, run: Run, dataset: Dataset, about: dict[str, Any]):
        self.run, self.about = run, about
        self._diagnosis = Diagnosis(run, dataset)
        self._out = Outbox(run.folder)
        self._board: Board | None = None
        self._without_board = False  # said

    def __enter__(self) -> Recorder:
        return self

    def __exit__(self, *error: object) -> None:
        self._out.close()
        self._close_board()

    def keep(self, found: contents.Contents) -> None:
        """Which pictures the run is trained on; once, for the resumes to come."""
        if not (self.run.folder / contents.NAME).exists():
            self._out.file(contents.NAME, found.to_dict())

    def write(self, event: dict[str, Any]) -> None:
        """One event, as its `to_dict()`: into its files, before anybody is told."""
        self._out.event(event)
        handle = getattr(self, f"_on_{event['kind']}", None)
        if handle:
            handle(event)

    def _note(self, text: str) -> None:
        logger.info("%s", text)
        self._out.event({"kind": "note", "text": text})

    def _on_started(self, event: dict[str, Any]) -> None:
        machine = {k: event[k] for k in ("device", "precision", "threads", "n_parameters")}
        self._out.file("environment.json", {**self.about, **machine})
        planned = event["planned_steps"] or self.run.record().get("planned_steps")
        self._out.record(reason="", planned_steps=planned)
        self._on_board(lambda: self._open_board(event["step"]))
        logger.info("started at step %s on %s (%s)", event["step"], event["device"], event["precision"])

    def _on_planned(self, event: dict[str, Any]) -> None:
        self._out.record(planned_steps=event["planned_steps"])
        logger.info("planned: %s steps", event["planned_steps"])

    def _on_step(self, event: dict[str, Any]) -> None:
        if self._board:
            self._on_board(lambda: self._board.step(event))

    def _on_validation(self, event: dict[str, Any]) -> None:
        iou = (event.get("val") or {}).get("pooled_iou")
        shown = "none" if iou is None else f"{iou:.4f}"
        logger.info("step %s: val IoU %s%s", event["step"], shown, " (best)" if event["best"] else "")
        self._on_board(lambda: self._show(event))
        self._tolerant(f"of step {event['step']}", lambda: self._diagnosis.add(event["step"], event["elapsed_s"]))

    def _show(self, event: dict[str, Any]) -> None:
        if self._board is None:
            self._open_board()
        first = self._diagnosis.indices[:STRIP_IMAGES]
        pairs = [(self._diagnosis.samples[i], validation.probability(self.run, "last", k)) for k, i in enumerate(first)]
        self._board.validation(event, pairs)

    def _open_board(self, from_step: int = 0) -> None:
        self._board = Board(self.run.folder / "tensorboard", from_step, self.run.settings())
        self._without_board = False

    def _on_board(self, work: Callable[[], None]) -> None:
        """Curves for TensorBoard are not worth a training; the next validation tries again."""
        try:
            work()
        except Exception as error:
            logger.exception("TensorBoard")
            self._close_board()
            if not self._without_board:
                self._without_board = True
                self._note(f"TensorBoard is without curves until the next validation: {_why(error)}")

    def _close_board(self) -> None:
        board, self._board = self._board, None
        if board:
            with contextlib.suppress(Exception):
                board.close()

    def _tolerant(self, what: str, work: Callable[[], None]) -> None:
        """A picture of the mistakes is not worth a training: what goes wrong here is noted, and it goes on."""
        try:
            work()
        except Exception as error:
            logger.exception("wrong regions %s", what)
            self._note(f"wrong regions {what} are missing: {_why(error)}")

    def _on_note(self, event: dict[str, Any]) -> None:
        logger.info("%s", event["text"])
        if "paused" in event:
            self._out.record(reason=event["text"] if event["paused"] else "")

    def _on_finished(self, event: dict[str, Any]) -> None:
        stopped = event["reason"] == "stopped"
        if self._board and not stopped:
            self._on_board(self._board.finished)
        self._tolerant("of earlier steps", lambda: self._diagnosis.finish(newest_only=stopped))
        logger.info("ended at step %s after %.1f s: %s", event["step"], event["elapsed_s"], event["reason"])
