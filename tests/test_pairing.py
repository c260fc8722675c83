"""Pairing at scale gives what the plain method gives: every pair of every image, decoded, through one Hungarian table.

`slow_matcher` is that method, one row object a region, as the oracle.
"""

import numpy as np
import pandas as pd
import pytest
import slow_matcher
from scipy.ndimage import gaussian_filter
from scipy.optimize import linear_sum_assignment

from seglib.errors.pairing import Places, assigned, matched, scored
from seglib.errors.recurrence import iou_won, recurrent
from seglib.errors.regions import decode, regions
from seglib.errors.runlengths import Runs
from seglib.exceptions import InputError
from seglib.metrics import Counts

SIDE = 96


def random_table(seed, n_images=3, drift=0.0, base=0):
    """Regions of a few images with cells; what is wrong at `base` stays, changed by as much as `drift` says."""
    tables = []
    for image in range(n_images):
        fixed, rng = np.random.default_rng([base, image]), np.random.default_rng([seed, image])
        labels = np.zeros((SIDE, SIDE), np.int32)
        rows, cols = np.mgrid[:SIDE, :SIDE]
        for number in range(1, 9):
            r, c, radius = *fixed.integers(8, SIDE - 8, 2), fixed.integers(4, 12)
            labels[(rows - r) ** 2 + (cols - c) ** 2 <= radius**2] = number
        noise = fixed.normal(size=labels.shape) + drift * rng.normal(size=labels.shape)
        noise = gaussian_filter(noise, 2.2)
        foreground = (labels > 0) ^ (noise > np.quantile(noise, 0.88))
        table = regions(labels > 0, foreground, labels, np.ones(labels.shape, bool))
        table.insert(0, "image", f"{image}.png")
        tables.append(table)
    table = pd.concat(tables, ignore_index=True)
    table["probability"] = np.random.default_rng([seed, 99]).random(len(table))
    return table


def plain_pairs(a, b):
    """Scores of all pairs of two tables by the slow method, images and kinds apart, as one dense table."""
    rows = [slow_matcher._Region(r) for r in a.itertuples()], [slow_matcher._Region(r) for r in b.itertuples()]
    score = slow_matcher.match_scores(*rows)
    apart = (a.image.to_numpy()[:, None] != b.image.to_numpy()) | (a.kind.to_numpy()[:, None] != b.kind.to_numpy())
    return np.where(apart, 0, score)


@pytest.mark.parametrize("seed", range(4))
def test_scores_are_those_of_every_pair_decoded(seed):
    a, b = random_table(2 * seed, drift=0.7), random_table(2 * seed + 1, drift=0.7)
    both = pd.concat([a, b], ignore_index=True)
    i, j, score = scored(Places.of(both), np.arange(len(a)), len(a) + np.arange(len(b)))
    found = np.zeros((len(a), len(b)))
    found[i, j] = score
    wanted = plain_pairs(a, b)
    assert (wanted > 1).sum() > 10 and ((wanted > 0) & (wanted < 1)).sum() > 10
    np.testing.assert_allclose(found, wanted, atol=1e-12)


@pytest.mark.parametrize("seed", range(4))
def test_the_assignment_is_as_good_as_the_dense_one(seed):
    a, b = random_table(2 * seed, drift=1.0), random_table(2 * seed + 1, drift=1.0)
    both = pd.concat([a, b], ignore_index=True)
    i, j = matched(Places.of(both), np.arange(len(a)), len(a) + np.arange(len(b)))
    score = plain_pairs(a, b)
    best = score[linear_sum_assignment(score, maximize=True)].sum()
    assert len(set(i)) == len(i) and len(set(j)) == len(j) and (score[i, j] > 0).all()
    assert score[i, j].sum() == pytest.approx(best, abs=1e-9)


