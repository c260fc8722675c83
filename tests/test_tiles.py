"""Tiles: weights that sum to one, and a tiled prediction equal to the one in a piece."""

import numpy as np
import pytest
import torch

from seglib.models.registry import build_model
from seglib.predict.predictor import Predictor
from seglib.predict.tiles import blend_rows, spans
from seglib.training.config import resolve
from seglib.training.device import choose_device


@pytest.mark.parametrize(("length", "tile", "halo", "align"), [(100, 60, 8, 4), (1000, 256, 32, 16), (97, 40, 4, 1)])
def test_weights_sum_to_one_and_are_zero_in_the_halo(length, tile, halo, align):
    total = np.zeros(length)
    for span in spans(length, tile, halo, align):
        assert span.start % align == 0
        assert span.stop - span.start <= tile
        if span.start > 0:
            assert (span.weights[:halo] == 0).all()
        if span.stop < length:
            assert (span.weights[-halo:] == 0).all()
        total[span.start : span.stop] += span.weights
    np.testing.assert_allclose(total, 1, atol=1e-6)


def test_the_worked_example():
    first, second = spans(100, 60, 8, 4)
    assert ((first.start, first.stop), (second.start, second.stop)) == ((0, 60), (40, 100))
    assert (first.weights[:48] == 1).all()
    assert (first.weights[52:] == 0).all()


def test_no_room_between_the_halos():
    with pytest.raises(ValueError, match="larger tile"):
        spans(100, 20, 10)


def test_blending_gives_back_the_image():
    image = np.random.default_rng(0).random((130, 90), np.float32)
    result = np.full_like(image, np.nan)
    for top, rows in blend_rows(image.shape, lambda r, c: image[r, c], 40, 4, 4):
        result[top : top + len(rows)] = rows
    np.testing.assert_allclose(result, image, atol=1e-6)


def predictor(whole_limit: int, **settings) -> Predictor:
    config = resolve("quick", settings={"model.depth": 2, "model.channels": 4, "recipe": "none", **settings})
    torch.manual_seed(0)
    model = build_model(config.model).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(2)  # far from 0.5, so that a seam would show
    return Predictor(model, config, choose_device("cpu"), whole_limit=whole_limit, tile_px=96)


@pytest.mark.parametrize("norm", ["none", "batch"])
@pytest.mark.parametrize("shape", [(301, 210), (64, 400)])
def test_tiled_equals_whole(norm, shape):
    image = np.random.default_rng(1).integers(0, 255, shape, np.uint8)
    whole, tiled = predictor(10**9, **{"model.norm": norm}), predictor(0, **{"model.norm": norm})
    assert not tiled.fits(shape)
    one, other = whole.probabilities(image), tiled.probabilities(image)
    assert one.std() > 3
    assert np.abs(one.astype(int) - other).max() <= 1  # a rounding of q: 1e-3 of probability is a quarter of a level
    x = (image / 255).astype(np.float32)
    band = np.concatenate([rows for _, rows in tiled.tiled_rows(x)])
    assert np.abs(band - whole.forward(x)).max() < 1e-3


def test_a_norm_over_the_tile_is_warned_of():
    assert "norm looks at the whole picture" in predictor(0, **{"model.norm": "instance"}).tile_warning
    assert predictor(0, **{"model.norm": "batch"}).tile_warning is None
    assert "DilatedUNet may see further" in predictor(0, **{"model.name": "DilatedUNet"}).tile_warning
