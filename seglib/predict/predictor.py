"""Predictor: an image as read -> its probabilities, quantised. Trainer, evaluation, app and `predict` all use it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch

from seglib.data.normalise import normalise
from seglib.data.readers import to_gray
from seglib.exceptions import InputError
from seglib.metrics import quantise
from seglib.models.plan import receptive_field_px
from seglib.models.registry import build_model
from seglib.predict import limits
from seglib.predict.limits import WHOLE_LIMIT
from seglib.predict.tiles import blend_rows
from seglib.training.checkpoint import load_last, load_weights
from seglib.training.config import Config, ModelConfig, read_config
from seglib.training.device import Device, choose_device
from seglib.training.integrity import BEST

logger = logging.getLogger(__name__)

TILE_PX = 1024


class Predictor:
    """A network with the normalisation it was trained with.

    Whole images where they fit (`whole_limit`, pixels × channels), else overlapping tiles, in bounded memory.
    """

    def __init__(
        self,
        model: torch.nn.Module,
        config: Config,
        device: Device,
        whole_limit: int = WHOLE_LIMIT,
        tile_px: int = TILE_PX,
    ):
        self.model, self.device = model, device
        self.normalisation = config.data.normalisation
        self.model_config: ModelConfig = config.model
        self.whole_limit, self.tile_px = whole_limit, tile_px

    def probabilities(self, image: np.ndarray, should_stop: Callable[[], bool] = lambda: False) -> np.ndarray:
        """(H, W[, C]) image as read -> q (H, W) uint8, floor(255 p + 0.5)."""
        return self.quantised(normalise(to_gray(image), self.normalisation), should_stop)

    def quantised(self, x: np.ndarray, should_stop: Callable[[], bool] = lambda: False) -> np.ndarray:
        """(H, W) float32, already normalised -> q (H, W) uint8."""
        was_training = self.model.training
        self.model.eval()
        try:
            if self.fits(x.shape):
                return quantise(self.forward(x))
            return self._tiled(x, should_stop)
        finally:
            self.model.train(was_training)

    def fits(self, shape: tuple[int, ...]) -> bool:
        """Whether an image of this (height, width) is predicted in one piece."""
        return limits.fits(shape, self.model_config, self.whole_limit)

    @property
    def tile_warning(self) -> str | None:
        """One line if tiles change the result: a norm that looks at the whole tile."""
        return limits.tile_warning(self.model_config)

    @torch.inference_mode()
    def forward(self, x: np.ndarray) -> np.ndarray:
        """(h, w) float32, already normalised -> probabilities (h, w) float32, in one piece."""
        tensor = self.device.put(torch.from_numpy(np.ascontiguousarray(x))[None, None])
        with self.device.autocast():
            logits = self.model(tensor)
        return logits.float().sigmoid()[0, 0].cpu().numpy()

    def tiled_rows(
        self, x: np.ndarray, should_stop: Callable[[], bool] = lambda: False
    ) -> Iterator[tuple[int, np.ndarray]]:
        """(H, W) float32, already normalised -> finished rows of probabilities, (first row, (h, W) float32)."""
        align = 2**self.model_config.depth
        halo = -(-receptive_field_px(self.model_config) // 2 // align) * align
        tile = max(self.tile_px, 2 * halo + 4 * align) // align * align
        yield from blend_rows(x.shape, lambda rows, cols: self.forward(x[rows, cols]), tile, halo, align, should_stop)

    def _tiled(self, x: np.ndarray, should_stop: Callable[[], bool]) -> np.ndarray:
        if self.tile_warning:
            logger.warning("%s", self.tile_warning)
        q = np.zeros(x.shape, np.uint8)
        for top, rows in self.tiled_rows(x, should_stop):
            q[top : top + len(rows)] = quantise(rows)
        return q


def load_predictor(run_folder: Path, checkpoint: str = "best", device: str = "auto") -> Predictor:
    """The predictor of a run's `best` or `last` weights.

    Raises InputError if the run has no such checkpoint, or it is damaged or of another network.
    """
    folder = Path(run_folder)
    config = read_config(folder / "config.json")
    place = choose_device(device)
    model = build_model(config.model)
    try:
        model.load_state_dict(_weights(folder, checkpoint))
    except RuntimeError as error:
        reason = str(error).splitlines()[-1].strip()
        raise InputError(
            f"{folder.name}: its weights do not fit the network {config.model.name} of today: {reason}"
        ) from None
    return Predictor(place.place(model).eval(), config, place)


def _weights(folder: Path, checkpoint: str) -> dict[str, torch.Tensor]:
    """The weights that were validated: the running average where the run kept one."""
    if checkpoint == "best":
        return load_weights(folder / BEST)[0]
    if checkpoint == "last":
        state, _ = load_last(folder)
        return state["ema"] or state["model"]
    raise InputError(f"checkpoint is {checkpoint!r}; allowed: best, last.")
