"""The Errors page with a second run beside the one in view, under AppTest."""

from __future__ import annotations

import shutil

import pandas as pd
import pytest
from test_page_errors import home, page, run, texts  # noqa: F401

from seglib.runs import validation
from seglib.runs.store import Run
from ui.errors import beside

NAME = "errors_beside_box"


@pytest.fixture
def second(run) -> Run:  # noqa: F811
    """The same training once more, under another name."""
    folder = run.folder.with_name("second")
    shutil.copytree(run.folder, folder)
    return Run(folder)


def test_nothing_stands_beside_a_run_by_itself(run, second):  # noqa: F811
    at = page(data="data", run="tiny")
    assert not at.exception and not at.error
    assert at.selectbox(key=NAME).value is None and "beside" not in at.query_params
    assert at.selectbox(key=NAME).options[0] == beside.NOTHING


def test_another_run_is_chosen_and_stands_in_the_url(run, second):  # noqa: F811
    at = page(data="data", run="tiny")
    at.selectbox(key=NAME).set_value("second").run()
    assert not at.exception and not at.error and not at.warning
    assert at.query_params["beside"] == "second"
    at = page(data="data", run="tiny", beside="second")
    assert at.selectbox(key=NAME).value == "second" and not at.warning


@pytest.mark.parametrize(
    "asked, said",
    [("../..", "There is no run"), ("tiny", "is the one in view"), ("[x](http://a.b)", "There is no run")],
)
def test_nonsense_in_the_url_is_one_line(run, second, asked, said):  # noqa: F811
    at = page(data="data", run="tiny", beside=asked)
    assert not at.exception and not at.error and len(at.warning) == 1
    assert said in at.warning[0].value and at.selectbox(key=NAME).value is None
    at.selectbox(key=NAME).set_value("second").run()
    assert not at.warning and at.query_params["beside"] == "second"


def test_a_run_with_other_val_images_is_looked_at_where_they_share_some(run, second):  # noqa: F811
    for step in validation.validation_steps(second):
        file = validation.folder_of(second, step) / "images.parquet"
        table = pd.read_parquet(file)
        table.loc[0, "image"] = "images/elsewhere.png"
        table.to_parquet(file)
    at = page(data="data", run="tiny", beside="second")
    assert not at.exception and not at.error and not at.warning
    assert "has predicted 2 of these 3 val images" in texts(at)
    for step in validation.validation_steps(second):
        file = validation.folder_of(second, step) / "images.parquet"
        pd.read_parquet(file).assign(image=["x", "y", "z"]).to_parquet(file)
    at = page(data="data", run="tiny", beside="second")
    assert not at.exception and len(at.warning) == 1
    assert "has predicted none of these 3 val images" in at.warning[0].value


def test_damaged_and_lost_files_of_the_other_run_leave_this_one_in_view(run, second):  # noqa: F811
    file = validation.folder_of(second, validation.step_of(second, "best")) / "images.parquet"
    whole = file.read_bytes()
    file.write_bytes(b"nonsense")
    at = page(data="data", run="tiny", beside="second")
    assert not at.exception and not at.error and len(at.warning) == 1 and at.metric
    assert "cannot be read" in at.warning[0].value
    file.write_bytes(whole)
    shutil.rmtree(second.folder / "validation" / "best")
    at = page(data="data", run="tiny", beside="second")
    assert not at.exception and not at.error and len(at.warning) == 1 and at.metric
    assert "probabilities of 3 of 3 val images of **second**" in at.warning[0].value
    assert at.button(key="errors_beside_predict").label == "Predict the val images"
