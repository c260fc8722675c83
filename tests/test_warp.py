"""Geometry against NumPy's exact turns, scikit-image's warp, and discs that must stay with their masks."""

from dataclasses import replace

import numpy as np
import pytest
from skimage import transform

from seglib.augment.draw import Draw, recipe_draw
from seglib.augment.pipeline import apply, generator
from seglib.augment.recipe import Elastic, Recipe, Rotation, Scale
from seglib.augment.warp import Geometry, Window
from seglib.exceptions import InputError


def blobs(shape: tuple[int, int], seed: int = 0) -> np.ndarray:
    """A smooth picture with no symmetry."""
    rng = np.random.default_rng(seed)
    row, col = np.mgrid[: shape[0], : shape[1]]
    image = np.zeros(shape)
    for _ in range(25):
        centre, width = rng.uniform(0, 1, 2) * shape, rng.uniform(4, 9)
        image += rng.normal() * np.exp(-((row - centre[0]) ** 2 + (col - centre[1]) ** 2) / (2 * width**2))
    return image.astype(np.float32)


def discs(shape: tuple[int, int], centres: list[tuple[float, float]], radius: float) -> tuple[np.ndarray, np.ndarray]:
    """Anti-aliased image of discs, and their labels 1, 2, …"""
    row, col = np.mgrid[: shape[0], : shape[1]]
    image, labels = np.zeros(shape, np.float32), np.zeros(shape, np.int32)
    for number, centre in enumerate(centres, start=1):
        distance = np.hypot(row - centre[0], col - centre[1])
        image += np.clip(radius + 0.5 - distance, 0, 1).astype(np.float32)
        labels[distance <= radius] = number
    return image, labels


def centroid(weights: np.ndarray) -> np.ndarray:
    row, col = np.mgrid[: weights.shape[0], : weights.shape[1]]
    return np.array([(row * weights).sum(), (col * weights).sum()]) / weights.sum()


def full(labels: np.ndarray) -> np.ndarray:
    return np.ones(labels.shape, bool)


@pytest.mark.parametrize("turns", [0, 1, 2, 3])
@pytest.mark.parametrize("flips", [(False, False), (True, False), (True, True)])
def test_map_agrees_with_the_exact_path(turns, flips):
    """The interpolating path composes the same turns: with an angle of nearly nothing it shows the same pixels."""
    labels = np.arange(37 * 52, dtype=np.int32).reshape(37, 52)
    exact = Draw(flip_rows=flips[0], flip_cols=flips[1], quarter_turns=turns)
    window = Window(0, 0, *Geometry(labels.shape, exact).canvas)
    image = labels.astype(np.float32)
    through_map = apply(replace(exact, angle_deg=1e-9), image, labels, full(labels), window)
    assert np.array_equal(through_map.labels, apply(exact, image, labels, full(labels), window).labels)


@pytest.mark.parametrize("angle, scale", [(30.0, 1.0), (-75.0, 1.0), (0.0, 1.3), (140.0, 0.7)])
def test_rotation_and_scale_agree_with_scikit_image(angle, scale):
    image = blobs((96, 120))
    labels = (image > 0.3).astype(np.int32) * 7
    middle = (np.array(image.shape[::-1]) - 1) / 2  # (x, y)
    # y points down in scikit-image, so a positive angle there is clockwise as seen
    spin = transform.SimilarityTransform(scale=scale, rotation=-np.deg2rad(angle))
    to_middle, back = (
        transform.EuclideanTransform(translation=-middle),
        transform.EuclideanTransform(translation=middle),
    )
    inverse = (to_middle + spin + back).inverse
    result = apply(Draw(angle_deg=angle, scale=scale, border="constant"), image, labels, full(labels))
    expected = transform.warp(image, inverse, order=3, cval=0)
    inside = transform.warp(np.ones(image.shape), inverse, order=0, cval=0) > 0.5
    core = transform.warp(np.ones(image.shape), inverse, order=1, cval=0) > 0.999
    # scikit-image's cubic and ours differ in kernel; one pixel of shift would show as 0.1
    assert np.abs(result.image - expected)[core].max() < 0.02 * np.ptp(image)
    nearest = transform.warp(labels, inverse, order=0, cval=0, preserve_range=True)
    assert (result.labels != nearest).mean() < 0.002
    assert (result.valid != inside).mean() < 0.002


def test_discs_keep_their_centroid_in_image_and_mask_together():
    """Below the folding limit, over 50 draws: within 0.1 px on average, and to no side. Each alone: test_properties."""
    recipe = Recipe(
        elastic=Elastic(probability=1.0, displacement_px=(1.0, Elastic.folding_limit(16)), sigma_px=(16, 24)),
        rotation=Rotation(probability=1.0),
        scale=Scale(probability=1.0, factor=(0.8, 1.25)),
        border="constant",  # reflect would show a second, cut disc at the edge
    )
    assert recipe.warnings() == []
    image, labels = discs((200, 200), [(80.3, 90.7), (118.2, 104.6), (97.5, 131.1)], radius=13)
    slips = []
    for index in range(50):
        result = apply(recipe_draw(recipe, generator(7, 0, index)), image, labels, full(labels))
        number = 1 + index % 3
        # the disc's image alone: the source without the other two
        alone = apply(result.draw, np.where(_own(labels, number), image, 0), labels, full(labels)).image
        slips.append(centroid(alone) - centroid(result.labels == number))
    slips = np.array(slips)
    assert np.hypot(*slips.T).mean() < 0.1
    assert np.abs(slips.mean(axis=0)).max() < 0.02


