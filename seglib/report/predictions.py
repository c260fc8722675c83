"""Predictions: val images of the best run, from the best to the worst, and one image as every set-up sees it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pandas as pd

from seglib.exceptions import InputError
from seglib.report import panels
from seglib.report.sheet import Cell, sheet
from seglib.report.shown import Plot, Several, Words, note, several
from seglib.report.study import Material, Setup, Study
from seglib.runs import predicted
from seglib.runs.predicted import Predicted

SHOWN = 3  # images in each of best, median and worst
MOST_SETUPS = 12
_ORDER = "by IoU of the image itself; images with neither a cell nor a predicted one have none and are left out"


def best_images(study: Study) -> Any:
    return _rows_of(study, "highest", best_of)


def median_images(study: Study) -> Any:
    return _rows_of(study, "median", middle_of)


def worst_images(study: Study) -> Any:
    return _rows_of(study, "lowest", worst_of)


def best_of(ranked: list[int]) -> list[int]:
    """The SHOWN best, best first. ranked: from the worst to the best."""
    return ranked[::-1][:SHOWN]


def worst_of(ranked: list[int]) -> list[int]:
    """The SHOWN worst that are not among the best."""
    return ranked[:-SHOWN][:SHOWN]


def middle_of(ranked: list[int]) -> list[int]:
    """SHOWN in the middle that are neither among the best nor among the worst."""
    rest = ranked[SHOWN:-SHOWN]
    first = max(0, (len(rest) - SHOWN) // 2)
    return rest[first : first + SHOWN]


def _rows_of(study: Study, which: str, choose: Callable[[list[int]], list[int]]) -> Plot | Several | Words:
    """For every data set: rows of image, truth, prediction and error map."""
    return several(_plot_rows(study, material, which, choose) for material in study.materials)


def _plot_rows(study: Study, material: Material, which: str, choose: Callable) -> Plot | Words:
    run = study.best_run(material)
    if run is None:
        return note(
            f"{material.name}: no run has a validation, so there are no predictions of images it did not learn from."
        )
    if material.dataset is None:
        return note(material.why)
    try:
        source = predicted.of_validation(run, "best")
        ranked = ranking(source.scores())
        rows = choose(ranked)
        if ranked and not rows:
            return note(f"{material.name}: val has {len(ranked)} images with an IoU; all are shown already.")
        views = list(views_of(material, source, rows, study.threshold))
    except InputError as error:
        return note(f"{material.name}: {error}")
    if not views:
        return note(f"{material.name}: no val image of run {run.name} has an IoU.")
    caption = (
        f"{material.name}: val images of {which} IoU, run {run.name} ({study.setup_of(run).label}), best weights, "
        f"threshold {study.threshold:g}, {_ORDER}. {_reduced_note(views)}"
    )
    return _four_panels(views, f"Val images of {which} IoU: image, truth, prediction, error map.", caption.strip())


def ranking(scores: pd.DataFrame) -> list[int]:
    """Rows from the lowest IoU (at 0.5) to the highest; of equal ones the first; undefined ones left out."""
    iou = pd.Series([c.iou for c in predicted.counts(scores)], dtype=float).dropna()
    return list(iou.sort_values(kind="stable").index)


def views_of(material: Material, source: Predicted, rows: Sequence[int], threshold: float) -> Iterator[panels.Seen]:
    """The images of these rows with their predictions. Raises InputError where one is gone."""
    names = list(source.scores().image)
    index_of = {record.image: i for i, record in enumerate(material.dataset.records) if record.mask}
    for row in rows:
        if names[row] not in index_of:
            raise InputError(f"{names[row]} is not in the data set any more.")
        sample, q = material.dataset.sample(index_of[names[row]]), source.q(row)
        if q.shape != sample.labels.shape:
            raise InputError(f"{names[row]} has another size than when it was predicted.")
        yield panels.seen(sample, q, threshold)


def _four_panels(views: Sequence[panels.Seen], alt: str, caption: str) -> Plot:
    rows = [
        [
            (panels.image(view), f"{_short_name(view.name)}, IoU {view.counts.iou:.4f}"),
            (panels.truth(view), "truth"),
            (panels.prediction(view), "prediction"),
            (panels.errors(view), "errors"),
        ]
        for view in views
    ]
    return sheet(rows, panels.LEGEND | panels.PREDICTED, alt, caption)


def setups_side_by_side(study: Study) -> Plot | Several | Words:
    """The median image of the best run as every set-up sees it: probabilities above, errors below."""
    if len(study.setups) < 2:
        return note("There is one set-up: nothing to hold side by side.")
    return several(_plot_setups(study, material) for material in study.materials)


def _plot_setups(study: Study, material: Material) -> Plot | Words:
    run = study.best_run(material)
    if run is None or material.dataset is None:
        return note(material.why or f"{material.name}: no run has a validation.")
    try:
        scores = predicted.of_validation(run, "best").scores()
        ranked = ranking(scores)
        name = scores.image[ranked[(len(ranked) - 1) // 2]]
        found = [(setup, view) for setup in study.setups if (view := _seen_by(study, setup, material, name))]
    except (InputError, IndexError) as error:
        return note(f"{material.name}: {error}")
    left_out = f" The first {MOST_SETUPS} of {len(found)} set-ups." if len(found) > MOST_SETUPS else ""
    found = found[:MOST_SETUPS]
    if len(found) < 2:
        return note(f"{material.name}: fewer than two set-ups have a prediction of {_short_name(name)}.")
    caption = (
        f"{material.name}: {_short_name(name)}, the image of median IoU of run {run.name}, as the first seed of "
        f"every set-up "
        f"sees it with its best weights. Above: probability, black 0 to white 1. Below: errors at threshold "
        f"{study.threshold:g}.{left_out}"
    )
    return _two_lines(found, caption)


def _seen_by(study: Study, setup: Setup, material: Material, name: str) -> panels.Seen | None:
    """The image as the first run of the set-up that kept a prediction of it sees it."""
    for run in setup.runs:
        if run in material.runs:
            try:
                source = predicted.of_validation(run, "best")
                row = list(source.scores().image).index(name)
                return next(views_of(material, source, [row], study.threshold))
            except (InputError, ValueError):
                continue
    return None


def _two_lines(found: Sequence[tuple[Setup, panels.Seen]], caption: str) -> Plot:
    columns = min(4, len(found))
    rows: list[list[Cell]] = []
    for first in range(0, len(found), columns):
        part = found[first : first + columns]
        rows.append([(panels.probability(view), setup.label) for setup, view in part])
        rows.append([(panels.errors(view), f"IoU {view.counts.iou:.4f}") for _, view in part])
    alt = "One val image as every set-up predicts it, and the errors of each."
    return sheet(rows, panels.LEGEND, alt, caption, columns=3)


def _reduced_note(views: Sequence[panels.Seen]) -> str:
    largest = max(max(view.gray.shape) for view in views)
    return f"Shown reduced, from {largest} px on the long side." if largest > panels.MAX_PX else ""


def _short_name(name: str) -> str:
    return name.rpartition("/")[2]
