"""Regions: every wrong pixel in exactly one row, shapes that come back, numbers against scikit-image."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.extra import numpy as hnp
from skimage.measure import label, regionprops

from seglib.errors.budget import CLASSES, anatomy
from seglib.errors.regions import COLUMNS, decode, encode, paint, regions
from seglib.exceptions import InputError


def blobs(seed, side=96, shift=3):
    """Labels of discs and a foreground that is wrong here and there."""
    rng = np.random.default_rng(seed)
    rows, cols = np.mgrid[:side, :side]
    labels, foreground = np.zeros((side, side), np.int32), np.zeros((side, side), bool)
    for i in range(1, 13):
        row, col, radius = *rng.integers(0, side, 2), rng.integers(4, 11)
        labels[((rows - row) ** 2 + (cols - col) ** 2 < radius**2) & (labels == 0)] = i
        row, col = row + rng.integers(-shift, shift + 1), col + rng.integers(-shift, shift + 1)
        foreground |= (rows - row) ** 2 + (cols - col) ** 2 < rng.integers(0, 12) ** 2
    return labels, foreground ^ (rng.random((side, side)) < 0.01), rng.random((side, side)) < 0.97


def table_of(labels, foreground, valid=None, **more):
    valid = np.ones(labels.shape, bool) if valid is None else valid
    return regions(labels > 0, foreground, labels, valid, **more)


def test_run_length_text_by_hand():
    shape = np.array([[0, 0, 1], [1, 0, 0], [0, 1, 1]], bool)
    assert encode(shape) == "2 2 3 2"
    assert np.array_equal(decode("2 2 3 2", 3, 3), shape)
    assert encode(np.ones((2, 2), bool)) == "0 4" and encode(np.zeros((2, 2), bool)) == ""
    assert encode(np.array([[1, 0]], bool)) == "0 1"


@settings(max_examples=100, deadline=None)
@given(hnp.arrays(bool, hnp.array_shapes(min_dims=2, max_dims=2, max_side=12)))
def test_what_is_encoded_comes_back(shape):
    assert np.array_equal(decode(encode(shape), *shape.shape), shape)


@pytest.mark.parametrize("text", ["1", "1 x", "3 -1", "0 10", "99999999999999999999999 1"])
def test_text_that_is_no_code_is_refused(text):
    with pytest.raises(InputError, match="run-length code"):
        decode(text, 3, 3)


@pytest.mark.parametrize("seed", range(6))
def test_every_wrong_pixel_is_in_exactly_one_region(seed):
    labels, foreground, valid = blobs(seed)
    table = table_of(labels, foreground, valid)
    painted = paint(table, labels.shape)
    wrong = ((labels > 0) != foreground) & valid
    assert np.array_equal(painted > 0, wrong)
    assert table.n_pixels.sum() == wrong.sum()  # with the line above: no pixel twice
    assert np.array_equal(np.bincount(painted.ravel())[1:], table.n_pixels)
    assert (foreground[painted > 0] == (table.kind.to_numpy()[painted[painted > 0] - 1] == "fp")).all()


@pytest.mark.parametrize("seed", range(4))
def test_components_and_numbers_agree_with_scikit_image(seed):
    labels, foreground, valid = blobs(seed)
    classes = anatomy(labels > 0, foreground, labels, valid).classes
    cause = np.where(classes >= CLASSES.index("boundary_1px") + 1, 7, classes) + 8 * (foreground & (classes > 0))
    q = np.random.default_rng(seed).integers(0, 256, labels.shape).astype(np.uint8)
    table = table_of(labels, foreground, valid, q=q)
    props = regionprops(label(cause, connectivity=2), intensity_image=q)
    expected = sorted(
        (p.bbox[0], p.bbox[1], p.bbox[2] - p.bbox[0], p.bbox[3] - p.bbox[1], int(p.area), encode(p.image))
        for p in props
    )
    box = ["row", "col", "height", "width", "n_pixels", "rle"]
    assert sorted(table[box].itertuples(index=False, name=None)) == expected
    by_box = {(*p.bbox[:2], encode(p.image)): p for p in props}
    for row in table.itertuples():
        p = by_box[row.row, row.col, row.rle]
        assert (row.centre_row, row.centre_col) == pytest.approx(p.centroid)
        assert row.extent == pytest.approx(p.extent)
        assert row.probability == pytest.approx(p.intensity_mean / 255)
        long, short = np.array(p.inertia_tensor_eigvals) + 1 / 12  # scikit-image takes pixels as points
        assert row.elongation == pytest.approx(np.sqrt(long / short))


def test_columns_order_and_types():
    labels, foreground, valid = blobs(0)
    table = table_of(labels, foreground, valid)
    assert list(table) == list(COLUMNS) and list(table.region) == list(range(1, len(table) + 1))
    assert (np.diff(table.n_pixels) <= 0).all()
    nothing = table_of(labels, labels > 0)
    assert list(nothing) == list(COLUMNS) and len(nothing) == 0
    assert (nothing.dtypes == table.dtypes).all()


def test_all_wrong():
    labels = np.ones((5, 7), np.int32)
    table = table_of(labels, np.zeros((5, 7), bool))
    assert table.iloc[0][["class", "kind", "height", "width", "n_pixels", "rle"]].tolist() == [
        "missed_cell", "fn", 5, 7, 35, "0 35",
    ]  # fmt: skip


def test_a_bridge_stays_a_region_of_its_own_where_a_rim_runs_into_it():
    labels = np.zeros((12, 40), np.int32)
    labels[3:9, 1:15], labels[3:9, 25:39] = 5, 9
    foreground = labels > 0
    foreground[2, :15] = True  # a rim along the top of the left cell
    foreground[2:9, 15:25] = True
    table = table_of(labels, foreground).set_index("class")
    assert list(table.kind) == ["fp", "fp"] and set(table.index) == {"bridge", "boundary_1px"}
    assert table.n_cells["bridge"] == 2 and table.n_cells["boundary_1px"] == 1
    assert table.cell["boundary_1px"] == 5


@pytest.mark.parametrize(
    ("thickness", "name"),
    [(1, "boundary_1px"), (2, "boundary_2px"), (3, "boundary_3px"), (4, "other"), (6, "other")],
)
def test_the_class_of_a_rim_is_how_far_it_reaches(thickness, name):
    labels = np.zeros((20, 20), np.int32)
    labels[:, :10] = 1
    foreground = labels > 0
    foreground[:, 10 : 10 + thickness] = True  # 20 px at each distance
    assert table_of(labels, foreground)["class"].tolist() == [name]


def test_a_thin_rim_with_a_small_thick_place_stays_thin():
    labels = np.zeros((40, 20), np.int32)
    labels[:, :10] = 1
    foreground = labels > 0
    foreground[:, 10] = True
    foreground[:9, 11] = True  # 9 of 49 px
    assert table_of(labels, foreground)["class"].tolist() == ["boundary_1px"]


def test_what_stands_around_a_region():
    labels = np.zeros((60, 60), np.int32)
    labels[10:20, 10:20] = 4
    labels[40:50, 40:50] = 7
    foreground = labels > 0
    foreground[44:47, 52:55] = True  # free-standing, nearer to 7
    foreground[12:14, 12:15] = False  # in 4
    gray = np.zeros((60, 60), np.float32)
    gray[44:47, 52:55] = 10
    table = table_of(labels, foreground, gray=gray).set_index("kind")
    assert table.cell["fp"] == 7 and table.n_cells["fp"] == 0 and table.border_px["fp"] == 5
    assert table.cell["fn"] == 4 and table.n_cells["fn"] == 1 and table.border_px["fn"] == 12
    assert table.cell_radius_px["fn"] == pytest.approx(np.sqrt(100 / np.pi))
    assert table.contrast["fp"] == pytest.approx(10 / gray.std()) and table.contrast["fn"] == 0
    assert np.isnan(table.probability).all()


def test_an_image_without_cells_has_regions_without_a_cell():
    empty = np.zeros((10, 10), np.int32)
    foreground = np.zeros((10, 10), bool)
    foreground[2:4, 2:4] = True
    row = table_of(empty, foreground).iloc[0]
    assert (row["class"], row.cell, row.n_cells) == ("hallucinated_cell", 0, 0) and np.isnan(row.cell_radius_px)


def test_a_picture_of_another_shape_is_refused():
    labels, foreground, valid = blobs(0)
    with pytest.raises(InputError, match=r"q has shape \(3, 3\), the mask \(96, 96\)"):
        table_of(labels, foreground, valid, q=np.zeros((3, 3), np.uint8))
