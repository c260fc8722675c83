"""Draws: how long an epoch is, which image comes how often, and what `ignore` takes out of all that follows."""

import cv2
import numpy as np
import pytest
from conftest import make_disc_data

from seglib.augment.pipeline import generator
from seglib.data.dataset import open_dataset
from seglib.errors.report import measure
from seglib.evaluate import score
from seglib.exceptions import InputError
from seglib.runs.diagnosis import case
from seglib.training.config import resolve
from seglib.training.draws import Draws


def draws(data, **settings) -> Draws:
    settings = {"data.path": str(data), "data.crop_px": 48, "recipe": "none"} | settings
    return Draws(open_dataset(data), resolve(settings=settings))


def with_column(data, name, values):
    csv = data / "dataset.csv"
    lines = csv.read_text(encoding="utf-8").splitlines()
    csv.write_text("\n".join(f"{line},{value}" for line, value in zip(lines, [name, *values])), encoding="utf-8")
    return data


def test_an_epoch_is_as_long_as_the_images_or_the_crops_that_cover_them(discs):
    assert len(draws(discs)) == 4
    assert len(draws(discs, **{"data.crop_px": 16})) == 4 * 48 * 48 // 16**2
    assert len(draws(discs, **{"data.crop_px": 4096})) == 4


def test_without_weights_no_image_comes_twice_before_all_came_once(discs):
    found = draws(discs, **{"data.crop_px": 24})
    order = found.order(0)
    assert [sorted(part) for part in order.reshape(-1, 4)] == [[0, 1, 2, 3]] * 4
    assert not np.array_equal(order, found.order(1))


def test_an_image_of_three_times_the_weight_comes_three_times_as_often(discs):
    found = draws(with_column(discs, "weight", [1, 3, 0, "0.0", "", ""]), **{"data.crop_px": 16})
    many = np.concatenate([found.order(epoch) for epoch in range(60)])
    assert set(many) == {0, 1}
    assert (many == 1).mean() == pytest.approx(0.75, abs=0.03)  # 2160 draws: three standard deviations


def test_weights_that_draw_nothing_are_refused(discs):
    with pytest.raises(InputError, match="every train image has weight 0"):
        draws(with_column(discs, "weight", [0, 0, 0, 0, 1, 1]))


def test_what_is_ignored_is_in_no_draw_no_count_and_no_mistake(tmp_path):
    data = make_disc_data(tmp_path / "discs")
    ignore = np.zeros((48, 48), np.uint8)
    ignore[:, 20:] = 9
    cv2.imwrite(str(data / "ignore.png"), ignore)
    sample = open_dataset(with_column(data, "ignore", ["ignore.png"] * 6)).sample(0)
    drawn = draws(data).draw(0, generator(0, 0, 0))
    np.testing.assert_array_equal(drawn.valid, ignore == 0)
    everything = np.full((48, 48), 255, np.uint8)
    counted = score(sample, everything)
    cells = int(sample.mask[:, :20].sum())
    assert (counted.counts.tp, counted.counts.fp, counted.n_valid) == (cells, 48 * 20 - cells, 48 * 20)
    wrong = measure([case(sample, everything)]).regions
    assert wrong.n_pixels.sum() == counted.counts.fp
    assert (wrong.col + wrong.width).max() <= 20
