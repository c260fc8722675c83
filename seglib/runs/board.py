"""TensorBoard files of a run: loss, learning rate and IoU as curves, a strip of predictions at every validation, and
the settings beside the best IoU for its table of runs (HPARAMS)."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from tensorboard.compat.proto.summary_pb2 import Summary, SummaryMetadata
from tensorboard.plugins.hparams import metadata
from tensorboard.plugins.hparams.api_pb2 import Status
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData, SessionEndInfo, SessionStartInfo
from torch.utils.tensorboard import SummaryWriter

from seglib.data.readers import to_gray
from seglib.data.sample import Sample
from seglib.settings import flatten

STRIP_IMAGES = 4
STRIP_HEIGHT_PX = 192
BEST = "best_val_iou"


class Board:
    def __init__(self, folder: Path, from_step: int = 0, settings: Mapping[str, Any] | None = None):
        """Write into `folder`; after a resume what an earlier process wrote beyond `from_step` is hidden.

        settings: the plain config, for the table of runs. TensorBoard keeps the first a folder says of itself, so a
        resumed run stays one row.
        """
        self._writer = SummaryWriter(str(folder), purge_step=from_step or None, flush_secs=10)
        if settings:
            self._tell(metadata.SESSION_START_INFO_TAG, session_start_info=session(settings))

    def _tell(self, tag: str, **content: Any) -> None:
        """One word to the table of runs: TensorBoard keeps it as a tag without values."""
        data = HParamsPluginData(version=metadata.PLUGIN_DATA_VERSION, **content).SerializeToString()
        plugin = SummaryMetadata.PluginData(plugin_name=metadata.PLUGIN_NAME, content=data)
        value = Summary.Value(tag=tag, metadata=SummaryMetadata(plugin_data=plugin))
        self._writer._get_file_writer().add_summary(Summary(value=[value]))

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
        if event.get("best") and (best := (event.get("val") or {}).get("pooled_iou")) is not None:
            self._writer.add_scalar(BEST, best, event["step"])
        if predicted:
            strips = [strip(sample, q) for sample, q in predicted[:STRIP_IMAGES]]
            width = max(s.shape[1] for s in strips)
            rows = [np.pad(s, ((0, 4), (0, width - s.shape[1])), constant_values=128) for s in strips]
            self._writer.add_image("predictions", np.concatenate(rows), event["step"], dataformats="HW")
        self._writer.flush()

    def finished(self) -> None:
        """It has come to its end. Not after a stop: only the first end a folder tells of counts."""
        end = SessionEndInfo(status=Status.STATUS_SUCCESS, end_time_secs=time.time())
        self._tell(metadata.SESSION_END_INFO_TAG, session_end_info=end)

    def close(self) -> None:
        self._writer.close()


def session(settings: Mapping[str, Any]) -> SessionStartInfo:
    """The plain config as TensorBoard takes it: dotted keys; numbers, truth values and texts; nothing for None."""
    start = SessionStartInfo(start_time_secs=time.time())
    for key, value in flatten(settings).items():
        if key == "data.path":
            value = Path(value).name  # tells runs apart; the rest is this machine's
        if isinstance(value, bool):
            start.hparams[key].bool_value = value
        elif isinstance(value, (int, float)):
            start.hparams[key].number_value = value
        elif value is not None:
            start.hparams[key].string_value = value if isinstance(value, str) else json.dumps(value)
    return start


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
