"""Drivers: planted relations come first, sums and shares are those of the pixels, intervals come from whole draws."""

from __future__ import annotations

import cv2
import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr

from seglib.errors import driver_curve, drivers
from seglib.errors.cells import no_cells
from seglib.errors.drivers import OF_CELLS, OF_IMAGES, per_cell, per_image, ranking
from seglib.errors.report import measure

SIDE = 160


def scattered(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """(labels, radius of each label): discs of many sizes that do not touch."""
    labels, radii = np.zeros((SIDE, SIDE), np.int32), [0]
    for _ in range(400):
        row, col, radius = int(rng.integers(0, SIDE)), int(rng.integers(0, SIDE)), int(rng.integers(3, 11))
        new = np.zeros(labels.shape, np.uint8)
        cv2.circle(new, (col, row), radius, 1, -1)
        if not labels[cv2.dilate(new, np.ones((5, 5))) > 0].any():
            labels[new > 0] = len(radii)
            radii.append(radius)
    return labels, np.array(radii)


def case(number: int, wrong=lambda labels, radii, rng: np.zeros(len(radii), bool), blur: float = 0, shift: float = 0):
    """An image in which of the cells that `wrong` names half of the pixels are missed."""
    rng = np.random.default_rng(number)
    labels, radii = scattered(rng)
    gray = (0.4 + 0.3 * (labels > 0) + shift + 0.05 * rng.standard_normal(labels.shape)).astype(np.float32)
    if blur:
        gray = cv2.GaussianBlur(gray, (0, 0), blur)
    missed = wrong(labels, radii, rng)[labels] & (np.indices(labels.shape)[1] % 2 == 0) & (labels > 0)
    q = np.where((labels > 0) & ~missed, 255, 0).astype(np.uint8)
    return f"m{number % 3}_t{number:03d}.png", f"m{number % 3}", gray, q, labels, np.ones(labels.shape, bool)


def near_border(labels, radii, rng):
    edge = np.concatenate((labels[:4].ravel(), labels[-4:].ravel(), labels[:, :4].ravel(), labels[:, -4:].ravel()))
    return np.isin(np.arange(len(radii)), edge)


def all_of_them(labels, radii, rng):
    return np.ones(len(radii), bool)


@pytest.mark.parametrize(
    ("wrong", "name", "low"),
    [(lambda labels, radii, rng: radii <= 4, "n_pixels", True), (near_border, "border_px", True)],
)
def test_errors_made_only_in_small_cells_or_at_the_border_are_ranked_first(wrong, name, low):
    found = ranking(per_cell(measure([case(n, wrong) for n in range(8)]).cells), OF_CELLS)
    assert (found[0].name, found[0].low) == (name, low)
    assert found[0].excess > found[1].excess + 0.1 and found[0].rank < 0


@pytest.mark.parametrize(
    ("change", "name", "low"), [({"blur": 2.5}, "focus", True), ({"shift": 0.2}, "background", False)]
)
def test_errors_made_only_in_blurred_or_bright_images_are_ranked_first_for_cells_and_images(change, name, low):
    cases = [case(n, all_of_them, **change) if n % 4 == 1 else case(n) for n in range(16)]
    measured = measure(cases).cells
    for table, covariates in ((per_cell(measured), OF_CELLS), (per_image(measured), OF_IMAGES)):
        first = ranking(table, covariates)[0]
        assert (first.name, first.low) == (name, low) and first.wrong == pytest.approx(1, abs=0.03)


def test_late_frames():
    cases = [case(n, all_of_them if n >= 12 else lambda labels, radii, rng: radii < 0) for n in range(16)]
    first = ranking(per_image(measure(cases).cells), OF_IMAGES)[0]
    assert (first.name, first.low, first.limit, first.items) == ("frame", False, 12, 0.25)


@pytest.fixture(scope="module")
def some() -> pd.DataFrame:
    return measure([case(n, lambda labels, radii, rng: rng.random(len(radii)) < 0.3) for n in range(6)]).cells


def test_shares_are_those_of_the_pixels(some):
    table = per_cell(some)
    for driver in ranking(table, OF_CELLS):
        rows = drivers.at_the_end(table, driver)
        known = table[table[driver.name].notna()]
        assert len(rows) / len(known) == pytest.approx(driver.items) and driver.items >= 0.25
        assert rows.wrong.sum() / known.wrong.sum() == pytest.approx(driver.wrong)
        assert rows.union.sum() / known.union.sum() == pytest.approx(driver.union)
        assert driver.rank == pytest.approx(spearmanr(known[driver.name], known.error).statistic)
    assert table.wrong.sum() == (some.fn + some.fp).sum()
    assert per_image(some).wrong.sum() == table.wrong.sum() and per_image(some).union.sum() == table.union.sum()


def test_the_curve_pools_every_cell_once(some):
    table = per_cell(some)
    for name in OF_CELLS:
        found = driver_curve.curve(table, name)
        known = table[table[name].notna()]
        assert (found.n.sum(), found.wrong.sum(), found.union.sum()) == (
            len(known),
            known.wrong.sum(),
            known.union.sum(),
        )
        assert found.error.tolist() == pytest.approx((found.wrong / found.union).tolist())
        assert (found.low <= found.middle).all() and (found.middle <= found.high).all() and found.error_low.isna().all()


def test_intervals_come_from_the_draws(some):
    table = per_cell(some)
    n = table.image.nunique()
    as_it_is = driver_curve.curve(table, "n_pixels", np.ones((50, n), int))
    assert as_it_is.error_low.tolist() == as_it_is.error.tolist() == as_it_is.error_high.tolist()
    drawn = np.random.default_rng(0).multinomial(n, np.full(n, 1 / n), size=400)
    found = driver_curve.curve(table, "n_pixels", drawn)
    assert (found.error_low <= found.error).all() and (found.error <= found.error_high).all()
    assert (found.error_low < found.error_high).any()
    only_first = np.zeros((50, n), int)
    only_first[:, 0] = 1  # bins that hold no cell of the first image have no interval
    first = table[table.image == table.image[0]]
    expected = driver_curve.curve(first, "frame")
    assert driver_curve.curve(table, "frame", only_first).error_low.dropna().tolist() == pytest.approx(
        expected.error.tolist()
    )


def test_nothing_is_said_of_too_little():
    empty = no_cells()
    assert ranking(per_cell(empty), OF_CELLS) == [] == ranking(per_image(empty), OF_IMAGES)
    assert len(driver_curve.curve(per_cell(empty), "n_pixels")) == 0
    one = measure([case(0, lambda labels, radii, rng: radii <= 4)]).cells
    assert ranking(per_image(one), OF_IMAGES) == []
    assert {d.name for d in ranking(per_cell(one), OF_CELLS)} <= set(OF_CELLS) - {
        "frame"
    }  # one frame: the same for all
    right = measure([case(0)]).cells
    assert ranking(per_cell(right), OF_CELLS) == []


def test_invented_cells_count_as_wrong_all_over_and_can_be_left_out(some):
    name, group, gray, q, labels, valid = case(3)
    q[:6, :6] = np.where(labels[:6, :6] > 0, q[:6, :6], 255)
    found = measure([(name, group, gray, q, labels, valid)]).cells
    invented = per_cell(found)[lambda t: t.kind == "invented"]
    assert invented.error.tolist() == [1.0] and len(per_cell(found, invented=False)) == len(found) - 1


def test_an_image_with_an_invented_cell_alone_has_an_error_but_no_cell_size():
    blank = np.zeros((32, 32), np.int32)
    q = np.zeros(blank.shape, np.uint8)
    q[4:8, 4:8] = 255
    found = per_image(measure([("a.png", "a", q / 255.0, q, blank, blank == 0)]).cells)
    assert found.error.tolist() == [1.0] and found.n_cells.tolist() == [0] and found.n_pixels.isna().all()
    assert found.frame.isna().all()


def test_sentences():
    small = drivers.Driver("n_pixels", True, 210, 0.25, 0.12, 0.31, -0.4, 900)
    assert drivers.sentence(small, OF_CELLS["n_pixels"]) == (
        "The smallest 25 % of the cells (cell size up to 210 px) have 12 % of the cell pixels and 31 % of the wrong "
        "ones."
    )
    edge = drivers.Driver("border_px", True, 3, 0.27, 0.2, 0.4, -0.4, 900)
    assert drivers.sentence(edge, OF_CELLS["border_px"]).startswith(
        "The 27 % of the cells nearest the border (distance to the image border up to 3 px) have"
    )


def test_frames_of_a_movie_are_a_line_in_time():
    cases = [case(n, all_of_them) for n in (5, 2, 8, 1)]  # m2: 5, 2, 8; m1: 1
    lines = drivers.along_frames(per_image(measure(cases).cells))
    assert list(lines) == ["m2"] and lines["m2"].frame.tolist() == [2, 5, 8]
