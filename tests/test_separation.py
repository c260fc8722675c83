"""How well cells and background stand apart: against scikit-learn, and on pictures whose answer is known."""

from __future__ import annotations

import cv2
import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from seglib.data import separation
from seglib.data.dataset import open_dataset
from seglib.data.normalise import NORMALISATION_NAMES, normalise
from seglib.data.readers import to_gray
from seglib.exceptions import InputError


def test_auc_is_that_of_scikit_learn_ties_included():
    rng = np.random.default_rng(0)
    inside, outside = rng.integers(3, 12, 300).astype(float), rng.integers(0, 10, 500).astype(float)
    truth = roc_auc_score(np.r_[np.ones(300), np.zeros(500)], np.r_[inside, outside])
    assert separation.auc(inside, outside) == pytest.approx(truth)
    assert separation.auc(outside, inside) == pytest.approx(1 - truth)
    assert separation.auc(np.ones(3), np.zeros(4)) == 1 and separation.auc(np.ones(3), np.ones(4)) == 0.5
    assert np.isnan(separation.auc(np.zeros(0), outside))


def test_effect_counts_spreads_and_does_not_care_for_scale():
    rng = np.random.default_rng(0)
    inside, outside = rng.normal(5, 2, 20_000), rng.normal(1, 2, 20_000)
    assert separation.effect(inside, outside) == pytest.approx(2, abs=0.06)
    assert separation.effect(7 * inside + 3, 7 * outside + 3) == pytest.approx(separation.effect(inside, outside))
    assert np.isnan(separation.effect(np.ones(3), np.zeros(3))) and np.isnan(separation.effect(inside, np.zeros(0)))


@pytest.fixture
def gains(discs):
    """The same cells under a light that gets brighter from picture to picture, the last one without a mask's cells."""
    for number in range(6):
        file = str(discs / "images" / f"d{number}.png")
        image = cv2.imread(file, cv2.IMREAD_UNCHANGED).astype(float)
        cv2.imwrite(file, np.clip(image * (0.4 + 0.2 * number), 0, 255).astype(np.uint8))
    cv2.imwrite(str(discs / "masks" / "d5.png"), np.zeros((48, 48), np.uint8))
    return open_dataset(discs)


def test_a_method_that_takes_the_light_away_separates_over_all_pictures(gains):
    found = separation.compare(gains)
    table = found.methods.set_index("method")
    assert list(table.index) == list(NORMALISATION_NAMES) and (table["n_images"] == 5).all()
    assert table.loc["background", "auc"] > 0.97 > table.loc["none", "auc"]
    assert table.loc["background", "wander"] < 0.1 < 0.2 < table.loc["none", "wander"]
    affine = found.images[found.images["method"].isin(["none", "minmax", "zscore", "background"])]
    for _, rows in affine.groupby("index"):  # within one picture, scaling and shifting change no order
        assert rows["auc"].dropna().nunique() <= 1


def test_the_figures_of_a_picture_are_of_its_pixels(gains):
    found = separation.compare(gains, ["zscore"])
    row = found.images[found.images["index"] == 2].iloc[0]
    sample = gains.sample(2)
    gray = normalise(to_gray(sample.image), "zscore")
    assert row["background"] == pytest.approx(np.median(gray[~sample.mask]), abs=0.05)
    assert row["inside"] == pytest.approx(np.median(gray[sample.mask]), abs=0.05)
    assert (row["group"], row["frame"], row["split"]) == ("g2", 2, "train")
    empty = found.images[found.images["index"] == 5].iloc[0]
    assert np.isnan(empty["inside"]) and np.isfinite(empty["background"])


def test_what_cannot_be_read_is_left_out_and_progress_told(gains):
    (gains.path / "images" / "d1.png").write_bytes(b"nonsense")
    told = []
    found = separation.compare(gains, ["none"], lambda done, total: told.append((done, total)))
    assert set(found.images["index"]) == {0, 2, 3, 4, 5} and told[-1] == (6, 6)


def test_wander_by_hand():
    table = pd.DataFrame({"background": [1.0, 3.0, 9.0], "inside": [5.0, 7.0, np.nan]})
    assert separation.wander(table) == pytest.approx(1 / 4)  # sd of 1 and 3, contrast 4
    assert np.isnan(separation.wander(table.head(1)))


def test_saved_and_loaded(gains, tmp_path):
    found = separation.compare(gains, ["none", "zscore"])
    separation.save(found, tmp_path)
    again = separation.load(tmp_path)
    pd.testing.assert_frame_equal(again.images, found.images)
    pd.testing.assert_frame_equal(again.methods, found.methods, check_dtype=False)
    (tmp_path / "methods.json").write_text("{}", encoding="utf-8")
    with pytest.raises(InputError, match="compare again"):
        separation.load(tmp_path)


def test_no_mask_at_all(gains):
    for number in range(6):
        cv2.imwrite(str(gains.path / "masks" / f"d{number}.png"), np.zeros((48, 48), np.uint8))
    table = separation.compare(open_dataset(gains.path), ["zscore"]).methods.iloc[0]
    assert np.isnan(table["auc"]) and np.isnan(table["wander"]) and table["n_images"] == 0
