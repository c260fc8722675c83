"""The measures of the realism meter: hand-computed cases, and independent oracles on random cells."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
from skimage.measure import regionprops
from skimage.morphology import convex_hull_image

from seglib.augment import realism
from seglib.augment.draw import Draw
from seglib.augment.greys import greys, own
from seglib.augment.jacobian import bending, determinants, landing
from seglib.augment.pipeline import apply, augment, generator
from seglib.augment.recipe import Brightness, Elastic, Recipe, Rotation, Scale
from seglib.augment.shapes import shapes
from seglib.augment.topology import gone, new_neighbours, split, touching
from seglib.augment.warp import Geometry, Window
from seglib.data.dataset import open_dataset
from seglib.data.sample import Sample
from seglib.exceptions import InputError


def ellipses(size: int = 256, seed: int = 0, pitch: int = 40) -> np.ndarray:
    """Labels (size, size) int32: turned ellipses with semi-axes of 8 to 16 px on a grid, none touching another."""
    rng, labels = np.random.default_rng(seed), np.zeros((size, size), np.int32)
    centres = range(pitch // 2, size - pitch // 2 + 1, pitch)
    for number, (row, col) in enumerate(((r, c) for r in centres for c in centres), start=1):
        axes = tuple(int(v) for v in rng.integers(8, 17, 2))
        cv2.ellipse(labels, (col, row), axes, float(rng.uniform(0, 180)), 0, 360, number, -1)
    return labels


def sample_of(labels: np.ndarray, valid: np.ndarray | None = None) -> Sample:
    """Dark cells on a light ground with a little grain, uint8."""
    grain = np.random.default_rng(1).normal(0, 3, labels.shape)
    image = np.clip(150 - 60 * (labels > 0) + grain, 1, 254).astype(np.uint8)
    return Sample("images/a.png", "a", image, labels, np.ones(labels.shape, bool) if valid is None else valid)


# ---- Jacobian


def test_the_determinant_of_a_linear_map_is_the_same_everywhere():
    rows, cols = np.meshgrid(np.arange(5) * 4.0, np.arange(6) * 8.0, indexing="ij")
    u = np.stack([0.5 * rows + 0.25 * cols, -0.125 * rows - 0.5 * cols]).astype(np.float32)
    # I + ∇u = [[1.5, 0.25], [-0.125, 0.5]]
    np.testing.assert_allclose(determinants(u, 4, 8), 1.5 * 0.5 + 0.25 * 0.125, rtol=1e-6)


def test_a_known_fold_is_counted():
    """u runs back by 2 px a px between rows 8 and 12: there the determinant is -1, elsewhere 1."""
    down = np.interp(np.arange(6) * 4.0, [0, 8, 12, 20], [0, 0, -8, -8])
    u = np.stack([np.tile(down[:, None], (1, 4)), np.zeros((6, 4))]).astype(np.float32)
    corners = determinants(u, 4, 4)
    assert sorted(np.unique(corners)) == [-1, 1]
    assert (corners <= 0).mean() == 1 / 5


@pytest.mark.parametrize(("displacement_px", "sigma_px"), [(2.0, 20), (9.0, 18), (1.0, 5)])
def test_the_coarse_grid_knows_the_least_determinant_of_the_whole_map(displacement_px, sigma_px):
    """Between grid points the map is bilinear: differences from pixel to pixel cannot go lower."""
    draw = Draw(displacement_px=displacement_px, sigma_px=sigma_px, elastic_seed=4, angle_deg=31, scale=1.3)
    geometry = Geometry((120, 150), draw)
    window = geometry.frame
    u = geometry.displacement(window.grown(8)).astype(float)
    down, across = np.diff(u, axis=1)[:, :, :-1], np.diff(u, axis=2)[:, :-1]
    dense = (1 + down[0]) * (1 + across[1]) - down[1] * across[0]
    found = bending(geometry, window.grown(8))
    assert found.determinant <= dense.min() + 1e-4
    assert found.determinant == pytest.approx(dense.min(), abs=0.06)
    assert found.folded == pytest.approx((dense <= 0).mean(), abs=0.02)
    longest = np.hypot(*u).max()
    assert 0.999 * longest <= found.displacement_px <= 1.1 * longest  # the grid reaches a block beyond the window


def test_rotation_scale_and_flips_do_not_count_as_bending():
    found = bending(Geometry((64, 64), Draw(angle_deg=77, scale=0.5, flip_rows=True)), Window(0, 0, 64, 64))
    assert (found.determinant, found.folded, found.displacement_px) == (1, 0, 0)


def test_landing_is_the_inverse_of_the_map():
    geometry = Geometry((200, 200), Draw(displacement_px=3, sigma_px=20, elastic_seed=2, angle_deg=40, scale=1.2))
    maps = geometry.map(geometry.frame)
    places = np.array([[60, 70], [100, 100], [131, 88]])
    sources = np.array([maps[:, row, col] for row, col in places])
    np.testing.assert_allclose(landing(geometry, geometry.frame, sources), places, atol=0.05)


# ---- shapes


def axis_ratio(eccentricity):
    """Short axis ÷ long axis: unlike eccentricity it does not jump for nearly round cells."""
    return np.sqrt(1 - np.square(eccentricity))


@pytest.mark.parametrize("seed", range(3))
def test_shapes_are_those_of_regionprops(seed):
    labels = ellipses(seed=seed)
    found, wanted = shapes(labels), regionprops(labels)
    np.testing.assert_array_equal(found.label, [p.label for p in wanted])
    np.testing.assert_array_equal(found.area_px, [p.area for p in wanted])
    np.testing.assert_allclose(axis_ratio(found.eccentricity), [axis_ratio(p.eccentricity) for p in wanted], atol=0.01)
    hulls = [convex_hull_image(p.image, offset_coordinates=False).sum() for p in wanted]  # of the pixels' centres
    np.testing.assert_allclose(found.solidity, found.area_px / hulls)
    assert (found.n_pieces == 1).all()


@pytest.mark.parametrize("seed", range(3))
def test_half_size_is_near_full_size(seed):
    """For cells of some 24 px across: area within 10 % and 2 % as a rule, without bias; likewise the other two."""
    labels = ellipses(size=512, seed=seed)
    full, half = shapes(labels), shapes(labels, step=2)
    np.testing.assert_array_equal(full.label, half.label)
    for change, most, usual, bias in (
        (half.area_px / full.area_px - 1, 0.10, 0.02, 0.005),
        (half.solidity - full.solidity, 0.01, 0.002, 0.001),
        (axis_ratio(half.eccentricity) - axis_ratio(full.eccentricity), 0.08, 0.02, 0.01),
    ):
        assert np.abs(change).max() < most and np.median(np.abs(change)) < usual and abs(change.mean()) < bias


def test_pieces_holes_and_edges():
    labels = np.zeros((40, 40), np.int32)
    labels[2:12, 2:12] = 3
    labels[5:8, 5:8] = 0  # a hole is filled
    labels[20:26, 20:26] = labels[20:26, 30:34] = 5  # two pieces of 36 and 24 px
    labels[36, 10], labels[30:34, 10:14] = 6, 6  # a crumb of 1 px beside 16 px
    labels[14:18, 0:4] = 9
    labels[38, 38] = 12
    found = shapes(labels)
    np.testing.assert_array_equal(found.label, [3, 5, 6, 9, 12])
    np.testing.assert_array_equal(found.area_px, [100, 36, 16, 16, 1])
    np.testing.assert_array_equal(found.n_pieces, [1, 2, 1, 1, 1])
    np.testing.assert_array_equal(found.cut, [False, False, False, True, False])
    np.testing.assert_allclose(found.solidity, 1)
    np.testing.assert_allclose(found.eccentricity, 0, atol=1e-6)


def test_a_line_is_long_and_touching_cells_stay_apart():
    labels = np.zeros((20, 20), np.int32)
    labels[5, 3:13] = 1
    labels[6:10, 3:13] = 2
    found = shapes(labels)
    np.testing.assert_array_equal(found.area_px, [10, 40])
    assert found.eccentricity[0] > 0.99 and found.solidity[0] == 1


def test_what_is_not_valid_is_background_and_cuts_the_cell_beside_it():
    labels = ellipses(size=96)
    valid = np.ones(labels.shape, bool)
    valid[:, 60:] = False
    found = shapes(labels, valid)
    whole = shapes(np.where(valid, labels, 0))
    np.testing.assert_array_equal(found.area_px, whole.area_px)
    touching_it = np.unique(labels[:, 59][labels[:, 59] > 0])
    np.testing.assert_array_equal(found.label[found.cut], touching_it)
    assert len(touching_it) and shapes(np.zeros((9, 9), np.int32)).label.size == 0


# ---- topology


def pair(gap_px: int) -> np.ndarray:
    labels = np.zeros((20, 30), np.int32)
    labels[5:15, 5:12] = 1
    labels[5:15, 12 + gap_px : 20 + gap_px] = 2
    return labels


def test_two_cells_merge_where_they_touch():
    apart, near, together = pair(2), pair(1), pair(0)
    assert not touching(apart).size and not touching(near).size and touching(together).size == 1
    assert touching(near, gap_px=1).size == 1 and not touching(apart, gap_px=1).size
    merged, closed = new_neighbours(touching(together), touching(apart), touching(apart, gap_px=1))
    np.testing.assert_array_equal(merged, [1, 2])
    assert closed.size == 0
    merged, closed = new_neighbours(touching(together), touching(near), touching(near, gap_px=1))
    assert merged.size == 0
    np.testing.assert_array_equal(closed, [1, 2])
    merged, closed = new_neighbours(touching(together), touching(together), np.zeros(0, np.int64))
    assert merged.size == closed.size == 0, "what touched before is not merged"


def test_a_corner_joins_too():
    for one, other in (((0, 0), (1, 1)), ((0, 1), (1, 0)), ((0, 0), (0, 1)), ((0, 0), (1, 0))):
        labels = np.zeros((2, 2), np.int32)
        labels[one], labels[other] = 1, 2
        assert touching(labels).size == 1


def test_split_cells_but_not_those_cut_by_the_edge():
    before = np.zeros((30, 30), np.int32)
    before[4:10, 4:24], before[20:26, 0:20] = 1, 2
    after = before.copy()
    after[:, 12:14] = 0
    np.testing.assert_array_equal(split(shapes(before), shapes(after)), [1])
    assert split(shapes(after), shapes(after)).size == 0, "in pieces before as well"


def test_a_cell_that_left_is_not_lost():
    """At twice the size the middle half stays: what lay beyond has left; what lay within and is missing is lost."""
    geometry = Geometry((100, 100), Draw(scale=2.0))
    middles = np.array([[50.0, 50.0], [5.0, 50.0], [40.0, 60.0]])
    labels = np.array([1, 2, 3])
    assert gone(labels, middles, np.array([1, 3]), geometry, geometry.frame) == (0, 1)
    assert gone(labels, middles, np.array([1]), geometry, geometry.frame) == (1, 1)


# ---- grey values


def ramp() -> tuple[np.ndarray, np.ndarray]:
    """A picture from 0.2 to 0.6 and a mask with a step of 0.1 at its outline."""
    image = np.tile(np.linspace(0.2, 0.5, 200, dtype=np.float32), (100, 1))
    mask = np.zeros(image.shape, bool)
    mask[30:70, 60:140] = True
    image[mask] += np.float32(0.1)
    return image, mask


def test_pixels_beyond_the_pictures_own_range_are_counted():
    image, mask = ramp()
    valid = np.ones(mask.shape, bool)
    before = own(image, mask, valid, (0.0, 1.0))
    found = greys(image, mask, valid, before)
    assert (found.beyond, found.clipped) == (0, 0) and found.contrast == found.visibility == 1
    assert (found.low, found.high) == pytest.approx((0, 1), abs=0.02)
    lighter = greys(image + np.float32(0.45), mask, valid, before)
    assert lighter.beyond == pytest.approx((image > before.highest - 0.45).mean(), abs=0.02)
    assert lighter.clipped == pytest.approx((image > 0.55).mean(), abs=0.01) and lighter.contrast == pytest.approx(1)


def test_contrast_left_is_the_step_at_the_outline():
    image, mask = ramp()
    valid = np.ones(mask.shape, bool)
    before = own(image, mask, valid, None)
    assert before.step == pytest.approx(0.1, abs=0.01)
    half = greys(image * np.float32(0.5), mask, valid, before)
    assert half.contrast == pytest.approx(0.5) and half.visibility == pytest.approx(1) and np.isnan(half.clipped)
    grain = np.random.default_rng(0).normal(0, 0.3, image.shape).astype(np.float32)
    grainy = greys(image + grain, mask, valid, before)
    assert 0.7 < grainy.contrast < 1.3 and grainy.visibility < 0.4
    assert greys(cv2.GaussianBlur(image, (0, 0), 5), mask, valid, before).contrast < 0.4


def test_without_cells_there_is_no_contrast():
    image, mask = ramp()
    nothing = own(image, np.zeros_like(mask), np.ones(mask.shape, bool), None)
    assert np.isnan(nothing.step) and np.isnan(greys(image, mask, np.ones(mask.shape, bool), nothing).contrast)


# ---- readings


BENT = Recipe(
    elastic=Elastic(probability=1.0, displacement_px=(2.0, 2.0), sigma_px=(12.0, 12.0)),
    rotation=Rotation(probability=1.0),
    brightness=Brightness(probability=1.0),
)


def test_a_reading_is_of_the_trainers_own_draw():
    sample = sample_of(ellipses())
    source = realism.picture(sample, 7)
    out, _, _ = realism.drawn(source, BENT, seed=3, epoch=2)
    wanted = augment(source.image, sample.labels, sample.valid, BENT, generator(3, 2, 7))
    np.testing.assert_array_equal(out.image, wanted.image)
    np.testing.assert_array_equal(out.labels, wanted.labels)
    np.testing.assert_array_equal(out.valid, wanted.valid)
    found = realism.reading(source, 0, BENT, 3, 2)
    again = realism.reading(source, 0, BENT, 3, 2)
    assert found.draw == wanted.draw == again.draw and found.greys == again.greys
    assert found.bending == bending(Geometry(source.image.shape, wanted.draw), wanted.window)


def test_the_recipe_that_does_nothing_changes_nothing():
    source = realism.picture(sample_of(ellipses()), 0)
    found = realism.reading(source, 0, Recipe(), 0, 0)
    np.testing.assert_array_equal(found.after.area_px, source.shapes.area_px)
    np.testing.assert_array_equal(found.after.eccentricity, source.shapes.eccentricity)
    assert found.invented == found.topology.wrong == found.topology.closed == found.topology.left == 0
    assert found.greys.contrast == 1 and found.greys.beyond == 0


def test_foreground_made_up_by_reflection():
    """At half the size the picture fills the middle quarter; with cells all over, three quarters are mirror images."""
    source = realism.picture(sample_of(np.ones((80, 80), np.int32)), 0)
    recipe = Recipe(scale=Scale(probability=1.0, factor=(0.5, 0.5)))
    found = realism.reading(source, 0, recipe, 0, 0)
    assert found.foreground == 80 * 80 and found.invented == pytest.approx(0.75 * 80 * 80, abs=2 * 80)
    grey = realism.reading(source, 0, replace(recipe, border="constant"), 0, 0)
    assert grey.invented == 0


def test_what_is_ignored_is_not_called_made_up():
    labels = ellipses(size=128)
    valid = np.ones(labels.shape, bool)
    valid[:, :64] = False
    source = realism.picture(sample_of(labels, valid), 0)
    found = realism.reading(source, 0, Recipe(), 0, 0)
    assert found.invented == 0 and set(found.after.label) == set(np.unique(labels[:, 64:])) - {0}
    assert found.after.cut[np.isin(found.after.label, labels[:, 64])].all()


def test_a_large_picture_is_drawn_in_windows_cut_as_the_trainer_cuts(monkeypatch):
    monkeypatch.setattr(realism, "MOST_SIDE", 96)
    source = realism.picture(sample_of(ellipses(size=240)), 4)
    out, _, _ = realism.drawn(source, BENT, 1, 1)
    wanted = augment(source.image, source.labels, source.valid, BENT, generator(1, 1, 4), (96, 96))
    np.testing.assert_array_equal(out.labels, wanted.labels)
    plain = realism.reading(source, 0, Recipe(), 1, 1)
    assert plain.topology.left > 0 and plain.topology.lost == 0 and plain.greys.contrast == pytest.approx(1)


def test_grey_values_alone_do_not_move_the_comparison_of_a_window(monkeypatch):
    """In a window the contrast is compared with what the same window shows without grey value changes."""
    monkeypatch.setattr(realism, "MOST_SIDE", 96)
    source = realism.picture(sample_of(ellipses(size=240)), 4)
    bent = realism.reading(source, 0, replace(BENT, brightness=Brightness()), 1, 1)
    assert bent.greys.contrast == pytest.approx(1, abs=1e-6)
    draw = realism.geometry_alone(replace(bent.draw, contrast=2.0))
    assert draw == bent.draw and not apply(draw, source.image, source.labels, source.valid).draw.changes_intensity


# ---- the sample


def test_the_sample_is_spread_over_the_train_images(discs):
    data = open_dataset(discs)
    found = realism.material(data)
    assert [p.index for p in found.pictures] == data.indices("train") and found.n_images == 4 and found.labelled
    assert realism.draw_numbers(found, 6) == [(0, 0), (1, 0), (2, 0), (3, 0), (0, 1), (1, 1)]
    assert realism.spread(list(range(100)), 4) == [0, 25, 50, 75] and realism.spread([5], 16) == [5]


def test_memory_is_bounded(discs, monkeypatch):
    monkeypatch.setattr(realism, "MOST_PIXELS", 3 * 48 * 48)
    assert len(realism.material(open_dataset(discs)).pictures) == 3
    monkeypatch.setattr(realism, "MOST_PIXELS", 1)
    assert len(realism.material(open_dataset(discs)).pictures) == 2


def test_a_broken_file_is_left_out_and_named(discs):
    (discs / "images" / "d1.png").write_bytes(b"no picture")
    found = realism.material(open_dataset(discs))
    assert [p.index for p in found.pictures] == [0, 2, 3] and len(found.unread) == 1 and "d1.png" in found.unread[0]
    for number in range(6):
        (discs / "images" / f"d{number}.png").write_bytes(b"no picture")
    with pytest.raises(InputError, match="none of 4 images could be read"):
        realism.material(open_dataset(discs))


def test_labels_are_numbered_anew():
    labels = np.zeros((30, 30), np.int32)
    labels[2:8, 2:8], labels[12:18, 12:20], labels[0, 25] = 70_000, 2**30, 5
    source = realism.picture(sample_of(labels), 0)
    assert sorted(np.unique(source.labels)) == [0, 1, 2, 3]
    rows, cols = source.middles.astype(int).T
    np.testing.assert_array_equal(source.labels[rows, cols], source.shapes.label)
