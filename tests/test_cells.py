"""Cells: the table against scikit-image's regionprops and against shapes whose numbers are known."""

import math

import numpy as np
import pytest
from skimage.draw import ellipse
from skimage.measure import regionprops_table

from seglib.data.cells import COLUMNS, cells, touching
from seglib.data.demo import draw


def test_square_by_hand():
    labels = np.zeros((20, 30), np.int32)
    labels[2:6, 10:14] = 7
    table = cells(labels)
    assert list(table.columns) == list(COLUMNS)
    row = table.iloc[0]
    assert (row.label, row.area_px, row.row, row.col) == (7, 16, 3.5, 11.5)
    assert row.diameter_px == pytest.approx(2 * math.sqrt(16 / math.pi))
    assert row.eccentricity == pytest.approx(0) and row.solidity == pytest.approx(1) and not row.touches_border


def test_long_cell_has_eccentricity_of_its_ellipse():
    labels = np.zeros((100, 100), np.int32)
    labels[ellipse(50, 50, 15, 30)] = 1
    assert cells(labels).eccentricity[0] == pytest.approx(math.sqrt(1 - (15 / 30) ** 2), abs=0.01)


def test_cells_on_the_edge_are_marked():
    labels = np.zeros((10, 10), np.int32)
    labels[0, 4], labels[5, 5], labels[9, 2], labels[3, 0], labels[3, 9] = 1, 2, 3, 4, 5
    assert cells(labels).touches_border.tolist() == [True, False, True, True, True]


def test_no_cell_is_an_empty_table():
    table = cells(np.zeros((5, 5), np.int32))
    assert len(table) == 0 and list(table.columns) == list(COLUMNS)


@pytest.mark.parametrize("seed", [1, 2])
def test_equals_regionprops_on_demo_cells(seed):
    labels = draw(seed)[1].astype(np.int32)
    ours = cells(labels)
    names = ["label", "area", "equivalent_diameter_area", "eccentricity", "centroid"]
    theirs = regionprops_table(labels, properties=names)
    for mine, other in (
        ("label", "label"), ("area_px", "area"), ("diameter_px", "equivalent_diameter_area"),
        ("eccentricity", "eccentricity"), ("row", "centroid-0"), ("col", "centroid-1"),
    ):  # fmt: skip
        np.testing.assert_allclose(ours[mine], theirs[other], rtol=1e-9, atol=1e-9)


def test_solidity_counts_pixels_of_the_hull():
    """An L of 3 + 2 pixels: its hull holds 6 of the 9 pixel centres of the square."""
    labels = np.zeros((6, 6), np.int32)
    labels[1:4, 1] = 1
    labels[3, 1:4] = 1
    assert cells(labels).solidity[0] == pytest.approx(5 / 6)


def test_touching_cells_are_named_also_at_a_corner():
    labels = np.zeros((12, 12), np.int32)
    labels[1:3, 1:3], labels[3:5, 3:5] = 4, 9  # corner to corner
    labels[7:9, 1:3], labels[6:8, 4:6] = 2, 3  # a gap of one pixel
    labels[7:9, 7:9], labels[9:11, 5:7] = 5, 6  # the other diagonal
    assert touching(labels).tolist() == [4, 5, 6, 9]
    assert touching(np.zeros((1, 1), np.int32)).tolist() == []
