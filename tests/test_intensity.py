"""Grey values: each operation against its formula, and the same picture after any normalisation."""

import numpy as np
import pytest
from scipy import ndimage

from seglib.augment.draw import Draw
from seglib.augment.intensity import levels
from seglib.augment.pipeline import apply


@pytest.fixture
def image() -> np.ndarray:
    rng = np.random.default_rng(0)
    return ndimage.gaussian_filter(rng.standard_normal((90, 110)), 2).astype(np.float32) * 40 + 7


def changed(image: np.ndarray, **values: float) -> np.ndarray:
    labels, valid = np.zeros(image.shape, np.int32), np.random.default_rng(1).random(image.shape) < 0.5
    result = apply(Draw(**values), image, labels, valid)
    assert np.array_equal(result.valid, valid) and np.array_equal(result.labels, labels)
    assert result.image.dtype == np.float32 and np.isfinite(result.image).all()
    return result.image


def test_levels_are_percentiles_and_never_empty(image):
    found = levels(image)
    assert (found.low, found.middle, found.high) == pytest.approx(np.percentile(image, (1, 50, 99)), rel=1e-5)
    big = np.random.default_rng(0).normal(3, 1, (1000, 1200)).astype(np.float32)
    assert (levels(big).low, levels(big).high) == pytest.approx(np.percentile(big, (1, 99)), abs=0.1)
    assert levels(np.full((5, 5), 3, np.float32)).range == 1
    speck = np.zeros((50, 50), np.float32)
    speck[3, 3] = 5
    assert (levels(speck).low, levels(speck).high) == (0, 5)


def test_each_operation_follows_its_formula(image):
    at = levels(image)
    assert np.allclose(changed(image, brightness=0.25), image + 0.25 * at.range, atol=1e-4)
    assert np.allclose(changed(image, contrast=1.7), at.middle + 1.7 * (image - at.middle), atol=1e-4)
    share = (image - at.low) / at.range
    expected = at.low + at.range * np.sign(share) * np.abs(share) ** 0.6
    assert np.allclose(changed(image, gamma=0.6), expected, atol=1e-3)
    assert np.allclose(changed(image, blur_sigma_px=1.5), ndimage.gaussian_filter(image, 1.5), atol=1e-2)


def test_gamma_keeps_black_white_and_order(image):
    dark, at = changed(image, gamma=2.0), levels(image)
    order = np.argsort(image, axis=None)
    assert (np.diff(dark.ravel()[order]) >= -1e-4).all()
    middle = (image > at.low) & (image < at.high)
    assert (dark[middle] <= image[middle] + 1e-4).all()
    assert (
        abs(np.percentile(dark, 1) - at.low) < 0.01 * at.range
        and abs(np.percentile(dark, 99) - at.high) < 0.01 * at.range
    )


def test_grain_has_the_strength_it_names(image):
    grain = (changed(image, noise=0.1, noise_seed=5) - image) / levels(image).range
    assert abs(grain.std() - 0.1) < 0.003 and abs(grain.mean()) < 0.003
    neighbours = np.corrcoef(grain[:, 1:].ravel(), grain[:, :-1].ravel())[0, 1]
    assert abs(neighbours) < 0.05
    assert not np.array_equal(grain, (changed(image, noise=0.1, noise_seed=6) - image) / levels(image).range)


def test_uneven_light_is_smooth_and_has_the_strength_it_names(image):
    width = levels(image).range
    drifts = [
        (changed(image, background=0.2, background_width=0.2, background_seed=s) - image) / width for s in range(80)
    ]
    assert abs(np.std(drifts) - 0.2) < 0.02
    assert max(np.abs(np.diff(drift, axis=0)).max() for drift in drifts) < 0.05


@pytest.mark.parametrize("factor, offset", [(1.0, 0.0), (1 / 255, 0.0), (0.03, -5.0), (1000.0, 300.0)])
def test_the_same_draw_means_the_same_after_any_normalisation(image, factor, offset):
    draw = dict(brightness=0.1, contrast=1.3, gamma=1.2, blur_sigma_px=0.8, noise=0.05, background=0.1)
    expected = changed(image, **draw) * factor + offset
    assert (
        np.abs(changed(image * np.float32(factor) + np.float32(offset), **draw) - expected).max() < 2e-3 * factor * 40
    )


@pytest.mark.parametrize("value", [0.0, 5.0])
def test_a_constant_picture_stays_finite(value):
    image = np.full((40, 40), value, np.float32)
    changed(image, brightness=1.0, contrast=4.0, gamma=0.25, blur_sigma_px=10.0, noise=0.5, background=1.0)
