"""The survey: figures by hand for a data set drawn by hand, and the same again after saving."""

from __future__ import annotations

import cv2
import numpy as np
import pandas as pd
import pytest

from seglib.data import survey
from seglib.data.dataset import open_dataset
from seglib.data.records import Record, write_csv


@pytest.fixture
def squares(tmp_path):
    """train: 20 × 20 with one 4 × 4 cell inside and one 2 × 5 on the edge, and an empty mask; val: 40 × 40, one 8 × 8;
    one picture without a mask."""
    for sub in ("images", "masks"):
        (tmp_path / sub).mkdir()
    masks = {"a": np.zeros((20, 20), np.uint8), "b": np.zeros((20, 20), np.uint8), "c": np.zeros((40, 40), np.uint8)}
    masks["a"][5:9, 5:9], masks["a"][0:2, 12:17], masks["c"][10:18, 10:18] = 1, 2, 255
    for stem, mask in masks.items():
        cv2.imwrite(str(tmp_path / f"masks/{stem}.png"), mask)
        cv2.imwrite(str(tmp_path / f"images/{stem}.png"), 51 + 51 * (mask > 0).astype(np.uint8))
    cv2.imwrite(str(tmp_path / "images/d.png"), np.full((10, 10), 204, np.uint8))
    rows = [("a", "train"), ("b", "train"), ("c", "val")]
    records = [Record(f"images/{stem}.png", f"masks/{stem}.png", stem, split) for stem, split in rows]
    write_csv(tmp_path, [*records, Record("images/d.png", None, "d", "")])
    return open_dataset(tmp_path)


def test_figures_by_hand(squares):
    table = survey.summary(survey.survey(squares)).set_index("split")
    train, val = table.loc["train"], table.loc["val"]
    assert (train["images"], train["cells"], train["cells_per_image"]) == (2, 2, 1.0)
    assert train["foreground_pooled"] == pytest.approx(26 / 800)
    assert train["foreground_mean"] == pytest.approx((26 / 400 + 0) / 2)  # the empty mask counts as 0
    assert train["diameter_median"] == pytest.approx(2 * np.sqrt(16 / np.pi))  # the cut cell is left out
    assert val["diameter_median"] == pytest.approx(2 * np.sqrt(64 / np.pi))
    assert val["foreground_pooled"] == pytest.approx(64 / 1600)
    assert pd.isna(table.loc["unlabelled", "cells"]) and table.loc["unlabelled", "median_grey"] == pytest.approx(204)


def test_grey_values_are_in_units_of_the_file_and_each_picture_counts_the_same(squares):
    found = survey.survey(squares)
    assert found.grey_unit == 255 and found.edges[0] >= 0
    counts, edges = np.array(found.grey["unlabelled"]), np.array(found.edges)
    assert counts.sum() == 100  # all there are
    assert edges[counts.argmax()] <= 204 <= edges[counts.argmax() + 1]
    assert set(found.grey) == {"train", "val", "unlabelled"}


def test_sixteen_bits_keep_their_grey_values(tmp_path):
    image = np.full((100, 100), 1000, np.uint16)
    image[:, 50:] = 3000
    values = survey.sampled(image, 4096) * 65535
    assert len(values) == 4096 and set(np.round(values)) == {1000, 3000}
    assert 0.45 < np.mean(values > 2000) < 0.55


def test_train_and_val_that_differ_are_named(squares):
    lines = survey.differences(survey.summary(survey.survey(squares)))
    assert any("4.5 px in train and 9.0 px in val" in line for line in lines)
    assert survey.differences(pd.DataFrame([{"split": "train"}])) == []


def test_saved_and_read_again_it_is_the_same(squares, tmp_path):
    found = survey.survey(squares)
    survey.save(found, tmp_path)
    again = survey.load(tmp_path)
    assert again.report == found.report and again.grey == found.grey
    pd.testing.assert_frame_equal(again.images, found.images)
    pd.testing.assert_frame_equal(again.cells, found.cells, check_dtype=False)


def test_pictures_of_a_finding(squares):
    found = survey.survey(squares)
    finding = next(f for f in found.report.findings if f.code == "empty_mask")
    assert survey.pictures_of(finding, squares) == [1]


def test_an_unreadable_picture_is_a_finding_and_has_no_row(squares):
    (squares.path / "images" / "c.png").write_bytes(b"nothing")
    found = survey.survey(squares)
    assert found.images["image"].tolist() == ["images/a.png", "images/b.png", "images/d.png"]
    assert found.report.count("error") == 1
