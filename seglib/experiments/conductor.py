"""Conductor: the job that carries a search on: asks the sampler, puts trials in the queue, reports their validations,
gives up the hopeless and tells what came of each.

Everything it knows lies in the experiment's folder. Each act is written before the next begins and can be done twice,
so killed at any moment it goes on: no trial is lost, none told twice. Its trainings are ordinary runs that need it not.
"""

from __future__ import annotations

import contextlib
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from seglib.exceptions import InputError
from seglib.experiments import trial as trials_
from seglib.experiments.experiment import Experiment, submit
from seglib.experiments.sampler import Search
from seglib.experiments.trained import Trained, compared
from seglib.experiments.trial import Trial
from seglib.runs import bin as bin_
from seglib.runs import events, launcher, lock, queue
from seglib.runs.store import Run
from seglib.runs.tasks import Cancelled, Progress, StopAsked
from seglib.training.integrity import can_resume

POLL_S = 1.0
MOST_FAILURES = 3  # in a row: then something is wrong that the next trial will not mend


def conduct(inputs: dict[str, Any], result: Path, progress: Progress, should_stop: StopAsked) -> None:
    """The job `experiment`. inputs: experiment (its folder). Nothing in `result`: the folder is the result."""
    experiment = Experiment(inputs["experiment"])
    baton = experiment.folder / "conductor"  # jobs of two versions of the program have two folders, but one baton
    baton.mkdir(exist_ok=True)
    with lock.hold(baton):
        conductor = Conductor(experiment)
        conductor.take_up()
        while not conductor.over:
            if should_stop():
                raise Cancelled
            with contextlib.suppress(lock.Busy):  # somebody keeps the queue or a run: the next round will do
                conductor.round()
            progress(*conductor.told())
            time.sleep(POLL_S)
        progress(*conductor.told())


class Conductor:
    def __init__(self, experiment: Experiment):
        self.experiment, self.design = experiment, experiment.design()
        self.search = Search(experiment.folder, self.design)
        self._validations: dict[Run, _Validations] = {}
        self._read: dict[Any, Any] = {}  # of the pictures, once a process
        self._failures = 0

    @property
    def over(self) -> bool:
        """Every trial was asked for and told."""
        return self.search.n_asked >= self.design.n_trials and not self.search.open()

    def told(self) -> tuple[float, str]:
        """How far it is, and what is best so far."""
        n, of, best = len(self.search.ended()), self.design.n_trials, self.search.best()
        text = f"{n} of {of} trials" + (f" · best IoU {best[1]:.4f} (trial {best[0]})" if best else "")
        return min(1.0, n / of), text

    def take_up(self) -> None:
        """Before the first round: what was stopped by a cancel, or by the machine, goes on."""
        for number in self.search.open():
            run = self.experiment.run_of(self._trial(number))
            if run is not None and run.state().name in ("stopped", "interrupted") and not self._trial(number).pruned:
                self._go_on(number, run)

    def round(self) -> None:
        """One look at every open trial, and new ones where there is room.

        Raises InputError where trial after trial fails.
        """
        for number in self.search.open():
            self._attend(number)
        at_once = queue.read(self.experiment.root).at_once
        while len(self.search.open()) < at_once and self.search.n_asked < self.design.n_trials:
            self._attend(self.search.ask())
        queue.advance(self.experiment.root)

    def _attend(self, number: int) -> None:
        trial = self._trial(number)
        run = self.experiment.run_of(trial)
        if run is None and trial.submitted:
            self._failed(number, f"run {trial.run_id} was put in the bin")
        elif run is None:
            self._submit(trial)
        elif not trial.submitted and compared(run.config()) != compared(self.design.config(trial.levels, trial.seed)):
            self._failed(number, f"a run {run.id} that is not of this search has its place")
        else:
            self._look(trial, run)

    def _look(self, trial: Trial, run: Run) -> None:
        state = run.state()
        hopeless = self.search.report(trial.number, self._ious(run))
        if state.live:
            if hopeless and not trial.pruned:
                self._write(replace(trial, pruned=hopeless))
            if hopeless or trial.pruned:
                launcher.stop(run)
        elif state.name == "finished":
            self._finished(trial, run)
        elif state.name == "interrupted":
            self._go_on(trial.number, run)
        elif state.name == "stopped" and trial.pruned:
            self.search.tell_pruned(trial.number, trial.pruned)
        elif state.name != "queued":
            self._failed(trial.number, f"{state.name}: {state.reason}" if state.reason else state.name)

    def _finished(self, trial: Trial, run: Run) -> None:
        if trial.pruned:  # it was faster than the request to stop
            self._write(replace(trial, pruned=""))
        iou = run.best_iou()
        if iou is None:
            self._failed(trial.number, "it has no val IoU")
            return
        self._failures = 0
        self.search.tell(trial.number, iou)

    def _failed(self, number: int, reason: str) -> None:
        self.search.tell_failed(number, reason)
        self._failures += 1
        if self._failures >= MOST_FAILURES:
            raise InputError(
                f"{self._failures} trials in a row came to nothing, the last: {reason}. Mend that, then start the "
                "search again."
            )

    def _go_on(self, number: int, run: Run) -> None:
        """A run that ended before its time, again at the end of the queue; anew where it left nothing to go on from."""
        trial, state = self._trial(number), run.state()
        if (state.name, state.reason) == ("stopped", launcher.TAKEN_OUT):
            queue.put_back(run, len(queue.read(self.experiment.root).order))
        elif can_resume(run.folder):
            queue.submit_resume(run)
        elif trial.reused:
            self._write(replace(trial, run_id=trials_.own_run_id(self.experiment.id, number), reused=False))
        else:
            bin_.move_to_bin(run)
            self._submit(replace(trial, submitted=False))

    def _submit(self, trial: Trial) -> None:
        """Put it in the queue, or find that its very config is trained already."""
        config = self.design.config(trial.levels, trial.seed)
        trained = Trained(self.experiment.root, self._read)
        trained.check_pictures(reversed(self.experiment.runs()), config)
        found = trained.run_of(config)
        if found is not None:
            self._write(replace(trial, run_id=found.id, reused=True, submitted=True))
            return
        submit(self.experiment, self.design, [(config, trial)])
        self._write(replace(trial, submitted=True))

    def _trial(self, number: int) -> Trial:
        """As trials.json has it; one that the study knows and the file does not is entered."""
        for trial in self.experiment.trials():
            if trial.number == number:
                return trial
        levels, seed = self.search.levels(number), self.design.seeds[0]
        trial = Trial(number, levels, seed, trials_.own_run_id(self.experiment.id, number))
        self._write(trial)
        return trial

    def _write(self, trial: Trial) -> None:
        others = [t for t in self.experiment.trials() if t.number != trial.number]
        trials_.write(self.experiment.folder, sorted([*others, trial], key=lambda t: t.number))

    def _ious(self, run: Run) -> list[float | None]:
        return self._validations.setdefault(run, _Validations(run)).read()


class _Validations:
    """Pooled val IoU of a run's validations, read on from where the last look ended."""

    def __init__(self, run: Run):
        self._run, self._offset, self._seen = run, 0, []

    def read(self) -> list[float | None]:
        new, self._offset = self._run.events(self._offset)
        self._seen = events.without_replays([*self._seen, *(e for e in new if e["kind"] in ("validation", "started"))])
        return [(e.get("val") or {}).get("pooled_iou") for e in self._seen if e["kind"] == "validation"]
