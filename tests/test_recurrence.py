"""What comes back: planted dust, matching on constructed sequences, planted kinds, and the report made of it all."""

import json

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import silhouette_score

from seglib.errors.budget import CLASSES
from seglib.errors.clusters import clusters, descriptors, silhouette
from seglib.errors.recurrence import recurrent
from seglib.errors.regions import regions
from seglib.errors.report import errors_report, measure
from seglib.exceptions import InputError
from seglib.metrics import Counts, count

SIDE = 80


def truth():
    """One cell of radius 10 (the radius within which centres match)."""
    rows, cols = np.mgrid[:SIDE, :SIDE]
    return ((rows - 60) ** 2 + (cols - 60) ** 2 <= 100).astype(np.int32)


def table_of(*squares, image="a.png", labels=None, missing=()):
    """Regions where false squares (row, col, side) were predicted and `missing` squares left out."""
    labels = truth() if labels is None else labels
    foreground = labels > 0
    for row, col, side in squares:
        foreground[row : row + side, col : col + side] = True
    for row, col, side in missing:
        foreground[row : row + side, col : col + side] = False
    table = regions(labels > 0, foreground, labels, np.ones(labels.shape, bool))
    table.insert(0, "image", image)
    return table


def test_dust_in_nine_of_ten_runs_has_persistence_nine_tenths():
    rng = np.random.default_rng(0)
    tables = []
    for run in range(10):
        noise = [(*rng.integers(0, 36, 2), 2)]  # somewhere else every time, small
        dust = [(10 + run % 3, 50 + run % 2, 6)] if run != 4 else []
        tables.append(table_of(*noise, *dust))
    top = recurrent(tables, [f"run{i}" for i in range(10)]).iloc[0]
    assert top.persistence == 0.9 and top.n_seen == 9 and top.n_pixels == 36
    assert top.seen_in == [f"run{i}" for i in range(10) if i != 4]
    assert (top.born, top.last_seen, top.alive, top["class"]) == ("run0", "run9", True, "hallucinated_cell")
    assert top.damage == pytest.approx(0.9 * 36)


def test_born_and_died():
    early, late = (5, 5, 6), (5, 40, 5)
    tables = [table_of(early), table_of(early, late), table_of(late), table_of(late)]
    table = recurrent(tables, ["10", "20", "30", "40"])
    assert table[["col", "born", "last_seen", "alive", "persistence"]].values.tolist() == [
        [40, "20", "40", True, 0.75],
        [5, "10", "20", False, 0.5],
    ]


@pytest.mark.parametrize(
    "first, second, same",
    [
        ((10, 10, 6), (10, 20, 6), True),  # no overlap, centres exactly a cell radius (10.03) apart
        ((10, 10, 6), (10, 21, 6), False),  # 11 px apart
        ((0, 0, 40), (0, 12, 40), True),  # centres 12 px apart, IoU 28 / 52
        ((0, 0, 40), (0, 22, 40), False),  # IoU 18 / 62 = 0.29
        ((0, 0, 40), (0, 21, 40), True),  # IoU 19 / 61 = 0.31
    ],
)
def test_what_counts_as_the_same_place(first, second, same):
    table = recurrent([table_of(first), table_of(second)])
    assert len(table) == (1 if same else 2)
    assert set(table.persistence) == ({1.0} if same else {0.5})


def test_overlap_goes_before_nearness_and_partners_are_one_to_one():
    tables = [table_of((10, 10, 5)), table_of((10, 16, 5), (11, 10, 5))]
    table = recurrent(tables).set_index("persistence")
    assert table.loc[1.0, "col"] == 10 and table.loc[0.5, "col"] == 16


def test_a_false_positive_is_not_a_miss_nor_one_image_the_other():
    spurious, missed = table_of((60, 49, 2)), table_of(missing=[(60, 51, 2)])
    assert set(spurious.kind) | set(missed.kind) == {"fp", "fn"}
    assert (recurrent([spurious, missed]).persistence == 0.5).all()
    assert len(recurrent([table_of((5, 5, 4)), table_of((5, 5, 4), image="b.png")])) == 2


