"""Figures say what the numbers say."""

from __future__ import annotations

import numpy as np
import pytest

from ui import charts, progress


def validation(number: int, val: float | None, train: float | None, best: bool = False) -> dict:
    summary = [None if iou is None else {"pooled_iou": iou} for iou in (val, train)]
    return {"kind": "validation", "step": number, "val": summary[0], "train": summary[1], "best": best}


def series(option: dict) -> dict[str, dict]:
    return {line["name"]: line for line in option["series"]}


def test_loss_curve_holds_every_step_and_its_running_mean():
    drawn = series(charts.loss_curve(np.arange(1.0, 11), 1 / np.arange(1.0, 11)))
    assert drawn["Loss"]["data"] == [[i, float(f"{1 / i:.6g}")] for i in range(1, 11)]
    assert len(drawn["Running mean"]["data"]) == 10


def test_a_loss_without_a_logarithm_is_left_out():
    drawn = series(charts.loss_curve(np.arange(1.0, 6), np.array([1.0, 0.0, np.nan, -1.0, 0.5])))
    assert drawn["Loss"]["data"] == [[1, 1.0], [5, 0.5]]
    assert series(charts.loss_curve(np.empty(0), np.empty(0)))["Loss"]["data"] == []


def test_a_long_training_is_thinned_but_keeps_its_ends_and_every_spike():
    loss = np.full(100_000, 0.5)
    loss[0], loss[77_777], loss[-1] = 0.9, 12.0, 0.4
    drawn = series(charts.loss_curve(np.arange(1.0, 100_001), loss))
    points = drawn["Loss"]["data"]
    assert len(points) <= charts.MAX_POINTS and points[0] == [1, 0.9] and points[-1] == [100_000, 0.4]
    assert [77_778, 12.0] in points and points == sorted(points)


def test_running_mean_looks_back_only():
    assert charts.running_mean([1.0, 3.0, 5.0, 7.0], share=0.5).tolist() == [1.0, 2.0, 4.0, 6.0]
    assert len(charts.running_mean([])) == 0


def test_memory_is_in_mb_and_a_gpu_is_drawn_only_where_there_is_one():
    step, used, none = np.array([1.0, 2.0]), np.array([5e8, 6e8]), np.full(2, np.nan)
    drawn = series(charts.memory_curve(step, used, none))
    assert list(drawn) == ["Trainer"] and drawn["Trainer"]["data"] == [[1, 500.0], [2, 600.0]]
    assert list(series(charts.memory_curve(step, used, np.array([np.nan, 1e9])))) == ["Trainer", "GPU"]


def test_iou_curve_marks_the_best_validation():
    events = [validation(10, 0.5, 0.6, best=True), validation(20, 0.8, 0.85, best=True), validation(30, 0.7, 0.9)]
    option = charts.iou_curve(events)
    drawn = series(option)
    assert drawn["val"]["data"] == [[10, 0.5], [20, 0.8], [30, 0.7]]
    assert drawn["train"]["data"] == [[10, 0.6], [20, 0.85], [30, 0.9]]
    assert drawn["val"]["markPoint"]["data"] == [{"coord": [20, 0.8]}]
    assert "markPoint" not in drawn["train"] and "title" not in option
    assert option["yAxis"][0]["min"] <= 0.48


def test_without_a_validation_set_the_figure_says_so():
    option = charts.iou_curve([validation(10, None, 0.6, best=True), validation(20, None, 0.7, best=True)])
    assert list(series(option)) == ["train"]
    assert option["title"]["text"] == charts.NO_VALIDATION


def test_before_the_first_validation_nothing_is_claimed():
    option = charts.iou_curve([])
    assert option["series"] == [] and "title" not in option


def test_histograms_of_splits_share_their_bins_and_sum_to_one():
    rng = np.random.default_rng(0)
    values = {"train": rng.normal(size=500), "val": [*rng.normal(1, 1, size=90), np.nan], "unlabelled": []}
    figure = charts.histogram(values, "grey value", bins=20)
    assert [trace.name for trace in figure.data] == ["train", "val"]
    assert figure.data[0].line.color == charts.SPLIT_COLOURS["train"]
    np.testing.assert_array_equal(figure.data[0].x, figure.data[1].x)
    for trace in figure.data:
        assert np.sum(trace.y[1:-1:2]) == pytest.approx(1.0)


def test_counted_histograms_are_scaled_and_empty_ones_left_out():
    figure = charts.histogram_of_counts({"train": [1, 3], "val": [0, 0]}, [0, 1, 2], "grey value")
    assert [trace.name for trace in figure.data] == ["train"]
    assert list(figure.data[0].y) == [0, 0.25, 0.25, 0.75, 0.75, 0]


def test_the_parts_of_the_budget_add_up_to_one_minus_iou():
    budget = {"missed_cell": 30, "bridge": 0, "boundary_1px": 20, "union": 1000}
    drawn = series(charts.budget_bar(budget))
    assert set(drawn) == {"missed cell", "boundary 1px"}
    assert sum(part["data"][0] for part in drawn.values()) == pytest.approx(0.05)
    assert charts.budget_bar({"other": 0, "union": 0})["series"] == []


@pytest.mark.parametrize(
    ("seconds", "said"), [(0.2, "0 s"), (45, "45 s"), (100, "2 min"), (3600, "60 min"), (7500, "2 h 05 min")]
)
def test_durations_read_like_speech(seconds, said):
    assert progress.duration(seconds) == said


def test_the_line_of_a_run_says_how_long_still():
    alive = progress.Standing("running", "", True, 0.5, "step 5 of 10", 125.0)
    assert progress.line(alive) == "step 5 of 10 · about 2 min left"
    over = progress.Standing("finished", "", False, 1.0, "step 10 of 10", 0.0)
    assert progress.line(over) == "step 10 of 10"
