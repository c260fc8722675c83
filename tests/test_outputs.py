"""What a prediction leaves, at another threshold: the same as if it had been predicted with that."""

from __future__ import annotations

import csv
import io
import zipfile

import cv2
import numpy as np
import pytest

from seglib.exceptions import InputError
from seglib.metrics import foreground
from seglib.predict import limits, outputs
from seglib.runs.tasks import _pictures
from seglib.training.config import ModelConfig


@pytest.fixture
def folder(tmp_path):
    """Two pictures with a ramp and with two spots, saved at 0.5."""
    ramp = np.tile(np.arange(256, dtype=np.uint8), (4, 1))
    spots = np.zeros((10, 12), np.uint8)
    spots[1:3, 1:3], spots[6:9, 6:9] = 255, 100
    rows = []
    for name, q in (("ramp.tif", ramp), ("=spots.png", spots)):
        stem = name.rpartition(".")[0]
        outputs.save(tmp_path, stem, q)
        rows.append(outputs.measured(name, stem, q, 0.5))
    (tmp_path / outputs.TABLE).write_text(outputs.as_csv(rows), encoding="utf-8", newline="")
    return tmp_path


def test_another_threshold_needs_no_network(folder):
    half, low = outputs.table(folder, 0.5), outputs.table(folder, 0.2)
    assert [row["foreground_px"] for row in half] == [4 * 128, 4]
    assert [row["foreground_px"] for row in low] == [4 * (256 - 51), 4 + 9]
    assert [row["components"] for row in low] == [1, 2]


def test_the_zip_holds_masks_at_the_threshold(folder):
    with zipfile.ZipFile(io.BytesIO(outputs.packed(folder, ["ramp"], 0.2, probabilities=True))) as archive:
        assert archive.namelist() == ["ramp.png", "ramp_probability.png"]
        mask, q = (
            cv2.imdecode(np.frombuffer(archive.read(name), np.uint8), cv2.IMREAD_UNCHANGED)
            for name in archive.namelist()
        )
    np.testing.assert_array_equal(mask, foreground(q, 0.2) * np.uint8(255))
    assert set(np.unique(mask)) == {0, 255}


def test_a_name_is_no_formula_in_a_spreadsheet(folder):
    rows = list(csv.DictReader(io.StringIO(outputs.as_csv(outputs.table(folder, 0.5)))))
    assert rows[1]["image"].lstrip("'") == "=spots.png" and rows[1]["image"][0] == "'"


def test_missing_and_damaged_results_are_named(folder, tmp_path):
    (folder / "ramp_probability.png").write_bytes(b"x")
    with pytest.raises(InputError, match=r"ramp_probability\.png: damaged"):
        outputs.table(folder, 0.5)
    with pytest.raises(InputError, match="predict again"):
        outputs.read_rows(tmp_path / "nowhere")


def test_names_of_pictures_are_never_paths(tmp_path):
    inputs = {"images": [str(tmp_path / "0.png")], "names": ["cell.tif"]}
    assert _pictures(inputs) == [("cell", "cell.tif", tmp_path / "0.png")]
    for name in ("../x.png", "a/b.png", "..\\x.png", "", ".hidden"):
        with pytest.raises(InputError, match="no name of a picture"):
            _pictures({**inputs, "names": [name]})


def test_the_warning_is_for_norms_that_see_the_whole_tile():
    assert "group norm" in limits.tile_warning(ModelConfig(norm="group"))
    assert limits.tile_warning(ModelConfig(norm="batch")) is None
    assert limits.fits((2048, 2048), ModelConfig(channels=16)) and not limits.fits(
        (2049, 2048), ModelConfig(channels=16)
    )
