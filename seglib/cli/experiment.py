"""`experiment`: one question asked of many runs, through the queue. The same folders that the Compare page shows."""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seglib.cli.bar import bar
from seglib.cli.training import given_settings
from seglib.exceptions import InputError
from seglib.settings import plain
from seglib.training.config import parse_value, resolve

if TYPE_CHECKING:
    from seglib.experiments.experiment import Design, Experiment, Factor, Trial
    from seglib.runs.store import Run

POLL_S = 1.0


def add_commands(commands: Any) -> None:
    """The commands under `experiment`."""
    _add(commands, "list", listed, "what was asked so far", named=False)
    _add(commands, "ready", ready, "the ready-made questions", named=False)
    _add_run(_add(commands, "run", run, "ask a question of many runs; prints its folder"))
    parser = _add(commands, "start", start, "put the trials that have no run in the queue; a search goes on")
    parser.add_argument("--again", action="store_true", help="those that failed or were stopped too, anew")
    parser.add_argument("--wait", action="store_true", help="until all is done")
    parser = _add(commands, "status", status, "how its trials stand")
    parser.add_argument("--json", action="store_true")
    parser = _add(commands, "add-seeds", add_seeds, "the same question with more seeds; only the new ones are trained")
    parser.add_argument("seeds", metavar="SEED", nargs="+", type=int)
    parser.add_argument("--wait", action="store_true", help="until all is done")
    parser = _add(commands, "cancel", cancel, "take what waits out of the queue")
    parser.add_argument("--running", action="store_true", help="stop what is being trained too")
    _add(commands, "answer", answer, "what the runs say, with its uncertainty")


def _add(commands: Any, word: str, command: Any, about: str, named: bool = True) -> argparse.ArgumentParser:
    parser = commands.add_parser(word, help=about)
    if named:
        parser.add_argument("name", metavar="NAME")
    parser.add_argument("--checkpoints", metavar="DIR", help="where the runs are (checkpoints/)")
    parser.set_defaults(command=command)
    return parser