def test_a_mistake_may_wander():
    """Each step overlaps the one before; the last is far from the first."""
    table = recurrent([table_of((5, 5 + 3 * i, 6)) for i in range(8)])
    assert table.persistence.tolist() == [1.0] and table.col.tolist() == [26]


def test_no_tables_and_empty_tables():
    assert len(recurrent([])) == 0
    assert len(recurrent([table_of(), table_of()])) == 0
    assert recurrent([table_of(), table_of((5, 5, 4))]).persistence.tolist() == [0.5]


def test_tables_that_do_not_fit_are_refused():
    with pytest.raises(InputError, match="no name twice"):
        recurrent([table_of(), table_of()], ["x", "x"])
    with pytest.raises(InputError, match="table of regions 1 lacks image"):
        recurrent([table_of().drop(columns="image")])


def planted(n=12):
    """Two kinds of false positive over `n` images: small bright free-standing dust and large faint blobs by a cell."""
    rng, tables, kinds = np.random.default_rng(3), [], []
    labels = truth()
    for i in range(n):
        q, gray = np.where(labels, 250, 5).astype(np.uint8), rng.normal(0, 1, labels.shape).astype(np.float32)
        for row, col, side, sure, grey in [
            (rng.integers(4, 30), 8, 3, 250, 12),
            (55, 30, rng.integers(14, 17), 140, -1),
        ]:
            q[row : row + side, col : col + side] = sure
            gray[row : row + side, col : col + side] += grey
        q[60, 44:50] = 140  # ties the blob to the cell
        foreground = q >= 127.5
        table = regions(labels > 0, foreground, labels, np.ones(labels.shape, bool), q=q, gray=gray)
        table.insert(0, "image", f"{i}.png")
        tables.append(table[table.n_pixels >= 9])
        kinds += (tables[-1].n_pixels > 50).tolist()
    return pd.concat(tables, ignore_index=True), kinds


def test_two_planted_kinds_fall_into_two_clusters():
    table, kinds = planted()
    assert sum(kinds) == 12 and len(kinds) == 24
    found = clusters(table)
    assert found["count"].tolist() == [12, 12] and found.n_images.tolist() == [12, 12]
    members = [{(e["image"], e["region"]) for e in row.examples} for row in found.itertuples()]
    large = {(r.image, r.region) for r in table.itertuples() if r.n_pixels > 50}
    assert members[0] <= large and not members[1] & large
    assert found.share.sum() == pytest.approx(1) and found.share[0] > found.share[1]
    assert "free-standing" in found.name[1] and "bright" in found.name[1] and "beside a cell" in found.name[0]


def test_one_cloud_stays_one_cluster():
    rng = np.random.default_rng(0)
    table = pd.concat([planted()[0][lambda t: t.n_pixels < 50]] * 3, ignore_index=True)
    noise = rng.normal(0, 0.8, (len(table), 2))
    table["contrast"], table["probability"] = noise[:, 0], 0.7 + noise[:, 1] / 4
    table["n_pixels"] = np.exp2(rng.normal(5, 1.5, len(table))).astype(int) + 4
    table["extent"], table["elongation"] = 0.6 + rng.normal(0, 0.2, len(table)), np.exp2(rng.normal(1, 0.5, len(table)))
    assert len(clusters(table)) == 1


def test_silhouette_agrees_with_scikit_learn():
    rng = np.random.default_rng(1)
    points, member = rng.normal(size=(40, 3)), np.append(rng.integers(0, 3, 39), 3)
    distances = np.linalg.norm(points[:, None] - points[None], axis=2)
    assert silhouette(distances, member) == pytest.approx(silhouette_score(points, member))


