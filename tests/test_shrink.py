"""The preview of a wide field: augmenting a small copy is copying the augmented picture small."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from seglib.augment.draw import Draw
from seglib.augment.pipeline import apply
from seglib.augment.shrink import shrink, shrink_draw, shrink_factor
from seglib.data.sample import Sample

FACTOR = 3


@pytest.fixture
def sample() -> Sample:
    """Soft discs, so that the mean of a block is close to its middle."""
    rng = np.random.default_rng(0)
    labels = np.zeros((361, 362), np.int32)
    for number in range(1, 15):
        cv2.circle(labels, tuple(int(v) for v in rng.integers(30, 330, 2)), int(rng.integers(15, 30)), number, -1)
    image = cv2.GaussianBlur((labels > 0).astype(np.float32), (0, 0), 4)
    return Sample("x", "x", image, labels, np.ones(labels.shape, bool))


def middle_of(whole: Sample) -> Sample:
    """What `shrink` keeps of it: 361 × 362 -> 360 × 360."""
    part = np.s_[0:360, 1:361]
    return replace(whole, image=whole.image[part], labels=whole.labels[part], valid=whole.valid[part])


@pytest.mark.parametrize("draw", [Draw(angle_deg=30, scale=1.2), Draw(displacement_px=9, sigma_px=60, elastic_seed=3)])
def test_small_copy_bends_like_the_picture(sample, draw):
    part = middle_of(sample)
    large = apply(draw, part.image, part.labels, part.valid)
    wanted = shrink(replace(part, image=large.image, labels=large.labels, valid=large.valid), FACTOR)
    small = shrink(sample, FACTOR)
    got = apply(shrink_draw(draw, FACTOR), small.image, small.labels, small.valid)
    unchanged = np.abs(small.image - wanted.image)[wanted.valid].max()
    assert np.abs(got.image - wanted.image)[got.valid & wanted.valid].max() < 0.06 < 0.5 < unchanged
    assert (got.labels != wanted.labels).mean() < 0.02
    assert (got.valid != wanted.valid).mean() < 0.005


def test_grain_is_evened_out_as_much(sample):
    flat = replace(sample, image=np.linspace(0, 1, sample.image.size, dtype=np.float32).reshape(sample.image.shape))
    draw = Draw(noise=0.3, noise_seed=1)
    small, part = shrink(flat, FACTOR), middle_of(flat)
    got = apply(shrink_draw(draw, FACTOR), small.image, small.labels, small.valid).image - small.image
    large = apply(draw, part.image, part.labels, part.valid).image
    wanted = shrink(replace(part, image=large), FACTOR).image - small.image
    assert got.std() == pytest.approx(wanted.std(), rel=0.05)


def test_means_and_middles():
    image = np.arange(7 * 6, dtype=np.float32).reshape(7, 6)
    small = shrink(Sample("x", "x", image, image.astype(np.int32), image > 5), 3)
    np.testing.assert_array_equal(small.image, [[7, 10], [25, 28]])
    np.testing.assert_array_equal(small.labels, [[7, 10], [25, 28]])
    assert small.labels.dtype == np.int32 and small.image.dtype == np.float32 and small.valid.all()


@pytest.mark.parametrize(("shape", "factor"), [((640, 3), 1), ((641, 3), 2), ((1536, 1536), 3), ((1, 1), 1)])
def test_factor(shape, factor):
    assert shrink_factor(shape, 640) == factor


def test_factor_one_changes_nothing(sample):
    assert shrink(sample, 1) is sample
