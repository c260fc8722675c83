"""Checks: every defect is planted in a clean data set and found; the clean one raises none."""

import os
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from seglib.data.checks import check
from seglib.data.dataset import open_dataset
from seglib.data.demo import make_demo

REAL = Path(os.environ.get("YEAST_DATA", Path(__file__).parents[1] / "../shared/data"))


@pytest.fixture(scope="module")
def clean(tmp_path_factory):
    return make_demo(tmp_path_factory.mktemp("clean") / "demo", n_images=12)


@pytest.fixture
def data(clean, tmp_path):
    shutil.copytree(clean, tmp_path / "data")
    return tmp_path / "data"


def codes(data, severity=None):
    return {finding.code: finding for finding in check(data).findings if severity in (None, finding.severity)}


def change(file, function):
    pixels = np.asarray(Image.open(file))
    Image.fromarray(function(pixels.copy())).save(file)


def test_clean_data_set_has_notes_only(data):
    calls = []
    report = check(open_dataset(data), progress=lambda done, total: calls.append(done))
    assert (report.n_images, report.n_pairs, report.n_unlabelled) == (12, 11, 1)
    assert calls == list(range(1, 13))
    assert {f.severity for f in report.findings} == {"note"}, report.findings


def blank(pixels):
    return pixels * 0


def speck(mask):
    free = cv2.dilate((mask > 0).astype(np.uint8), np.ones((9, 9), np.uint8)) == 0
    row, col = np.argwhere(free[5:-5, 5:-5])[0] + 5
    mask[row, col] = mask.max() + 1
    return mask


def pinhole(mask):
    depth = cv2.distanceTransform((mask > 0).astype(np.uint8), cv2.DIST_L2, 5)
    mask[np.unravel_index(depth.argmax(), depth.shape)] = 0
    return mask


PLANTED = [
    ("images", blank, "constant_image", "warning"),
    ("images", lambda p: np.where(p > np.percentile(p, 90), 255, p).astype(np.uint8), "saturated_image", "warning"),
    ("images", lambda p: np.dstack([p] * 3), "types_differ", "warning"),
    ("masks", blank, "empty_mask", "note"),
    ("masks", lambda p: p * 0 + 1, "full_mask", "warning"),
    ("masks", lambda p: p[:-1], "shapes_differ", "error"),
    ("masks", lambda p: np.roll(p, (9, -7), (0, 1)), "shifted_mask", "warning"),
    ("masks", speck, "tiny_fragments", "warning"),
    ("masks", pinhole, "holes", "note"),
    ("masks", lambda p: cv2.GaussianBlur((p > 0) * np.uint8(255), (0, 0), 1), "mask_values", "error"),
]


@pytest.mark.parametrize("kind, function, code, severity", PLANTED, ids=[plant[2] for plant in PLANTED])
def test_planted_defects_are_found(data, kind, function, code, severity):
    name = f"{kind}/movie01_t002.png"
    assert code not in codes(data)
    change(data / name, function)
    found = codes(data, severity)[code]
    assert name in found.files and found.explanation and found.remedy


def test_damaged_files_are_reported_one_by_one(data):
    for name in ("images/movie01_t000.png", "masks/movie02_t001.png"):
        (data / name).write_bytes((data / name).read_bytes()[:-40])
    found = codes(data, "error")
    assert found["unreadable_image"].files == ("images/movie01_t000.png",)
    assert found["unreadable_mask"].files == ("masks/movie02_t001.png",)
    assert "cut short" in found["unreadable_image"].explanation


def test_duplicates(data):
    shutil.copy(data / "images/movie01_t000.png", data / "images/movie01_t001.png")
    assert codes(data, "warning")["duplicate"].files == ("images/movie01_t000.png", "images/movie01_t001.png")
    val = next(record.image for record in open_dataset(data).records if record.split == "val")
    shutil.copy(data / "images/movie01_t000.png", data / val)
    assert val in codes(data, "error")["duplicate_across_split"].files


def edit_csv(data, function):
    file = data / "dataset.csv"
    file.write_text(function(file.read_text(encoding="utf-8")), encoding="utf-8")


def test_bad_csv_is_reported_and_the_rest_looked_at(data):
    edit_csv(data, lambda text: text.replace("movie02,", "movie01,").replace("images/movie01_t003", "../movie01_t003"))
    change(data / "images/movie01_t000.png", blank)
    found = codes(data)
    assert found["bad_path"].files == ("../movie01_t003.png",) and found["bad_path"].severity == "error"
    assert found["constant_image"].files == ("images/movie01_t000.png",)


def test_group_on_both_sides(data):
    edit_csv(data, lambda text: text.replace("movie03_t000.png,movie03,val", "movie03_t000.png,movie01,val"))
    found = codes(data, "error")
    assert "movie01" in found["group_on_both_sides"].explanation and "cannot_open" not in found


def test_one_group_and_no_validation(data):
    edit_csv(data, lambda text: text.replace(",val", ",train"))
    assert "no_validation" in codes(data, "warning")
    for movie in ("movie02", "movie03"):
        edit_csv(data, lambda text, movie=movie: text.replace(f",{movie},", ",movie01,"))
    assert "one_group" in codes(data, "warning")


def test_folder_without_csv(data):
    (data / "dataset.csv").unlink()
    (data / "images/movie01_t000.png").unlink()
    found = codes(data, "error")
    assert found["mask_without_image"].files == ("masks/movie01_t000.png",)
    assert check(data).n_images == 11


@pytest.mark.parametrize("content", [None, "", "image;mask\n", "image,mask,group,split\n", "\0\0\n"])
def test_nothing_raises(tmp_path, content):
    if content is not None:
        (tmp_path / "dataset.csv").write_text(content)
    assert check(tmp_path).findings[0].severity == "error"
    assert check(tmp_path / "nowhere").n_images == 0


@pytest.mark.skipif(not REAL.is_dir(), reason=f"no real images at {REAL} (set YEAST_DATA)")
def test_real_data_sets():
    assert len(codes(REAL / "baby")["empty_mask"].files) == 4
    assert "one_group" in codes(REAL / "phylocell", "warning")
    for name in ("baby", "phylocell"):
        assert not codes(REAL / name, "error")
