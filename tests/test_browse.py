"""Which pictures the grid shows, in which order; what the bars and boxes of a chart hold."""

from __future__ import annotations

import csv
import io
import json

import numpy as np
import pandas as pd
import pytest
from conftest import make_disc_data

from seglib.data.dataset import open_dataset
from seglib.data.findings import Finding
from seglib.data.report import Report
from seglib.data.survey import survey
from ui import browse
from ui.data import findings, measures, neighbours, plots
from ui.data.distributions import chosen_bins
from ui.data.filters import bars, bounds
from ui.data.measures import OF_CELLS, OF_PICTURES

TABLE = pd.DataFrame({"n_cells": [5.0, 9.0, 5.0, np.nan], "foreground": [0.1, 0.2, 0.3, np.nan]})


def test_sorted_by_any_column_and_without_figure_last():
    assert browse.ordered([0, 1, 2, 3], "n_cells", True, TABLE) == [1, 0, 2, 3]
    assert browse.ordered([3, 0, 1, 2], "n_cells", False, TABLE) == [0, 2, 1, 3]
    assert browse.ordered([2, 7, 0], "foreground", False, TABLE) == [0, 2, 7]  # 7 could not be read
    assert browse.ordered([2, 0], None, True, TABLE) == [2, 0] == browse.ordered([2, 0], "n_cells", True, None)


def test_ranges_hold_both_ends_and_all_must_pass():
    everything = [3, 2, 1, 0]
    assert browse.within(everything, TABLE, {}) == everything
    assert browse.within(everything, TABLE, {"n_cells": (5, 5)}) == [2, 0]
    assert browse.within(everything, TABLE, {"n_cells": (5, 9), "foreground": (0.2, 1)}) == [2, 1]
    assert browse.within([9, 1], TABLE, {"n_cells": (0, 99)}) == [1]


def test_a_spread_keeps_both_ends():
    assert browse.spread(range(5), 9) == [0, 1, 2, 3, 4]
    assert browse.spread(range(101), 3) == [0, 50, 100]


@pytest.mark.parametrize("values", ([0.013, 0.27], [1, 30], [5.0, 5.0], [1000, 65535], [1e-7, 3e-7]))
@pytest.mark.parametrize("kind", ("ratio", "count"))
def test_a_slider_reaches_every_value(values, kind):
    low, high, step = bounds(np.array([*values, np.nan]), kind)
    assert low <= min(values) and high >= max(values) and high > low
    assert step * 400 >= high - low or kind == "count"
    assert kind != "count" or step >= 1


def test_the_histogram_above_a_slider_is_numbers_only():
    text = bars(np.array([1.0, 2, 2, np.nan]), 1, 2, 1.5, 2)
    assert "3 pictures" in text and text.count("#999999") == 20 and text.count("#0072B2") == 20


def test_every_value_lies_behind_the_bar_that_counts_it():
    rng = np.random.default_rng(0)
    values = {"train": rng.integers(0, 40, 300).astype(float), "val": np.array([0.0, 40, np.nan, 7])}
    for bins in (plots.binned(values, 12), plots.binned(values, 12, whole=True)):
        for part, counts in bins.counts.items():
            behind = [plots.inside(values[part], bins.edges, [i]).sum() for i in range(len(counts))]
            assert behind == counts.tolist() and sum(behind) == np.isfinite(values[part]).sum()
    assert plots.binned({"train": [np.nan]}, 5) is None


def test_bars_know_their_part_and_bin():
    bins = plots.binned({"train": [1, 1, 2], "val": [2]}, 8, whole=True)
    figure = plots.bar_chart(bins, OF_PICTURES["n_cells"], "pictures")
    train, val = figure.data
    assert list(train.y) == pytest.approx([2 / 3, 1 / 3]) and list(val.y) == [0, 1]
    assert train.text[0] == "1: 2 pictures"
    points = [{"customdata": train.customdata[1]}, {"customdata": val.customdata[1]}]
    assert chosen_bins({"points": points}) == {"train": [1], "val": [1]}


