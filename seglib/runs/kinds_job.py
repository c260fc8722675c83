"""The job `kinds`: every region of every source described by its picture and by one network, then grouped."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from seglib.data.dataset import Dataset
from seglib.data.normalise import normalise
from seglib.data.readers import to_gray
from seglib.errors.clusters import MIN_PIXELS, grouped
from seglib.errors.descriptors import GROWN_PX, grown, looks
from seglib.exceptions import InputError
from seglib.predict.activations import activations, last_layer
from seglib.predict.predictor import Predictor, load_predictor
from seglib.runs import kinds as stored
from seglib.runs.diagnosis import write_table
from seglib.runs.files import write_json
from seglib.runs.tasks import Cancelled, Progress, StopAsked, evaluated_data


def kinds(inputs: dict[str, Any], result: Path, progress: Progress, should_stop: StopAsked) -> None:
    """inputs: as `seglib.runs.kinds.inputs` makes them. result: members.parquet (one row a region: source, image,
    region, cluster, distance, box), kinds.parquet (one row a cluster), sources.parquet, about.json."""
    table = stored.joined({name: _read(Path(file)) for name, file, _ in inputs["sources"]})
    sums = _totals(inputs["sources"])
    dataset = evaluated_data(inputs)
    predictor, reason = _describer(inputs)
    parts, whole = [], table[table.n_pixels >= MIN_PIXELS]
    n_images = whole.image.nunique()
    for part in described(whole, dataset, predictor, should_stop):
        parts.append(part)
        progress(0.95 * len(parts) / max(n_images, 1), f"image {len(parts)} of {n_images}")
        if should_stop():
            raise Cancelled
    small = table[table.n_pixels < MIN_PIXELS]  # not grouped, but wrong: shares are of all
    found = grouped(pd.concat([*parts, small], ignore_index=True))
    rows = found.rows.assign(examples=[_text(e) for e in found.rows.examples])
    for name, written in ((stored.ROWS, rows), (stored.MEMBERS, found.members), (stored.TOTALS, sums)):
        write_table(result / name, written)
    write_json(result / stored.ABOUT, {"network": predictor is not None, "reason": reason})
    progress(1.0, f"{len(found.rows)} kinds")


def described(
    table: pd.DataFrame, dataset: Dataset, predictor: Predictor | None, should_stop: Callable[[], bool]
) -> Iterator[pd.DataFrame]:
    """The regions of one image after the other, with the columns of `looks` and f0, f1, …

    Images that are not in the data set any more are left out.
    """
    index_of = {record.image: index for index, record in enumerate(dataset.records) if record.mask}
    for image, part in table.rename(columns={"class": "class_"}).groupby("image", sort=False):
        if image not in index_of:
            continue
        gray = to_gray(dataset.sample(index_of[image]).image)
        columns = [part, looks(gray, part)]
        if predictor is not None:
            columns.append(features(gray, part, predictor, should_stop))
        yield pd.concat(columns, axis=1).rename(columns={"class_": "class"})


def features(
    gray: np.ndarray, part: pd.DataFrame, predictor: Predictor, should_stop: Callable[[], bool]
) -> pd.DataFrame:
    """f0, f1, …: the activations averaged over each region and GROWN_PX around it, with the index of `part`."""
    shapes = [grown(region, gray.shape, GROWN_PX) for region in part.itertuples()]
    sums, sizes = np.zeros((len(shapes), 0)), np.zeros(len(shapes))
    for (rows, cols), maps in activations(predictor, normalise(gray, predictor.normalisation), should_stop):
        sums = sums if sums.shape[1] else np.zeros((len(shapes), len(maps)))
        for i, ((own_rows, own_cols), _, around) in enumerate(shapes):
            top, bottom = max(rows.start, own_rows.start), min(rows.stop, own_rows.stop)
            left, right = max(cols.start, own_cols.start), min(cols.stop, own_cols.stop)
            if top < bottom and left < right:
                inside = around[
                    top - own_rows.start : bottom - own_rows.start, left - own_cols.start : right - own_cols.start
                ]
                window = maps[:, top - rows.start : bottom - rows.start, left - cols.start : right - cols.start]
                sums[i] += window[:, inside].sum(1, dtype=np.float64)
                sizes[i] += inside.sum()
    means = sums / np.maximum(sizes, 1)[:, None]
    return pd.DataFrame(means, index=part.index, columns=[f"f{c}" for c in range(means.shape[1])])


def _describer(inputs: dict[str, Any]) -> tuple[Predictor | None, str]:
    """The network that describes, or None and why: regions are compared without one where it cannot."""
    try:
        predictor = load_predictor(Path(inputs["run"]), inputs.get("checkpoint", "best"))
        last_layer(predictor.model)
        blank = np.zeros((2 ** (predictor.model_config.depth + 1),) * 2, np.float32)
        next(activations(predictor, blank))
    except InputError as error:
        return None, str(error)
    return predictor, ""


def _totals(sources: list) -> pd.DataFrame:
    """Wrong pixels and union of each source, from the budgets beside its regions."""
    rows = []
    for name, file, _ in sources:
        budgets = _read(Path(file).with_name("images.parquet"))
        wrong = int(budgets.fp.sum() + budgets.fn.sum())
        rows.append((name, wrong, wrong + int(budgets.tp.sum())))
    return pd.DataFrame(rows, columns=["source", "n_wrong", "n_union"])


def _text(examples: list[dict[str, Any]]) -> str:

    return json.dumps(examples, default=int)


def _read(file: Path) -> pd.DataFrame:
    try:
        return pd.read_parquet(file)
    except (OSError, ValueError) as error:
        raise InputError(f"{file} cannot be read: {str(error).splitlines()[0]}; remove it and look again.") from None
