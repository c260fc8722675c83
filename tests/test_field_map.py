"""The map of the field of view: what is where, planted dust found, chance not."""

import numpy as np
import pandas as pd
import pytest

from seglib.errors.field_map import field_map, within
from seglib.errors.regions import COLUMNS, decode, encode
from seglib.exceptions import InputError


def region(image, row, col, shape, kind="fp"):
    """shape: (H, W) bool."""
    row = dict.fromkeys(COLUMNS, 0) | {
        "image": image, "kind": kind, "class": "other", "row": row, "col": col, "height": shape.shape[0],
        "width": shape.shape[1], "n_pixels": int(shape.sum()), "rle": encode(shape),
    }  # fmt: skip
    return row


def random_errors(n_images, sizes, seed=0, per_image=12):
    """Blobs anywhere, of both kinds."""
    rng, rows = np.random.default_rng(seed), []
    for i in range(n_images):
        height, width = sizes[i % len(sizes)]
        for _ in range(per_image):
            side = rng.integers(2, 9, 2)
            shape = rng.random(side) < 0.8
            shape[0, 0] = True
            at = rng.integers(0, height - side[0]), rng.integers(0, width - side[1])
            rows.append(region(f"{i}.png", *at, shape, "fp" if rng.random() < 0.5 else "fn"))
    return rows


def shapes_of(n_images, sizes):
    return {f"{i}.png": sizes[i % len(sizes)] for i in range(n_images)}


SIZES = [(240, 240)]
MIXED = [(240, 240), (120, 180), (300, 200)]


@pytest.mark.parametrize("sizes", [SIZES, MIXED])
def test_planted_dust_is_a_spot_and_nothing_else_is(sizes):
    n, rows = 40, random_errors(40, sizes, seed=1)
    for i in range(n):
        if i % 4:  # in 30 of 40 images, at 0.62 of the height and 0.21 of the width
            height, width = sizes[i % len(sizes)]
            rows.append(region(f"{i}.png", int(0.62 * height), int(0.21 * width), np.ones((5, 5), bool)))
    table, shapes = pd.DataFrame(rows), shapes_of(n, sizes)
    found = field_map(table, shapes)
    assert len(found.spots) == 1
    spot = found.spots.iloc[0]
    assert spot.kind == "fp" and spot.n_images >= 30 and spot.n_groups == spot.n_images and spot.p < 1e-10
    assert spot.row <= 0.63 <= spot.row + spot.height and spot.col <= 0.22 <= spot.col + spot.width
    assert spot.height < 0.15 and spot.expected < 8
    assert found.shape == (sizes[0] if len(sizes) == 1 else None)
    chosen = table[within(table, shapes, found.bins, spot.bins)]
    dust = chosen[(chosen.kind == "fp") & (chosen.n_pixels == 25) & (chosen.height == 5)]
    assert dust.image.nunique() == 30 and len(chosen) < 60


@pytest.mark.parametrize("seed", range(10))
def test_chance_makes_no_spots(seed):
    table, shapes = pd.DataFrame(random_errors(30, SIZES, seed)), shapes_of(30, SIZES)
    assert not len(field_map(table, shapes).spots)


def test_errors_that_thicken_towards_the_middle_make_no_spots():
    """Cells sit there: what counts is a place that stands out from its surroundings."""
    rng, rows = np.random.default_rng(0), []
    for i in range(30):
        for row, col in np.clip(rng.normal(120, 35, (25, 2)), 4, 230).astype(int):
            rows.append(region(f"{i}.png", row, col, np.ones((4, 4), bool)))
    assert not len(field_map(pd.DataFrame(rows), shapes_of(30, SIZES)).spots)


def test_every_wrong_pixel_is_on_the_map_once_at_its_place():
    table, shapes = pd.DataFrame(random_errors(7, MIXED, seed=3)), shapes_of(7, MIXED)
    found = field_map(table, shapes)
    rows, cols = found.bins
    for kind in ("fp", "fn"):
        density, images = np.zeros(found.bins), np.zeros(found.bins, int)
        for name, (height, width) in shapes.items():
            px = np.zeros(found.bins)
            for r in table[(table.image == name) & (table.kind == kind)].itertuples():
                for y, x in np.argwhere(decode(r.rle, r.height, r.width)):
                    px[int((r.row + y + 0.5) * rows / height), int((r.col + x + 0.5) * cols / width)] += 1
            density += px / (height * width / rows / cols) / len(shapes)
            images += px > 0
        np.testing.assert_allclose(found.density[kind], density)
        assert (found.images[kind] == images).all()


def test_a_movie_counts_once_and_a_cell_that_stays_put_in_one_is_no_dust():
    rows = random_errors(40, SIZES, seed=5)
    rows += [region(f"{i}.png", 50, 60, np.ones((6, 6), bool)) for i in range(8)]  # one movie of eight frames
    rows += [region(f"{i}.png", 180, 200, np.ones((6, 6), bool)) for i in range(40)]
    table, shapes = pd.DataFrame(rows), shapes_of(40, SIZES)
    movies = {f"{i}.png": f"movie{i // 8}" for i in range(40)}
    as_movies, alone = field_map(table, shapes, movies), field_map(table, shapes)
    assert as_movies.units == "groups" and alone.units == "images"
    assert [round(240 * row) <= 185 <= round(240 * (row + h)) for row, h in as_movies.spots[["row", "height"]].values]
    assert (as_movies.spots.n_groups == 5).all() and len(as_movies.spots) == 1
    few = dict.fromkeys(shapes, "one movie")
    assert set(field_map(table, shapes, few).spots.n_groups) == {1}  # told, not hidden


def test_no_images_no_regions_and_an_image_nobody_knows():
    empty = pd.DataFrame(columns=["image", *COLUMNS])
    assert field_map(empty, {}).n_images == 0
    found = field_map(empty, {"a.png": (100, 50)})
    assert found.bins == (8, 4) and not found.images["fp"].any() and not len(found.spots)
    with pytest.raises(InputError, match=r"size of 0\.png is not known"):
        field_map(pd.DataFrame(random_errors(1, SIZES)), {})
