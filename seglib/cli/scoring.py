"""`evaluate`: what a run gets right on a data set; and the run, data set and images that a command asks about."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seglib.cli.bar import bar
from seglib.data.splits import NOT_INDEPENDENT
from seglib.exceptions import InputError

if TYPE_CHECKING:
    from seglib.data.dataset import Dataset
    from seglib.runs.store import Run


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


def _ratio(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.4f}"
