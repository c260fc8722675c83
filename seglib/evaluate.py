"""Evaluate: a predictor and some images of a data set -> one row of counts per image; ratios are derived from those."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from seglib.data.sample import Sample
from seglib.metrics import Counts, count, mean_per_image, pooled
from seglib.predict.predictor import Predictor


@dataclass(frozen=True)
class ImageScore:
    """Counts of one image over its valid pixels; n_valid is their number."""

    image: str
    group: str
    counts: Counts
    n_valid: int


@dataclass(frozen=True)
class Prediction:
    """One evaluated image: its number in the data set, the sample, q (H, W) uint8 and the score at the threshold."""

    index: int
    sample: Sample
    q: np.ndarray
    score: ImageScore


def predictions(
    predictor: Predictor, samples: Any, indices: Sequence[int], threshold: float = 0.5
) -> Iterator[Prediction]:
    """Predict and score the images `indices` of `samples` (a Dataset's `sample` or a SampleCache), one by one."""
    get = samples.sample if hasattr(samples, "sample") else samples.__getitem__
    for index in indices:
        sample = get(index)
        q = predictor.probabilities(sample.image)
        yield Prediction(index, sample, q, score(sample, q, threshold))


def score(sample: Sample, q: np.ndarray, threshold: float = 0.5) -> ImageScore:
    counts = count(q, sample.mask, sample.valid, threshold)
    return ImageScore(sample.name, sample.group, counts, int(sample.valid.sum()))


def evaluate(
    predictor: Predictor,
    dataset: Any,
    indices: Sequence[int],
    threshold: float = 0.5,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[ImageScore]:
    """One score per image, in the order of `indices`; `progress(done, total)` after each."""
    scores = []
    for prediction in predictions(predictor, dataset, indices, threshold):
        scores.append(prediction.score)
        progress(len(scores), len(indices))
    return scores


def ratios(scores: Iterable[ImageScore]) -> dict[str, Any]:
    """pooled_iou, mean_iou, pooled_dice (None where undefined), n_images, n_undefined.

    Pooled = counts summed over images, then divided. Mean = of the images' own IoU; an image with neither cell nor
    predicted cell has none and is left out, counted in n_undefined.
    """
    counts = [s.counts for s in scores]
    total = pooled(counts)
    mean_iou, n_undefined = mean_per_image(counts, "iou")
    return dict(
        pooled_iou=defined(total.iou),
        mean_iou=defined(mean_iou),
        pooled_dice=defined(total.dice),
        n_images=len(counts),
        n_undefined=n_undefined,
    )


def defined(ratio: float) -> float | None:
    """JSON has no NaN: an undefined ratio is null."""
    return None if math.isnan(ratio) else float(ratio)


def rows(scores: Iterable[ImageScore]) -> list[dict[str, Any]]:
    """The integers of images.parquet: image, group, tp, fp, fn, tn, n_valid."""
    return [dict(image=s.image, group=s.group, **asdict(s.counts), n_valid=s.n_valid) for s in scores]


def to_json(scores: Sequence[ImageScore], split: str, threshold: float) -> dict[str, Any]:
    """What `evaluate --json` prints."""
    images = [
        dict(image=s.image, group=s.group, iou=defined(s.counts.iou), dice=defined(s.counts.dice), **asdict(s.counts))
        for s in scores
    ]
    return dict(split=split, **ratios(scores), threshold=threshold, images=images)