@pytest.mark.parametrize("density", [0.02, 0.1, 0.5, 1.0])
def test_assignments_of_random_graphs_are_best(density):
    rng = np.random.default_rng(int(100 * density))
    for _ in range(20):
        score = rng.random((rng.integers(1, 30), rng.integers(1, 30))) * (rng.random() < 0.5 or 2)
        score = np.round(score, rng.integers(1, 4)) * (rng.random(score.shape) < density)  # rounded: ties too
        i, j = np.nonzero(score)
        chosen = assigned(i, j, score[i, j])
        assert len(set(i[chosen])) == len(set(j[chosen])) == len(chosen)
        best = score[linear_sum_assignment(score, maximize=True)].sum()
        assert score[i[chosen], j[chosen]].sum() == pytest.approx(best)


def test_following_many_looks_gives_the_slow_table():
    tables = [random_table(seed, drift=0.6) for seed in range(6)]
    tables[3] = tables[3][tables[3].image != "1.png"]  # one look found nothing there
    columns = [
        "image", "kind", "class", "row", "col", "height", "width", "rle", "centre_row", "centre_col", "n_pixels",
        "persistence", "n_seen", "seen_in", "born", "last_seen", "alive", "probability", "region", "damage",
    ]  # fmt: skip
    key = ["image", "kind", "row", "col", "n_seen", "rle"]
    fast, slow = (f(tables)[columns].sort_values(key, ignore_index=True) for f in (recurrent, slow_matcher.recurrent))
    assert 20 < (fast.n_seen > 1).sum() < len(fast) and (fast.n_seen == 6).any()
    pd.testing.assert_frame_equal(fast, slow, check_dtype=False)


def test_shared_pixels_are_those_of_the_decoded_shapes():
    table = random_table(5, n_images=1, drift=2.0)
    other = random_table(6, n_images=1, drift=2.0)
    both = pd.concat([table, other], ignore_index=True)
    painted = np.zeros((len(both), SIDE, SIDE), bool)
    for k, r in enumerate(both.itertuples()):
        painted[k, r.row : r.row + r.height, r.col : r.col + r.width] = decode(r.rle, r.height, r.width)
    a, b = (x.ravel() for x in np.meshgrid(np.arange(len(both)), np.arange(len(both))))
    wanted = (painted[a] & painted[b]).sum(axis=(1, 2))
    assert (Runs.of(both).shared(a, b) == wanted).all() and (wanted > 0).sum() > len(both)


@pytest.mark.parametrize("code", ["1 2 3", "0 x", "-1 3", "0 99999", "0 1e3", "99999999999999999999 1"])
def test_a_damaged_run_length_code_is_one_clear_line(code):
    table = random_table(0, n_images=1)
    table.loc[2, "rle"] = code
    with pytest.raises(InputError, match="run-length code"):
        recurrent([table, table])


# -- constructed sequences


def square(row, col, side, image="a.png", kind="fp", height=None, radius=3.0, probability=0.8):
    height = height or side
    return {
        "image": image, "region": 1, "class": "other", "kind": kind, "row": row, "col": col, "height": height,
        "width": side, "n_pixels": height * side, "rle": f"0 {height * side}", "cell_radius_px": radius,
        "probability": probability,
    }  # fmt: skip


def look(*rows):
    return pd.DataFrame(list(rows), columns=list(square(0, 0, 1)))


def follow(*looks, **kwargs):
    return recurrent([look(*rows) for rows in looks], **kwargs)


def test_a_drifting_place_is_one_as_long_as_each_step_overlaps():
    steps = [[square(10, 10 + 4 * t, 10)] for t in range(9)]
    assert follow(*steps)[["persistence", "age", "gaps", "col"]].values.tolist() == [[1.0, 9, 0, 42]]
    assert len(follow(*steps[::2])) == 5  # twice as fast: IoU 2 / 18, centres 8 px apart


def test_of_a_split_the_larger_part_carries_on():
    whole, left, right = square(10, 10, 20), square(10, 10, 12, height=20), square(10, 23, 7, height=20)
    table = follow([whole], [whole], [left, right], [left, right]).set_index("col")
    assert table.loc[10, ["born", "persistence", "course_pixels"]].tolist() == ["1", 1.0, [400, 400, 240, 240]]
    assert table.loc[23, ["born", "persistence", "course_pixels"]].tolist() == ["3", 0.5, [0, 0, 140, 140]]


