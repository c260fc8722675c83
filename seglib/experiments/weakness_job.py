"""The job `weakness`: a network on its val images under every fixed draw of a grid. Imported by the worker alone."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from seglib.augment.pipeline import apply
from seglib.data.cache import SampleCache
from seglib.data.dataset import Dataset
from seglib.data.sample import Sample
from seglib.evaluate import ImageScore, score
from seglib.experiments import weakness as maps
from seglib.experiments.grid import Cell, Grid, from_plain
from seglib.images import write_png
from seglib.predict.predictor import Predictor, load_predictor
from seglib.runs.files import write_json
from seglib.runs.store import Run
from seglib.runs.tasks import Cancelled, Progress, StopAsked
from seglib.training.draws import Normalise


@dataclass(frozen=True)
class CellResult:
    """cell: None = the images as they are. scores: one an image. worst: row -> q (H, W) uint8 of the images with the
    lowest IoU, worst first; none for a cell that repeats the images as they are."""

    cell: Cell | None
    scores: list[ImageScore]
    worst: dict[int, np.ndarray]


def weakness(inputs: dict[str, Any], result: Path, progress: Progress, should_stop: StopAsked) -> None:
    """inputs: as `seglib.experiments.weakness.inputs` makes them.

    result: map.json, cells.jsonl and the probabilities of each cell's worst images, as that module reads them.
    """
    run, grid = Run(inputs["run"]), from_plain(inputs["grid"])
    dataset, indices = maps.own_data(run, Path(inputs["data"])), [int(i) for i in inputs["indices"]]
    predictor = load_predictor(run.folder, inputs.get("checkpoint", "best"))
    border, threshold = run.config().recipe.border, float(inputs["threshold"])
    plan = maps.plan(grid, dataset, indices, threshold, border, predictor.normalisation)
    write_json(result / maps.PLAN, plan)
    n_cells, n_done = len(grid.cells()) + 1, 0

    def told(row: int) -> None:
        if should_stop():
            raise Cancelled
        progress((n_done + row / len(indices)) / n_cells, f"cell {n_done + 1} of {n_cells}")

    with (result / maps.CELLS).open("w", encoding="utf-8") as file:
        for found in measured(predictor, dataset, indices, grid, threshold, border, told):
            for row, q in found.worst.items():
                write_png(result / maps.probability_file(found.cell, row), q)
            line = maps.line(found.cell, [s.counts for s in found.scores], list(found.worst))
            file.write(json.dumps(line) + "\n")
            file.flush()
            n_done += 1
    progress(1.0, f"{n_cells} cells")


def measured(
    predictor: Predictor,
    dataset: Dataset,
    indices: Sequence[int],
    grid: Grid,
    threshold: float = 0.5,
    border: str = "reflect",
    progress: Callable[[int], None] = lambda row: None,
) -> Iterator[CellResult]:
    """The images as they are (cell None), then every cell of the grid in its order.

    `progress(row)` is called before each image and may raise to end it all.
    """
    samples = SampleCache(dataset, Normalise(predictor.normalisation))
    first = None
    for cell in [None, *grid.cells()]:
        if cell is not None and grid.is_neutral(cell):
            yield CellResult(cell, first.scores, {})
            continue
        scores, worst = [], _Worst(maps.WORST)
        for row, index in enumerate(indices):
            progress(row)
            seen = augmented(samples[index], grid, cell, index, border)
            q = predictor.quantised(seen.image)
            scores.append(score(seen, q, threshold))
            worst.offer(row, scores[-1], q)
        found = CellResult(cell, scores, worst.kept)
        first = first or found
        yield found


def augmented(sample: Sample, grid: Grid, cell: Cell | None, index: int, border: str) -> Sample:
    """A normalised sample after the draw of the cell, of its own size."""
    drawn = apply(grid.draw(cell, index, border), sample.image, sample.labels, sample.valid)
    return replace(sample, image=drawn.image, labels=drawn.labels, valid=drawn.valid)


class _Worst:
    """The few images of lowest IoU; of equal ones the first. An undefined IoU is no bad one."""

    def __init__(self, most: int):
        self._most, self._found = most, []

    def offer(self, row: int, scored: ImageScore, q: np.ndarray) -> None:
        iou = scored.counts.iou
        if iou == iou:
            self._found = sorted([*self._found, (iou, row, q)], key=lambda f: f[:2])[: self._most]

    @property
    def kept(self) -> dict[int, np.ndarray]:
        return {row: q for _, row, q in self._found}
