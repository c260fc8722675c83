"""Separation: how well cells and background stand apart after each normalisation, in one picture and over all.

Within one picture every method that scales and shifts (all but `clahe` and, where it clips, `percentile`) leaves the
order of the pixels as it is. What differs is whether the same grey value means the same thing in the next picture.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from seglib.data.dataset import Dataset
from seglib.data.grey import background as histogram_peak
from seglib.data.normalise import NORMALISATION_NAMES, normalise
from seglib.data.readers import to_gray
from seglib.data.sample import Sample
from seglib.data.splits import frame_of
from seglib.data.survey import part_of
from seglib.exceptions import InputError

PER_IMAGE, SAMPLED = 2048, 400_000  # cell pixels, and as many others, drawn from one picture and kept of all
FORMAT = 1
COLUMNS = ("index", "image", "group", "frame", "split", "method", "background", "inside", "auc", "effect")


def auc(inside: np.ndarray, outside: np.ndarray) -> float:
    """Probability that a drawn cell pixel is brighter than a drawn background pixel, ties counting half.

    0.5 = no threshold tells them apart, 1 = the cells are brighter throughout, 0 = darker throughout. The statistic of
    Mann & Whitney (1947) ÷ the number of pairs, which is the area under the ROC curve. NaN where one is empty.
    """
    n, m = len(inside), len(outside)
    if not n or not m:
        return float("nan")
    ranks = rankdata(np.concatenate((inside, outside)))
    return float((ranks[:n].sum() - n * (n + 1) / 2) / (n * m))


def effect(inside: np.ndarray, outside: np.ndarray) -> float:
    """(median of the cells - median of the background) ÷ the pooled spread, signed; NaN where one is empty.

    Spread: 1.4826 · the root of the mean squared median absolute deviation of both; 0 spread gives NaN.
    """
    if not len(inside) or not len(outside):
        return float("nan")
    middles = [float(np.median(values)) for values in (inside, outside)]
    spreads = [1.4826 * float(np.median(np.abs(v - c))) for v, c in zip((inside, outside), middles)]
    pooled = float(np.sqrt(np.mean(np.square(spreads))))
    return (middles[0] - middles[1]) / pooled if pooled > 0 else float("nan")


@dataclass(frozen=True)
class Comparison:
    """What a pass over all pictures told of each method.

    images: one row a picture and method: index, image, group, frame (-1 without), split, method, background (median
    outside the mask after the method; without a mask the peak of the histogram), inside (median of the cells or NaN),
    auc, effect (of this picture).
    methods: one row a method: method, auc (of the pixels of all pictures together, the same number from each, as many
    of cells as of background), n_images (that have both), wander (see `summary`), low, high (0.5 and 99.5 % of them).
    """

    images: pd.DataFrame
    methods: pd.DataFrame


def compare(
    dataset: Dataset,
    methods: Sequence[str] = NORMALISATION_NAMES,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Comparison:
    """Every picture after every method; pictures that cannot be read are left out. Memory holds 400,000 values each."""
    n_drawn = max(16, min(PER_IMAGE, SAMPLED // max(1, len(dataset.records))))
    rows: list[dict] = []
    drawn: dict[str, tuple[list[np.ndarray], list[np.ndarray]]] = {method: ([], []) for method in methods}
    for index in range(len(dataset.records)):
        try:
            sample = dataset.sample(index)
        except InputError:
            sample = None  # the survey's findings name it
        if sample is not None:
            places = _places(sample, n_drawn, index)
            for method in methods:
                row, *values = _after(sample, bool(dataset.records[index].mask), method, places)
                rows.append({**_known(dataset, index), "method": method, **row})
                for kept, new in zip(drawn[method], values if min(map(len, places)) else ()):
                    kept.append(new)
        progress(index + 1, len(dataset.records))
    images = pd.DataFrame(rows, columns=list(COLUMNS))
    return Comparison(images, _methods(images, drawn))


def _known(dataset: Dataset, index: int) -> dict:
    record = dataset.records[index]
    place = {"index": index, "image": record.image, "group": record.group, "frame": frame_of(record.image)}
    return {**place, "split": part_of(dataset, index)}


def _places(sample: Sample, n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Numbers of n valid pixels of cells and of n of background, drawn with replacement; empty where there is none."""
    rng, mask = np.random.default_rng(seed), sample.mask
    found = [np.flatnonzero(sample.valid & part) for part in (mask, ~mask)]
    return tuple(rng.choice(places, n) if len(places) else places for places in found)


def _after(sample: Sample, masked: bool, method: str, places) -> tuple[dict, np.ndarray, np.ndarray]:
    """The figures of one picture after one method, and its drawn values of cells and of background."""
    gray = normalise(to_gray(sample.image), method)
    inside, outside = (gray.ravel()[part] for part in places)
    known = masked and len(outside)
    row = {
        "background": float(np.median(outside)) if known else histogram_peak(gray[sample.valid]),
        "inside": float(np.median(inside)) if len(inside) else np.nan,
        "auc": auc(inside, outside),
        "effect": effect(inside, outside),
    }
    return row, inside, outside


def _methods(images: pd.DataFrame, drawn: dict[str, tuple[list[np.ndarray], list[np.ndarray]]]) -> pd.DataFrame:
    rows = []
    for method, parts in drawn.items():
        inside, outside = (np.concatenate(part) if part else np.zeros(0, np.float32) for part in parts)
        both = np.concatenate((inside, outside))
        low, high = np.quantile(both, (0.005, 0.995)) if len(both) else (np.nan, np.nan)
        own = images[images["method"] == method]
        row = {"method": method, "auc": auc(inside, outside), "n_images": len(parts[0]), "wander": wander(own)}
        rows.append({**row, "low": float(low), "high": float(high)})
    return pd.DataFrame(rows)


def wander(images: pd.DataFrame) -> float:
    """How far the background wanders from picture to picture: its standard deviation over the pictures with cells ÷ the
    median difference of cells and background within a picture. 0 = the same everywhere; NaN for fewer than two."""
    both = images.dropna(subset=["inside", "background"])
    contrast = float((both["inside"] - both["background"]).abs().median()) if len(both) > 1 else 0.0
    return float(both["background"].std(ddof=0)) / contrast if contrast > 0 else float("nan")


def save(found: Comparison, folder: Path) -> None:
    """Write images.parquet and methods.json into `folder`."""
    found.images.to_parquet(Path(folder) / "images.parquet")
    text = json.dumps({"format": FORMAT, "methods": json.loads(found.methods.to_json(orient="records"))})
    (Path(folder) / "methods.json").write_text(text, encoding="utf-8")


def load(folder: Path) -> Comparison:
    """What `save` wrote. Raises InputError where it is incomplete or of another version."""
    try:
        written = json.loads((Path(folder) / "methods.json").read_text(encoding="utf-8"))
        if written["format"] != FORMAT:
            raise ValueError("it is of another version")
        images = pd.read_parquet(Path(folder) / "images.parquet")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{folder}: the comparison cannot be read ({error}); compare again.") from None
    columns = ["method", "auc", "n_images", "wander", "low", "high"]
    methods = pd.DataFrame(written["methods"], columns=columns).astype(dict.fromkeys(columns[1:], float))
    return Comparison(images, methods)
