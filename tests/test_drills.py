"""Full-size drills and many-case properties: `make test-all`."""

import itertools

import numpy as np
import pytest
import torch

from seglib.augment.pipeline import augment, generator
from seglib.augment.recipe import load_recipe
from seglib.data.demo import draw
from seglib.errors.budget import CLASSES, budget
from seglib.models.registry import build_model
from seglib.predict.predictor import Predictor
from seglib.training.config import (
    ACTIVATION_NAMES,
    DOWNSAMPLING_NAMES,
    MERGE_NAMES,
    NORM_NAMES,
    UPSAMPLING_NAMES,
    ModelConfig,
    resolve,
)
from seglib.training.device import choose_device

pytestmark = pytest.mark.slow


def test_500_times_the_budget_is_what_the_iou_lacks():
    for seed in range(500):
        rng = np.random.default_rng(seed)
        labels = (rng.random((40, 40)) < rng.uniform(0, 0.6)).astype(np.int32) * rng.integers(1, 5, (40, 40))
        foreground = (labels > 0) ^ (rng.random(labels.shape) < rng.uniform(0, 0.5))
        valid = rng.random(labels.shape) < 0.9
        found = budget(labels > 0, foreground, labels.astype(np.int32), valid)
        mask = (labels > 0) & valid
        union = (mask | (foreground & valid)).sum()
        wrong = (mask ^ (foreground & valid)).sum()
        assert found["union"] == union
        assert sum(found[name] for name in CLASSES) == wrong


def test_500_draws_keep_labels_labels_and_repeat():
    image, labels = draw(3, size=128)
    image, labels = image.astype(np.float32) / 255, labels.astype(np.int32)
    valid, known = np.ones(labels.shape, bool), set(np.unique(labels))
    recipe = load_recipe("strong")
    for index in range(500):
        one, again = (augment(image, labels, valid, recipe, generator(1, 2, index), (96, 96)) for _ in range(2))
        assert set(np.unique(one.labels)) <= known
        assert np.isfinite(one.image).all()
        np.testing.assert_array_equal(one.image, again.image)
        np.testing.assert_array_equal(one.labels, again.labels)


def test_every_combination_of_parts_gives_the_size_it_got():
    parts = [ACTIVATION_NAMES, NORM_NAMES, DOWNSAMPLING_NAMES, UPSAMPLING_NAMES, MERGE_NAMES, (True, False)]
    names = ["activation", "norm", "downsampling", "upsampling", "merge", "residual"]
    combinations = list(itertools.product(*parts))
    assert len(combinations) == 900
    rng = np.random.default_rng(0)
    for values in combinations:
        model = build_model(ModelConfig(depth=2, channels=2, **dict(zip(names, values)))).eval()
        height, width = (int(side) for side in rng.integers(1, 24, 2))
        with torch.inference_mode():
            assert model(torch.randn(1, 1, height, width)).shape == (1, 1, height, width)


def test_2048_px_in_tiles_equal_one_piece():
    config = resolve("quick", settings={"model.channels": 4, "model.depth": 3})
    torch.manual_seed(0)
    model = build_model(config.model).eval()
    image = np.random.default_rng(0).integers(0, 255, (2048, 2000), np.uint8)
    device = choose_device("cpu")
    whole = Predictor(model, config, device, whole_limit=10**9).probabilities(image)
    tiled = Predictor(model, config, device, whole_limit=0, tile_px=512).probabilities(image)
    assert np.abs(whole.astype(int) - tiled).max() <= 1