def test_many_regions_are_grouped_as_their_largest_are():
    table, _ = planted(6)
    many = pd.concat([table.assign(image=table.image + str(i)) for i in range(200)], ignore_index=True)
    rng = np.random.default_rng(0)
    many["contrast"] += rng.normal(0, 0.3, len(many))  # copies would make groups of their own
    many["probability"] += rng.normal(0, 0.05, len(many))
    found = clusters(many)  # 2400, of which 800 build the tree
    assert found["count"].tolist() == [1200, 1200] and found.mean_pixels[0] > 50 > found.mean_pixels[1]
    assert np.isfinite(descriptors(many)).all()


def cases(n=3):
    labels, rng = truth(), np.random.default_rng(5)
    for i in range(n):
        q = np.clip(np.where(labels, 200, 40) + rng.normal(0, 60, labels.shape), 0, 255).astype(np.uint8)
        q[10 + i : 16 + i, 10:16] = 220
        valid = np.ones(labels.shape, bool)
        valid[:, :4] = False
        yield f"images/{i}.png", f"movie{i % 2}", rng.random(labels.shape).astype(np.float32), q, labels, valid


@pytest.mark.parametrize("threshold", [0.0, 0.5, 0.8, 1.0])
def test_report_agrees_with_the_metrics_and_is_json(threshold):
    report = errors_report(cases(), threshold, run="r", checkpoint="last")
    total = sum((count(q, labels > 0, valid, threshold) for _, _, _, q, labels, valid in cases()), Counts())
    classes, union = report["budget"]["classes"], report["budget"]["union"]
    assert tuple(classes) == CLASSES and sum(classes.values()) == total.fp + total.fn
    assert union == total.tp + total.fp + total.fn
    assert sum(classes.values()) / union == pytest.approx(1 - total.iou, abs=1e-15)
    assert sum(r["n_pixels"] for r in report["regions"]) == total.fp + total.fn
    assert (report["run"], report["checkpoint"], report["threshold"]) == ("r", "last", threshold)
    again = json.loads(json.dumps(report, allow_nan=False))
    assert again == report
    assert {"image", "kind", "row", "col", "n_pixels"} <= set(report["regions"][0])


def test_report_says_what_came_back_and_sums_by_group():
    now = measure(cases())
    earlier = [("000100", now.regions), ("000200", now.regions.iloc[:0])]
    report = errors_report(cases(), earlier=earlier)
    persistence = {r["persistence"] for r in report["recurrent"] if r["n_pixels"] >= 36}
    assert persistence == {2 / 3}
    assert report["recurrent"][0]["seen_in"] == ["000100", "best"]
    groups = [now.pooled(g) for g in ("movie0", "movie1")]
    assert {k: groups[0][k] + groups[1][k] for k in groups[0]} == now.pooled()
    assert groups[0]["union"] > groups[1]["union"] > 0


def test_numbers_that_are_undefined_are_null():
    name, group, gray, q, labels, valid = next(cases())
    report = errors_report([(name, group, gray, q, np.zeros_like(labels), valid)])
    assert {r["cell_radius_px"] for r in report["regions"]} == {None}
    json.dumps(report, allow_nan=False)


def test_report_of_nothing_and_progress():
    done = []
    report = errors_report([], progress=done.append)
    assert report["budget"] == {"union": 0, "classes": dict.fromkeys(CLASSES, 0)}
    assert report["regions"] == report["recurrent"] == report["clusters"] == [] and done == []
    errors_report(cases(), progress=done.append)
    assert done == [1, 2, 3]


def test_a_case_that_does_not_fit_is_named():
    name, group, gray, q, labels, valid = next(cases())
    with pytest.raises(InputError, match=r"images/0.png: probabilities have shape \(10, 80\)"):
        measure([(name, group, gray, q[:10], labels, valid)])
    with pytest.raises(InputError, match=r"images/0\.png: threshold is 2"):
        measure([(name, group, gray, q, labels, valid)], threshold=2)
