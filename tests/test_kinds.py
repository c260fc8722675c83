"""Kinds of mistakes: planted kinds fall apart, clusters do not hang on the order, names find them again, growth."""

from __future__ import annotations

import json
import shutil

import cv2
import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.metrics import adjusted_rand_score
from test_tiles import predictor
from tiny_run import finished_run

from seglib.data.dataset import open_dataset
from seglib.errors import names
from seglib.errors.clusters import clusters, grouped
from seglib.errors.descriptors import LOOKS, descriptors, grown, half_whitened, looks
from seglib.errors.growth import growth, told
from seglib.errors.regions import regions
from seglib.errors.review import ClusterName
from seglib.exceptions import InputError
from seglib.predict.activations import activations, last_layer
from seglib.runs import jobs, kinds, worker
from seglib.runs import looks as judged
from seglib.runs.kinds_job import described, features

SIDE = 96


def false_positives(draw, n_images: int = 10, each: int = 4, seed: int = 0, look: bool = True) -> pd.DataFrame:
    """`each` planted regions of two kinds in every image, as `draw(canvas, gray, row, col, kind, rng)` paints them."""
    rng, tables = np.random.default_rng(seed), []
    for number in range(n_images):
        gray = rng.normal(0, 1, (SIDE, SIDE)).astype(np.float32)
        wrong, truth = np.zeros((SIDE, SIDE), np.uint8), {}
        for place in rng.permutation(16)[: 2 * each]:
            row, col = 14 + 22 * (place // 4), 14 + 22 * (place % 4)
            truth[row, col] = kind = len(truth) % 2
            draw(wrong, gray, row, col, kind, rng)
        nothing = np.zeros((SIDE, SIDE), np.int32)
        table = regions(nothing > 0, wrong > 0, nothing, np.ones(nothing.shape, bool), gray=gray)
        table.insert(0, "image", f"{number}.png")
        nearest = [
            min(truth, key=lambda p: np.hypot(p[0] - r.centre_row, p[1] - r.centre_col)) for r in table.itertuples()
        ]
        table["planted"] = [truth[place] for place in nearest]
        tables.append(pd.concat([table, looks(gray, table)], axis=1) if look else table)
    return pd.concat(tables, ignore_index=True)


def dust_or_halo(wrong, gray, row, col, kind, rng) -> None:
    """Small, round and bright; or long, thin and hardly brighter than the rest."""
    shape = np.zeros_like(wrong)
    if kind:
        angle = int(rng.integers(0, 360))
        cv2.ellipse(shape, (col, row), (9, 9), angle, 0, int(rng.integers(100, 150)), 1, 2)
    else:
        cv2.circle(shape, (col, row), int(rng.integers(2, 4)), 1, -1)
    wrong |= shape
    gray += shape * (1.0 if kind else 8.0)


def flat_or_ring(wrong, gray, row, col, kind, rng) -> None:
    """Discs of one size and one mean grey value: even, or dark with a bright rim."""
    shape, inner = np.zeros_like(wrong), np.zeros_like(wrong)
    cv2.circle(shape, (col, row), 6, 1, -1)
    cv2.circle(inner, (col, row), 4, 1, -1)
    wrong |= shape
    ring = np.where(inner > 0, -6.0, 12.0) * shape
    gray += ring if kind else shape * (ring.sum() / shape.sum())


def agreement(table: pd.DataFrame) -> float:
    """Adjusted Rand index of the clusters and what was planted: 1 = the same, 0 = chance."""
    members = grouped(table).members.merge(table[["image", "region", "planted"]], on=["image", "region"])
    return adjusted_rand_score(members.planted, members.cluster)


@pytest.mark.parametrize("draw", [dust_or_halo, flat_or_ring])
def test_two_planted_kinds_fall_into_two_clusters(draw):
    table = false_positives(draw)
    assert len(clusters(table)) == 2 and agreement(table) == 1


def test_what_is_equal_in_size_is_told_apart_by_its_look_alone():
    table = false_positives(flat_or_ring)
    blind = table.drop(columns=list(LOOKS))
    assert len(clusters(blind)) == 1  # size, shape and contrast are the same
    seen = blind.assign(**activations_of(blind.planted))
    assert len(clusters(seen)) == 2 and agreement(seen) == 1


def activations_of(planted: pd.Series, n_maps: int = 16) -> dict[str, np.ndarray]:
    """What a network might say: 16 maps of very different strength, which tell the two kinds apart."""
    rng = np.random.default_rng(1)
    strength = np.exp2(rng.uniform(-6, 6, n_maps))
    sign = rng.choice([-8.0, 8.0], n_maps)
    values = strength * (rng.normal(0, 1, (len(planted), n_maps)) + np.outer(planted - 0.5, sign))
    return {f"f{i}": values[:, i] for i in range(n_maps)}


def test_the_order_of_the_rows_does_not_matter():
    table = pd.concat([false_positives(dust_or_halo, seed=s).assign(source=str(s)) for s in (0, 1)], ignore_index=True)
    first, second = grouped(table), grouped(table.sample(frac=1, random_state=3))
    pd.testing.assert_frame_equal(first.rows, second.rows)
    pd.testing.assert_frame_equal(first.members, second.members)


def test_half_of_the_images_give_the_same_clusters():
    table = false_positives(dust_or_halo, n_images=16)
    whole = grouped(table).members.set_index(["image", "region"]).cluster
    for part in (
        table.image.isin([f"{i}.png" for i in range(0, 16, 2)]),
        table.image.isin([f"{i}.png" for i in range(8)]),
    ):
        half = grouped(table[part]).members.set_index(["image", "region"]).cluster
        assert adjusted_rand_score(whole.loc[half.index], half) == 1


def test_more_than_the_tree_takes():
    few, rng = false_positives(dust_or_halo), np.random.default_rng(2)
    table = pd.concat([few.assign(image=f"{i}/" + few.image) for i in range(11)], ignore_index=True)
    table["contrast"] += rng.normal(0, 0.2, len(table))  # copies would be groups of their own
    assert len(table) == 880 and agreement(table) == 1


def test_what_is_like_no_other_is_in_no_cluster():
    table = false_positives(dust_or_halo)
    table.loc[0, ["n_pixels", "contrast", "brightness", "thickness_px"]] = [4000, -9.0, -9.0, 60.0]
    found = grouped(table)
    odd = found.members[found.members.cluster == 0]
    assert odd[["image", "region"]].values.tolist() == [[table.image[0], table.region[0]]]
    assert found.rows["count"].sum() == len(table) - 1 and (found.rows.cluster > 0).all()


def test_half_whitened_activations_do_not_hang_on_the_strength_of_a_map():
    values = np.random.default_rng(0).normal(size=(200, 5))
    stronger = values * [1, 1000, 1, 1e-3, 1] + [0, 5, 0, 0, -3]
    np.testing.assert_allclose(np.abs(half_whitened(values)), np.abs(half_whitened(stronger)), atol=1e-9)
    assert np.mean((half_whitened(values) ** 2).sum(1)) == pytest.approx(1, abs=0.05)  # together one, however many maps
    assert half_whitened(np.ones((4, 3))).shape == (4, 0) and half_whitened(np.zeros((1, 3))).shape == (1, 0)


def test_descriptors_of_little():
    table = false_positives(dust_or_halo, n_images=1, look=False)
    assert descriptors(table.iloc[:1]).shape[0] == 1
    table["probability"] = np.nan
    assert np.isfinite(descriptors(table)).all() and len(clusters(table.iloc[:0])) == 0
    with pytest.raises(InputError, match="lacks n_cells"):
        clusters(table.drop(columns="n_cells"))


def test_looks_of_a_square_are_those_computed_by_hand():
    gray = np.zeros((30, 30), np.float32)
    gray[10:14, 10:16] = 4.0
    wrong, nothing = gray > 0, np.zeros((30, 30), np.int32)
    table = regions(nothing > 0, wrong, nothing, np.ones((30, 30), bool), gray=gray)
    look = looks(gray, table).iloc[0]
    assert look.solidity == 1 and look.thickness_px == pytest.approx(3, abs=0.2)  # twice 2 px to the outside, less one
    assert look.brightness == pytest.approx(4 / gray.std()) and look.roughness == look.rough_around == 0
    flat = looks(np.full_like(gray, 7), table).iloc[0]
    assert flat.brightness == 0 and np.isfinite(flat).all()


# ---- the network


def test_the_last_layer_makes_the_logits_of_the_activations():
    network = predictor(10**9)
    x = np.random.default_rng(0).normal(size=(45, 70)).astype(np.float32)
    (((rows, cols), maps),) = activations(network, x)
    assert (rows, cols) == (slice(0, 45), slice(0, 70)) and maps.shape == (4, 45, 70)
    with torch.inference_mode():
        again = last_layer(network.model)(torch.from_numpy(maps)[None]).sigmoid()[0, 0].numpy()
    np.testing.assert_allclose(again, network.forward(x), atol=1e-6)


def test_activations_in_tiles_are_those_of_the_whole():
    x = np.random.default_rng(0).normal(size=(301, 210)).astype(np.float32)
    ((_, whole),) = activations(predictor(10**9), x)
    pieced, seen = np.zeros_like(whole), np.zeros(x.shape, int)
    for (rows, cols), maps in activations(predictor(1), x):
        pieced[:, rows, cols] = maps
        seen[rows, cols] += 1
    assert (seen == 1).all()
    np.testing.assert_allclose(pieced, whole, rtol=1e-4, atol=1e-4 * whole.max())


def test_a_network_that_ends_otherwise_says_so():
    with pytest.raises(InputError, match="does not end in a 1x1 convolution"):
        last_layer(torch.nn.Sequential(torch.nn.Conv2d(1, 4, 1), torch.nn.Conv2d(4, 1, 3)))


# ---- the job


def test_the_job_describes_both_checkpoints_by_one_network(tmp_path, monkeypatch):
    monkeypatch.setenv("SEGLIB_CACHE", str(tmp_path / "cache"))
    run = finished_run(tmp_path)
    seen = judged.of_run(run, "last")
    inputs = kinds.inputs(run, seen, run.folder.parent, run.data_path())
    found = kinds.of_job(done(inputs))
    assert found.network and found.totals.source.tolist() == ["step 2", "step 4"]
    large = pd.concat([look.regions for look in seen])
    assert len(found.kinds.members) == (large.n_pixels >= 4).sum()
    assert found.totals.n_wrong.tolist() == [int(look.regions.n_pixels.sum()) for look in seen]
    json.dumps(found.kinds.rows.examples.tolist())
    at_once = kinds.from_tables(seen)
    pd.testing.assert_frame_equal(at_once.totals, found.totals)
    assert kinds.inputs(run, seen, run.folder.parent, run.data_path()) == inputs  # a name for the same result


def test_without_a_describer_the_pictures_alone_are_used(tmp_path, monkeypatch):
    monkeypatch.setenv("SEGLIB_CACHE", str(tmp_path / "cache"))
    run = finished_run(tmp_path)
    shutil.rmtree(run.folder / "best.safetensors", ignore_errors=True)
    (run.folder / "best.safetensors").unlink()
    found = kinds.of_job(done(kinds.inputs(run, judged.of_run(run), run.folder.parent, run.data_path())))
    assert not found.network and found.reason and found.kinds.rows.focus.notna().all()


def done(inputs) -> jobs.Job:
    job = jobs.find("kinds", inputs)
    job.folder.mkdir(parents=True)
    jobs._prepare(job, "kinds", inputs)
    state = worker.run_job("kinds", job.folder)
    assert state.name == "done", state
    return job


def test_a_region_is_averaged_over_all_tiles_it_lies_in():
    gray = np.random.default_rng(0).normal(size=(301, 210)).astype(np.float32)
    wrong, nothing = np.zeros(gray.shape, bool), np.zeros(gray.shape, np.int32)
    wrong[20:280, 40:60] = wrong[5:9, 150:155] = True
    part = regions(wrong, wrong & False, nothing + wrong, np.ones(gray.shape, bool)).rename(columns={"class": "class_"})
    whole, tiled = (features(gray, part, predictor(limit), lambda: False) for limit in (10**9, 1))
    np.testing.assert_allclose(whole, tiled, rtol=1e-4)
    window, inside, around = grown(next(part.itertuples()), gray.shape, 4)
    assert inside.sum() == part.n_pixels[0] and around.sum() == 268 * 28 and window[0] == slice(16, 284)


# ---- names and growth


def members_of(rows: list[tuple], kind: str = "fp") -> pd.DataFrame:
    columns = ["source", "image", "region", "cluster", "row", "col", "height", "width", "n_pixels"]
    return pd.DataFrame(rows, columns=columns).assign(kind=kind, distance=1.0)


def test_a_name_finds_its_cluster_again_after_a_new_run():
    before = members_of([("a", f"{i}.png", 1, 1 + i % 2, 10, 10, 8, 8, 50) for i in range(8)])
    dust = ClusterName("dust", "fp", "ada", "2026-01-01", names.places(before, 2))
    assert {p["image"] for p in dust.members} == {"1.png", "3.png", "5.png", "7.png"}
    moved = before.assign(cluster=5 - before.cluster, row=before.row + 2, source="b")
    assert {c: n.name for c, n in names.matched(moved, [dust]).items()} == {3: "dust"}
    elsewhere = moved.assign(row=60)
    assert names.matched(elsewhere, [dust]) == {} and names.matched(moved.assign(kind="fn"), [dust]) == {}
    assert names.matched(moved.assign(cluster=0), [dust]) == {}  # like no other: no cluster to name


def test_the_newest_name_holds_and_an_empty_one_takes_it_back():
    members = members_of([("a", f"{i}.png", 1, 1, 10, 10, 8, 8, 50) for i in range(4)])
    given = [
        ClusterName(text, "fp", "ada", str(i), names.places(members, 1)) for i, text in enumerate(["dust", "halo"])
    ]
    assert names.matched(members, given)[1].name == "halo"
    assert names.matched(members, [*given, ClusterName("", "fp", "ada", "3", given[0].members)]) == {}


def test_one_place_that_is_still_wrong_does_not_carry_a_name():
    before = members_of([("a", f"{i}.png", 1, 1, 10, 10, 8, 8, 50) for i in range(10)])
    dust = ClusterName("dust", "fp", "ada", "2026-01-01", names.places(before, 1))
    assert names.matched(before.iloc[:1], [dust]) == {} and set(names.matched(before.iloc[:2], [dust])) == {1}


def test_growth_counts_each_source_and_its_share():
    of_two = [("a", 1, 1, 10), ("b", 1, 1, 30), ("b", 2, 1, 20), ("b", 3, 2, 50)]
    members = members_of([(source, "0.png", region, k, 0, 0, 9, 9, n) for source, region, k, n in of_two])
    totals = pd.DataFrame({"source": ["a", "b", "c"], "n_wrong": [40, 200, 0], "n_union": [400, 1000, 0]})
    table = growth(members, totals)
    one = table[table.cluster == 1]
    assert one.source.tolist() == ["a", "b", "c"] and one["count"].tolist() == [1, 2, 0]
    assert one.n_pixels.tolist() == [10, 50, 0] and one.share.tolist()[:2] == [0.25, 0.25]
    assert np.isnan(one.share.iloc[2]) and one.iou.tolist()[:2] == [0.025, 0.05]
    assert table[table.cluster == 2]["count"].tolist() == [0, 1, 0]


@pytest.mark.parametrize(
    ("counts", "said"),
    [
        ([12, 20, 31], "grew from 12 in a to 31 in c"),
        ([31, 5], "shrank from 31 in a to 5 in b"),
        ([0, 5], "new: 0 in a, 5 in b"),
        ([5, 0], "gone: 5 in a, 0 in b"),
        ([5, 9, 5], "about as many, 5 in a and 5 in c"),
        ([100, 91], "about as many, 100 in a and 91 in b"),
        ([100, 89], "shrank from 100 in a to 89 in b"),
        ([3, 1], "about as many, 3 in a and 1 in b"),
        ([0, 7, 0], "none in a and in c"),
        ([5], ""),
    ],
)
def test_growth_in_words(counts, said):
    assert told(counts, list("abc")[: len(counts)]) == said


def test_images_gone_from_the_data_set_are_left_out(tmp_path):
    run = finished_run(tmp_path)
    table = judged.of_run(run)[0].regions
    table = pd.concat([table, table.iloc[:2].assign(image="images/gone.png")])
    assert (
        "images/gone.png"
        not in pd.concat(described(table, open_dataset(run.data_path()), None, lambda: False)).image.values
    )
