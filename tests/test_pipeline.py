"""One draw is a function of (seed, epoch, index): the same whoever computes it, cropped or whole."""

import hashlib
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import get_context

import cv2
import numpy as np
import pytest

from seglib.augment.draw import Draw
from seglib.augment.pipeline import Augmented, apply, augment, crop_window, generator
from seglib.augment.recipe import Recipe, load_recipe
from seglib.augment.warp import Geometry
from seglib.exceptions import InputError


def sample(shape: tuple[int, int] = (140, 170)) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    image = cv2.GaussianBlur(rng.standard_normal(shape).astype(np.float32), (0, 0), 2)
    return image, (image > 0).astype(np.int32) * 3, rng.random(shape) < 0.95


def digest(result: Augmented) -> str:
    arrays = result.image, result.labels, result.valid, result.weights
    return hashlib.sha256(b"".join(a.tobytes() for a in arrays if a is not None)).hexdigest()


def drawn(index: int) -> str:
    """Draw `index` of the strong recipe: what a worker process computes."""
    image, labels, valid = sample()
    return digest(augment(image, labels, valid, load_recipe("strong"), generator(5, 2, index), (96, 96), weights=image))


def test_inputs_are_not_written_to_and_outputs_not_shared():
    image, labels, valid = sample()
    for array in (image, labels, valid):
        array.setflags(write=False)
    for name in ("none", "strong"):
        result = augment(image, labels, valid, load_recipe(name), generator(0, 0, 1))
        for array in (result.image, result.labels, result.valid):
            assert array.flags.writeable and array.flags.c_contiguous
            assert not any(np.shares_memory(array, source) for source in (image, labels, valid))


def test_processes_threads_and_thread_counts_give_the_same_bits():
    here = [drawn(index) for index in range(6)]
    assert len(set(here)) == 6
    with get_context("spawn").Pool(2) as pool:
        assert pool.map(drawn, range(6)) == here
    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(drawn, list(range(6)) * 4)) == here * 4
    before = cv2.getNumThreads()
    try:
        for count in (1, 2, 4):
            cv2.setNumThreads(count)
            assert [drawn(index) for index in range(6)] == here
    finally:
        cv2.setNumThreads(before)


def test_seed_epoch_and_index_each_count():
    streams = {tuple(generator(*key).random(4)) for key in [(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1), (0, 1, 1)]}
    assert len(streams) == 5
    assert np.array_equal(generator(4, 5, 6).random(3), generator(4, 5, 6).random(3))


@pytest.mark.parametrize("name", ["none", "exercise", "gentle", "strong"])
@pytest.mark.parametrize("crop", [None, (64, 64), (200, 30), (300, 300)])
def test_output_has_the_size_of_the_crop_or_of_the_picture(name, crop):
    image, labels, valid = sample()
    for index in range(5):
        result = augment(image, labels, valid, load_recipe(name), generator(0, 0, index), crop)
        shape = crop or image.shape
        assert result.image.shape == result.labels.shape == result.valid.shape == shape
        assert (result.image.dtype, result.labels.dtype, result.valid.dtype) == (np.float32, np.int32, bool)
        assert np.isfinite(result.image).all()


def test_crops_reach_every_place_and_their_middle_lies_in_the_picture():
    plain = Geometry((30, 40), Draw())
    rng = np.random.default_rng(0)
    corners = {(w.row, w.col) for w in (crop_window(plain, (28, 37), rng.random(2)) for _ in range(500))}
    assert corners == {(row, col) for row in range(3) for col in range(4)}
    padded = {crop_window(plain, (32, 40), rng.random(2)).row for _ in range(200)}
    assert padded == {-2, -1, 0}
    turned = Geometry((300, 400), Draw(angle_deg=45, scale=1.4))
    for _ in range(200):
        window = crop_window(turned, (20, 20), rng.random(2))
        row, col = (m[10, 10] for m in turned.map(window))
        assert 8 < row < 291 and 8 < col < 391


def test_a_small_picture_is_padded_with_invalid_pixels():
    image, labels, valid = sample((40, 60))
    result = augment(image, labels, np.ones_like(valid), Recipe(), generator(0, 0, 3), (64, 64))
    assert result.valid.sum() == 40 * 60


def test_weights_go_with_the_labels():
    image, labels, valid = sample()
    weights = np.tile(np.arange(170, dtype=np.float32), (140, 1))  # a ramp, which linear interpolation keeps
    for index in range(5):
        result = augment(image, labels, valid, load_recipe("strong"), generator(2, 0, index), weights=weights)
        row, col = Geometry(image.shape, result.draw).map(result.window)
        inside = (row >= 0) & (row <= 139) & (col >= 0) & (col <= 169)
        assert inside.mean() > 0.5
        assert np.abs(result.weights - col)[inside].max() < 1e-3
    assert augment(image, labels, valid, Recipe(), generator(0, 0, 0)).weights is None


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float16, ">f4"])
@pytest.mark.parametrize("draw", [Draw(), Draw(angle_deg=10), Draw(gamma=1.2)], ids=["none", "turned", "grey"])
def test_images_of_other_types_come_out_as_float32(dtype, draw):
    """Were they interpolated in their own type, half of a grey value would be lost."""
    _, labels, valid = sample()
    image = (np.arange(labels.size).reshape(labels.shape) % 251).astype(dtype)
    got, wanted = (apply(draw, i, labels, valid, weights=i) for i in (image, image.astype(np.float32)))
    assert got.image.dtype == got.weights.dtype == np.float32
    assert np.array_equal(got.image, wanted.image) and np.array_equal(got.weights, wanted.weights)


def test_bad_input_is_refused():
    image, labels, valid = sample()
    recipe, rng = load_recipe("strong"), generator(0, 0, 0)
    with pytest.raises(InputError, match=r"labels has shape \(139, 170\)"):
        augment(image, labels[1:], valid, recipe, rng)
    with pytest.raises(InputError, match=r"image has shape \(140, 170, 3\)"):
        augment(np.stack([image] * 3, -1), labels, valid, recipe, rng)
    with pytest.raises(InputError, match="image is float64; it must be float32"):
        augment(image.astype(np.float64), labels, valid, recipe, rng)
    with pytest.raises(InputError, match="crop is 0 × 4 px"):
        augment(image, labels, valid, recipe, rng, (0, 4))
    broken = image.copy()
    broken[70, 80] = np.nan
    with pytest.raises(InputError, match="NaN or infinite"):
        augment(broken, labels, valid, load_recipe("none"), rng)
