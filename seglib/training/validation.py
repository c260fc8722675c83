"""Validation: whole images of val, and as many of train, scored by the code that evaluates; written into the run."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd

from seglib.augment.pipeline import generator
from seglib.data.cache import SampleCache
from seglib.data.dataset import Dataset
from seglib.evaluate import ImageScore, Prediction, predictions, ratios, rows
from seglib.files import put_in_place, removed_on_failure
from seglib.images import write_png
from seglib.metrics import NoProbabilities
from seglib.predict.predictor import Predictor
from seglib.training import strip
from seglib.training.events import Summary
from seglib.training.failed import TrainingFailed
from seglib.training.pause import Noted, Pause

SAMPLE_STREAM = 2**31 - 2  # an index no draw uses: the random stream that picks the train sample


class CutShort(Exception):
    """A stop was asked in the middle of a validation; nothing that pages read has changed."""


class Validator:
    """Scores a predictor on val and on a fixed sample of train, and keeps what pages read.

    What writes goes through `pause` and yields its notes; `should_stop` is asked between pictures.
    """

    def __init__(self, dataset: Dataset, samples: SampleCache, seed: int, folder: Path, pause: Pause):
        self.dataset, self.samples, self.pause = dataset, samples, pause
        self.folder = Path(folder) / "validation"
        self.val = dataset.indices("val")
        self.train = dataset.indices("train")
        size = min(len(self.val) or len(self.train), len(self.train))
        rng = generator(seed, 0, SAMPLE_STREAM)
        self.train_sample = sorted(int(i) for i in rng.choice(self.train, size, replace=False))
        self.strip = strip.chosen(len(self.val))

    def validate(self, predictor: Predictor, step: int, should_stop: Callable[[], bool]) -> Noted[tuple]:
        """Score val and the train sample: their summaries (val's None without val images).

        Writes the counts and the strip of this step, the probabilities as `last`; images.parquet comes when all else
        of the step is there. Raises CutShort, and TrainingFailed where a probability is not finite.
        """
        with removed_on_failure(self.folder / "last.tmp"):
            val, frames = yield from self._score_val(predictor, step, should_stop)
            train = list(self._scores(predictor, self.train_sample, should_stop))
            yield from self.pause.writing(lambda: self._write(step, val, train, frames))
        return (summary(val) if val else None), summary(train)

    def keep_as_best(self) -> Noted[None]:
        """What was written as `last` becomes `best` too."""
        yield from self.pause.writing(self._copy_last)

    def all_train(self, predictor: Predictor, should_stop: Callable[[], bool]) -> Noted[Summary]:
        """Score every train image; the counts stand in validation/best/train.parquet. Raises CutShort."""
        scores = list(self._scores(predictor, self.train, should_stop))
        (self.folder / "best").mkdir(parents=True, exist_ok=True)
        yield from self.pause.writing(lambda: write_table(self.folder / "best" / "train.parquet", scores))
        return summary(scores)

    def _score_val(self, predictor: Predictor, step: int, should_stop: Callable[[], bool]) -> Noted[tuple]:
        """Scores and strip of val; into validation/last.tmp the probabilities as PNG and which step they are of."""
        temporary = self.folder / "last.tmp"
        yield from self.pause.writing(lambda: _fresh(temporary, step))
        scores, frames = [], []
        for number, prediction in enumerate(self._predictions(predictor, self.val, should_stop)):
            scores.append(prediction.score)
            file = temporary / f"{number}.png"  # numbered as the rows of images.parquet
            yield from self.pause.writing(lambda file=file, q=prediction.q: write_png(file, q))
            if number in self.strip:
                frames.append(strip.Frame(number, prediction.sample.name, strip.shrunk(prediction.q)))
        return scores, frames

    def _scores(
        self, predictor: Predictor, indices: list[int], should_stop: Callable[[], bool]
    ) -> Iterator[ImageScore]:
        return (prediction.score for prediction in self._predictions(predictor, indices, should_stop))

    def _predictions(
        self, predictor: Predictor, indices: list[int], should_stop: Callable[[], bool]
    ) -> Iterator[Prediction]:
        for index in indices:
            if should_stop():
                raise CutShort
            try:
                yield from predictions(predictor, self.samples, [index])
            except NoProbabilities as error:
                raise TrainingFailed(
                    f"validation: the network's answer for {self.dataset.records[index].image} is no probability "
                    f"({error}) Best and last checkpoint stay the ones before; try a lower learning rate."
                ) from None

    def _write(self, step: int, val: list[ImageScore], train: list[ImageScore], frames: list[strip.Frame]) -> None:
        target = self.folder / f"{step:06d}"
        target.mkdir(parents=True, exist_ok=True)
        if frames:
            strip.write(target / "strip", frames)
        write_table(target / "train.parquet", train)
        write_table(target / "images.parquet", val)
        _swap(self.folder / "last.tmp", self.folder / "last")

    def _copy_last(self) -> None:
        copy = self.folder / "best.tmp"
        with removed_on_failure(copy):
            shutil.copytree(self.folder / "last", copy, dirs_exist_ok=True)
        _swap(copy, self.folder / "best")


def summary(scores: list[ImageScore]) -> Summary:
    return Summary(**ratios(scores))


def write_table(file: Path, scores: list[ImageScore]) -> None:
    columns = ["image", "group", "tp", "fp", "fn", "tn", "n_valid"]
    temporary = file.with_name(file.name + ".tmp")
    with removed_on_failure(temporary):
        pd.DataFrame(rows(scores), columns=columns).to_parquet(temporary, index=False)
    put_in_place(temporary, file)


def _fresh(folder: Path, step: int) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / "step").write_text(str(step), encoding="ascii")


def _swap(new: Path, old: Path) -> None:
    """Put the folder `new` in the place of `old`; a reader sees the one or the other, or for a moment none."""
    aside = old.with_name(old.name + ".old")
    shutil.rmtree(aside, ignore_errors=True)
    if old.exists():
        put_in_place(old, aside)
    put_in_place(new, old)
    shutil.rmtree(aside, ignore_errors=True)
