"""`errors`: where the IoU of runs goes, which mistakes come back at one place, and which are of one kind.

What a run or a job has left on disk is read, not made again; what is missing is made once, by the same jobs as the
page's, so that both say the same numbers.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from seglib.cli import mistakes
from seglib.cli.bar import bar
from seglib.cli.scoring import open_scoring, opened
from seglib.cli.waiting import wait
from seglib.data.splits import NOT_INDEPENDENT
from seglib.exceptions import InputError

if TYPE_CHECKING:
    from seglib.data.dataset import Dataset
    from seglib.errors.report import Measured
    from seglib.runs.looks import Look
    from seglib.runs.predicted import Predicted
    from seglib.runs.store import Run

AT_ONCE_PIXELS = 3_000_000  # measured in this process; more is a job, which keeps what it made


@dataclass(frozen=True)
class Found:
    """What one run got wrong. source: whose predictions were read; None where they were made for this answer alone."""

    run: Run
    measured: Measured
    source: Predicted | None


def errors(args: argparse.Namespace) -> None:
    """Print where the IoU of each run goes and which mistakes come back.

    Of one run the earlier validations are looked back on; several runs are held against each other.
    """
    from seglib.errors.report import as_report
    from seglib.runs import recurring

    found = [_found(name, args) for name in args.runs]
    if len({one.run.id for one in found}) < len(found):
        raise InputError("a run is named twice; name each once.")
    reports, answers = [], []
    for one in found:
        answers.append(recurring.follow(_looks(one, found, args), least=1))
        report = as_report(
            one.measured, args.threshold, run=one.run.id, checkpoint=args.checkpoint, back=answers[-1].table
        )
        reports.append(report | {"spots": mistakes.spots(one.measured, one.source)})
    if args.json:
        print(json.dumps({"runs": reports}, indent=2, allow_nan=False))
        return
    for one, report, answer in zip(found, reports, answers):
        groups = dict(zip(one.measured.budgets.image, one.measured.budgets.group))
        print(mistakes.told(report, answer, groups, len(found) == 1), end="\n\n" if len(found) > 1 else "\n")
    if len(found) > 1:
        print(mistakes.told_together(answers[-1], [one.measured for one in found]))


# -- what is wrong


def _found(name: str, args: argparse.Namespace) -> Found:
    from seglib.runs.store import find_run

    run = find_run(name, args.checkpoints)
    if args.data and args.data.resolve() != run.data_path():
        return Found(run, _predicted_anew(name, args), None)
    source = _source(run, args)
    if source is None:
        return Found(run, _predicted_anew(name, args), None)
    if args.split == "val" and not run.independent:
        print(f"{run.id}: {NOT_INDEPENDENT}; the IoU flatters", file=sys.stderr)
    return Found(run, _measured(source, args), source)


def _source(run: Run, args: argparse.Namespace) -> Predicted | None:
    """The val predictions that the training left, or those of any split that a job made; None for a run of before
    the first validation, which can only be predicted for this answer."""
    from seglib.runs import jobs, predicted

    if args.split == "val":
        try:
            source = predicted.of_validation(run, args.checkpoint)
        except InputError:
            return None
        enough = not source.missing(len(source.scores())) or _stored(source, args.threshold) is not None
        if len(source.scores()) and enough:
            return source
    inputs = predicted.evaluate_inputs(run, args.checkpoint, args.split, _own_data(run).path)
    job = jobs.start("evaluate", inputs)
    wait(job, f"{run.id}, {args.split}", "prediction")
    return predicted.of_job(run, args.checkpoint, args.split, job)


def _own_data(run: Run) -> Dataset:
    return opened(run, None)


def _stored(source: Predicted, threshold: float) -> Measured | None:
    from seglib.runs.predicted import STORED_THRESHOLD

    return source.stored() if threshold == STORED_THRESHOLD else None


def _measured(source: Predicted, args: argparse.Namespace) -> Measured:
    from seglib.errors.report import measure
    from seglib.metrics import foreground
    from seglib.runs import jobs, predicted

    stored = _stored(source, args.threshold)
    if stored is not None:
        return stored
    foreground(source.q(0)[:0], args.threshold)  # a threshold that is none is said before any work
    scores, data = source.scores(), _own_data(source.run)
    if int(scores.n_valid.sum()) <= AT_ONCE_PIXELS:
        with bar(source.run.id, len(scores)) as move:
            return measure(source.cases(data), args.threshold, lambda done: move(done, len(scores)))
    job = jobs.start("errors", predicted.errors_inputs(source, args.threshold, data.path))
    wait(job, source.run.id, "measurement")
    return predicted.of_job(source.run, args.checkpoint, args.split, job).stored()


def _predicted_anew(name: str, args: argparse.Namespace) -> Measured:
    """Of another data set than the run's: for this answer alone."""
    from seglib.errors.report import measure
    from seglib.evaluate import predictions
    from seglib.runs.diagnosis import case

    scoring = open_scoring(name, args)
    n_images = len(scoring.indices)
    cases = (case(p.sample, p.q) for p in predictions(scoring.predictor, scoring.dataset, scoring.indices))
    with bar(scoring.run.id, n_images) as move:
        return measure(cases, args.threshold, lambda done: move(done, n_images))


# -- what it is held against


def _looks(one: Found, found: Sequence[Found], args: argparse.Namespace) -> list[Look]:
    """Other runs or earlier validations, and last the run itself."""
    from seglib.runs import looks
    from seglib.runs.predicted import STORED_THRESHOLD

    if len(found) > 1:
        names = looks.names([other.run for other in found])
        return [_look(other, names[other.run.id], "run") for other in (*(f for f in found if f is not one), one)]
    own = _look(one, args.checkpoint, "checkpoint")
    if one.source is None or one.source.step is None:
        return [own]
    earlier = [look for look in looks.of_run(one.run, args.checkpoint) if look.step != one.source.step]
    if earlier and args.threshold != STORED_THRESHOLD:
        print(f"{one.run.id}: earlier checkpoints are known at threshold {STORED_THRESHOLD} only", file=sys.stderr)
    return [*earlier, own]


def _look(one: Found, name: str, kind: str) -> Look:
    from seglib.runs.looks import Look

    groups = dict(zip(one.measured.budgets.image, one.measured.budgets.group))
    step = one.source.step if one.source else None
    return Look(name, one.run.id, step, kind, one.measured.regions, frozenset(groups), one.measured.counts(), groups)
