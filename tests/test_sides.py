"""A survey told for another split must say what a survey of that split says."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import ks_2samp

from seglib.data import draft, sides
from seglib.data.dataset import open_dataset
from seglib.data.records import save_records
from seglib.data.summary import summary
from seglib.data.survey import survey


def surveyed(folder, into):
    into.mkdir()
    return survey(open_dataset(folder), into)


def test_retold_for_another_split_is_what_a_survey_of_it_says(discs, tmp_path):
    found = surveyed(discs, tmp_path / "one")
    moved = draft.with_sides(open_dataset(discs).records, {"g0": "val", "g4": "", "g5": "train"})
    images = sides.sided(found, {record.image: record.split or "unused" for record in moved})
    diameters = sides.cells_of(found.cell_columns(["index", "diameter_px", "cut"]), images)
    told = sides.table(images, diameters, found.grey_unit).set_index("split")
    save_records(discs, moved)
    truth = summary(surveyed(discs, tmp_path / "two")).set_index("split")
    for column in ("diameter_median", "foreground_pooled", "median_grey"):
        for side in sides.SIDES:
            assert told.loc[side, column] == pytest.approx(truth.loc[side, column])
    assert len(images) == 5 and "images/d4.png" not in set(images["image"])


def test_grey_shares_agree_with_the_percentiles_and_pictures_count_alike(discs, tmp_path):
    found = surveyed(discs, tmp_path / "one")
    images = found.images[found.images["split"] == "train"]
    for _, row in images.iterrows():
        edges = row[["p01", "p25", "median_grey", "p75", "p99"]].to_numpy(float)
        (share,) = sides.grey_shares(row.to_frame().T, edges).values()
        np.testing.assert_allclose(share, [0.24, 0.25, 0.25, 0.24], atol=1e-6)
    edges = sides.grey_edges_of(images)
    single = [sides.grey_shares(images.iloc[[i]], edges)["train"] for i in range(len(images))]
    np.testing.assert_allclose(sides.grey_shares(images, edges)["train"], np.mean(single, axis=0))
    assert sides.grey_shares(images, edges)["train"].sum() == pytest.approx(0.98)


def test_the_gap_is_the_statistic_of_kolmogorov_and_smirnov():
    rng = np.random.default_rng(0)
    one, other = rng.integers(0, 50, 400), rng.integers(10, 60, 300)
    edges = np.arange(61)
    counts = [np.histogram(values, edges)[0] for values in (one, other)]
    assert sides.largest_gap(*counts) == pytest.approx(ks_2samp(one, other).statistic)
    assert sides.largest_gap([1, 2], [2, 4]) == 0 and sides.largest_gap([1, 0], [0, 1]) == 1
    assert np.isnan(sides.largest_gap([0, 0], [1, 1])) and np.isnan(sides.largest_gap([], [1]))
