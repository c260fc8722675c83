"""Normalisations: each against its formula, finite on constant images, the same for any camera gain."""

import numpy as np
import pytest

from seglib.data.normalise import NORMALISATION_NAMES, NORMALISATIONS, normalise
from seglib.exceptions import InputError


@pytest.fixture
def gray():
    rng = np.random.default_rng(0)
    return (0.2 + 0.02 * rng.standard_normal((60, 80)) + 0.3 * (rng.random((60, 80)) > 0.9)).astype(np.float32)


@pytest.mark.parametrize("name", NORMALISATION_NAMES)
@pytest.mark.parametrize("value", [0.0, 0.1, 1.0, -3.0, 1e6])
def test_constant_image_is_finite(name, value):
    y = normalise(np.full((17, 23), value, np.float32), name)
    assert np.isfinite(y).all() and np.ptp(y) == 0


@pytest.mark.parametrize("name", NORMALISATION_NAMES)
def test_shape_type_and_input_left_alone(name, gray):
    before = gray.copy()
    y = normalise(gray, name)
    assert y.shape == gray.shape and y.dtype == np.float32 and np.isfinite(y).all()
    np.testing.assert_array_equal(gray, before)


@pytest.mark.parametrize("name", [name for name in NORMALISATION_NAMES if name != "none"])
def test_gain_and_offset_of_the_camera_do_not_matter(name, gray):
    atol = 0.04 if name == "clahe" else 2e-3  # a rounding of its 256 levels, steepened by the equalisation
    np.testing.assert_allclose(normalise(gray * 0.25 + 4, name), normalise(gray, name), atol=atol, rtol=1e-3)


def test_formulas(gray):
    x = gray.astype(np.float64)
    np.testing.assert_array_equal(normalise(gray, "none"), gray)
    np.testing.assert_allclose(normalise(gray, "minmax"), (x - x.min()) / (x.max() - x.min()), atol=1e-6)
    np.testing.assert_allclose(normalise(gray, "zscore"), (x - x.mean()) / x.std(), atol=1e-4)
    low, high = np.percentile(x, (1, 99))
    np.testing.assert_allclose(normalise(gray, "percentile"), np.clip((x - low) / (high - low), 0, 1), atol=1e-5)
    assert normalise(gray, "percentile").min() == 0 and normalise(gray, "percentile").max() == 1


def test_background_by_hand():
    """Median 3, absolute deviations 2 1 0 1 2 with median 1; the standard deviation is 1.41, so the MAD decides."""
    x = np.array([[1, 2, 3, 4, 5]], np.float32)
    np.testing.assert_allclose(normalise(x, "background"), (x - 3) / 1.4826, rtol=1e-6)


def test_background_of_a_flat_field_does_not_explode():
    """More than half of the pixels equal: the MAD is 0 and half the standard deviation stands in for it."""
    x = np.zeros((10, 10), np.float32)
    x[0] = 1
    np.testing.assert_allclose(normalise(x, "background").max(), 1 / (0.5 * x.std()), rtol=1e-6)


def test_clahe_raises_local_contrast():
    rows = np.linspace(0, 0.8, 128, dtype=np.float32)[:, None] * np.ones((1, 128), np.float32)
    pattern = rows + 0.02 * (np.indices((128, 128)).sum(axis=0) % 8 < 4)
    step = np.abs(np.diff(normalise(pattern, "clahe"), axis=1)).max(axis=1)[32:96].mean()
    assert step > 1.5 * np.abs(np.diff(normalise(pattern, "minmax"), axis=1)).max(axis=1)[32:96].mean()


def test_unknown_name_names_the_nearest():
    with pytest.raises(InputError, match="Did you mean zscore"):
        normalise(np.zeros((2, 2), np.float32), "zscor")
    assert tuple(NORMALISATIONS) == NORMALISATION_NAMES
