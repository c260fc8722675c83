"""The section "Same place" of the Errors page, and its charts."""

import json

import numpy as np
import pandas as pd
import pytest
from made_up_errors import made_up_errors
from test_field_map import random_errors, region, shapes_of
from test_page_errors import home, page, run, texts  # noqa: F401 (fixtures)
from tiny_run import wait_until

from seglib.errors.field_map import field_map
from seglib.runs import jobs, recurring
from seglib.runs.recurring import Question
from ui import registry
from ui.errors import course_charts, field_chart, field_view, same_place


def opened(**query):
    at = page(**query)
    at.get_by_key("errors_which").set_value("last")  # the tiny run's best is its first: alone
    at.get_by_key("errors_section").set_value("Same place").run()
    assert not at.exception and not at.error
    return at


def test_checkpoints_of_a_run_by_the_iou_that_is_to_be_won(run):  # noqa: F811
    at = opened(data="data", run=run.id)
    answer = recurring.follow(Question("checkpoint", run, "last").looks())
    alive = answer.table[answer.table.alive & (answer.table.kind == "fp")]
    assert f"{len(alive):,} places are wrong in **{answer.names[-1]}**" in texts(at)
    assert f"({answer.counts.iou:.4f}) would gain" in texts(at) or "No such mistake" in texts(at)
    assert "Mistakes that come and go" in texts(at) and "laid over each other" in texts(at)
    at.get_by_key("errors_back_kind").set_value("Misses").run()
    alive = answer.table[answer.table.alive & (answer.table.kind == "fn")]
    assert not at.exception and f"{len(alive):,} places are wrong" in texts(at)
    for rank in same_place.RANKS:
        at.get_by_key("errors_back_rank_checkpoint").set_value(rank).run()
        assert not at.exception and not at.error


def test_seeds_are_held_against_each_other_by_themselves(home):  # noqa: F811
    runs = [made_up_errors(home, n_images=3, n_checkpoints=2, seed=0, run_id="s0")]
    runs += [made_up_errors(home, n_checkpoints=2, seed=s, run_id=f"s{s}", data=runs[0].data_path()) for s in (1, 2)]
    registry.add(runs[0].data_path())
    at = opened(data="demo", run="s0")
    at.get_by_key("errors_back_looks").set_value("run").run()
    assert not at.exception and not at.error
    beside = at.get_by_key("errors_back_runs_s0")
    assert beside.label == "Beside seed 0" and set(beside.value) == {"s1", "s2"}
    assert "of the 3 runs" in texts(at) and "Systematic or chance" in texts(at)
    made_up_errors(home, n_checkpoints=1, seed=1, run_id="a", data=runs[0].data_path())  # longer: no seed of theirs
    at.run()
    assert set(at.get_by_key("errors_back_runs_s0").options) == {"s1 · seed 1", "s2 · seed 2", "a"}
    beside.set_value(["s2"]).run()
    assert not at.exception and "of the 2 runs" in texts(at)
    beside = at.get_by_key("errors_back_runs_s0").set_value([]).run()
    assert not at.exception and "There is only one run with its mistakes stored" in texts(at)


def test_transforms_wait_for_a_button_and_then_for_a_job(run, monkeypatch):  # noqa: F811
    asked = []
    monkeypatch.setattr(jobs, "start", lambda *a, **k: asked.append((a, k)))
    at = opened(data="data", run=run.id)
    at.get_by_key("errors_back_looks").set_value("transform").run()
    assert not at.exception and "all eight ways" in texts(at)
    at.button(key="errors_transforms_start").click().run()
    assert not at.exception and asked[0][0][0] == "transforms"
    assert json.dumps(asked[0][0][1]) and asked[0][0][1]["split"] == "val"


def test_a_large_set_is_followed_by_a_job(run, monkeypatch):  # noqa: F811
    monkeypatch.setattr(recurring, "AT_ONCE_REGIONS", 1)
    at = opened(data="data", run=run.id)
    job = jobs.find("recurrence", Question("checkpoint", run, "last").inputs())
    assert (job.folder / "job.json").exists() and "are followed from one to the next" in texts(at)
    assert wait_until(lambda: not job.state().live)
    at.run()
    assert not at.exception and "places are wrong in **step" in texts(at)


# -- charts


