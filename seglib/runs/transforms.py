"""Transforms: one network, the same pictures flipped, turned, a little brighter, darker or blurred.

What is wrong under all of them is systematic: the network or the label. What is wrong under a few is chance: the
network was in doubt, and a small change tipped it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from seglib.exceptions import InputError
from seglib.runs.looks import AS_IT_IS

if TYPE_CHECKING:
    from seglib.predict.predictor import Predictor

SHIFT = 0.15  # of the normalised image's standard deviation
BLUR_PX = 0.7


@dataclass(frozen=True)
class Transform:
    """quarters: turned left so often, after mirroring left and right. change: of the normalised grey values."""

    name: str
    mirrored: bool = False
    quarters: int = 0
    change: Callable[[np.ndarray], np.ndarray] | None = None

    def do(self, picture: np.ndarray) -> np.ndarray:
        """(H, W) -> (H, W) or (W, H)."""
        return np.rot90(picture[:, ::-1] if self.mirrored else picture, self.quarters)

    def undo(self, picture: np.ndarray) -> np.ndarray:
        turned = np.rot90(picture, -self.quarters)
        return turned[:, ::-1] if self.mirrored else turned

    def predict(self, predictor: Predictor, gray: np.ndarray) -> np.ndarray:
        """(H, W) grey values -> (H, W) uint8 probabilities, laid back over the picture as it is."""
        from seglib.data.normalise import normalise

        x = normalise(np.ascontiguousarray(self.do(gray)), predictor.normalisation)
        x = self.change(x) if self.change else x
        return np.ascontiguousarray(self.undo(predictor.quantised(x)))


def _shifted(sign: int) -> Callable[[np.ndarray], np.ndarray]:
    return lambda x: x + np.float32(sign * SHIFT * x.std())


def _blurred(x: np.ndarray) -> np.ndarray:
    return cv2.GaussianBlur(x, (0, 0), BLUR_PX)


def _called(mirrored: bool, quarters: int) -> str:
    parts = ["mirrored"] * mirrored + [f"turned {90 * quarters}°"] * (quarters > 0)
    return ", ".join(parts) or AS_IT_IS


FLIPS = tuple(Transform(_called(m, quarters), m, quarters) for m in (False, True) for quarters in range(4))
TRANSFORMS = (
    *FLIPS,
    Transform("brighter", change=_shifted(1)),
    Transform("darker", change=_shifted(-1)),
    Transform("blurred", change=_blurred),
)


def transforms(
    inputs: dict[str, Any], result: Path, progress: Callable[[float, str], None], should_stop: Callable[[], bool]
) -> None:
    """The job. inputs: as those of `evaluate`: run (folder), split, checkpoint, threshold, data, moved.

    result: regions.parquet and images.parquet (image, group, tp, fp, fn, tn, n_valid), both with a column `transform`.
    Probabilities are not kept: the regions say where they differ.
    """
    import pandas as pd

    from seglib.evaluate import rows, score
    from seglib.predict.predictor import load_predictor
    from seglib.runs import diagnosis
    from seglib.runs.tasks import Cancelled, evaluated_data

    dataset, split = evaluated_data(inputs), inputs.get("split", "val")
    indices, threshold = dataset.indices(split), float(inputs.get("threshold", 0.5))
    if not indices:
        raise InputError(f"{dataset.path}: no {split} pictures; the other split may have some.")
    predictor = load_predictor(Path(inputs["run"]), inputs.get("checkpoint", "best"))
    tables, scores, n_done = [], [], 0
    for index in indices:
        sample = dataset.sample(index)
        gray = diagnosis.case(sample, sample.labels)[2]
        for transform in TRANSFORMS:
            if should_stop():
                raise Cancelled
            q = transform.predict(predictor, gray)
            tables.append(_regions(sample, q, gray, threshold).assign(transform=transform.name))
            scores.append({**rows([score(sample, q, threshold)])[0], "transform": transform.name})
            n_done += 1
            progress(n_done / len(indices) / len(TRANSFORMS), f"{sample.name}, {transform.name}")
    diagnosis.write_table(result / "images.parquet", pd.DataFrame(scores))
    filled = [table for table in tables if len(table)] or tables[:1]
    diagnosis.write_table(result / "regions.parquet", pd.concat(filled, ignore_index=True))


def _regions(sample, q: np.ndarray, gray: np.ndarray, threshold: float):
    from seglib.errors.regions import regions
    from seglib.metrics import foreground

    if q.shape != sample.labels.shape:
        raise InputError(f"{sample.name}: the mask has another size than the picture.")
    found = regions(sample.mask, foreground(q, threshold), sample.labels, sample.valid, q=q, gray=gray)
    found.insert(0, "image", sample.name)
    return found
