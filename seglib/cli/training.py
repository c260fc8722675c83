"""`train`: in this process, so that a terminal's Ctrl-C stops it gently; the app starts the same worker detached."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from tqdm import tqdm

from seglib.data.splits import NOT_INDEPENDENT
from seglib.exceptions import InputError
from seglib.training.config import BUDGET, Config, parse_value, resolve


def train(args: argparse.Namespace) -> int:
    """Train a new run, or go on with one; prints its folder. 2 if it failed."""
    from seglib.runs import launcher, queue, store, worker

    settings = given_settings(args)
    if args.resume:
        budget = larger_budget(args, settings)
        run = launcher.prepare_resume(store.find_run(args.run, args.checkpoints), **budget)
    else:
        run = launcher.create(config_of(args, settings), args.run, args.checkpoints)
    for warning in run.config().recipe.warnings():
        print(f"recipe: {warning}", file=sys.stderr)
    if not run.independent:
        print(f"train and val are {NOT_INDEPENDENT}: the val IoU flatters", file=sys.stderr)
    with tqdm(desc=run.id, unit="step", file=sys.stderr, disable=None, dynamic_ncols=True) as line:
        state = worker.run_training(run.folder, lambda event: _show(line, event))
    queue.advance(run.folder.parent)  # others may have waited for this one
    print(run.folder)
    if state.name == "failed":
        raise InputError(f"run {run.id} failed: {state.reason}")
    if state.name == "stopped":
        print(f"stopped at step {run.last_step}; go on with --resume", file=sys.stderr)
    return 0


def given_settings(args: argparse.Namespace) -> dict[str, Any]:
    """The dotted settings of `--set` laid over the shorthands. Raises InputError for one without `=`."""
    shorthands = {"data.path": args.data, "recipe": args.recipe, "training.minutes": args.minutes}
    settings = {key: value for key, value in shorthands.items() if value is not None}
    for text in args.settings:
        key, equals, value = text.partition("=")
        if not equals:
            raise InputError(f"--set {text}: expected KEY=VALUE, such as model.depth=4.")
        settings[key] = parse_value(value)
    return settings


def config_of(args: argparse.Namespace, settings: dict[str, Any]) -> Config:
    """What the arguments of `train` ask for."""
    return resolve(args.preset or "quick", args.config, settings)


def larger_budget(args: argparse.Namespace, settings: dict[str, Any]) -> dict[str, Any]:
    """What a resume was given; every other setting is the stored one, so InputError where others were given."""
    budget = {key.removeprefix("training."): value for key, value in settings.items() if key.startswith("training.")}
    others = [key for key in settings if key.removeprefix("training.") not in BUDGET]
    others += [f"--{name}" for name in ("preset", "config") if getattr(args, name)]
    if others:
        raise InputError(
            "--resume takes the stored config; only more training.epochs, steps or minutes can be given, "
            f"not {', '.join(others)}."
        )
    return budget


def _show(line: tqdm, event: Any) -> None:
    if event.kind in ("started", "planned") and event.planned_steps:
        line.total = event.planned_steps
    if event.kind == "started":
        line.initial = line.n = event.step
    elif event.kind == "step":
        line.update(event.step - line.n)
        line.set_postfix(loss=f"{event.loss:.4f}", refresh=False)
    elif event.kind == "validation":
        line.write(_validated(event), file=sys.stderr)
    elif event.kind == "note":
        line.write(event.text, file=sys.stderr)


def _validated(event: Any) -> str:
    train = f"train {_ratio(event.train)}"
    if event.val is None:
        return f"step {event.step}: no validation set; {train} (pooled IoU)"
    best = "  best so far" if event.best else ""
    return f"step {event.step}, {event.elapsed_s:.0f} s: val {_ratio(event.val)}, {train} (pooled IoU){best}"


def _ratio(summary: Any) -> str:
    return "undefined" if summary is None or summary.pooled_iou is None else f"{summary.pooled_iou:.4f}"
