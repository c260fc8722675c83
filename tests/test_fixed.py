"""Exact values, bending and what is told of a draw."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest

from seglib.augment import bending
from seglib.augment.draw import Draw, recipe_draw
from seglib.augment.fixed import Fixed, described
from seglib.augment.pipeline import generator
from seglib.augment.recipe import load_recipe
from seglib.augment.warp import Geometry, Window
from seglib.exceptions import InputError
from seglib.settings import build, plain


def test_there_is_a_setting_for_every_value_of_a_draw():
    assert {f.name for f in fields(Fixed)} == {f.name for f in fields(Draw)}
    assert Fixed().draw() == Draw()


def test_a_draw_survives_the_way_through_json_values():
    for index in range(300):
        draw = recipe_draw(load_recipe("strong"), generator(0, 0, index))
        assert build(Fixed, plain(Fixed.of(draw))).draw() == draw


def test_values_out_of_the_recipes_limits_are_refused():
    with pytest.raises(InputError, match=r"scale is 9\.0; allowed: from 0\.5 to 2\.0"):
        Fixed(scale=9.0)
    with pytest.raises(InputError, match="elastic_seed is 'x'"):
        Fixed(elastic_seed="x")


def test_a_line_says_what_a_draw_does_and_nothing_else():
    assert described(Draw()) == "unchanged"
    assert described(Draw(angle_deg=12.34, flip_rows=True)) == "rotated 12.3° · mirrored up-down"
    assert described(Draw(flip_rows=True, flip_cols=True)) == "mirrored both ways"
    assert "bent 2.0 px (sigma 20 px)" in described(Draw(displacement_px=2.0))
    grey = Draw(brightness=-0.1, contrast=2.0, gamma=0.5, blur_sigma_px=1.0, noise=0.01, background=0.2)
    assert described(grey) == (
        "brightness -0.10 · contrast × 2.00 · gamma 0.50 · blur 1.0 px · noise 0.010 · uneven light 0.20"
    )
    assert described(Draw(quarter_turns=3, scale=1.5)) == "scaled × 1.50 · turned 270°"


def test_folds_are_found_where_a_map_turns_over():
    row, col = np.mgrid[:20, :30].astype(np.float32)
    squeezed = np.stack([0 * row, -0.5 * col])  # column c shows 0.5 c: everything twice as wide, nothing folded
    assert not bending.folded(squeezed).any()
    mirrored = np.stack([0 * row, -2 * col])  # c shows -c
    assert bending.folded(mirrored).all()
    half = np.where(col < 15, 0, -2 * (col - 14.5))
    folds = bending.folded(np.stack([0 * row, half]).astype(np.float32))
    assert folds[:, 15:].all() and not folds[:, :14].any()


def test_a_quarter_turn_folds_nothing():
    row, col = np.mgrid[:20, :20].astype(np.float32)
    assert not bending.folded(np.stack([col - row, -row - col])).any()  # (r, c) shows (c, -r)


def test_no_fold_at_the_recipes_limit():
    for seed in range(20):
        draw = Draw(displacement_px=4.0, sigma_px=20.0, elastic_seed=seed)
        assert not bending.folded(Geometry((256, 256), draw).displacement(Window(0, 0, 256, 256))).any()


def test_arrows_lead_from_where_a_place_was_to_where_it_is_shown():
    field = np.zeros((2, 40, 60), np.float32)
    field[0], field[1] = 3, -4  # what is shown at p was at p + (3, -4)
    found = bending.arrows(field, every_px=10)
    assert len(found) == 24 and found[0] == (5 + 3, 5 - 4, -3, 4)
    assert bending.longest(field) == pytest.approx(5)
