"""cells.parquet: sums exact to the pixel, covariates by hand and by slow oracles, images without cells, 16 bits."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from seglib.errors.budget import anatomy
from seglib.errors.cells import CELLS, cells, no_cells, table
from seglib.errors.report import measure

SHAPE = (13, 17)


def of(labels, predicted, valid=None, gray=None, name="a_t007.png") -> pd.DataFrame:
    labels = np.asarray(labels, np.int32)
    valid = np.ones(labels.shape, bool) if valid is None else valid
    gray = labels.astype(np.float32) if gray is None else gray
    parts = anatomy(labels > 0, predicted, labels, valid)
    return table([(name, "a", cells(gray, predicted, labels, valid, parts, name))])


def disc(shape, row, col, radius) -> np.ndarray:
    r, c = np.mgrid[: shape[0], : shape[1]]
    return np.hypot(r - row, c - col) <= radius


@given(
    arrays(np.int32, SHAPE, elements=st.sampled_from([0, 0, 0, 1, 2, 5, 9_000_000])),
    arrays(bool, SHAPE),
    arrays(bool, SHAPE, elements=st.sampled_from([True, True, True, False])),
)
@settings(max_examples=150, deadline=None)
def test_every_wrong_pixel_and_every_pixel_of_the_union_belongs_to_one_cell(labels, predicted, valid):
    found = of(labels, predicted, valid)
    mask, predicted = (labels > 0) & valid, predicted & valid
    assert (found.fn.sum(), found.fp.sum()) == ((mask & ~predicted).sum(), (predicted & ~mask).sum())
    assert found.union.sum() == (mask | predicted).sum()
    truth, invented = found[found.kind == "truth"], found[found.kind == "invented"]
    assert truth.n_pixels.sum() == mask.sum() and sorted(truth.cell) == np.unique(labels[mask]).tolist()
    assert (
        (found.union > 0).all()
        and (found.fn + found.fp <= found.union).all()
        and not invented.fn.any()
        and (invented.iou < 0.1).all()
    )
    assert {n: str(t) for n, t in found.dtypes.items()} == {n: str(t) for n, t in no_cells().dtypes.items()}


def test_by_hand():
    labels = np.zeros((12, 12), int)
    labels[1:4, 1:4], labels[1:4, 4:6] = 4, 7  # they touch
    predicted = labels > 0
    predicted[1, 1] = False  # a pixel of 4 missed
    predicted[4, 5] = True  # one too many in the zone of 7
    predicted[9:11, 8:11] = True  # nobody's
    found = of(labels, predicted).set_index("cell")
    assert found.kind.tolist() == ["truth", "truth", "invented"]
    assert found.fn.tolist() == [1, 0, 0] and found.fp.tolist() == [0, 1, 6]
    assert found.n_pixels.tolist() == [9, 6, 6] and found.union.tolist() == [9, 7, 6]
    assert found.iou.tolist() == pytest.approx([8 / 9, 6 / 7, 0])
    assert found.n_touching.tolist() == [1, 1, 0] and found.border_px.tolist() == [1, 1, 1]
    assert found[["row", "col", "height", "width"]].to_numpy().tolist() == [[1, 1, 3, 3], [1, 4, 3, 2], [9, 8, 2, 3]]
    assert (found.frame == 7).all()
    # 3 radii: 5.1 px of 4, 4.1 px of 7 and of the invented one
    assert found.density.tolist() == [1, 1, 0]


def test_grey_values_are_those_of_the_pixels():
    rng = np.random.default_rng(3)
    labels = np.zeros((60, 80), np.int32)
    for number, (row, col) in enumerate([(15, 15), (15, 40), (42, 30)], start=1):
        labels[disc(labels.shape, row, col, 7)] = number
    gray = rng.random(labels.shape, np.float32)
    found = of(labels, labels > 0, gray=gray).set_index("cell")
    from scipy.ndimage import binary_dilation

    for number in (1, 2, 3):
        own = labels == number
        ring = binary_dilation(own, np.ones((9, 9), bool)) & (labels == 0)  # the cells lie far apart
        assert found.background[number] == pytest.approx(np.median(gray[ring]), abs=1e-6)
        expected = (gray[own].mean() - np.median(gray[ring])) / gray.std()
        assert found.contrast[number] == pytest.approx(expected, abs=1e-4)


def test_what_is_out_of_focus_has_a_small_focus_at_any_exposure():
    import cv2

    rng = np.random.default_rng(0)
    labels = np.zeros((64, 128), np.int32)
    labels[disc(labels.shape, 32, 32, 10)], labels[disc(labels.shape, 32, 96, 10)] = 1, 2
    gray = (labels > 0) * 0.5 + 0.2 * rng.random(labels.shape)
    gray[:, 64:] = cv2.GaussianBlur(gray, (0, 0), 3)[:, 64:]
    focus = of(labels, labels > 0, gray=gray).focus
    assert focus[1] < focus[0] / 5
    assert of(labels, labels > 0, gray=10 * gray + 3).focus.tolist() == pytest.approx(focus.tolist(), rel=1e-3)


def test_a_cell_with_no_free_pixel_about_it_has_no_background():
    labels = np.full((20, 20), 1, np.int32)
    labels[8:12, 8:12] = 2
    found = of(labels, labels > 0, gray=np.random.default_rng(0).random(labels.shape))
    assert found.background.isna().all() and found.contrast.isna().all() and found.focus.notna().all()


def test_a_picture_of_one_grey_has_neither_contrast_nor_focus():
    labels = disc((20, 20), 10, 10, 4).astype(np.int32)
    found = of(labels, labels > 0, gray=np.full(labels.shape, 0.25))
    assert found.background.tolist() == [0.25] and found.contrast.isna().all() and found.focus.isna().all()


def test_images_without_cells_or_predictions():
    empty, some = np.zeros((16, 16), np.int32), disc((16, 16), 8, 8, 3)
    assert len(of(empty, empty > 0)) == 0
    invented = of(empty, some)
    assert invented.kind.tolist() == ["invented"] and invented.fp.tolist() == [some.sum()] == invented.union.tolist()
    missed = of(some.astype(np.int32), empty > 0)
    assert missed.fn.tolist() == [some.sum()] and missed.iou.tolist() == [0] and missed.density.tolist() == [0]
    assert list(table([]).columns) == list(CELLS)


def test_measure_fills_the_cells_of_all_images_with_16_bit_greys_unrounded():
    labels = disc((40, 40), 20, 20, 8).astype(np.int32)
    gray = (np.where(labels > 0, 1003, 1001) / 65535).astype(np.float32)
    q = np.where(labels > 0, 255, 0).astype(np.uint8)
    valid = np.ones(labels.shape, bool)
    blank = np.zeros_like(labels)
    found = measure([("m_t1.png", "m", gray, q, labels, valid), ("m_t2.png", "m", gray, q * 0, blank, valid)]).cells
    assert found.image.tolist() == ["m_t1.png"] and found.frame.tolist() == [1]
    assert found.background[0] * 65535 == pytest.approx(1001, abs=0.01) and found.contrast[0] > 2
    assert (found.fn + found.fp).sum() == 0