def _own(labels: np.ndarray, number: int) -> np.ndarray:
    """Pixels nearer to disc `number` than to the others."""
    row, col = np.mgrid[: labels.shape[0], : labels.shape[1]]
    distance = [np.hypot(row - r, col - c) for r, c in (centroid(labels == n) for n in (1, 2, 3))]
    return np.argmin(distance, axis=0) == number - 1


@pytest.mark.parametrize(
    "angle, scale, turns, flip", [(33.0, 1.0, 0, False), (-120.0, 1.2, 1, True), (0.0, 0.8, 3, False)]
)
def test_a_disc_lands_where_the_transform_says(angle, scale, turns, flip):
    """Forwards, by plain trigonometry, not by the map under test."""
    height, width, centre = 150, 180, np.array([60.4, 100.2])
    image, labels = discs((height, width), [tuple(centre)], radius=11)
    draw = Draw(angle_deg=angle, scale=scale, quarter_turns=turns, flip_cols=flip)
    size = Geometry((height, width), draw).canvas
    result = apply(draw, image, labels, full(labels), Window(0, 0, *size))
    row, col = centre
    h, w = height, width
    for _ in range(turns):
        row, col, h, w = w - 1 - col, row, w, h
    if flip:
        col = w - 1 - col
    middle, theta = np.array([h - 1, w - 1]) / 2, np.deg2rad(angle)
    x, y = col - middle[1], -(row - middle[0])
    x, y = scale * (x * np.cos(theta) - y * np.sin(theta)), scale * (x * np.sin(theta) + y * np.cos(theta))
    expected = np.array([middle[0] - y, middle[1] + x])
    assert np.hypot(*(centroid(result.image.clip(0)) - expected)) < 0.1
    assert np.hypot(*(centroid(result.labels > 0) - expected)) < 0.25


@pytest.mark.parametrize("sigma_px", [4.0, 11.3, 30.0])
def test_elastic_displacement_has_the_deviation_and_smoothness_it_names(sigma_px):
    window, fields = Window(0, 0, 160, 200), []
    for seed in range(60):
        draw = Draw(displacement_px=2.5, sigma_px=sigma_px, elastic_seed=seed)
        fields.append(Geometry((160, 200), draw).displacement(window))
    fields = np.array(fields)
    for axis in range(2):
        assert abs(fields[:, axis].std() / 2.5 - 1) < 0.06
    # Gaussian correlation: exp(-r² / 4 sigma²), 0.78 at one sigma and 0.37 at two
    for lag in (1, 2):
        step = round(lag * sigma_px)
        together = (fields[..., step:] * fields[..., :-step]).mean() / fields.var()
        assert abs(together - np.exp(-(step**2) / (4 * sigma_px**2))) < 0.06
    assert abs((fields[:, 0] * fields[:, 1]).mean()) < 1.5  # independent axes; one field for both would give 6.25


@pytest.mark.parametrize("sigma_px", [9.0, 27.0])
def test_a_window_is_that_part_of_the_whole(sigma_px):
    draw = Draw(
        angle_deg=40,
        scale=1.1,
        displacement_px=2,
        sigma_px=sigma_px,
        elastic_seed=8,
        blur_sigma_px=1.2,
        background=0.3,
        background_seed=2,
        gamma=1.3,
        quarter_turns=1,
        border="constant",
    )
    image = blobs((128, 150))
    labels = (image > 0).astype(np.int32)
    whole = apply(draw, image, labels, full(labels), Window(0, 0, 150, 128))
    part = apply(draw, image, labels, full(labels), Window(31, 17, 64, 80))
    cut = np.s_[31:95, 17:97]
    assert np.array_equal(part.labels, whole.labels[cut])
    assert np.array_equal(part.valid, whole.valid[cut])
    assert np.abs(part.image - whole.image[cut]).max() < 1e-4


def test_another_sigma_stretches_the_same_field():
    """So that cells bend smoothly under the sigma slider, rather than jump to another field."""
    narrow, wide = (
        Geometry((129, 129), Draw(displacement_px=1, sigma_px=sigma, elastic_seed=3)).displacement(
            Window(0, 0, 129, 129)
        )
        for sigma in (16.0, 32.0)
    )
    assert np.abs(wide[:, ::2, ::2] - narrow[:, 32:97, 32:97]).max() < 0.02


def test_too_large_a_picture_is_refused():
    with pytest.raises(InputError, match="40000 × 10 px; allowed: 1 to 32000"):
        Geometry((40_000, 10), Draw())
