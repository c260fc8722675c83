"""`evaluate` and `errors`: what a run gets right on a data set, and where it goes wrong."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seglib.cli.bar import bar
from seglib.data.splits import NOT_INDEPENDENT
from seglib.exceptions import InputError

if TYPE_CHECKING:
    from seglib.data.dataset import Dataset
    from seglib.runs.store import Run

TOLD_MISTAKES = 10  # --json names all


@dataclass(frozen=True)
class Scoring:
    """A run's network and the images it is asked about."""

    run: Any
    predictor: Any
    dataset: Any
    indices: list[int]


def open_scoring(name: str, args: argparse.Namespace) -> Scoring:
    """Raises InputError where run, checkpoint, data set or split is not there."""
    from seglib.predict.predictor import load_predictor
    from seglib.runs.store import find_run

    run = find_run(name, args.checkpoints)
    dataset = opened(run, args.data)
    indices = dataset.indices(args.split)
    if not indices:
        other = {"val": "train", "train": "val"}[args.split]
        raise InputError(f"{dataset.path} has no labelled {args.split} images: try --split {other}.")
    if args.split == "val" and not dataset.independent:
        print(f"{dataset.path}: {NOT_INDEPENDENT}; the IoU flatters", file=sys.stderr)
    return Scoring(run, load_predictor(run.folder, args.checkpoint), dataset, indices)


def opened(run: Run, given: Path | None) -> Dataset:
    """The run's own data set, or the one in folder `given`, which may be the same at another place.

    The run's grouping and split hold wherever no dataset.csv decides; its fold holds for its own data set alone.
    Raises InputError where the data set is not there any more.
    """
    from seglib.data.dataset import open_dataset
    from seglib.data.substitute import csv_of

    own, data = run.data_path(), run.config().data
    folder = Path(given) if given else own
    if not given and not own.exists():
        raise InputError(f"the data set of run {run.id} is not at {own} any more; name it with --data DIR.")
    if csv_of(folder) is None:
        return open_dataset(folder, grouping=data.grouping, split=data.split)
    return open_dataset(folder, fold=data.fold if folder.resolve() == own or not own.exists() else None)


def evaluate(args: argparse.Namespace) -> None:
    """Print IoU and Dice of every image and over all."""
    from seglib.evaluate import evaluate as score
    from seglib.evaluate import to_json

    scoring = open_scoring(args.run, args)
    with bar("evaluate", len(scoring.indices)) as move:
        scores = score(scoring.predictor, scoring.dataset, scoring.indices, args.threshold, move)
    result = to_json(scores, args.split, args.threshold)
    if args.json:
        print(json.dumps(result, indent=2))
        return
    for row in result["images"]:
        print(f"{_ratio(row['iou'])}  {row['image']}")
    print(_headline(result))


def _headline(result: dict[str, Any]) -> str:
    left_out = f", {result['n_undefined']} with neither cell nor prediction left out" if result["n_undefined"] else ""
    return (
        f"{result['split']}: pooled IoU {_ratio(result['pooled_iou'])} (counts of all pixels), mean IoU "
        f"{_ratio(result['mean_iou'])} (of images{left_out}), pooled Dice {_ratio(result['pooled_dice'])}; "
        f"{result['n_images']} images, threshold {result['threshold']}"
    )


def errors(args: argparse.Namespace) -> None:
    """Print where the IoU of each run goes and which mistakes come back.

    Of one run the earlier validations are looked back on; several runs are held against each other.
    """
    from seglib.errors.report import as_report, measure

    measured = []
    for name in args.runs:
        scoring = open_scoring(name, args)
        with bar(scoring.run.id, len(scoring.indices)) as move:
            found = measure(_cases(scoring), args.threshold, partial(_move, move, len(scoring.indices)))
        measured.append((scoring.run, found))
    alone = len(measured) == 1 and args.split == "val" and not args.data
    reports = []
    for run, found in measured:
        others = [(other.id, table.regions) for other, table in measured if other is not run]
        earlier = _earlier_validations(run, args.checkpoint) if alone else others
        reports.append(as_report(found, args.threshold, run=run.id, checkpoint=args.checkpoint, earlier=earlier))
    if args.json:
        print(json.dumps({"runs": reports}, indent=2))
    else:
        print("\n\n".join(_told(report) for report in reports))


def _move(move: Callable[[int, int], None], total: int, done: int) -> None:
    move(done, total)


def _cases(scoring: Scoring) -> Iterator[tuple]:
    """(image, group, gray, q, labels, valid) of every image asked about."""
    from seglib.evaluate import predictions
    from seglib.runs.diagnosis import case

    for found in predictions(scoring.predictor, scoring.dataset, scoring.indices):
        yield case(found.sample, found.q)


def _earlier_validations(run: Any, checkpoint: str) -> list[tuple[str, Any]]:
    """(step, regions) of the validations of a run before the checkpoint's own."""
    from seglib.runs.validation import regions, step_of, validation_steps

    if not validation_steps(run):
        return []
    own = step_of(run, checkpoint)
    tables = [(str(step), regions(run, step)) for step in validation_steps(run) if step < own]
    return [(name, table) for name, table in tables if table is not None]


def _told(report: dict[str, Any]) -> str:
    """Budget and most persistent mistakes in words."""
    budget = report["budget"]
    union = budget["union"]
    lines = [f"{report['run']}: of the union of {union} px (cells and predicted cells), wrong are"]
    for name, pixels in sorted(budget["classes"].items(), key=lambda item: -item[1]):
        share = pixels / union if union else 0.0
        lines.append(f"  {share:7.4f}  {name}, {pixels} px")
    lines.append(f"  {sum(budget['classes'].values()) / union if union else 0.0:7.4f}  = 1 - pooled IoU")
    lines.append("mistakes that come back most (share of the checkpoints or runs, kind, mean size, place):")
    for row in report["recurrent"][:TOLD_MISTAKES]:
        kind = {"fp": "false positive", "fn": "miss"}[row["kind"]]
        where = f"{row['image']} at row {row['row']}, col {row['col']}"
        lines.append(f"  {row['persistence']:4.0%}  {kind} ({row['class']}), {row['n_pixels']:.0f} px, {where}")
    return "\n".join(lines)


def _ratio(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.4f}"
