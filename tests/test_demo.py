"""Demo data: the same pixels for the same seed, a data set that opens, and never a half-made folder."""

import time

import numpy as np
import pytest

from seglib.data.dataset import open_dataset
from seglib.data.demo import draw, make_demo
from seglib.exceptions import InputError


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo") / "demo"
    calls, start = [], time.process_time()
    make_demo(folder, progress=lambda done, total: calls.append((done, total)))
    return open_dataset(folder), calls, time.process_time() - start


def test_thirty_two_images_in_movies(demo):
    dataset, calls, seconds = demo
    assert dataset.counts() == {"train": 20, "val": 8, "unused": 0, "unlabelled": 4}
    assert calls == [(i, 32) for i in range(1, 33)]
    assert seconds < 5
    assert len({record.group for record in dataset.records}) == 8


def test_samples_look_like_cells(demo):
    dataset = demo[0]
    samples = [dataset.sample(i) for i in range(28)]
    assert all(s.image.shape == (256, 256) and s.image.dtype == np.uint8 for s in samples)
    assert all(len(np.unique(s.labels)) >= 3 for s in samples)
    assert 0.02 < np.mean([s.mask.mean() for s in samples]) < 0.3
    assert all(s.image.std() > 2 for s in samples)


def test_colonies_grow_through_a_movie(demo):
    dataset = demo[0]
    foreground = [dataset.sample(i).mask.sum() for i in range(4)]
    assert foreground == sorted(foreground) and foreground[-1] > 1.5 * foreground[0]


def test_dust_sits_at_one_place_in_all_movies(demo):
    """The mean over all movies of high-passed, cell-free pictures stands out where dust is."""
    from scipy.ndimage import binary_dilation, gaussian_filter

    total, seen = np.zeros((256, 256)), np.zeros((256, 256))
    for index in demo[0].indices("train") + demo[0].indices("val"):
        sample = demo[0].sample(index)
        image = sample.image.astype(float)
        sharp = np.abs(gaussian_filter(image, 1.5) - gaussian_filter(image, 10))
        free = ~binary_dilation(sample.mask, iterations=12)
        total += np.where(free, sharp, 0)
        seen += free
    mean = total / np.maximum(seen, 1)
    assert np.percentile(mean[seen > 10], 99.5) > 5 * np.median(mean[seen > 10])


def test_same_seed_same_pixels(tmp_path, demo):
    again = open_dataset(make_demo(tmp_path / "again"))
    assert again.fingerprint() == demo[0].fingerprint()
    other = open_dataset(make_demo(tmp_path / "other", n_images=8, seed=1))
    np.testing.assert_array_equal(draw(5)[0], draw(5)[0])
    assert not np.array_equal(draw(5)[0], draw(6)[0])
    assert other.counts() == {"train": 4, "val": 3, "unused": 0, "unlabelled": 1}


@pytest.mark.parametrize("n_images", [1, 2, 3])
def test_few_images(tmp_path, n_images):
    dataset = open_dataset(make_demo(tmp_path / "few", n_images=n_images, size=64))
    assert sum(dataset.counts().values()) == n_images
    assert dataset.counts()["val"] == (1 if n_images > 1 else 0)


def test_interrupted_demo_leaves_nothing(tmp_path):
    def stop(done, total):
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make_demo(tmp_path / "demo", n_images=8, size=64, progress=stop)
    assert list(tmp_path.iterdir()) == []


def test_what_exists_is_not_overwritten(tmp_path):
    (tmp_path / "mine").mkdir()
    make_demo(tmp_path / "mine", n_images=1, size=64)
    with pytest.raises(InputError, match="not an empty folder"):
        make_demo(tmp_path / "mine", n_images=1, size=64)
    for options, word in (({"n_images": 0}, "0 images"), ({"size": 10}, "10 px"), ({"seed": -1}, "seed -1")):
        with pytest.raises(InputError, match=word):
            make_demo(tmp_path / "x", **options)
