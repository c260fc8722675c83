"""Sampler: which levels a search tries next, and which trial is hopeless: Optuna, its study in the experiment's folder.

The study is what was asked and what came of it; which run a trial is stands in trials.json. Both are written line by
line or whole, so a search that was killed goes on from them. Only the conductor imports this: Optuna takes a moment.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import optuna
from filelock import FileLock
from optuna.storages.journal import BaseJournalBackend, JournalFileBackend, JournalStorage
from optuna.trial import FrozenTrial, TrialState

from seglib.exceptions import InputError
from seglib.experiments.design import Design
from seglib.experiments.factor import Factor, spec_of

FILE = "study.log"
WARM_UP = 2  # validations of a trial that are never its last: early IoU says little
WORST_PERCENT = 25  # a trial is hopeless whose best IoU is below so many percent of the others' at that validation
_REASON = "reason"


class Search:
    """The study of one experiment. Numbers of trials begin at 1, as in trials.json."""

    def __init__(self, folder: Path, design: Design):
        """Opens the study in `folder`, or begins it. Raises InputError where the file is no study."""
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self.design = design
        file = folder / FILE
        try:
            self._study = optuna.create_study(
                study_name="search",
                storage=JournalStorage(_journal(file)),
                direction="maximize",
                load_if_exists=True,
                pruner=self._pruner(),
            )
        except (ValueError, KeyError, AssertionError) as error:
            raise InputError(f"{file} is damaged ({error}); put a copy back, or start a new search.") from None

    @property
    def n_before_pruning(self) -> int:
        """Trials that come to their end before one is given up by comparison."""
        return min(5, max(2, (self.design.n_trials or 0) // 4))

    @property
    def n_asked(self) -> int:
        return len(self._trials())

    def open(self) -> list[int]:
        """Numbers of the trials that were asked for and not told yet."""
        return [t.number + 1 for t in self._trials() if not t.state.is_finished()]

    def ended(self) -> dict[int, tuple[str, float | None, str]]:
        """number -> ('complete', 'pruned' or 'fail'; IoU or None; why)."""
        told = [t for t in self._trials() if t.state.is_finished()]
        return {t.number + 1: (t.state.name.lower(), t.value, str(t.user_attrs.get(_REASON, ""))) for t in told}

    def best(self) -> tuple[int, float] | None:
        """Number and IoU of the best trial so far."""
        done = [t for t in self._trials() if t.state == TrialState.COMPLETE]
        return max(((t.number + 1, t.value) for t in done), key=lambda pair: pair[1], default=None)

    def ask(self) -> int:
        """A new trial; its number.

        What is drawn depends on the seed, the number and what is known by then, not on how often the search was
        interrupted: a sampler that begins anew with the same seed would draw the same values again.
        """
        self._study.sampler = self._sampler(self.n_asked)
        trial = self._study.ask()
        self._draw(trial)
        return trial.number + 1

    def levels(self, number: int) -> dict[str, Any]:
        """factor key -> value of a trial; values that were not drawn yet when it was killed are drawn now."""
        frozen = self._trials()[number - 1]
        if len(frozen.params) < len(self.design.factors):
            self._study.sampler = self._sampler(number - 1)
            self._draw(self._trial(number))
            frozen = self._trials()[number - 1]
        return {factor.key: _value(factor, frozen.params[factor.key]) for factor in self.design.factors}

    def report(self, number: int, ious: list[float | None]) -> str:
        """Pooled val IoU of a trial's validations so far, in order. Why it is hopeless, '' if it is not.

        Validations are compared by their number: runs of one experiment validate about as often, whatever their budget.
        """
        known = self._trials()[number - 1].intermediate_values
        trial = self._trial(number)
        for step, iou in enumerate(ious, 1):
            if iou is not None and step not in known:
                trial.report(iou, step)
        return self._hopeless(number, len(ious)) if trial.should_prune() else ""

    def tell(self, number: int, iou: float) -> None:
        """The trial came to its end with this IoU, its best."""
        self._study.tell(number - 1, iou)

    def tell_pruned(self, number: int, reason: str) -> None:
        self._end(number, TrialState.PRUNED, reason)

    def tell_failed(self, number: int, reason: str) -> None:
        self._end(number, TrialState.FAIL, reason)

    def _end(self, number: int, state: TrialState, reason: str) -> None:
        self._trial(number).set_user_attr(_REASON, reason)
        self._study.tell(number - 1, state=state)

    def _hopeless(self, number: int, step: int) -> str:
        trials = self._trials()
        own = max(v for k, v in trials[number - 1].intermediate_values.items() if k <= step)
        others = [t.intermediate_values.get(step) for t in trials if t.state == TrialState.COMPLETE]
        others = [value for value in others if value is not None]
        limit = float(np.percentile(others, WORST_PERCENT)) if others else own
        than = f"{limit:.4f}, the lower quartile of {len(others)} trials by then"
        return f"given up after validation {step}: its best IoU {own:.4f} is below {than}"

    def _trials(self) -> list[FrozenTrial]:
        return self._study.get_trials(deepcopy=False)

    def _trial(self, number: int) -> optuna.Trial:
        return optuna.Trial(self._study, self._trials()[number - 1]._trial_id)

    def _pruner(self) -> optuna.pruners.BasePruner:
        return optuna.pruners.PercentilePruner(
            100 - WORST_PERCENT, n_startup_trials=self.n_before_pruning, n_warmup_steps=WARM_UP + 1
        )

    def _sampler(self, number: int) -> optuna.samplers.TPESampler:
        seed = (self.design.seeds[0] * 1_000_003 + number) % 2**32
        at_random = min(10, max(3, (self.design.n_trials or 0) // 3))
        return optuna.samplers.TPESampler(seed=seed, n_startup_trials=at_random, constant_liar=True)

    def _draw(self, trial: optuna.Trial) -> None:
        for factor in self.design.factors:
            _suggest(trial, factor)


def _suggest(trial: optuna.Trial, factor: Factor) -> None:
    """Values go by their labels: a recipe is a mapping, which is no choice to Optuna."""
    if not factor.is_range:
        trial.suggest_categorical(factor.key, [factor.label(value) for value in factor.values])
    elif spec_of(factor.key).kind == "int":
        trial.suggest_int(factor.key, int(factor.low), int(factor.high), log=factor.log)
    else:
        trial.suggest_float(factor.key, factor.low, factor.high, log=factor.log)


def _value(factor: Factor, drawn: Any) -> Any:
    return drawn if factor.is_range else next(v for v in factor.values if factor.label(v) == drawn)


class _Lock:
    """Optuna's lock on the file, held by the system for the process, so that none stays when that one is killed."""

    def __init__(self, file: Path):
        self._lock = FileLock(f"{file}.lock")

    def acquire(self) -> bool:
        self._lock.acquire()
        return True

    def release(self) -> None:
        self._lock.release()


def _journal(file: Path) -> BaseJournalBackend:
    """The file of the study. Half a line, of a process killed while it wrote, is taken away: it was never said."""
    if file.exists():
        content = file.read_bytes()
        whole = content[: content.rfind(b"\n") + 1]
        if len(whole) < len(content):
            with file.open("r+b") as handle:
                handle.truncate(len(whole))
    return JournalFileBackend(str(file), lock_obj=_Lock(file))
