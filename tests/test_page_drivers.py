"""What drives it, on the Errors page: the ranking, the sentence, the cloud of points and what is behind it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import streamlit as st
from made_up_errors import made_up_errors
from streamlit.testing.v1 import AppTest

from seglib.errors import driver_curve, drivers
from seglib.errors.drivers import OF_CELLS, OF_IMAGES
from seglib.runs import predicted
from seglib.runs.store import Run
from ui import registry
from ui.errors import driver_plot

SHELL = Path(__file__).resolve().parents[1] / "ui" / "shell.py"
PAGE = SHELL.parents[1] / "pages" / "errors.py"


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    home = tmp_path_factory.mktemp("drivers")
    made_up_errors(home, n_images=6, size=96, n_checkpoints=1)
    return home


@pytest.fixture
def run(made, tmp_path, monkeypatch) -> Run:
    monkeypatch.setenv("SEGLIB_DATASETS", str(tmp_path / "datasets.json"))
    monkeypatch.setenv("SEGLIB_DEMO", str(tmp_path / "demo"))
    monkeypatch.setenv("SEGLIB_CHECKPOINTS", str(made / "checkpoints"))
    monkeypatch.setenv("SEGLIB_CACHE", str(tmp_path / "cache"))
    found = Run(made / "checkpoints" / "made-up")
    registry.add(found.data_path())
    return found


def section(**query: str) -> AppTest:
    at = AppTest.from_file(str(SHELL), default_timeout=60)
    at.query_params["data"] = "demo-2"
    for key, value in query.items():
        at.query_params[key] = value
    at = at.run().switch_page(str(PAGE)).run()
    at.get_by_key("errors_section").set_value("What drives it").run()
    assert not at.exception and not at.error
    return at


def texts(at: AppTest) -> str:
    return " ".join(e.value for kind in (at.error, at.warning, at.info, at.caption, at.markdown) for e in kind)


def test_the_ranking_its_sentence_and_the_quarter_behind_it(run):
    at = section()
    cells = predicted.of_validation(run, "best").stored().cells
    table = drivers.per_cell(cells)
    found = drivers.ranking(table, OF_CELLS)
    chosen = at.get_by_key("errors_driver")
    assert chosen.value == found[0].name and len(chosen.options) == len(found)
    assert drivers.sentence(found[0], OF_CELLS[found[0].name]) in texts(at)
    quarter = drivers.at_the_end(table, found[0])
    assert f"{quarter.wrong.sum():,} of {table.wrong.sum():,} wrong px" in texts(at)
    at.get_by_key("errors_driver").set_value(found[-1].name).run()
    assert not at.exception and OF_CELLS[found[-1].name].about in texts(at)


def test_images_iou_and_without_invented_cells(run):
    at = section()
    cells = predicted.of_validation(run, "best").stored().cells
    at.get_by_key("errors_drivers_invented").set_value(False).run()
    truth = drivers.per_cell(cells, invented=False)
    assert f"of {truth.wrong.sum():,} wrong px" in texts(at)
    at.get_by_key("errors_driver_y").set_value("IoU").run()
    at.get_by_key("errors_drivers_of").set_value("Images").run()
    assert not at.exception and not at.error
    assert "6 images with a mistake or a cell: at least 8" in texts(at)


def test_a_run_of_before_says_that_it_lacks_cells_or_is_measured_anew(run, monkeypatch):
    from ui.errors import scene

    monkeypatch.setattr(scene, "AT_ONCE_PIXELS", 0)
    file = predicted.of_validation(run, "best").tables / "cells.parquet"
    kept = file.read_bytes()
    file.unlink()
    st.cache_resource.clear()
    try:
        assert "before cells were looked at" in texts(section())
    finally:
        file.write_bytes(kept)
        st.cache_resource.clear()


# ---- the figures


def some(n: int, n_groups: int = 2) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    number = np.arange(n)
    wrong, union = rng.integers(0, 50, n), np.full(n, 100)
    return pd.DataFrame(
        {
            "image": [f"g{i % n_groups}_t{i:05d}.png" for i in number],
            "group": [f"g{i % n_groups}" for i in number],
            "kind": "truth",
            "cell": 1,
            "n_pixels": rng.integers(10, 500, n),
            "focus": np.where(number == 0, 0.0, rng.random(n)),
            "density": np.where(number == 1, np.nan, rng.integers(0, 5, n)),
            "wrong": wrong,
            "union": union,
            "error": wrong / union,
            "iou": 0.25,
        }
    )


def points(figure) -> list[int]:
    return sorted(row for trace in figure.data if trace.customdata is not None for row in trace.customdata)


def test_every_point_knows_its_row_and_many_are_thinned_the_same_way_every_time():
    table = some(100)
    figure = driver_plot.cloud(table, "n_pixels", OF_CELLS["n_pixels"], driver_curve.curve(table, "n_pixels"))
    assert points(figure) == list(range(100))
    for trace in figure.data[:2]:
        assert table.error[list(trace.customdata)].tolist() == list(trace.y)
        assert table.n_pixels[list(trace.customdata)].tolist() == list(trace.x)
    many = some(3 * driver_plot.MAX_POINTS)
    once, again = (driver_plot.cloud(many, "n_pixels", OF_CELLS["n_pixels"], pd.DataFrame()) for _ in range(2))
    assert points(once) == points(again) and len(points(once)) == driver_plot.MAX_POINTS


def test_what_has_no_place_on_the_axis_is_no_point():
    table = some(50)
    of = {name: driver_plot.cloud(table, name, OF_CELLS[name], pd.DataFrame()) for name in ("focus", "density")}
    assert 0 not in points(of["focus"]) and 1 not in points(of["density"])  # a logarithm of 0, a NaN


def test_iou_is_that_of_the_cell_and_the_curve_turns_over():
    table = some(100)
    curve = driver_curve.curve(table, "n_pixels", np.ones((10, 100), int))
    figure = driver_plot.cloud(table, "n_pixels", OF_CELLS["n_pixels"], curve, iou=True)
    assert set(figure.data[0].y) == {0.25}
    assert list(figure.data[-1].y) == pytest.approx((1 - curve.error).tolist())


def test_many_groups_share_a_colour_and_names_are_no_markup():
    table = some(200, n_groups=20).assign(group=lambda t: t.group.replace("g3", "<b>g3"))
    figure = driver_plot.cloud(table, "n_pixels", OF_CELLS["n_pixels"], pd.DataFrame())
    assert len(figure.data) == len(driver_plot.COLOURS) + 1 and figure.data[-1].name == "other groups"
    assert not any("<b>" in trace.name for trace in figure.data) and len(points(figure)) == 200


def test_frames_of_movies_are_lines():
    images = some(40).drop(columns=["cell", "iou"]).assign(frame=np.arange(40.0))
    lines = drivers.along_frames(images)
    figure = driver_plot.cloud(images, "frame", OF_IMAGES["frame"], pd.DataFrame(), lines=lines)
    drawn = [trace for trace in figure.data if trace.mode == "lines"]
    assert len(drawn) == 2 and list(drawn[0].x) == sorted(drawn[0].x)


def test_bars_say_both_shares():
    found = drivers.ranking(some(100), OF_CELLS)
    option = driver_plot.ranking_bars(found, OF_CELLS, "cells", found[0].name)
    bars = option["series"][0]["data"]
    assert len(bars) == len(found) and bars[0]["value"] == max(bar["value"] for bar in bars)
    assert bars[0]["label"]["formatter"] == f"{100 * found[0].wrong:.0f} % of wrong in {100 * found[0].union:.0f} %"
