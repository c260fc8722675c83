"""What is exported reads back: tables, crops and label TIFFs, with numbers that agree."""

import csv
import zipfile

import cv2
import numpy as np
import pytest
import skimage.io
import tifffile

from seglib.data.sample import Sample
from seglib.errors.crop_files import Crops, raw_grey, window
from seglib.errors.export import COLUMNS, OF_CROP, OF_VERDICT, export, zipped
from seglib.errors.label_tiffs import write_tiff
from seglib.errors.regions import regions
from seglib.errors.review import Verdict
from seglib.exceptions import InputError


def picture(name="images/a b.png", dtype=np.uint16, colour=False, shape=(64, 80)):
    """Two cells; one is found, one missed, and one is invented. A corner is ignored."""
    rng = np.random.default_rng(3)
    image = rng.integers(100, 200, (*shape, 3) if colour else shape).astype(dtype)
    labels, q, valid = np.zeros(shape, np.int32), np.zeros(shape, np.uint8), np.ones(shape, bool)
    labels[5:20, 5:20], labels[40:52, 10:22] = 7, 70_000
    q[5:20, 5:20], q[30:45, 50:70], q[60:, 70:] = 250, 200, 255
    valid[56:, 60:] = False
    return Sample(name, "g", image, labels, valid), q


def said(why="", who="ada", **place):
    box = {"row": 30, "col": 50, "height": 15, "width": 20, "kind": "fp", "image": "images/a b.png"} | place
    return Verdict(**box, n_pixels=300, rle="0 300", verdict="ignore", who=who, when="2026-11-25T10:00:00Z", why=why)


def rows(file):
    with file.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def exported(out, pictures, verdicts=(), **more):
    out.mkdir()
    return export(out, len(pictures), lambda k: pictures[k], verdicts, **more)


def test_the_table_holds_every_region_and_the_word_on_its_place(tmp_path):
    pictures = [picture(), picture("images/b.png")]
    made = exported(tmp_path / "out", pictures, [said(why='dust, "again"')])
    table = rows(tmp_path / "out" / "regions.csv")
    sample, q = pictures[0]
    expected = regions(sample.mask, (q >= 128), sample.labels, sample.valid, q=q)
    assert list(table[0]) == [*COLUMNS, *OF_VERDICT, *OF_CROP]
    assert len(table) == made.n_regions == 2 * len(expected) == 4 and made.n_verdicts == 1
    for row, region in zip(table, expected.itertuples()):
        assert (int(row["row_px"]), int(row["area_px"]), row["kind"]) == (region.row, region.n_pixels, region.kind)
        assert float(row["mean_probability"]) == pytest.approx(region.probability, rel=1e-5)
    assert [(r["verdict"], r["why"]) for r in table] == [("ignore", 'dust, "again"')] + [("", "")] * 3
    (verdict,) = rows(tmp_path / "out" / "verdicts.csv")
    assert (verdict["row_px"], verdict["area_px"], verdict["mean_probability"]) == ("30", "300", "")
    text = (tmp_path / "out" / "columns.txt").read_text()
    assert all(f"  {name}: " in text for name in table[0]) and "threshold: 0.5" in text


def test_a_text_that_a_spreadsheet_would_compute_does_not(tmp_path):
    exported(tmp_path / "out", [picture()], [said(why="=1+1", who="@home")])
    assert rows(tmp_path / "out" / "verdicts.csv")[0]["why"] == "'=1+1"
    assert rows(tmp_path / "out" / "regions.csv")[0]["who"] == "'@home"


def test_crops_are_the_pixels_that_were_taken(tmp_path):
    sample, q = picture()
    made = exported(tmp_path / "out", [(sample, q)], crops="all")
    table = rows(tmp_path / "out" / "regions.csv")
    assert made.n_crops == 2 and table[0]["crop"] == "a_b_r0001_fp.png"
    for row in table:
        crop = cv2.imread(str(tmp_path / "out" / "crops" / row["crop"]), cv2.IMREAD_UNCHANGED)
        top, left = int(row["crop_row_px"]), int(row["crop_col_px"])
        assert crop.dtype == np.uint16
        assert (crop == sample.image[top : top + crop.shape[0], left : left + crop.shape[1]]).all()
        overlay = cv2.imread(str(tmp_path / "out" / "crops" / row["crop"].replace(".png", "_overlay.png")))
        assert overlay.shape[0] % crop.shape[0] == 0 and overlay.ndim == 3


def test_which_crops(tmp_path):
    counts = {}
    for choice in ("none", "verdicts", "largest", "all"):
        made = exported(tmp_path / choice, [picture(), picture("images/b.png")], [said()], crops=choice)
        counts[choice] = made.n_crops
        assert sum(bool(row["crop"]) for row in rows(tmp_path / choice / "regions.csv")) == made.n_crops
    assert counts == {"none": 0, "verdicts": 1, "largest": 4, "all": 4}
    with pytest.raises(InputError, match="allowed: none, verdicts, largest, all"):
        exported(tmp_path / "x", [picture()], crops="some")


