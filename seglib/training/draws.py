"""Draws: the samples a network sees in training, each a function of (seed, epoch, index). No torch.

Normalise the whole image, augment it, cut a crop: the trainer and the preview call this one code.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from seglib.augment.pipeline import Augmented, augment, generator
from seglib.augment.recipe import Recipe
from seglib.data.borders import border_weights
from seglib.data.cache import SampleCache
from seglib.data.dataset import Dataset
from seglib.data.normalise import normalise
from seglib.data.readers import to_gray
from seglib.data.sample import Sample
from seglib.exceptions import InputError
from seglib.training.config import Config

ORDER_STREAM = 2**31 - 1  # an index no draw uses: the random stream of an epoch's order


@dataclass(frozen=True)
class Drawn:
    """What the network sees: x (h, w) float32, target and valid (h, w) bool, weights (h, w) float32 or None."""

    name: str
    x: np.ndarray
    target: np.ndarray
    valid: np.ndarray
    weights: np.ndarray | None = None


@dataclass(frozen=True)
class Normalise:
    """Sample -> Sample whose image is grey, float32 and normalised as a whole."""

    method: str

    def __call__(self, sample: Sample) -> Sample:
        return replace(sample, image=normalise(to_gray(sample.image), self.method))


def seen(
    sample: Sample,
    recipe: Recipe,
    rng: np.random.Generator,
    crop_px: int | None,
    weights: np.ndarray | None = None,
) -> Augmented:
    """One augmented square of `crop_px` of a normalised sample; None = the whole picture.

    What the network sees in training and what the preview shows: both call this.
    """
    crop = None if crop_px is None else (crop_px, crop_px)
    return augment(sample.image, sample.labels, sample.valid, recipe, rng, crop, weights)


class Draws:
    """The training set as a stream of draws; `len` is the number of draws of one epoch.

    That is max(number of train images, train pixels / crop pixels), so that a few large fields make as long an epoch
    as many small ones. Raises InputError if no image has a mask, the split `train` and a weight above 0.
    """

    def __init__(self, dataset: Dataset, config: Config):
        self.config = config
        self.indices = dataset.indices("train")
        if not self.indices:
            raise InputError(f"{dataset.path} has no labelled image with split `train`: nothing to train on.")
        self.samples = SampleCache(dataset, Normalise(config.data.normalisation))
        self._weights = np.array([dataset.records[i].weight for i in self.indices], dtype=float)
        if not self._weights.any():
            raise InputError(f"{dataset.path}: every train image has weight 0, so none is ever drawn; raise some.")
        self._needs_weights = config.loss.name == "weighted_bce"
        self._length = self._count()

    def _count(self) -> int:
        pixels = sum(self.samples[i].labels.size for i in self.indices)
        return max(len(self.indices), math.ceil(pixels / self.config.data.crop_px**2))

    def __len__(self) -> int:
        return self._length

    def position(self, number: int) -> tuple[int, int]:
        """(epoch, index) of the draw `number`, counted from the start of the training."""
        return divmod(number, self._length)

    @lru_cache(maxsize=4)  # noqa: B019 - one Draws lives as long as its training
    def order(self, epoch: int) -> np.ndarray:
        """(len,) record indices in the order of this epoch; equal weights visit every image before any twice."""
        rng = generator(self.config.training.seed, epoch, ORDER_STREAM)
        if np.ptp(self._weights) > 0:
            return rng.choice(self.indices, size=self._length, p=self._weights / self._weights.sum())
        rounds = math.ceil(self._length / len(self.indices))
        return np.concatenate([rng.permutation(self.indices) for _ in range(rounds)])[: self._length]

    def __getitem__(self, number: int) -> Drawn:
        epoch, index = self.position(number)
        return self.draw(int(self.order(epoch)[index]), generator(self.config.training.seed, epoch, index))

    def draw(self, record: int, rng: np.random.Generator) -> Drawn:
        """One augmented crop of the image number `record` of the data set."""
        sample = self.samples[record]
        try:
            crop = seen(sample, self.config.recipe, rng, self.config.data.crop_px)
        except InputError as error:
            raise InputError(f"{sample.name}: {error}") from None
        weights = None
        if self._needs_weights:
            loss = self.config.loss
            weights = 1 + border_weights(crop.labels, loss.border_weight, loss.border_sigma_px)
        return Drawn(sample.name, crop.image, crop.labels > 0, crop.valid, weights)