def _add_run(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--ready", metavar="QUESTION", help="a ready-made question; `experiment ready` lists them")
    parser.add_argument(
        "--factor",
        action="append",
        default=[],
        metavar="KEY=A,B",
        dest="factors",
        help="levels of a setting, such as loss.name=bce,dice; for a search also a range, optimizer.lr=1e-4..1e-2:log",
    )
    parser.add_argument("--question", metavar="TEXT", default="", help="what is asked, in words")
    parser.add_argument("--seeds", type=int, nargs="+", metavar="N", help="each combination with each of them (0 1)")
    parser.add_argument("--sampler", choices=("grid", "one_at_a_time", "optuna"), help="(grid)")
    parser.add_argument("--trials", type=int, metavar="N", help="of a search with --sampler optuna")
    parser.add_argument("--target", type=float, default=0.91, metavar="IOU", help="held against the best (0.91)")
    parser.add_argument("--data", metavar="DATA")
    parser.add_argument("--preset", metavar="P", help="as of `train` (quick)")
    parser.add_argument("--config", type=Path, metavar="FILE", help="JSON of settings")
    parser.add_argument("--recipe", metavar="R", help="augmentation: a name or a JSON file")
    parser.add_argument("--set", nargs="+", action="extend", default=[], metavar="KEY=VALUE", dest="settings")
    parser.add_argument("--minutes", type=float, metavar="M", help="of every run")
    parser.add_argument("--wait", action="store_true", help="until all is done")


def listed(args: argparse.Namespace) -> None:
    """One line an experiment: name, question, how it stands."""
    from seglib.experiments import experiment as experiments

    everything = experiments.list_experiments(args.checkpoints)
    if not everything:
        print("nothing was asked yet; `experiment ready` lists the questions that are ready-made", file=sys.stderr)
    for found in everything:
        try:
            design = found.design()
            print(f"{found.id}\t{design.question or design.name}\t{found.standing()}")
        except InputError as error:
            print(f"{found.id}\tdamaged: {error}")


def ready(args: argparse.Namespace) -> None:
    """The questions that need no thought."""
    from seglib.experiments import ready_made

    for asked in ready_made.READY.values():
        print(f"{asked.id}\t{asked.question}\t{asked.about}")


def run(args: argparse.Namespace) -> None:
    """Make an experiment and start it; prints its folder."""
    from seglib.experiments import experiment as experiments

    made = experiments.create(_design(args), args.name, args.checkpoints)
    started = experiments.start(made)
    _said(made, started)
    print(made.folder)
    if args.wait:
        wait(made)


def start(args: argparse.Namespace) -> None:
    from seglib.experiments import experiment as experiments

    found = experiments.find_experiment(args.name, args.checkpoints)
    _said(found, experiments.start(found, again=args.again))
    if args.wait:
        wait(found)


def add_seeds(args: argparse.Namespace) -> None:
    from seglib.experiments import experiment as experiments

    found = experiments.find_experiment(args.name, args.checkpoints)
    _said(found, experiments.add_seeds(found, args.seeds))
    if args.wait:
        wait(found)


def cancel(args: argparse.Namespace) -> None:
    from seglib.experiments import experiment as experiments

    found = experiments.find_experiment(args.name, args.checkpoints)
    experiments.cancel(found, running=args.running)
    print(found.standing())


def status(args: argparse.Namespace) -> None:
    """How the trials stand: a line each, or JSON."""
    from seglib.experiments import experiment as experiments

    found = experiments.find_experiment(args.name, args.checkpoints)
    design, trials, standing = found.design(), found.trials(), found.standing()
    rows = [(trial, found.run_of(trial)) for trial in trials]
    if args.json:
        about = {"experiment": found.id, "question": design.question, "standing": vars(standing)}
        print(json.dumps({**about, "trials": [_row(found, *row) for row in rows]}, indent=2))
        return
    print(f"{design.question or design.name}  {standing}")
    for trial, its_run in rows:
        row = _row(found, trial, its_run)
        iou = "-" if row["best_val_iou"] is None else f"{row['best_val_iou']:.4f}"
        state = f"already trained as {trial.run_id}" if trial.reused else row["state"]
        why = f" ({row['reason']})" if row["reason"] and row["state"] not in ("done", "running") else ""
        print(f"{trial.number:>3}  {design.told(trial.levels, trial.seed)}  {iou}  {state}{why}")


def answer(args: argparse.Namespace) -> None:
    """What the runs say of every factor."""
    from seglib.experiments import experiment as experiments

    found = experiments.find_experiment(args.name, args.checkpoints)
    from seglib.experiments import answers  # later than a name that is wrong: it brings pandas

    print(found.standing(), file=sys.stderr)
    for about in answers.answer(found):
        print(about.label)
        for level in about.levels:
            mean = "-" if level.mean is None else f"{level.mean:.4f}"
            print(f"  {level.label}: best val IoU (pooled) {mean}, {len(level.runs)} runs")
        print("\n".join(f"  {line}" for line in (*about.sentences, *about.notes)))


def wait(found: Experiment) -> None:
    """Until nothing works or waits; shown on standard error. Raises InputError where not one trial came to its end."""
    standing = found.standing()
    with bar(found.id, standing.n) as move:
        while not standing.over:
            _advance(found)
            time.sleep(POLL_S)
            standing = found.standing()
            move(standing.n_ended, standing.n)
    print(standing, file=sys.stderr)
    if standing.problem:
        raise InputError(f"experiment {found.id}: {standing.problem}.")
    if not standing.done:
        raise InputError(f"experiment {found.id}: no trial came to its end; `experiment status {found.id}` says why.")


def _advance(found: Experiment) -> None:
    from seglib.runs import queue

    queue.advance(root=found.root)


def _said(found: Experiment, started: list[Run]) -> None:
    for trial in found.trials():
        if trial.reused:
            print(f"trial {trial.number} is already trained: run {trial.run_id}", file=sys.stderr)
    print(f"{len(started)} runs put in the queue; {found.standing()}", file=sys.stderr)


def _row(found: Experiment, trial: Trial, its_run: Run | None) -> dict[str, Any]:
    return {
        "number": trial.number,
        "levels": trial.levels,
        "seed": trial.seed,
        "run": trial.run_id,
        "already_trained": trial.reused,
        "state": found.state_of(trial),
        "reason": trial.pruned or (its_run.state().reason if its_run else ""),
        "best_val_iou": its_run.best_iou() if its_run else None,
    }


def _design(args: argparse.Namespace) -> Design:
    from seglib.experiments import ready_made
    from seglib.experiments.design import Design

    base = resolve(args.preset or "quick", args.config, given_settings(args))
    if bool(args.ready) == bool(args.factors):
        raise InputError(f"give either --ready ({', '.join(ready_made.READY)}) or one --factor or more.")
    if args.ready:
        if args.sampler or args.trials:
            raise InputError("--ready says itself how it is asked; leave --sampler and --trials out.")
        seeds = tuple(args.seeds or (0, 1))
        made = ready_made.design(args.ready, base, seeds, name=args.name)
        return replace(made, target_iou=args.target, question=args.question or made.question)
    sampler = args.sampler or "grid"
    factors = tuple(map(parse_factor, args.factors))
    seeds = tuple(args.seeds or ((0,) if sampler == "optuna" else (0, 1)))
    return Design(args.name, args.question, plain(base), factors, seeds, sampler, args.trials, args.target)


def parse_factor(text: str) -> Factor:
    """`loss.name=bce,dice`, `model.depth=3,4`, `optimizer.lr=1e-4..1e-2:log`. Raises InputError without `=`."""
    from seglib.experiments.factor import RECIPE, Factor

    key, equals, values = text.partition("=")
    if not equals or not values:
        raise InputError(f"--factor {text}: expected KEY=VALUE,VALUE, such as loss.name=bce,dice.")
    low, dots, high = values.partition("..")
    if dots and key != RECIPE:
        high, _, scale = high.partition(":")
        if scale not in ("", "log"):
            raise InputError(f"--factor {text}: expected LOW..HIGH or LOW..HIGH:log.")
        return Factor(key, low=parse_value(low), high=parse_value(high), log=scale == "log")
    listed = parse_value(values)
    return Factor(key, tuple(listed) if isinstance(listed, list) else tuple(map(parse_value, values.split(","))))
