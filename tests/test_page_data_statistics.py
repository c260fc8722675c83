"""The Data page's statistics and filters under AppTest: every topic, and the way from a bar to its pictures."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from conftest import make_disc_data
from test_page_data import findings_of, home, page, texts  # noqa: F401

from seglib.data.dataset import open_dataset
from ui import registry
from ui.data import behind, filters
from ui.data.statistics import TOPICS


@pytest.fixture
def movies(home):  # noqa: F811
    """Two movies of 4 frames in train and one of 3 in val; a_t3 has an empty mask."""
    folder = make_disc_data(home / "movies", n_train=8, n_val=3)
    rows = ["image,mask,group,split"]
    for number in range(11):
        movie, frame = "aaaabbbbccc"[number], [0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2][number]
        for kind in ("images", "masks"):
            (folder / kind / f"d{number}.png").rename(folder / kind / f"{movie}_t{frame}.png")
        split = "val" if movie == "c" else "train"
        rows.append(f"images/{movie}_t{frame}.png,masks/{movie}_t{frame}.png,{movie},{split}")
    (folder / "dataset.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    cv2.imwrite(str(folder / "masks" / "a_t3.png"), np.zeros((48, 48), np.uint8))
    registry.add(folder)
    return folder


@pytest.mark.parametrize("topic", TOPICS)
def test_every_topic_shows_and_takes_an_empty_data_set(movies, topic):
    at = page(data="movies", view="Statistics", topic=topic)
    assert not at.exception and not at.error and "Of all 11 pictures" in texts(at)
    bare = make_disc_data(movies.parent / "bare", n_train=2, n_val=1)
    (bare / "dataset.csv").write_text("image,mask,group,split\nimages/d0.png,,g,\nimages/d1.png,,h,\n")
    registry.add(bare)
    at = page(data="bare", view="Statistics", topic=topic)
    assert not at.exception and not at.error


def selected(at, key: str, points=(), box=()):
    at.session_state[behind.LAST] = (key, {"points": list(points), "box": list(box)})
    return at.run()


def test_a_bar_of_pictures_leads_to_the_grid(movies):
    at = page(data="movies", view="Statistics", topic="Cells and foreground")
    at = selected(at, "foreground", points=[{"customdata": ["train", 0]}])
    assert not at.exception and "**1 picture**: foreground 0 %" in texts(at)
    at.button(key="behind_foreground_grid").click().run()
    assert at.session_state["data_order"] == [3] and at.session_state["view"] == "Images"
    assert at.button(key="data_only_off").label.startswith("Only: foreground 0 %")
    at.button(key="data_clear").click().run()
    assert len(at.session_state["data_order"]) == 11


def test_a_bar_of_cells_leads_to_its_cells(movies):
    at = page(data="movies", view="Statistics", topic="Cell size and shape")
    at = selected(at, "cell_diameter_px", points=[{"customdata": ["val", number]} for number in range(30)])
    labels = [open_dataset(movies).sample(i).labels for i in (8, 9, 10)]
    n_uncut = sum(len(np.unique(x)) - len({*x[0], *x[-1], *x[:, 0], *x[:, -1]} | {0}) for x in labels)
    assert not at.exception and f"**{n_uncut} cells in 3 pictures**" in texts(at)
    at.session_state["behind_cell_diameter_px"] = {"pick": "9-1"}
    at.run()
    assert at.query_params["image"] == "9"


def test_a_box_on_a_movie_and_on_a_scatter(movies):
    at = page(data="movies", view="Statistics", topic="Over time")
    at = selected(at, "time_n_cells_3", box=[{"x": [-0.5, 0.5], "y": [0, 100]}])
    assert not at.exception and "**3 pictures**" in texts(at)
    at.button(key="behind_time_n_cells_3_clear").click().run()
    assert "**3 pictures**" not in texts(at)
    at = page(data="movies", view="Statistics", topic="Grey values")
    at = selected(at, "percentiles_as listed", box=[{"x": [1.6, 4.4], "y": [0, 1]}])
    assert not at.exception and "**3 pictures**" in texts(at)
    at.button(key="behind_percentiles_as listed_grid").click().run()
    assert at.session_state["data_order"] == [2, 3, 4]


def test_filters_by_measures_narrow_and_clear(movies):
    at = page(data="movies")
    at.get_by_key(filters.BY).set_value(["n_cells", "foreground"]).run()
    assert not at.exception and len(at.session_state["data_order"]) == 11
    slider = at.slider(key="data_range_n_cells")
    slider.set_value((1, slider.max)).run()
    assert 3 not in at.session_state["data_order"] and len(at.session_state["data_order"]) == 10
    at.get_by_key("data_split").set_value("val").run()
    assert at.session_state["data_order"] == [8, 9, 10]
    at.button(key="data_clear").click().run()
    assert not at.exception and len(at.session_state["data_order"]) == 11
    at.get_by_key(filters.BY).set_value(["n_cells"]).run()
    assert len(at.session_state["data_order"]) == 11  # the range that was cleared does not come back
    at.selectbox(key="data_sort").select("frame").run()
    at.get_by_key("data_order_by").set_value("smallest").run()
    assert at.session_state["data_order"] == [0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7]


def test_filters_survive_another_view_and_not_another_data_set(movies):
    at = page(data="movies")
    at.get_by_key("data_split").set_value("val").run()
    at.get_by_key("view").set_value("Findings").run()
    at.get_by_key("view").set_value("Images").run()
    assert at.session_state["data_order"] == [8, 9, 10]
    at.selectbox(key="sidebar_data").select("demo").run()
    assert not at.exception and at.session_state["data_order"] == [0, 1]


def test_findings_show_what_they_name(movies):
    at = page(data="movies", view="Findings")
    number = next(i for i, finding in enumerate(findings_of("movies")) if finding.code == "empty_mask")
    at.button(key=f"finding_{number}_all").click().run()
    assert not at.exception and at.session_state["data_order"] == [3]
