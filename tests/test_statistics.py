"""Intervals of differences: against arithmetic by hand, by how often they hold the truth, and what they must refuse."""

import numpy as np
import pytest

from seglib.experiments import statistics
from seglib.experiments.statistics import Overlaps, block_length, difference, over_seeds, units_of, weights


def autoregressive(n: int, share: float, rng: np.random.Generator) -> np.ndarray:
    x = np.zeros(n + 100)
    for i in range(1, n + 100):
        x[i] = share * x[i - 1] + rng.normal()
    return x[100:]


def names(n: int) -> list[str]:
    return [f"m_t{i}.png" for i in range(n)]


def test_the_difference_is_of_pooled_iou_averaged_over_runs():
    a = Overlaps(np.array([[8, 1], [6, 3]]), np.array([[10, 10], [10, 10]]))  # 0.45, 0.45
    b = Overlaps(np.array([[4, 0], [4, 2]]), np.array([[10, 10], [10, 10]]))  # 0.20, 0.30
    found = difference(a, b, names(2), ["g", "g"])
    assert found.difference == pytest.approx(0.2)
    assert (found.low, found.high) == (None, None)  # two frames are too few for an interval


def test_a_run_without_cell_and_prediction_is_undefined_not_zero():
    assert np.isnan(Overlaps(np.zeros((1, 3), int), np.zeros((1, 3), int)).pooled()).all()


@pytest.mark.parametrize(
    ("share", "seed", "n", "by_arch"),
    [(0.0, 0, 121, 1.49), (0.6, 0, 121, 7.18), (0.9, 0, 121, 11.36), (0.6, 2, 500, 9.29), (0.9, 2, 500, 19.61)],
)
def test_blocks_are_as_long_as_arch_8_0_finds(share, seed, n, by_arch):
    """arch.bootstrap.optimal_block_length(x).circular; it scales correlations slightly otherwise."""
    found = block_length(autoregressive(n, share, np.random.default_rng(seed)))
    assert found == pytest.approx(by_arch, rel=0.25, abs=1)


def test_a_constant_series_has_blocks_of_one():
    assert block_length(np.full(50, 0.3)) == 1
    assert block_length(np.array([1.0, 2.0])) == 1


def test_blocks_keep_neighbours_together_and_the_number_of_frames():
    units = units_of(names(60), ["m"] * 60, autoregressive(60, 0.8, np.random.default_rng(1)))
    assert units.kind == "blocks"
    assert units.block > 2
    drawn = next(weights(units, 200, np.random.default_rng(0)))
    assert (drawn.sum(1) == 60).all()
    near = np.corrcoef(drawn[:, 0], drawn[:, 1])[0, 1]
    far = np.corrcoef(drawn[:, 0], drawn[:, 30])[0, 1]
    assert near > 0.5 > 0.2 > far


def test_five_groups_are_drawn_whole():
    groups = [f"g{i % 5}" for i in range(20)]
    units = units_of(names(20), groups, np.arange(20.0))
    assert (units.kind, units.n) == ("groups", 5)
    drawn = next(weights(units, 50, np.random.default_rng(0)))
    assert (drawn.sum(1) == 20).all()
    assert (drawn[:, 0] == drawn[:, 5]).all()
    assert units_of(names(20), ["g0"] * 10 + ["g1"] * 10, np.arange(20.0)).kind == "blocks"


def test_frames_are_put_in_the_order_of_time():
    units = units_of(["m_t10", "m_t2", "m_t1"], ["m"] * 3, np.zeros(3))
    assert units.members[0].tolist() == [2, 1, 0]


def test_frames_of_a_movie_need_blocks(monkeypatch):
    """How often the interval of a true difference of 0 holds 0 where frames are much alike: with blocks nearly as often
    as it says (0.86, docs/log.md), by single frames far less. This is what the block length is for."""
    monkeypatch.setattr(statistics, "DRAWS", 1000)
    rng = np.random.default_rng(3)
    held = {"blocks": 0, "single": 0}
    n, union = 120, np.full((1, 120), 1000)
    for _ in range(100):
        shift = autoregressive(n, 0.8, rng) * 8
        a = Overlaps(np.round(900 + shift)[None].astype(int), union)
        b = Overlaps(np.full((1, n), 900), union)
        found = difference(a, b, names(n), ["m"] * n)
        held["blocks"] += found.low <= 0 <= found.high
        single = difference(a, b, names(n), [str(i) for i in range(n)])  # every frame called independent
        held["single"] += single.low <= 0 <= single.high
    assert held["blocks"] / 100 >= 0.8
    assert held["single"] / 100 < 0.65


def test_pairs_make_the_interval_narrow():
    """Images differ widely in difficulty, the two set-ups by the same little on each: only pairing sees it."""
    rng = np.random.default_rng(0)
    union = np.full((1, 40), 1000)
    hard = rng.integers(300, 950, (1, 40))
    found = difference(
        Overlaps(hard + 10 + rng.integers(-3, 4, (1, 40)), union), Overlaps(hard, union), names(40), names(40)
    )
    assert 0.008 < found.low < 0.01 < found.high < 0.012


def test_the_same_draws_every_time():
    rng = np.random.default_rng(0)
    a, b = (Overlaps(rng.integers(0, 900, (2, 30)), np.full((2, 30), 1000)) for _ in range(2))
    one, two = (difference(a, b, names(30), ["m"] * 30) for _ in range(2))
    assert (one.low, one.high) == (two.low, two.high)


def test_an_interval_over_seeds_only_from_five_on():
    assert over_seeds([0.1, 0.2, 0.3, 0.4]) is None
    low, high = over_seeds([1.0, 2.0, 3.0, 4.0, 5.0])
    assert (low, high) == (pytest.approx(3 - 1.9632, abs=1e-3), pytest.approx(3 + 1.9632, abs=1e-3))  # t = 2.7764


def test_chunks_do_not_change_the_draws(monkeypatch):
    units = units_of(names(30), ["m"] * 30, np.arange(30.0))
    whole = np.concatenate(list(weights(units, 40, np.random.default_rng(0))))
    monkeypatch.setattr(statistics, "_CHUNK", 60)
    assert len(list(weights(units, 40, np.random.default_rng(0)))) == 20
    assert whole.shape == (40, 30)


@pytest.mark.parametrize("n", range(1, 12))
def test_a_short_movie_where_nothing_stands_out_has_a_block_length(n):
    for seed in range(20):
        assert 1 <= block_length(np.random.default_rng(seed).normal(size=n)) <= max(1, n // statistics.MIN_BLOCKS)
