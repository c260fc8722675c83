"""The survey: figures by hand for a data set drawn by hand, and the same again after saving."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pandas as pd
import pytest

from seglib.data import grey, survey
from seglib.data.dataset import open_dataset
from seglib.data.records import Record, write_csv
from seglib.exceptions import InputError


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


@pytest.fixture
def out(tmp_path_factory):
    return tmp_path_factory.mktemp("survey")


def test_figures_by_hand(squares, out):
    table = survey.summary(survey.survey(squares, out)).set_index("split")
    train, val = table.loc["train"], table.loc["val"]
    assert (train["images"], train["cells"], train["cells_per_image"]) == (2, 2, 1.0)
    assert train["foreground_pooled"] == pytest.approx(26 / 800)
    assert train["foreground_mean"] == pytest.approx((26 / 400 + 0) / 2)  # the empty mask counts as 0
    assert train["diameter_median"] == pytest.approx(2 * np.sqrt(16 / np.pi))  # the cut cell is left out
    assert val["diameter_median"] == pytest.approx(2 * np.sqrt(64 / np.pi))
    assert val["foreground_pooled"] == pytest.approx(64 / 1600)
    assert pd.isna(table.loc["unlabelled", "cells"]) and table.loc["unlabelled", "median_grey"] == pytest.approx(204)


def test_grey_values_are_in_units_of_the_file_and_each_picture_counts_the_same(squares, out):
    found = survey.survey(squares, out)
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


def test_train_and_val_that_differ_are_named(squares, out):
    lines = survey.differences(survey.summary(survey.survey(squares, out)))
    assert any("4.5 px in train and 9.0 px in val" in line for line in lines)
    assert survey.differences(pd.DataFrame([{"split": "train"}])) == []


def test_saved_and_read_again_it_is_the_same(squares, out):
    found = survey.survey(squares, out)
    again = survey.load(out)
    assert again.report == found.report and again.grey == found.grey
    pd.testing.assert_frame_equal(again.images, found.images)
    pd.testing.assert_frame_equal(again.cells, found.cells)


def test_pictures_of_a_finding(squares, out):
    found = survey.survey(squares, out)
    finding = next(f for f in found.report.findings if f.code == "empty_mask")
    assert survey.pictures_of(finding, squares) == [1]


def test_an_unreadable_picture_is_a_finding_and_has_no_row(squares, out):
    (squares.path / "images" / "c.png").write_bytes(b"nothing")
    found = survey.survey(squares, out)
    assert found.images["image"].tolist() == ["images/a.png", "images/b.png", "images/d.png"]
    assert found.report.count("error") == 1


def test_a_row_for_every_picture_by_hand(squares, out):
    found = survey.survey(squares, out)
    row = found.images.set_index("image").loc["images/a.png"]
    assert (row["n_cells"], row["n_cut"], row["n_touching"], row["group"], row["frame"]) == (2, 1, 0, "a", -1)
    assert row["foreground"] == pytest.approx(26 / 400) and row["ignored"] == 0
    assert row["median_diameter_px"] == pytest.approx(2 * np.sqrt(16 / np.pi))
    assert row["median_eccentricity"] == 0 and row["median_solidity"] == 1  # a square
    assert row[["p05", "median_grey", "p99"]].tolist() == pytest.approx([0.2, 0.2, 0.4])
    assert (row["contrast"], row["median_inside"], row["median_outside"]) == pytest.approx((0.2, 0.4, 0.2))
    assert np.isnan(found.images.set_index("image").loc["images/d.png", "focus"])  # one grey value everywhere
    cell = found.cells.iloc[0]
    assert (cell["label"], cell["area_px"], cell["row"], cell["col"], cell["cut"]) == (1, 16, 6.5, 6.5, False)


def test_cells_are_read_by_column_and_picture(squares, out):
    survey.survey(squares, out)
    found = survey.load(out)
    assert "cells" not in vars(found)  # nothing was read yet
    assert found.cell_columns(["area_px"], images=[2])["area_px"].tolist() == [64]
    assert found.cell_columns(["area_px"], images=[]).empty
    assert found.cells["index"].tolist() == [0, 0, 2]


def test_what_is_ignored_does_not_count(squares, out):
    ignore = np.zeros((40, 40), np.uint8)
    ignore[:, 14:] = 255  # half of the only cell
    cv2.imwrite(str(squares.path / "ignore.png"), ignore)
    image = cv2.imread(str(squares.path / "images/c.png"), cv2.IMREAD_GRAYSCALE)
    image[:, 14:] = 255
    cv2.imwrite(str(squares.path / "images/c.png"), image)
    records = [replace(r, ignore="ignore.png") if r.image == "images/c.png" else r for r in squares.records]
    write_csv(squares.path, records)
    row = survey.survey(open_dataset(squares.path), out).images.set_index("image").loc["images/c.png"]
    assert row["ignored"] == pytest.approx(26 / 40) and row["foreground"] == pytest.approx(32 / (14 * 40))
    assert (row["n_cells"], row["n_cut"]) == (1, 1)  # what is left of it is cut
    assert row["p99"] == pytest.approx(0.4) and row["saturated"] == 0


def test_background_is_found_where_cells_cover_most():
    rng = np.random.default_rng(0)
    mask = np.zeros((100, 100), bool)
    mask[:70] = True
    gray = np.where(mask, rng.normal(0.5, 0.1, mask.shape), rng.normal(0.8, 0.01, mask.shape)).astype(np.float32)
    found = grey.statistics(gray, mask, np.ones_like(mask))
    assert found["background"] == pytest.approx(0.8, abs=0.01) and found["median_grey"] < 0.62
    assert found["median_outside"] == pytest.approx(0.8, abs=0.01)


def test_focus_falls_with_blur_and_not_with_exposure():
    rng = np.random.default_rng(0)
    gray = cv2.GaussianBlur(rng.random((128, 128), np.float32), (0, 0), 2)
    valid = np.ones(gray.shape, bool)

    def focus(pixels):
        found = grey.statistics(pixels, None, valid)
        return found["focus"]

    assert focus(cv2.GaussianBlur(gray, (0, 0), 3)) < focus(gray) / 2
    assert focus(gray * 3 + 7) == pytest.approx(focus(gray), rel=1e-3)


def test_a_survey_of_another_version_is_refused_in_one_line(squares, out):
    survey.survey(squares, out)
    (out / "grey.json").write_text('{"counts": {}, "edges": [], "unit": 1, "n": 1}')
    with pytest.raises(InputError, match="another version"):
        survey.load(out)