def frames(n: int = 3) -> pd.DataFrame:
    table = pd.DataFrame({"frame": np.arange(n, dtype=float), "n_cells": 2.0 * np.arange(n), "group": "m"})
    return table.assign(split="train", image=[f"m_t{i}.png" for i in range(n)])


def test_a_box_finds_pictures_that_are_not_drawn():
    table = frames(5000)
    figure = plots.scatter(table, OF_PICTURES["frame"], OF_PICTURES["n_cells"], "split")
    assert len(figure.data[0].x) == plots.MAX_POINTS
    box = {"box": [{"x": [12.5, 9.5], "y": [0, 1e9]}]}
    assert plots.in_boxes(box, {"": table}, "frame", "n_cells") == [10, 11, 12]


def test_a_scatter_by_group_names_six_and_the_rest():
    table = frames(80).assign(group=[f"g{i % 8}" for i in range(80)])
    names = [trace.name for trace in plots.scatter(table, OF_PICTURES["frame"], OF_PICTURES["n_cells"], "group").data]
    assert len(names) == 7 and names[-1] == plots.OTHER_GROUPS
    colours = [trace.marker.color for trace in plots.scatter(table, *[OF_PICTURES["frame"]] * 2, "group").data]
    assert len(set(colours)) == 7


def test_movies_are_groups_with_frames_in_order():
    table = frames(4).assign(group=["a", "b", "a", "a"], frame=[9.0, np.nan, 2, 5])
    movies = measures.movies(table)
    assert list(movies) == ["a"] and movies["a"].index.tolist() == [2, 3, 0]


def test_the_table_is_in_units_of_the_pictures_and_says_what_is_not_known(tmp_path):
    folder = make_disc_data(tmp_path / "discs")
    with (folder / "dataset.csv").open("a", encoding="utf-8") as file:
        file.write("images/new.png,,g9,\n")
    (folder / "images" / "new.png").write_bytes((folder / "images" / "d0.png").read_bytes())
    (tmp_path / "out").mkdir()
    data = open_dataset(folder)
    found = survey(data, tmp_path / "out")
    table = measures.table_of(found)
    assert table.loc[0, "median_grey"] == pytest.approx(np.median(data.sample(0).image), abs=1)
    assert np.isnan(table.loc[6, "n_cells"]) and np.isnan(table.loc[6, "foreground"])
    assert found.images["median_grey"].max() <= 1  # the survey itself is left as it was
    known = measures.known(table)
    assert "foreground" in known and "height" not in known
    cells = found.cell_columns(list(OF_CELLS))
    assert len(cells) == int(table["n_cells"].sum())


def test_pairs_stand_with_the_nearest_first_and_never_beyond_the_records():
    table = frames(4).assign(nearest_train=[-1, 2, 1, 99], nearest_distance=[np.nan, 0.5, 0.1, 0.0])
    assert neighbours.pairs_of(table, 4).index.tolist() == [2, 1]


def test_the_report_to_take_away():
    hostile = Finding("empty_mask", "note", ("masks/a.png", "=cmd()"), "1 mask, no cell", "Draw it.")
    report = Report(2, 2, 0, (hostile, Finding("one_group", "warning", (), "one", "two")))
    rows = list(csv.DictReader(io.StringIO(findings.as_csv(report))))
    assert [row["file"] for row in rows] == ["masks/a.png", "'=cmd()", ""] and rows[2]["severity"] == "warning"
    assert json.loads(findings.as_json(report))["findings"][0]["files"] == ["masks/a.png", "=cmd()"]


def test_a_value_says_its_unit():
    assert OF_PICTURES["foreground"].text(0.1234) == "12.3 %" and OF_PICTURES["n_cells"].text(1234) == "1,234"
    assert OF_CELLS["diameter_px"].text(10.26) == "10.26 px" and OF_PICTURES["focus"].text(np.nan) == "none"
    assert plots.between(OF_PICTURES["n_cells"], 2.5, 5.5) == "3 to 5"
