"""Validation: whole images of val, and as many of train, scored by the code that evaluates; written into the run."""

from __future__ import annotations

import shutil
from pathlib import Path

import pandas as pd

from seglib.augment.pipeline import generator
from seglib.data.cache import SampleCache
from seglib.data.dataset import Dataset
from seglib.evaluate import ImageScore, predictions, ratios, rows
from seglib.files import put_in_place
from seglib.images import write_png
from seglib.predict.predictor import Predictor
from seglib.training import strip
from seglib.training.events import Summary

SAMPLE_STREAM = 2**31 - 2  # an index no draw uses: the random stream that picks the train sample


class Validator:
    """Scores a predictor on val and on a fixed sample of train, and keeps what pages read."""

    def __init__(self, dataset: Dataset, samples: SampleCache, seed: int, folder: Path):
        self.dataset, self.samples = dataset, samples
        self.folder = Path(folder) / "validation"
        self.val = dataset.indices("val")
        self.train = dataset.indices("train")
        size = min(len(self.val) or len(self.train), len(self.train))
        rng = generator(seed, 0, SAMPLE_STREAM)
        self.train_sample = sorted(int(i) for i in rng.choice(self.train, size, replace=False))
        self.strip = strip.chosen(len(self.val))

    def validate(self, predictor: Predictor, step: int) -> tuple[Summary | None, Summary]:
        """Score val and the train sample; writes the counts and the strip of this step, the probabilities as `last`.

        Nothing that pages read changes before all is scored; images.parquet comes last: where it is, all is.
        """
        val, frames = self._score_val(predictor, step)
        train = [p.score for p in predictions(predictor, self.samples, self.train_sample)]
        target = self.folder / f"{step:06d}"
        target.mkdir(parents=True, exist_ok=True)
        if frames:
            strip.write(target / "strip", frames)
        write_table(target / "train.parquet", train)
        write_table(target / "images.parquet", val)
        _swap(self.folder / "last.tmp", self.folder / "last")
        return (summary(val) if val else None), summary(train)

    def keep_as_best(self) -> None:
        """What was written as `last` becomes `best` too."""
        shutil.copytree(self.folder / "last", self.folder / "best.tmp", dirs_exist_ok=True)
        _swap(self.folder / "best.tmp", self.folder / "best")

    def all_train(self, predictor: Predictor) -> Summary:
        """Score every train image; the counts stand in validation/best/train.parquet."""
        scores = [p.score for p in predictions(predictor, self.samples, self.train)]
        (self.folder / "best").mkdir(parents=True, exist_ok=True)
        write_table(self.folder / "best" / "train.parquet", scores)
        return summary(scores)

    def _score_val(self, predictor: Predictor, step: int) -> tuple[list[ImageScore], list[strip.Frame]]:
        """Scores and strip of val; into validation/last.tmp the probabilities as PNG and which step they are of."""
        temporary = self.folder / "last.tmp"
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir(parents=True)
        (temporary / "step").write_text(str(step), encoding="ascii")
        scores, frames = [], []
        for number, prediction in enumerate(predictions(predictor, self.samples, self.val)):
            scores.append(prediction.score)
            write_png(temporary / f"{number}.png", prediction.q)  # numbered as the rows of images.parquet
            if number in self.strip:
                frames.append(strip.Frame(number, prediction.sample.name, strip.shrunk(prediction.q)))
        return scores, frames


def summary(scores: list[ImageScore]) -> Summary:
    return Summary(**ratios(scores))


def write_table(file: Path, scores: list[ImageScore]) -> None:
    columns = ["image", "group", "tp", "fp", "fn", "tn", "n_valid"]
    temporary = file.with_name(file.name + ".tmp")
    pd.DataFrame(rows(scores), columns=columns).to_parquet(temporary, index=False)
    put_in_place(temporary, file)


def _swap(new: Path, old: Path) -> None:
    """Put the folder `new` in the place of `old`; a reader sees the one or the other, or for a moment none."""
    aside = old.with_name(old.name + ".old")
    shutil.rmtree(aside, ignore_errors=True)
    if old.exists():
        put_in_place(old, aside)
    put_in_place(new, old)
    shutil.rmtree(aside, ignore_errors=True)
