"""`review`: the verdicts that stand beside a data set, and what they come to: a new version, or an export."""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from seglib.cli.bar import bar
from seglib.exceptions import InputError

if TYPE_CHECKING:
    from seglib.data.dataset import Dataset
    from seglib.errors.corrections import Plan
    from seglib.errors.review import Verdict
    from seglib.runs.predicted import Predicted

STEPS = 1000  # of the bar


def review(args: argparse.Namespace) -> None:
    """Say what stands, make a version, take changes of a version back, or export."""
    _check(args)
    if args.export:
        _export(args)
    elif args.take_back:
        _take_back(args)
    elif args.version:
        _version(args)
    else:
        _say(args)


def _check(args: argparse.Namespace) -> None:
    """Options that mean nothing together."""
    if args.export and (args.version or args.take_back or args.leave_out):
        raise InputError("--export makes no version; leave --version, --leave-out and --take-back out.")
    if bool(args.export) != bool(args.run):
        raise InputError("--export OUT and --run RUN go together: wrong regions are those of a run.")
    if (args.take_back or args.leave_out) and not args.version:
        raise InputError("--leave-out and --take-back need --version OUT, the folder of the new version.")
    if args.take_back and args.leave_out:
        raise InputError("--take-back takes back changes of a version, --leave-out leaves some out of a new one.")


def _opened(args: argparse.Namespace) -> Dataset:
    from seglib.data.dataset import open_dataset

    return open_dataset(args.data, grouping=args.grouping, split=args.split, fold=args.fold)


def _planned(args: argparse.Namespace) -> tuple[Dataset, Plan]:
    from seglib.errors import corrections
    from seglib.errors.review import standing

    dataset = _opened(args)
    found = corrections.plan(dataset, standing(dataset.path))
    known = {change.id for change in found.changes}
    unknown = [i for i in args.leave_out if i not in known]
    if unknown:
        raise InputError(f"--leave-out {unknown[0]}: no change has this name; there are: {_some(known)}.")
    return dataset, corrections.plan(dataset, found.verdicts, args.leave_out) if args.leave_out else found


def _some(names: set[str]) -> str:
    return ", ".join(sorted(names)[:20]) + (" …" if len(names) > 20 else "") or "none"


# ---- what stands


def _say(args: argparse.Namespace) -> None:
    from seglib.errors import corrections
    from seglib.errors import review as reviews

    dataset, plan = _planned(args)
    for note in reviews.read(dataset.path).notes:
        print(note, file=sys.stderr)
    counts = plan.counts()
    if args.json:
        print(json.dumps(_as_json(dataset, plan), indent=2, ensure_ascii=False))
        return
    for verdict in plan.verdicts:
        print(_line(verdict))
    print(corrections.sentence(counts))
    for image, (before, after) in plan.weights.items():
        print(f"  weight {before:g} -> {after:g}  {image}")
    for change, reason in plan.left_out:
        print(f"  ! not made: {change.id}  {change.image}: {reason}")
    _warn(plan)


def _warn(plan: Plan) -> None:
    from seglib.errors import corrections

    for line in (corrections.not_used(plan.counts()), corrections.on_val(plan.n_val)):
        if line:
            print(line, file=sys.stderr)


def _line(verdict: Verdict) -> str:
    from seglib.errors.corrections import change_of

    change = change_of(verdict)
    kind = {"fp": "false positive", "fn": "miss"}[verdict.kind]
    where = f"{verdict.image} at row {verdict.row}, col {verdict.col}, {verdict.n_pixels} px"
    act = f"{change.id} {change.action}" if change else "-"
    why = f": {verdict.why}" if verdict.why else ""
    return f"{act:<15}  {verdict.verdict} ({kind})  {where}  by {verdict.who}, {verdict.when[:10]}{why}"