def test_a_merger_carries_on_the_one_it_overlaps_most():
    whole, left, right = square(10, 10, 20), square(10, 10, 12, height=20), square(10, 23, 7, height=20)
    table = follow([left, right], [whole], [whole]).sort_values("born")
    assert table.persistence.tolist() == [1.0, 1 / 3]
    assert table[["col", "last_seen", "alive"]].values.tolist() == [[10, "3", True], [23, "1", False]]


def test_a_gap_is_counted_and_the_place_is_known_again():
    here = [square(10, 10, 6)]
    row = follow(here, [], [], here, [], here).iloc[0]
    assert (row.n_seen, row.age, row.gaps, row.persistence) == (3, 6, 3, 0.5)
    assert row.course_pixels == [36, 0, 0, 36, 0, 36] and np.isnan(row.course_probability[1])
    assert (row.born, row.last_seen, row.alive) == ("1", "6", True)


def test_two_neighbours_that_pass_each_other_stay_themselves():
    """At the crossing each is near the other's last place; overlap with its own decides."""
    steps = [[square(10, 10 + 3 * t, 8, radius=20.0), square(19, 34 - 3 * t, 8, radius=20.0)] for t in range(9)]
    table = follow(*steps).sort_values("row")
    assert table.persistence.tolist() == [1.0, 1.0]
    assert table[["row", "col"]].values.tolist() == [[10, 34], [19, 10]]


def test_planted_dust_in_nine_of_ten_runs_among_random_mistakes():
    runs = []
    for seed in range(10):
        table = random_table(seed, drift=50.0, base=7)
        table = table[table.col > 24]  # chance may put something on the dust
        dust = [square(80 + seed % 2, 3, 6, f"{image}.png", radius=5.0) for image in range(3)] if seed != 6 else []
        runs.append(pd.concat([table, look(*dust)] if dust else [table], ignore_index=True))
    table = recurrent(runs)
    found = table[(table.kind == "fp") & (table.col == 3) & table.row.between(80, 81) & (table.height == 6)]
    assert found.persistence.tolist() == [0.9] * 3 and found.gaps.tolist() == [1] * 3
    assert found.course_probability.map(lambda course: np.nanmean(course)).tolist() == pytest.approx([0.8] * 3)
    assert (table[table.n_pixels > 20].persistence >= 0.9).mean() < 0.2  # chance does not come back


def test_persistence_is_the_share_of_the_looks_that_judged_the_image():
    here, elsewhere = square(10, 10, 6), square(10, 10, 6, image="b.png")
    table = follow([here], [here, elsewhere], [elsewhere], images=[["a.png"], ["a.png", "b.png"], ["b.png"]])
    assert table[["image", "n_looks", "persistence"]].values.tolist() == [["a.png", 2, 1.0], ["b.png", 2, 1.0]]
    with pytest.raises(InputError, match="2 tables and 1 lists"):
        follow([here], [here], images=[["a.png"]])


def test_iou_won_is_what_the_counts_give_when_the_place_is_put_right():
    counts = Counts(tp=900, fp=60, fn=40)
    miss, spurious, gone = square(10, 10, 4, kind="fn"), square(40, 40, 5), square(70, 70, 5)
    table = follow([miss, spurious, gone], [miss, spurious], counts=counts).set_index("row")
    assert table.won[10] == pytest.approx(916 / 1000 - 0.9, abs=1e-15)
    assert table.won[40] == pytest.approx(900 / 975 - 0.9, abs=1e-15)
    assert np.isnan(table.won[70]) and table.alive.tolist().count(False) == 1
    assert follow([miss]).won.isna().all()  # nobody said how the images score


def test_iou_that_is_undefined_once_put_right_is_nan():
    assert np.isnan(follow([square(0, 0, 5)], counts=Counts(fp=25)).won[0])
    assert np.isnan(iou_won(follow([square(0, 0, 5)]), None)).all()
