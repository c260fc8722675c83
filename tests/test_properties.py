"""What holds for every augmentation: 500 cases of each property, drawn by hypothesis, the same at every run."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from conftest import make_disc_data
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import map_coordinates
from test_warp import centroid, discs, full

from seglib.augment.draw import Draw
from seglib.augment.inverse import inverse_map
from seglib.augment.pipeline import apply, augment, generator
from seglib.augment.recipe import BORDER_NAMES, Elastic, Recipe
from seglib.augment.warp import Geometry, Window, remap
from seglib.data.dataset import open_dataset
from seglib.exceptions import InputError
from seglib.settings import build, nest, specs
from seglib.training.config import resolve
from seglib.training.draws import Draws
from seglib.training.loader import batches

N_CASES = 500
CASES = settings(max_examples=N_CASES, derandomize=True, deadline=None, database=None)
SEEDS = st.integers(0, 2**63 - 1)
SHAPES = st.tuples(st.integers(1, 48), st.integers(1, 48))
# ids beyond what float32 counts, and one whose bits are a NaN
IDS = np.array([0, 1, 2, 3, 255, 256, 2**24 + 1, 2**31 - 1], np.int32)
GREY_PARTS = ("brightness", "contrast", "gamma", "blur", "noise", "background")


@st.composite
def recipes(draw) -> Recipe:
    """Any recipe that the settings allow, at and between the ends of every range."""

    def value(spec):
        if spec.choices:
            return draw(st.sampled_from(spec.choices))
        number = st.floats(spec.low, spec.high)
        return draw(number) if spec.kind == "float" else sorted(draw(st.tuples(number, number)))

    return build(Recipe, nest({spec.path: value(spec) for spec in specs(Recipe)}))


@st.composite
def moves(draw, strongest: float = 1.0, scales: tuple[float, float] = (0.5, 2.0)) -> Draw:
    """Any geometry, with a displacement up to `strongest` folding limits; some bend, turn or scale nothing."""
    sigma_px = draw(st.floats(3.0, 24.0))
    return Draw(
        flip_rows=draw(st.booleans()),
        flip_cols=draw(st.booleans()),
        quarter_turns=draw(st.integers(0, 3)),
        angle_deg=draw(st.just(0.0) | st.floats(-180.0, 180.0)),
        scale=draw(st.just(1.0) | st.floats(*scales)),
        displacement_px=draw(st.just(0.0) | st.floats(0.0, strongest * Elastic.folding_limit(sigma_px))),
        sigma_px=sigma_px,
        elastic_seed=draw(SEEDS),
        border=draw(st.sampled_from(BORDER_NAMES)),
    )


WINDOWS = st.builds(Window, st.integers(-40, 60), st.integers(-40, 60), st.integers(1, 48), st.integers(1, 48))
CROPS = st.none() | st.tuples(st.integers(1, 64), st.integers(1, 64))


def picture(shape: tuple[int, int], seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Noise, and ids that tell valid pixels (odd places of IDS) from those left out (even places)."""
    rng = np.random.default_rng(seed)
    valid = rng.random(shape) < 0.8
    labels = IDS[2 * rng.integers(0, len(IDS) // 2, shape) + valid]
    return rng.standard_normal(shape).astype(np.float32), labels, valid


@CASES
@given(recipes(), SHAPES, CROPS, SEEDS, st.integers(0, 1000))
def test_labels_out_are_labels_in_and_valid_pixels_show_valid_pixels(recipe, shape, crop, seed, index):
    image, labels, valid = picture(shape, seed)
    out = augment(image, labels, valid, recipe, generator(seed, 0, index), crop, weights=image)
    assert out.image.shape == out.labels.shape == out.valid.shape == out.weights.shape == (crop or shape)
    assert (out.image.dtype, out.labels.dtype, out.valid.dtype) == (np.float32, np.int32, bool)
    beyond = {0} if recipe.border == "constant" else set()
    assert set(out.labels.ravel().tolist()) <= set(labels.ravel().tolist()) | beyond
    assert set(out.labels[out.valid].tolist()) <= set(IDS[1::2].tolist())
    assert np.isfinite(out.image).all()


@CASES
@given(recipes(), SHAPES, CROPS, SEEDS)
def test_grey_values_move_no_label(recipe, shape, crop, seed):
    image, labels, valid = picture(shape, seed)
    still = replace(recipe, **{part: replace(getattr(recipe, part), probability=0.0) for part in GREY_PARTS})
    changed, moved = (augment(image, labels, valid, r, generator(seed, 1, 2), crop) for r in (recipe, still))
    assert changed.window == moved.window
    assert np.array_equal(changed.labels, moved.labels)
    assert np.array_equal(changed.valid, moved.valid)


def source_places(draw: Draw, shape: tuple[int, int], window: Window) -> np.ndarray:
    """What each pixel shows, (2, h, w) float64 in px: step by step and without the matrices of `Geometry`."""
    height, width = shape if draw.quarter_turns % 2 == 0 else shape[::-1]
    row, col = np.meshgrid(window.rows, window.cols, indexing="ij")
    if draw.displacement_px:
        down, right = Geometry(shape, draw).displacement(window).astype(float)
        row, col = row + down, col + right
    x, y = col - (width - 1) / 2, (height - 1) / 2 - row
    cos, sin = np.cos(np.deg2rad(draw.angle_deg)) / draw.scale, np.sin(np.deg2rad(draw.angle_deg)) / draw.scale
    x, y = x * cos + y * sin, y * cos - x * sin  # clockwise: back to where it came from
    row, col = (height - 1) / 2 - y, x + (width - 1) / 2
    if draw.flip_rows:
        row = height - 1 - row
    if draw.flip_cols:
        col = width - 1 - col
    for _ in range(draw.quarter_turns):  # a pixel (i, j) of np.rot90(a) is a[j, a.shape[1] - 1 - i]
        row, col = col, height - 1 - row
        height, width = width, height
    assert (height, width) == shape
    return np.stack([row, col])


@CASES
@given(moves(strongest=4.0), SHAPES, WINDOWS, SEEDS)
def test_pixels_from_outside_are_not_valid_and_all_others_are(draw, shape, window, seed):
    image, _, valid = picture(shape, seed)
    labels = np.arange(1, image.size + 1, dtype=np.int32).reshape(shape)
    out = apply(draw, image, labels, valid, window)
    places = source_places(draw, shape, window)
    nearest = np.rint(places).astype(int)
    limits = np.reshape(shape, (2, 1, 1))
    # half-way between two pixels either is right
    clear = (np.abs(np.abs(places - np.floor(places)) - 0.5) > 1e-3).all(axis=0)
    inside = ((nearest >= 0) & (nearest < limits)).all(axis=0)
    assert not out.valid[clear & ~inside].any()
    shown = clear & inside
    row, col = nearest[:, shown]
    assert np.array_equal(out.valid[shown], valid[row, col])
    assert np.array_equal(out.labels[shown], labels[row, col])
    assert (out.labels[clear & ~inside] > 0).all() == (draw.border == "reflect") or not (clear & ~inside).any()


def beyond(array: np.ndarray, window: Window, border: str, fill: float) -> np.ndarray:
    """The window of `array`, padded by NumPy where it reaches beyond."""
    sides = zip((window.row, window.col), (window.height, window.width), array.shape)
    pads = [(max(0, -first), max(0, first + size - side)) for first, size, side in sides]
    options = {"mode": "symmetric"} if border == "reflect" else {"constant_values": fill}
    padded = np.pad(array, pads, **options)
    row, col = window.row + pads[0][0], window.col + pads[1][0]
    return padded[row : row + window.height, col : col + window.width]


def assert_moved_bit_for_bit(out, image, labels, valid, border) -> None:
    """`out` is its window of the arrays as they are given here."""
    middle = np.float32(np.percentile(image, 50))
    wanted = [beyond(image, out.window, border, middle), beyond(labels, out.window, border, 0)]
    for got, expected in zip((out.image, out.labels, out.weights), (*wanted, beyond(image, out.window, border, 0))):
        assert got.dtype == expected.dtype and got.tobytes() == np.ascontiguousarray(expected).tobytes()
    assert np.array_equal(out.valid, beyond(valid, out.window, "constant", False))


@CASES
@given(recipes(), SHAPES, CROPS, SEEDS)
def test_the_identity_recipe_is_the_identity_bit_for_bit(recipe, shape, crop, seed):
    """A recipe whose probabilities are 0, whatever its ranges say; a crop is cut from the picture, not computed."""
    parts = [part for part in vars(recipe) if part != "border"]
    recipe = replace(recipe, **{part: replace(getattr(recipe, part), probability=0.0) for part in parts})
    image, labels, valid = picture(shape, seed)
    out = augment(image, labels, valid, recipe, generator(seed, 0, 0), crop, weights=image)
    assert out.window.row == out.window.col == 0 or crop
    assert_moved_bit_for_bit(out, image, labels, valid, recipe.border)


@CASES
@given(SHAPES, st.integers(0, 3), st.booleans(), st.booleans(), st.sampled_from(BORDER_NAMES), WINDOWS, SEEDS)
def test_quarter_turns_and_flips_are_exact(shape, turns, flip_rows, flip_cols, border, window, seed):
    image, labels, valid = picture(shape, seed)
    draw = Draw(flip_rows=flip_rows, flip_cols=flip_cols, quarter_turns=turns, border=border)

    def turned(array):
        array = np.rot90(array, turns)
        array = np.flipud(array) if flip_rows else array
        return np.fliplr(array) if flip_cols else array

    whole = Window(0, 0, *Geometry(shape, draw).canvas)
    for part in (whole, window):
        out = apply(draw, image, labels, valid, part, weights=image)
        assert_moved_bit_for_bit(out, turned(image), turned(labels), turned(valid), border)
    assert apply(draw, image, labels, valid, whole).image.shape == turned(image).shape


@CASES
@given(moves(strongest=4.0), SHAPES, WINDOWS, st.data())
def test_a_window_is_that_part_of_the_whole_bit_for_bit(draw, shape, window, data):
    row, col = data.draw(st.integers(0, window.height - 1)), data.draw(st.integers(0, window.width - 1))
    height, width = (data.draw(st.integers(1, side)) for side in (window.height - row, window.width - col))
    part = np.s_[row : row + height, col : col + width]
    inner = Window(window.row + row, window.col + col, height, width)
    image, labels, valid = picture(shape, 0)
    whole, cut = (apply(draw, image, labels, valid, w, weights=image) for w in (window, inner))
    for name in ("image", "labels", "valid", "weights"):
        assert np.array_equal(getattr(cut, name), getattr(whole, name)[part]), name


@CASES
@given(
    moves(scales=(0.7, 1.3)), st.sampled_from((-90, 0, 90, 180)), st.floats(3, 87), st.integers(180, 200),
    st.integers(180, 200), st.floats(0, 16), st.floats(0, 2 * np.pi), st.floats(12, 18),
)  # fmt: skip
def test_image_and_mask_keep_one_centroid(draw, turn, angle, height, width, distance, direction, radius):
    """Below the folding limit, a disc inside, grey values untouched: 0.25 px, where the picture is turned.

    Of random ones 1 in 2500 is beyond that. Without a turn, all pixels of a cell may be rounded to one side, while its
    image moves by parts of a pixel: see the next test.
    """
    draw = replace(draw, angle_deg=(turn + angle + 180) % 360 - 180)
    assert np.hypot(*_slip(draw, (height, width), distance, direction, radius)) < 0.25


@CASES
@given(moves(scales=(0.7, 1.3)), st.floats(0, 16), st.floats(0, 2 * np.pi), st.floats(8, 18))
def test_a_mask_is_never_more_than_half_a_pixel_off(draw, distance, direction, radius):
    """The most that a mask of whole pixels can be from an image that moved by half of one."""
    assert np.abs(_slip(draw, (190, 180), distance, direction, radius)).max() < 0.55


def _slip(draw: Draw, shape: tuple[int, int], distance: float, direction: float, radius: float) -> np.ndarray:
    """Centroid (row, col) of the image of an augmented disc less that of its mask; the disc `distance` off the middle.

    The disc is about the middle of a pixel, so that before augmentation both agree exactly.
    """
    centre = [round(side / 2 + distance * part) for side, part in zip(shape, (np.sin(direction), np.cos(direction)))]
    image, labels = discs(shape, [tuple(centre)], radius)
    window = Window(0, 0, *Geometry(shape, draw).canvas)
    out = apply(replace(draw, border="constant"), image, labels, full(labels), window)
    edge = np.concatenate([out.image[[0, -1]].ravel(), out.image[:, [0, -1]].ravel()])
    assert not edge.any()  # the disc is inside
    return centroid(out.image) - centroid(out.labels)


def smallest_area(geometry: Geometry, window: Window) -> float:
    """The least determinant of the map's derivatives: below 0 the picture is folded over."""
    row, col = geometry.map(window).astype(float)
    down, right = np.gradient(row), np.gradient(col)
    return float((down[0] * right[1] - down[1] * right[0]).min())


@CASES
@given(st.floats(3.0, 20.0), st.floats(0.0, 1.0), st.floats(3.0, 10.0), SEEDS)
def test_below_the_folding_limit_nothing_folds_and_well_above_it_does(sigma_px, share, excess, seed):
    side = int(16 * sigma_px)
    for times, folded in ((share, False), (excess, True)):
        displacement_px = times * Elastic.folding_limit(sigma_px)
        geometry = Geometry((side, side), Draw(displacement_px=displacement_px, sigma_px=sigma_px, elastic_seed=seed))
        assert (smallest_area(geometry, geometry.frame) <= 0) == folded


@CASES
@given(moves(), st.integers(40, 90), st.integers(40, 90), st.integers(0, 40))
def test_the_inverse_warp_of_a_warp_is_the_picture(draw, height, width, margin):
    """Pictures of their own coordinates, augmented and carried back: within 0.5 px, 16 px from the border."""
    places = np.mgrid[:height, :width].astype(np.float32)
    geometry = Geometry((height, width), draw)
    window = geometry.frame.grown(margin)
    there = inverse_map(geometry) - np.reshape((window.row, window.col), (2, 1, 1))
    nothing = np.zeros((height, width), np.int32)
    size = np.reshape((window.height - 1, window.width - 1), (2, 1, 1))
    inner = ((there >= 0) & (there <= size)).all(axis=0)
    inner[:16] = inner[-16:] = inner[:, :16] = inner[:, -16:] = False
    for place in places:
        out = apply(draw, place, nothing, full(nothing), window)
        back = remap(out.image, there.astype(np.float32), cv2.INTER_LINEAR, "constant")
        assert np.abs(back - place)[inner].max(initial=0) < 0.5
    assert inner.any() or draw.scale > 1 or draw.quarter_turns % 2


@CASES
@given(moves(strongest=8.0), SHAPES, WINDOWS)
def test_the_inverse_is_right_or_nan(draw, shape, window):
    """However much it folds: the place it names shows the pixel, by the map and SciPy. Below the limit it names all."""
    geometry = Geometry(shape, draw)
    places = inverse_map(geometry, window)
    named = np.isfinite(places).all(axis=0)
    assert named.all() or draw.displacement_px > Elastic.folding_limit(draw.sigma_px)
    if not named.any():
        return
    row, col = (int(np.floor(p[named].min())) for p in places)
    height, width = (int(np.ceil(p[named].max())) + 2 - first for p, first in zip(places, (row, col)))
    maps = geometry.map(Window(row, col, height, width)).astype(float)
    shown = np.stack([map_coordinates(m, [places[0][named] - row, places[1][named] - col], order=1) for m in maps])
    wanted = np.stack(np.meshgrid(window.rows, window.cols, indexing="ij"))[:, named]
    assert np.hypot(*(shown - wanted)).max() < 0.5


def test_an_inverse_over_too_wide_a_window_is_refused():
    with pytest.raises(InputError, match="spans 13 × 33013 px of the plane; allowed: 32000"):
        inverse_map(Geometry((10, 10), Draw(displacement_px=0.5)), Window(0, 0, 5, 33_005))


def test_the_same_samples_with_no_two_and_four_workers(tmp_path):
    """500 draws through the loader that trains, from the first step and from the middle, byte for byte."""
    data = make_disc_data(tmp_path / "discs", n_train=6, n_val=1, size=40)
    chosen = {"data.path": str(data), "data.crop_px": 32, "recipe": "strong", "loss.name": "weighted_bce"}
    draws = Draws(open_dataset(data), resolve(settings=chosen))
    alone = _drawn(draws, first=0, workers=0)
    assert len(alone) == N_CASES and len(set(alone)) == N_CASES
    assert _drawn(draws, first=0, workers=2) == alone
    assert _drawn(draws, first=25, workers=4) == alone[250:]


def _drawn(draws: Draws, first: int, workers: int) -> list[tuple]:
    """Draws 10 · first to 500, ten a batch: name and bytes of all that a step sees."""
    stream, found = batches(draws, 10, first, workers), []
    try:
        for batch in (next(stream) for _ in range(first, N_CASES // 10)):
            parts = (batch.x, batch.target, batch.valid, batch.weights)
            found += [(name, *(p[k].numpy().tobytes() for p in parts)) for k, name in enumerate(batch.names)]
    finally:
        stream.close()
    return found