def test_births_and_deaths_add_up():
    there = np.array([[1, 1, 1, 1], [1, 0, 0, 0], [0, 1, 0, 1], [0, 0, 0, 1]], bool)
    counts = course_charts.counts_over_time(there)
    assert {k: v.tolist() for k, v in counts.items()} == {
        "born": [2, 1, 0, 1],
        "carried": [0, 1, 1, 2],  # one of them is back after a gap
        "gone": [0, 1, 1, 0],
    }
    option = course_charts.births_option(there, ["step 1", "step 2", "step 3", "step 4"])
    assert option["xAxis"]["data"] == ["1", "2", "3", "4"]
    assert {s["name"]: s["data"] for s in option["series"]}["gone"] == [0, -1, -1, 0]
    assert course_charts.seen(pd.DataFrame({"course_pixels": []}), 3).shape == (0, 3)


def test_what_is_lost_by_persistence_adds_up_to_one_minus_iou(run):  # noqa: F811
    answer = recurring.follow(Question("checkpoint", run, "last").looks())
    union = answer.counts.tp + answer.counts.fp + answer.counts.fn
    shares = course_charts.lost_by_persistence(answer.table, 2, union)
    now = pd.read_parquet(Question("checkpoint", run, "last").tables()[-1])
    crumbs = now[now.n_pixels < recurring.MIN_PIXELS].n_pixels.sum() / union
    assert sum(shares) + crumbs == pytest.approx(1 - answer.counts.iou)
    assert len(course_charts.persistence_option(shares)["series"][0]["data"]) == 2


def field_with_dust():
    rows = random_errors(20, [(240, 160)], seed=1, per_image=6)
    rows += [region(f"{i}.png", 100, 40, np.ones((5, 5), bool)) for i in range(18)]
    shapes = shapes_of(20, [(240, 160)])
    return field_map(pd.DataFrame(rows), shapes), pd.DataFrame(rows), shapes


def test_the_map_has_a_ring_on_the_dust_and_says_so_in_words():
    found, table, shapes = field_with_dust()
    numbers = field_chart.spots_of(found, "fp")
    assert len(numbers) == 1 and not field_chart.spots_of(found, "fn")
    option = field_chart.field_option(found, "fp", numbers[0])
    heat, rings = option["series"]
    assert heat["type"] == "heatmap" and len(rings["data"]) == 1
    col, row = rings["data"][0]["value"]
    assert row == int(102.5 / 240 * found.bins[0]) and col == int(42.5 / 160 * found.bins[1])
    assert option["dataset"]["source"].images.sum() == found.images["fp"].sum()
    assert option["yAxis"]["name"] == "row (px)" and option["grid"]["height"] > option["grid"]["width"]
    assert field_chart.spot_words(found, numbers[0]).startswith("1") and "of 20 images" in field_chart.spot_words(
        found, numbers[0]
    )
    spot = field_view.Spot("fp0", "", "fp", tuple(found.spots.bins[0]), found.bins, shapes)
    inside = spot.inside(table)
    assert (inside.kind == "fp").all() and ((inside.row == 100) & (inside.col == 40)).sum() == 18
    json.dumps({k: v for k, v in option.items() if k != "dataset"})


@pytest.mark.parametrize(
    "row, kind, words",
    [
        ({}, "checkpoint", "9 of 10 · since step 120 · +0.0013 IoU if fixed · ~34 px, p 0.82"),
        ({}, "run", "9 of 10 · +0.0013 IoU if fixed · ~34 px, p 0.82"),
        ({"alive": False, "won": np.nan}, "checkpoint", "9 of 10 · gone after step 300 · ~34 px, p 0.82"),
        ({"alive": False, "won": np.nan}, "run", "9 of 10 · right in the one in view · ~34 px, p 0.82"),
        ({"n_looks": 9, "won": 1e-5}, "run", "9 of 9 that saw it (10) · +<0.0001 IoU if fixed · ~34 px, p 0.82"),
        ({"n_frames": 18}, "run", "9 of 10 · +0.0013 IoU if fixed · 18 frames · ~34 px, p 0.82"),
        ({"probability": np.nan}, "run", "9 of 10 · +0.0013 IoU if fixed · ~34 px"),
    ],
)
def test_what_a_card_says(row, kind, words):
    plain = dict(n_seen=9, n_looks=10, born="step 120", last_seen="step 300", alive=True, won=0.00131, n_pixels=34.2)
    values = plain | {"probability": 0.82} | row
    assert same_place.note(next(pd.DataFrame([values]).itertuples()), kind, 10) == words
