"""`weakness`: the IoU of a run over a grid of augmentations. The job that the Augment page starts, so the map is kept
in the cache for both."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from seglib.cli.waiting import wait
from seglib.data.splits import NOT_INDEPENDENT
from seglib.exceptions import InputError

if TYPE_CHECKING:
    from seglib.data.dataset import Dataset
    from seglib.experiments.grid import Grid
    from seglib.experiments.weakness import WeaknessMap
    from seglib.runs.store import Run


def weakness(args: argparse.Namespace) -> None:
    """Print the map (pooled val IoU) and what it says."""
    from dataclasses import asdict

    from seglib.augment.recipe import load_recipe
    from seglib.experiments import advice
    from seglib.experiments import weakness as maps
    from seglib.runs import jobs
    from seglib.runs.store import find_run

    run = find_run(args.run, args.checkpoints)
    trained = run.config().recipe
    recipe = load_recipe(args.recipe) if args.recipe else trained
    dataset = maps.own_data(run, args.data)
    inputs = maps.inputs(run, args.checkpoint, dataset, _grid(args), args.images, args.threshold)
    for note in _notes(run, dataset, maps.not_val_then(run, dataset, inputs["indices"])):
        print(note, file=sys.stderr)
    job = jobs.start(maps.KIND, inputs)
    wait(job, "weakness", "map")
    found = maps.read(job.result)
    said = advice.advise(found, recipe, trained)
    if args.json:
        print(json.dumps({"run": run.id, **maps.to_json(found), "advice": [asdict(a) for a in said]}, indent=2))
        return
    print("\n".join([*_table(found), *filter(None, [advice.summary(found)]), *(a.text for a in said)]))


def _notes(run: Run, dataset: Dataset, learned: list[str]) -> Iterator[str]:
    if not dataset.independent:
        yield f"{dataset.path}: {NOT_INDEPENDENT}; the IoU flatters"
    if learned:
        yield (
            f"{len(learned)} of these images, such as {learned[0]}, were not val when run {run.id} was trained; "
            "the IoU flatters if it learned from them"
        )


def _grid(args: argparse.Namespace) -> Grid:
    from seglib.experiments.axes import axis
    from seglib.experiments.grid import Grid

    if args.y_values and not args.y:
        raise InputError("--y-values needs --y, the parameter they are values of.")
    x_values = args.x_values or axis(args.x).values()
    y_values = (args.y_values or axis(args.y).values()) if args.y else ()
    return Grid(args.x, tuple(x_values), args.y, tuple(y_values), args.sigma, args.seed)


def _table(found: WeaknessMap) -> list[str]:
    """Lines: the values of x, then one row of IoU for every value of y."""
    grid = found.grid
    lines = [f"pooled val IoU (counts of all pixels) of {len(found.images)} of {found.n_val} images at threshold "]
    lines[0] += f"{found.threshold:g}; unchanged {_ratio(found.baseline.pooled_iou)}"
    lines.append(f"{grid.y or '':>24} \\ {grid.x}")
    lines.append(" " * 24 + "".join(f"{value:>9.4g}" for value in grid.x_values))
    for iy in range(grid.shape[0]):
        head = f"{grid.y_values[iy]:>24.4g}" if grid.y else " " * 24
        cells = (_ratio(found.scores[(ix, iy)].pooled_iou) for ix in range(grid.shape[1]))
        lines.append(head + "".join(f"{cell:>9}" for cell in cells))
    undefined: Any = max(score.n_undefined for score in found.scores.values())
    if undefined:
        lines.append(f"up to {undefined} images a cell with neither cell nor prediction count nothing")
    return lines


def _ratio(value: float) -> str:
    return "-" if value != value else f"{value:.4f}"
