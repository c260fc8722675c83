"""`queue`: the runs that wait for their turn. Every command also starts what there is room for."""

from __future__ import annotations

import argparse
import json
import sys
import time
from typing import Any

from seglib.cli import training
from seglib.exceptions import InputError
from seglib.runs import launcher, queue, record, store
from seglib.runs.store import Run


def show(args: argparse.Namespace) -> int:
    """What runs and what waits, in order."""
    queue.advance(args.checkpoints)
    now, runs = queue.read(args.checkpoints), queue.running(args.checkpoints)
    waiting = [store.find_run(name, args.checkpoints) for name in now.order]
    if args.json:
        content = {"held": now.held, "at_once": now.at_once, "automatic": now.automatic, "problem": now.problem}
        content |= {"running": [_told(run) for run in runs], "waiting": [_told(run) for run in waiting]}
        print(json.dumps(content, indent=1, ensure_ascii=False))
        return 0
    for run in runs:
        print(f"{run.state().name:>9}  {_line(run)}")
    for place, run in enumerate(waiting, 1):
        print(f"{place:>9}  {_line(run)}")
    print(_summary(now, len(runs)), file=sys.stderr)
    return 0


def _told(run: Run) -> dict[str, Any]:
    state = run.state()
    return {"run": run.id, "name": run.name, "state": state.name, "since": state.since, "gpu": run.record().get("gpu")}


def _line(run: Run) -> str:
    gpu = run.record().get("gpu")
    since = time.strftime("%Y-%m-%d %H:%M", time.localtime(run.state().since))
    return f"{run.id}{f' ({run.name})' if run.name != run.id else ''}  since {since}{f'  GPU {gpu}' if gpu else ''}"


def _summary(now: queue.Queue, n_running: int) -> str:
    held = "; held: nothing is started until `queue release`" if now.held else ""
    problem = f"\nnote: {now.problem}" if now.problem else ""
    return f"{n_running} running, {len(now.order)} waiting, {now.at_once} at once{held}{problem}"


def add(args: argparse.Namespace) -> int:
    """A new run, or one to go on with, at the end; prints its folder. The arguments are those of `train`."""
    settings = training.given_settings(args)
    if args.resume:
        if not args.run:
            raise InputError("--resume needs the name of the run: --run NAME.")
        run = store.find_run(args.run, args.checkpoints)
        queue.submit_resume(run, **training.larger_budget(args, settings))
    else:
        run = queue.submit(training.config_of(args, settings), args.run, args.checkpoints)
    print(run.folder)
    print(_standing(run), file=sys.stderr)
    return 0


def _standing(run: Run) -> str:
    now = queue.read(run.folder.parent)
    if run.id not in now.order:
        return f"run {run.id}: {run.state()}"
    held = ", held" if now.held else ""
    return f"run {run.id}: waiting, place {now.order.index(run.id) + 1} of {len(now.order)}{held}"


def move(args: argparse.Namespace) -> int:
    """To place N, 1 = next."""
    if args.place < 1:
        raise InputError(f"place is {args.place}; the next run has place 1.")
    run = store.find_run(args.run, args.checkpoints)
    queue.move(run, args.place - 1)
    print(_standing(run), file=sys.stderr)
    return 0


def cancel(args: argparse.Namespace) -> int:
    """Out of the queue; one that runs is asked to stop."""
    run = store.find_run(args.run, args.checkpoints)
    if run.state().live:
        launcher.stop(run)
    else:
        queue.cancel(run)
    state: record.State = run.state()
    print(f"run {run.id}: {state}{f', {state.reason}' if state.reason else ''}", file=sys.stderr)
    return 0


def hold(args: argparse.Namespace) -> int:
    queue.hold(args.checkpoints)
    return show(args)


def release(args: argparse.Namespace) -> int:
    queue.release(args.checkpoints)
    return show(args)


def at_once(args: argparse.Namespace) -> int:
    queue.set_at_once(args.k, args.checkpoints)
    return show(args)
