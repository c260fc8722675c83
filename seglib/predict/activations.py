"""Activations: what a network sees before its last layer, window by window over an image of any size.

The last layer of a U-Net is a 1x1 convolution: it weighs the maps it gets and adds them up. Those maps are the
network's own description of every pixel, so they are what regions that "look alike to the network" are compared by.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise

import numpy as np
import torch

from seglib.exceptions import InputError
from seglib.models.plan import receptive_field_px
from seglib.predict.predictor import Predictor
from seglib.predict.tiles import spans

Window = tuple[slice, slice]


def last_layer(model: torch.nn.Module) -> torch.nn.Module:
    """The last 1x1 convolution to one map: in the slot `output_module` where the network has one.

    Raises InputError for a network that ends in something else.
    """
    slot = getattr(model, "output_module", model)
    found = [m for m in slot.modules() if isinstance(m, torch.nn.Conv2d) and m.out_channels == 1]
    if not found or any(k != 1 for k in found[-1].kernel_size):
        raise InputError(
            f"{type(model).__name__} does not end in a 1x1 convolution, so it has no description of a pixel; mistakes "
            "are compared without the network."
        )
    return found[-1]


def activations(
    predictor: Predictor, x: np.ndarray, should_stop: Callable[[], bool] = lambda: False
) -> Iterator[tuple[Window, np.ndarray]]:
    """(rows and columns, (C, h, w) float32) of windows that cover the image without overlap.

    x: (H, W) float32, already normalised. One window where the image fits, else the middles of the tiles that the
    predictor would use; one in memory at a time. Raises InputError where the network has no such layer, or its input
    is not of the size of the image.
    """
    for rows, cols, kept in _windows(predictor, x.shape):
        if should_stop():
            return
        maps = _before_last(predictor, x[rows, cols])
        inner = tuple(slice(k.start - t.start, k.stop - t.start) for k, t in zip(kept, (rows, cols)))
        yield kept, maps[:, inner[0], inner[1]]


def _windows(predictor: Predictor, shape: tuple[int, int]) -> Iterator[tuple[slice, slice, Window]]:
    """What is looked at, and the part of it that counts: up to the middle of the overlap with the next tile."""
    if predictor.fits(shape):
        whole = slice(0, shape[0]), slice(0, shape[1])
        yield *whole, whole
        return
    align = 2**predictor.model_config.depth
    halo = -(-receptive_field_px(predictor.model_config) // 2 // align) * align
    tile = max(predictor.tile_px, 2 * halo + 4 * align) // align * align
    rows, cols = (_parts(spans(length, tile, halo, align)) for length in shape)
    for row, kept_rows in rows:
        for col, kept_cols in cols:
            yield row, col, (kept_rows, kept_cols)


def _parts(tiles: list) -> list[tuple[slice, slice]]:
    edges = [0, *((a.stop + b.start) // 2 for a, b in pairwise(tiles)), tiles[-1].stop]
    return [(slice(t.start, t.stop), slice(low, high)) for t, low, high in zip(tiles, edges, edges[1:])]


@torch.inference_mode()
def _before_last(predictor: Predictor, x: np.ndarray) -> np.ndarray:
    caught: list[torch.Tensor] = []
    hook = last_layer(predictor.model).register_forward_pre_hook(lambda module, inputs: caught.append(inputs[0]))
    try:
        predictor.forward(x)
    finally:
        hook.remove()
    height, width = x.shape
    if not caught or caught[-1].ndim != 4 or caught[-1].shape[-2] < height or caught[-1].shape[-1] < width:
        raise InputError(
            f"the last layer of {type(predictor.model).__name__} does not work at the size of the image; mistakes are "
            "compared without the network."
        )
    return caught[-1][0, :, :height, :width].float().cpu().numpy()
