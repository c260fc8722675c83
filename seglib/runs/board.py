"""TensorBoard files of a run: loss, learning rate and IoU as curves, a strip of predictions at every validation."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from torch.utils.tensorboard import SummaryWriter

from seglib.data.readers import to_gray
from seglib.data.sample import Sample

STRIP_IMAGES = 4
STRIP_HEIGHT_PX = 192


class Board:
    def __init__(self, folder: Path, from_step: int = 0):
        """Write into `folder`; after a resume what an earlier process wrote beyond `from_step` is hidden."""
        self._writer = SummaryWriter(str(folder), purge_step=from_step or None, flush_secs=10)

    def step(self, event: dict[str, Any]) -> None:
        for tag, key in (
            ("loss/train", "loss"),
            ("lr", "lr"),
            ("grad_norm", "grad_norm"),
            ("samples_per_s", "samples_per_s"),
        ):
            if event.get(key) is not None:
                self._writer.add_scalar(tag, event[key], event["step"])

    def validation(self, event: dict[str, Any], predicted: Sequence[tuple[Sample, np.ndarray]]) -> None:
        """Scores of one validation, and image | truth | prediction of the first few val images."""
        for split in ("val", "train"):
            for key, value in (event.get(split) or {}).items():
                if key in ("pooled_iou", "mean_iou", "pooled_dice") and value is not None:
                    self._writer.add_scalar(f"{key}/{split}", value, event["step"])
        if predicted:
            strips = [strip(sample, q) for sample, q in predicted[:STRIP_IMAGES]]
            width = max(s.shape[1] for s in strips)
            rows = [np.pad(s, ((0, 4), (0, width - s.shape[1])), constant_values=128) for s in strips]
            self._writer.add_image("predictions", np.concatenate(rows), event["step"], dataformats="HW")
        self._writer.flush()

    def close(self) -> None:
        self._writer.close()


def strip(sample: Sample, q: np.ndarray) -> np.ndarray:
    """(STRIP_HEIGHT_PX, W) uint8: grey image stretched between its percentiles, truth, probabilities, side by side."""
    gray = to_gray(sample.image)
    low, high = np.percentile(gray, (1, 99))
    shown = np.clip((gray - low) / max(float(high - low), 1e-9), 0, 1) * 255
    parts = [_fit(p) for p in (shown.astype(np.uint8), sample.mask.astype(np.uint8) * 255, q)]
    return np.concatenate([np.pad(p, ((0, 0), (0, 4)), constant_values=128) for p in parts], axis=1)


def _fit(picture: np.ndarray) -> np.ndarray:
    height, width = picture.shape
    size = (max(1, round(width * STRIP_HEIGHT_PX / height)), STRIP_HEIGHT_PX)
    return cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
