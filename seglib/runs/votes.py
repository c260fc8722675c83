"""Votes: which runs may say something about the label of which image: those that never trained on it. No torch.

A run's probabilities of its val images lie in validation/best. That an image was among them is not enough: a split can
change between a start and a resume. So what the run noted of its train images (data.json, best/train.parquet and
the train samples of its validations) is asked as well, and an image that stands there is not voted on.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from seglib.exceptions import InputError
from seglib.runs import validation
from seglib.runs.files import read_json
from seglib.runs.predicted import of_validation

if TYPE_CHECKING:
    import numpy as np

    from seglib.runs.store import Run

MIN_VOTES = 2
GOOD_SHARE = 0.8  # of the best run's IoU: one that is far worse disagrees with the label everywhere


@dataclass(frozen=True)
class Vote:
    """The probabilities of one image by one run: row `number` of its best validation."""

    run: Run
    image: str
    number: int

    def q(self) -> np.ndarray:
        """(H, W) uint8. Raises InputError where the file is gone or damaged."""
        return validation.probability(self.run, "best", self.number)


def able(runs: Iterable[Run]) -> list[Run]:
    """Runs that have ended, validated, and are good enough to be asked, each set of weights once, as they come."""
    ended = [(run, iou) for run in runs if (iou := run.best_iou()) is not None and not run.state().live]
    best = max((iou for _, iou in ended), default=0.0)
    found: dict[str, Run] = {}
    for run, iou in ended:
        if iou >= GOOD_SHARE * best:
            found.setdefault(_weights(run), run)
    return list(found.values())


def of_run(run: Run) -> list[Vote]:
    """The images this run may vote on; none where it left no probabilities."""
    try:
        predicted = of_validation(run, "best")
        images = predicted.scores().image.tolist()
    except InputError:
        return []
    trained = trained_on(run)
    return [
        Vote(run, image, number)
        for number, image in enumerate(images)
        if image not in trained and (predicted.folder / f"{number}.png").is_file()
    ]


def of_runs(runs: Sequence[Run]) -> dict[str, list[Vote]]:
    """Image -> the votes on it."""
    found: dict[str, list[Vote]] = {}
    for run in runs:
        for vote in of_run(run):
            found.setdefault(vote.image, []).append(vote)
    return found


def covered(votes: Mapping[str, Sequence[Vote]], images: Iterable[str]) -> list[str]:
    """Those of `images` on which at least MIN_VOTES runs may vote."""
    return [image for image in images if len(votes.get(image, ())) >= MIN_VOTES]


def trained_on(run: Run) -> set[str]:
    """Every image that the run noted as one of its train images, at its start or at any validation."""
    pictures = read_json(run.folder / "data.json").get("pictures", {})
    found = {image for image, note in pictures.items() if isinstance(note, dict) and note.get("split") == "train"}
    for file in (run.folder / "validation").glob("*/train.parquet"):
        found.update(_images(file))
    return found


def _images(file) -> list[str]:
    import pandas as pd  # half a second that a list of runs does not need

    try:
        return pd.read_parquet(file, columns=["image"]).image.tolist()
    except (OSError, ValueError):
        raise InputError(f"{file} cannot be read, so nobody can say what the run trained on; remove it.") from None


def _weights(run: Run) -> str:
    """What tells two sets of weights apart: a copy of a run, or the same seed trained twice, is one voice."""
    try:
        return (run.folder / "best.safetensors.sha256").read_text(encoding="ascii").split()[0]
    except (OSError, ValueError, IndexError):
        return run.id