def _as_json(dataset: Dataset, plan: Plan) -> dict[str, Any]:
    from seglib.errors.corrections import change_of
    from seglib.errors.review import VERDICTS

    changes = [(verdict, change_of(verdict)) for verdict in plan.verdicts]
    numbers = Counter(verdict.verdict for verdict in plan.verdicts)
    return {
        "data": str(dataset.path),
        "n_verdicts": len(plan.verdicts),
        "counts": {name: numbers[name] for name in VERDICTS},
        "plan": plan.counts(),
        "verdicts": [
            {**asdict(verdict), "change": change and change.id, "action": change and change.action}
            for verdict, change in changes
        ],
        "weights": [{"image": image, "before": b, "after": a} for image, (b, a) in plan.weights.items()],
        "not_made": [{"id": c.id, "image": c.image, "action": c.action, "reason": r} for c, r in plan.left_out],
    }


# ---- a version


def _version(args: argparse.Namespace) -> None:
    from seglib.errors import corrections
    from seglib.runs import acting

    dataset, plan = _planned(args)
    if not plan.changes:
        raise InputError(f"{dataset.path}: {corrections.sentence(plan.counts())}; no version was made.")
    with _progress("version") as told:
        made, carried = acting.make(dataset, args.version, plan.asked, told, _never)
    print(corrections.sentence(plan.counts()), file=sys.stderr)
    _warn(plan)
    _made(made, carried, args.json)


def _take_back(args: argparse.Namespace) -> None:
    from seglib.runs import acting

    with _progress("version") as told:
        made, carried = acting.take_back(args.data, args.take_back, args.version, told, _never)
    _made(made, carried, args.json)


def _made(made: Any, carried: int, as_json: bool) -> None:
    from seglib.runs import acting

    if as_json:
        print(json.dumps(acting.told(made, carried), indent=2, ensure_ascii=False))
        return
    for done in made.done:
        print(f"{done.change.id}  {done.change.image}: {done.effect.what}, {done.effect.changed_px} px")
    for change, reason in made.left_out:
        print(f"  ! not made: {change.id}  {change.image}: {reason}")
    how = f"{made.n_linked} images linked" if made.n_linked else f"{made.n_copied} images copied"
    how += f", {made.n_copied} copied" if made.n_linked and made.n_copied else ""
    notes = [f"{how}; masks are files of their own; compared with the original: only what is listed differs"]
    notes += [f"{carried} verdicts that change nothing went with it"] if carried else []
    for note in [*notes, *made.notes]:
        print(note, file=sys.stderr)
    print(made.folder)


def _never() -> bool:
    return False


# ---- an export


def _export(args: argparse.Namespace) -> None:
    from seglib.files import check_free, made_beside
    from seglib.runs import acting
    from seglib.runs.store import find_run

    check_free(args.export)
    run = find_run(args.run, args.checkpoints)
    dataset = _opened(args)
    source = _predicted(run, dataset, args)
    with made_beside(args.export) as folder, _progress("export") as told:
        made = acting.write_export(folder, source, dataset, args.threshold, args.crops, args.labels, told)
    said = f"{made.n_regions} wrong regions of {made.n_images} images, {made.n_verdicts} verdicts, {made.n_crops} crops"
    print(said + (f", {made.n_tiffs} TIFFs" if args.labels else ""), file=sys.stderr)
    if args.json:
        print(json.dumps({"folder": str(args.export), **asdict(made)}, indent=2))
    else:
        print(args.export)


def _predicted(run: Any, dataset: Dataset, args: argparse.Namespace) -> Predicted:
    """The val predictions that the training left; those of train, or of val where they are gone, by a job."""
    from seglib.cli.waiting import wait
    from seglib.runs import jobs, predicted

    if args.of == "val":
        try:
            found = predicted.of_validation(run, args.checkpoint)
            if len(found.scores()) and not found.missing(len(found.scores())):
                return found
        except InputError:
            pass  # a run without validation: the network is asked
    job = jobs.start("evaluate", predicted.evaluate_inputs(run, args.checkpoint, args.of, dataset.path))
    wait(job, "predict", "prediction")
    return predicted.of_job(run, args.checkpoint, args.of, job)


@contextmanager
def _progress(label: str) -> Iterator[Callable[[float, str], None]]:
    with bar(label, STEPS) as move:
        yield lambda fraction, text: move(round(STEPS * fraction), STEPS)
