"""The Data page under AppTest: grid, picture, statistics, findings, choices, and what happens with nonsense."""

from __future__ import annotations

import time
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from conftest import make_disc_data
from streamlit.testing.v1 import AppTest

from seglib.data.dataset import open_dataset
from seglib.data.survey import load_report
from seglib.runs import jobs, worker
from ui import browse, choices, opened, registry, surveyed

SHELL = Path(__file__).resolve().parents[1] / "ui" / "shell.py"


@pytest.fixture
def home(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("SEGLIB_DATASETS", str(tmp_path / "datasets.json"))
    monkeypatch.setenv("SEGLIB_CHECKPOINTS", str(tmp_path / "checkpoints"))
    monkeypatch.setenv("SEGLIB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("SEGLIB_DEMO", str(make_disc_data(tmp_path / "demo", n_train=1, n_val=1)))
    # The job's own code, in this process: a worker needs seconds to start. One test below starts the real one.
    monkeypatch.setattr("seglib.runs.process.spawn", lambda kind, folder: worker.run_job(kind, folder))
    return tmp_path


@pytest.fixture
def discs(home) -> Path:
    """4 train and 2 val pictures, d1 with an empty mask, and one picture without a mask."""
    folder = make_disc_data(home / "discs")
    cv2.imwrite(str(folder / "masks" / "d1.png"), np.zeros((48, 48), np.uint8))
    cv2.imwrite(str(folder / "images" / "new.png"), np.full((48, 48), 90, np.uint8))
    with (folder / "dataset.csv").open("a", encoding="utf-8") as file:
        file.write("images/new.png,,g9,\n")
    registry.add(folder)
    return folder


def page(at: AppTest | None = None, **query: str) -> AppTest:
    at = at or AppTest.from_file(str(SHELL), default_timeout=60)
    for key, value in query.items():
        at.query_params[key] = value
    at.switch_page(str(SHELL.parents[1] / "pages" / "data.py"))
    return at.run()


def texts(at: AppTest) -> str:
    kinds = (at.error, at.warning, at.info, at.success, at.caption, at.markdown)
    return " ".join(element.value for kind in kinds for element in kind)


def findings_of(name: str) -> tuple:
    entry = registry.find(name)
    job = jobs.find("survey", surveyed.inputs_of(entry, opened.dataset(name)))
    return load_report(job.result).findings


def test_counts_first_then_the_grid(discs):
    at = page(data="discs")
    assert not at.exception and not at.error
    assert {m.label: m.value for m in at.metric} == {"train": "4", "val": "2", "unlabelled": "1"}
    assert at.session_state["data_order"] == [0, 1, 2, 3, 4, 5, 6]
    assert "Masks were understood as" in texts(at)


def test_filters_and_sort(discs):
    at = page(data="discs")
    at.get_by_key("data_split").set_value("val").run()
    assert at.session_state["data_order"] == [4, 5]
    at.get_by_key("data_split").set_value("all").run()
    at.text_input(key="data_text").set_value("D1").run()
    assert at.session_state["data_order"] == [1]
    at.text_input(key="data_text").set_value("nothing like it").run()
    assert not at.exception and "No picture passes these filters" in texts(at)
    at.text_input(key="data_text").set_value("").run()
    at.selectbox(key="data_sort").select("foreground").run()
    order = at.session_state["data_order"]
    assert order[-2:] == [1, 6]  # the empty mask, then the picture without one
    areas = [np.count_nonzero(open_dataset(discs).sample(i).labels) for i in order[:-1]]
    assert areas == sorted(areas, reverse=True)


def test_a_picture_is_enlarged_and_left_again(discs):
    at = page(data="discs", image="1")
    assert not at.exception and "**d1**" in texts(at) and "no cell (all 0)" in texts(at)
    assert "No whole cell is marked" in texts(at)
    at.button(key="picture_next").click().run()
    assert at.query_params["image"] == "2" and "**d2**" in texts(at)
    at.button(key="picture_back").click().run()
    assert "image" not in at.query_params and at.session_state["data_order"]
    for wrong in ("99", "x", "-1", "9" * 5000):
        at = page(data="discs", image=wrong)
        assert not at.exception and "There is no picture" in texts(at)


def test_a_picture_of_another_data_set_is_forgotten(discs):
    at = page(data="discs", image="5")
    at.selectbox(key="sidebar_data").select("demo").run()
    assert not at.exception and not at.warning and "image" not in at.query_params
    assert at.session_state["data_order"] == [0, 1]


def test_statistics_say_how_they_were_averaged(discs):
    at = page(data="discs", view="Statistics")
    assert not at.exception and "Of all 7 pictures" in texts(at)
    table = at.dataframe[0].value.set_index("split")
    masks = [open_dataset(discs).sample(i).mask for i in range(4)]
    assert table.loc["train", "foreground_pooled"] == pytest.approx(np.mean(masks))
    assert table.loc["val", "images"] == 2 and pd.isna(table.loc["unlabelled", "cells"])


def test_a_finding_leads_to_its_picture(discs):
    at = page(data="discs", view="Findings")
    assert not at.exception and "1 masks mark no cell" in texts(at)
    number = next(i for i, finding in enumerate(findings_of("discs")) if finding.code == "empty_mask")
    at.session_state[f"finding_{number}"] = {"pick": "1"}
    at.run()
    assert at.query_params["image"] == "1" and "**d1**" in texts(at)


def test_all_pictures_of_a_finding_in_the_grid(home):
    folder = make_disc_data(home / "many", n_train=9, n_val=2)
    for number in range(8):
        cv2.imwrite(str(folder / "masks" / f"d{number}.png"), np.zeros((48, 48), np.uint8))
    registry.add(folder)
    at = page(data="many", view="Findings")
    next(b for b in at.button if b.label == "All 8 in the grid").click().run()
    assert not at.exception and at.session_state["data_order"] == list(range(8))
    at.button(key="data_only_off").click().run()
    assert len(at.session_state["data_order"]) == 11


def test_a_damaged_picture_is_a_finding_and_a_line(discs):
    (discs / "images" / "d2.png").write_bytes(b"\x89PNG nonsense")
    at = page(data="discs", view="Findings")
    assert not at.exception and "Unreadable image" in texts(at)
    at = page(data="discs", image="2")
    assert not at.exception and len(at.error) == 1 and "d2.png" in at.error[0].value


def test_one_group_asks_and_shows_the_consequence(home):
    folder = make_disc_data(home / "movie")
    (folder / "dataset.csv").unlink()
    registry.add(folder)
    at = page(data="movie")
    assert not at.exception and "their names form one group" in texts(at)
    assert registry.find("movie").grouping is None
    captions = [choice.consequence for choice in choices.choices(folder)]
    assert captions[0].startswith("6 train, 0 val") and "no validation set" in captions[0]
    assert captions[2].startswith("4 train, 1 val · 1 in the gap") and "not independent" in captions[2]
    at.get_by_key("belong_movie").set_value(2).run()
    at.button(key="belong_apply").click().run()
    assert not at.exception and registry.find("movie").split == "blocks"
    assert {m.label: m.value for m in at.metric}["val"] == "1"
    assert "Frames of one movie, not independent." in texts(at)


def test_a_broken_data_set_lists_what_was_found(discs):
    (discs / "masks" / "d3.png").unlink()
    at = page(data="discs")
    assert not at.exception and "masks/d3.png" in at.error[0].value
    assert "Bad path" in texts(at)


def test_a_folder_that_is_gone_and_an_empty_one(home):
    folder = make_disc_data(home / "gone")
    registry.add(folder)
    folder.rename(home / "elsewhere")
    at = page(data="gone")
    assert not at.exception and "is gone" in texts(at)
    (home / "empty").mkdir()
    registry.add(home / "empty")
    at = page(data="empty")
    assert not at.exception and "no pictures found" in texts(at)


def test_many_pictures_are_not_looked_at_without_asking(discs, monkeypatch):
    monkeypatch.setattr(surveyed, "AT_ONCE", 3)
    at = page(data="discs")
    assert not at.exception and "too many to look at without asking" in texts(at)
    at.button(key="survey_again").click().run()
    assert "Masks were understood as" in texts(at)


def test_a_cancelled_survey_stays_cancelled_until_asked(discs):
    entry = registry.find("discs")
    data = opened.dataset("discs")
    job = jobs.find("survey", surveyed.inputs_of(entry, data))
    job.folder.mkdir(parents=True)
    jobs._prepare(job, "survey", surveyed.inputs_of(entry, data))
    job.cancel()
    worker.run_job("survey", job.folder)
    assert job.state().name == "cancelled"
    at = page(data="discs")
    assert not at.exception and job.state().name == "cancelled"
    at.button(key="survey_again").click().run()
    assert job.state().name == "done" and not at.exception


def test_a_real_worker_makes_the_survey(discs, monkeypatch):
    monkeypatch.undo()
    monkeypatch.setenv("SEGLIB_DATASETS", str(discs.parent / "datasets.json"))
    monkeypatch.setenv("SEGLIB_CACHE", str(discs.parent / "cache2"))
    inputs = surveyed.inputs_of(registry.find("discs"), opened.dataset("discs"))
    job = jobs.start("survey", inputs)
    deadline = time.monotonic() + 60
    while job.state().live and time.monotonic() < deadline:
        time.sleep(0.1)
    assert job.state().name == "done" and (job.result / "cells.parquet").is_file()


def test_pages_of_the_grid_and_neighbours():
    indices = list(range(130))
    assert browse.n_pages(indices, 60) == 3 and browse.page_of(indices, 3, 60) == list(range(120, 130))
    assert browse.page_of(indices, 9, 60) == list(range(120, 130)) and browse.page_of([], 1, 60) == []
    assert browse.beside([3, 1, 2], 1) == (3, 2) and browse.beside([3], 3) == (None, None)
