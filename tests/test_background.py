"""The background's level and field, and where the median is a cell's."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from seglib.data import background


def noisy(share: float, shape=(64, 64), cell=0.8, seed=0) -> tuple[np.ndarray, np.ndarray]:
    """(gray, mask): background 0.3 with little noise, the first `share` of the rows cells with much."""
    rng = np.random.default_rng(seed)
    mask = np.zeros(shape, bool)
    mask[: round(share * shape[0])] = True
    gray = np.where(mask, rng.normal(cell, 0.15, shape), rng.normal(0.3, 0.01, shape))
    return gray.astype(np.float32), mask


def test_levels_are_the_medians_of_their_pixels():
    gray, mask = noisy(0.3)
    valid = np.ones(mask.shape, bool)
    valid[:, :10] = False
    found = background.levels(gray, mask, valid)
    assert found.outside == np.median(gray[valid & ~mask]) and found.inside == np.median(gray[valid & mask])
    assert found.median == np.median(gray[valid]) and found.peak == pytest.approx(0.3, abs=0.02)
    without = background.levels(gray, None, valid)
    assert np.isnan(without.outside) and np.isnan(without.inside) and without.median == found.median


@pytest.mark.parametrize("share, off", [(0.3, 0.03), (0.7, 0.3)])
def test_the_median_leaves_the_background_beyond_half(share, off):
    gray, mask = noisy(share)
    found = background.levels(gray, mask, np.ones(mask.shape, bool))
    wrong = abs(found.median - found.outside)
    assert wrong < off if share < 0.5 else wrong > off


def surface(shape):
    y, x = np.mgrid[-1 : 1 : shape[0] * 1j, -1 : 1 : shape[1] * 1j]
    return (0.4 + 0.1 * x - 0.05 * y + 0.08 * x * y + 0.06 * x**2).astype(np.float32)


def test_the_field_is_the_polynomial_around_the_cells():
    truth = surface((96, 130))
    gray = truth + np.random.default_rng(0).normal(0, 0.005, truth.shape).astype(np.float32)
    assert np.abs(background.field(gray) - truth).max() < 0.01
    for row, col in ((10, 10), (40, 70), (60, 20), (75, 100)):  # 13 % of the pixels
        gray[row : row + 18, col : col + 22] += 0.4
    assert np.abs(background.field(gray) - truth).max() < 0.02
    hidden = np.ones(gray.shape, bool)
    hidden[:, 100:] = False
    gray[:, 100:] = 9
    assert np.abs(background.field(gray, hidden) - truth)[:, :100].max() < 0.03


def test_fields_of_odd_pictures():
    flat = np.full((5, 7), 0.25, np.float32)
    np.testing.assert_allclose(background.field(flat), flat, atol=1e-6)
    assert background.field(np.full((1, 1), 0.5, np.float32)).shape == (1, 1)
    assert not background.field(flat, np.zeros(flat.shape, bool)).any()


def test_crowded_pictures_are_those_whose_median_is_a_cells():
    rows = []
    for share, cell in ((0.3, 0.8), (0.7, 0.8), (0.6, 0.1)):  # the last: cells so unlike each other that it stays near
        gray, mask = noisy(share, cell=cell)
        found = background.levels(gray, mask, np.ones(mask.shape, bool))
        rows.append((mask.mean(), found.median, found.inside, found.outside))
    rows.append((np.nan, 0.3, np.nan, np.nan))  # no mask
    table = pd.DataFrame(rows, columns=["foreground", "median_grey", "median_inside", "median_outside"])
    assert list(background.crowded(table).index) == [1]
