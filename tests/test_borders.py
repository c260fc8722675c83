"""Border weights against the formula computed pixel by pixel."""

import numpy as np
import pytest
from conftest import draw_discs

from seglib.data.borders import border_weights
from seglib.data.demo import draw
from seglib.exceptions import InputError


def brute_force(labels, w0, sigma):
    """Eq. 2 of the U-Net paper for every background pixel, by all distances to all pixels of all cells."""
    weights = np.zeros(labels.shape)
    pixels = {label: np.argwhere(labels == label) for label in np.unique(labels[labels > 0])}
    for row, col in np.argwhere(labels == 0):
        distances = sorted(np.hypot(*(points - (row, col)).T).min() for points in pixels.values())
        if len(distances) > 1:
            weights[row, col] = w0 * np.exp(-((distances[0] + distances[1]) ** 2) / (2 * sigma**2))
    return weights


def test_equals_brute_force():
    labels = draw(3)[1].astype(np.int32)
    rows, cols = (slice(max(0, int(m) - 30), int(m) + 30) for m in np.argwhere(labels).mean(axis=0))
    labels = labels[rows, cols]
    assert len(np.unique(labels)) > 4
    for w0, sigma in ((10.0, 5.0), (3.0, 2.0)):
        np.testing.assert_allclose(border_weights(labels, w0, sigma), brute_force(labels, w0, sigma), atol=1e-4 * w0)


def test_gap_of_one_pixel_by_hand():
    labels = np.array([[1, 1, 0, 2, 2]], np.int32)
    np.testing.assert_allclose(border_weights(labels, 10, 5), [[0, 0, 10 * np.exp(-4 / 50), 0, 0]], rtol=1e-5)


@pytest.mark.parametrize("labels", [np.zeros((8, 8), np.int32), np.eye(8, dtype=np.int32), np.ones((8, 8), np.int32)])
def test_fewer_than_two_cells_weigh_nothing(labels):
    assert border_weights(labels).dtype == np.float32
    assert not border_weights(labels).any()


def test_senseless_parameters_are_refused():
    with pytest.raises(InputError, match="sigma_px"):
        border_weights(np.zeros((4, 4), np.int32), 10, 0)


def test_the_same_bits_at_every_call():
    """cv2.distanceTransform alone differs in the last bit from call to call, and with it a whole training would."""
    rng = np.random.default_rng(0)
    pictures = [draw_discs(rng, size=32)[1].astype(np.int32) for _ in range(60)]
    first, second = ([border_weights(labels) for labels in pictures] for _ in range(2))
    assert sum(not np.array_equal(a, b) for a, b in zip(first, second)) == 0