def test_the_overlay_shows_what_is_wrong_in_its_colours():
    sample, q = picture(dtype=np.uint8)
    cutter = Crops(sample, q, 0.5)
    overlay = cutter.overlay((30, 50, 15, 20), window((30, 50, 15, 20), (64, 80)))
    blue, _, red = (overlay[overlay.shape[0] // 2, overlay.shape[1] // 2, i].astype(int) for i in range(3))
    assert red > blue + 60  # orange
    overlay = cutter.overlay((40, 10, 12, 12), (slice(30, 60), slice(0, 30)))
    blue, _, red = (overlay[overlay.shape[0] // 2, overlay.shape[1] // 2, i].astype(int) for i in range(3))
    assert blue > red + 60  # sky blue


def test_label_tiffs_read_the_same_in_tifffile_and_skimage(tmp_path):
    sample, q = picture()
    made = exported(tmp_path / "out", [(sample, q)], crops="none", labels=True)
    folder = tmp_path / "out" / "labels"
    assert made.n_tiffs == 6 == len(list(folder.iterdir()))
    numbers = {}
    for name in ("labels", "predicted", "errors", "regions", "image", "probability"):
        file = folder / f"a_b_{name}.tif"
        numbers[name] = tifffile.imread(file)
        assert (skimage.io.imread(file) == numbers[name]).all()
        with tifffile.TiffFile(file) as tiff:
            assert tiff.series[0].axes == "YX" and len(tiff.pages) == 1
            assert tiff.is_imagej == (name != "labels")
    assert numbers["labels"].dtype == np.uint32 and (numbers["labels"] == sample.labels).all()
    assert (numbers["image"] == sample.image).all() and numbers["image"].dtype == np.uint16
    assert (numbers["probability"] == q).all()
    predicted = (q >= 128) & sample.valid
    assert ((numbers["errors"] == 1) == (predicted & ~sample.mask)).all()
    assert ((numbers["errors"] == 2) == (sample.mask & ~(q >= 128) & sample.valid)).all()
    for row in rows(tmp_path / "out" / "regions.csv"):
        mine = numbers["regions"] == int(row["region"])
        assert mine.sum() == int(row["area_px"])
        assert (numbers["errors"][mine] == {"fp": 1, "fn": 2}[row["kind"]]).all()
    assert (numbers["regions"] > 0).sum() == (numbers["errors"] > 0).sum()


def test_sixteen_bits_are_imagej_with_a_range_of_display(tmp_path):
    write_tiff(tmp_path / "a.tif", np.arange(12, dtype=np.uint16).reshape(3, 4), labels=True)
    with tifffile.TiffFile(tmp_path / "a.tif") as tiff:
        assert tiff.is_imagej and tiff.imagej_metadata["max"] == 11.0
    write_tiff(tmp_path / "b.tif", np.zeros((3, 4, 3), np.uint8), labels=False)
    assert tifffile.imread(tmp_path / "b.tif").shape == (3, 4, 3)


def test_names_are_safe_and_two_images_of_one_stem_do_not_meet(tmp_path):
    names = ["images/a.png", "more/A.png", "images/con.png", "images/ü = 1;.png", "images/..png"]
    made = exported(tmp_path / "out", [picture(name) for name in names], crops="all", labels=True)
    assert made.n_crops == 10
    files = [file.relative_to(tmp_path / "out").as_posix() for file in (tmp_path / "out").rglob("*.*")]
    assert len(files) == 3 + 20 + 30 and len({file.lower() for file in files}) == len(files)
    assert (tmp_path / "out" / "labels" / "A-2_labels.tif").exists()


@pytest.mark.parametrize("dtype, colour", [(np.uint8, True), (np.uint16, True), (np.float32, False), (np.uint8, False)])
def test_every_kind_of_image(tmp_path, dtype, colour):
    sample, q = picture(dtype=dtype, colour=colour)
    exported(tmp_path / "out", [(sample, q)], crops="all", labels=True)
    assert raw_grey(sample.image).dtype == (np.uint8 if dtype == np.uint8 else np.uint16)
    assert tifffile.imread(tmp_path / "out" / "labels" / "a_b_image.tif").shape[:2] == (64, 80)


def test_an_image_without_mistakes_and_a_zip(tmp_path):
    sample, _ = picture()
    made = exported(
        tmp_path / "out", [(sample, np.where(sample.mask, 255, 0).astype(np.uint8))], crops="all", labels=True
    )
    assert made.n_regions == made.n_crops == 0 and rows(tmp_path / "out" / "regions.csv") == []
    archive = zipped(tmp_path / "out", tmp_path / "out.zip")
    with zipfile.ZipFile(archive) as held:
        assert held.testzip() is None and "labels/a_b_labels.tif" in held.namelist()


def test_a_prediction_of_another_size_is_refused(tmp_path):
    sample, _ = picture()
    with pytest.raises(InputError, match="another size"):
        exported(tmp_path / "out", [(sample, np.zeros((5, 5), np.uint8))])
