"""The Errors page with a second run beside the one in view, under AppTest."""

from __future__ import annotations

import shutil
from dataclasses import asdict

import cv2
import numpy as np
import pandas as pd
import pytest
from asgi_client import Client
from starlette.applications import Starlette
from test_page_errors import home, page, run, texts  # noqa: F401

from seglib.data.dataset import open_dataset
from seglib.errors.compare import compare, fates
from seglib.metrics import count
from seglib.runs import changes, jobs, predicted, validation, worker
from seglib.runs.store import Run
from ui import delta
from ui.errors import against_charts, beside, changed

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
    assert at.selectbox(key=NAME).value == beside.ALONE and "beside" not in at.query_params
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
    assert said in at.warning[0].value and at.selectbox(key=NAME).value == beside.ALONE
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


def test_the_section_stands_in_the_url_and_a_reload_comes_back_to_it(run):  # noqa: F811
    at = page(data="data", run="tiny")
    assert "look" not in at.query_params
    at.get_by_key("errors_section").set_value("Same place").run()
    assert not at.exception and at.query_params["look"] == "same-place"
    at = page(data="data", run="tiny", look="same-place")
    assert at.get_by_key("errors_section").value == "Same place"
    at = page(data="data", run="tiny", look="x`y")
    assert not at.exception and "There is no section" in texts(at)
    assert at.get_by_key("errors_section").value == "Where the IoU goes"


def against(**query: str):
    return page(data="data", run="tiny", look="against-another-run", **query)


def test_with_one_run_it_says_that_another_is_needed(run):  # noqa: F811
    at = against()
    assert not at.exception and not at.error
    assert "There is no other run on this data set" in texts(at)


def test_the_best_other_run_is_one_click_away(run, second):  # noqa: F811
    at = against()
    at.button(key="errors_beside_best").click().run()
    assert not at.exception and not at.error and at.query_params["beside"] == "second"
    values = {m.label: m.value for m in at.metric}
    assert values["Change of IoU"] == "0.0000" and values["IoU of tiny"] == values["IoU of second"]
    assert "They have the same settings" in texts(at)


def turned(run: Run, second: Run) -> None:  # noqa: F811
    """The other run's best predictions, turned about in a corner, and its counts again."""
    source, data = predicted.of_validation(second, "best"), open_dataset(run.data_path())
    rows = []
    for number, row in enumerate(source.scores().to_dict("records")):
        q = source.q(number)
        q[:30, :30] = 255 - q[:30, :30]
        cv2.imwrite(str(source.folder / f"{number}.png"), q)
        sample = next(s for s in map(data.sample, data.indices("val")) if s.name == row["image"])
        rows.append(row | asdict(count(q, sample.mask, sample.valid)))
    pd.DataFrame(rows).to_parquet(source.tables / "images.parquet")


def test_what_changed_adds_up_and_swapping_turns_it_round(run, second):  # noqa: F811
    turned(run, second)
    at = against(beside="second")
    assert not at.exception and not at.error and not at.warning
    values = {m.label: m.value for m in at.metric}
    scores = [validation.scores(r, "best") for r in (run, second)]
    a, b = (s.tp.sum() / (s.tp + s.fp + s.fn).sum() for s in scores)
    assert values["IoU of tiny"] == f"{a:.4f}" and values["IoU of second"] == f"{b:.4f}"
    assert values["Change of IoU"] == against_charts.signed(b - a) != "0.0000"
    found = compare(changes.pairs(*(predicted.of_validation(r, "best") for r in (run, second)), data_of(run)))
    pooled = found.pooled()
    fixed = pooled["fixed_fp"] + pooled["fixed_fn"]
    assert f"Fixed {fixed:,} px" in texts(at) and "too few val images for an interval, so no claim" in texts(at)
    at.button(key="errors_swap").click().run()
    assert not at.exception and not at.error
    assert at.query_params["run"] == "second" and at.query_params["beside"] == "tiny"
    values = {m.label: m.value for m in at.metric}
    assert values["Change of IoU"] == against_charts.signed(a - b)


def data_of(run):  # noqa: F811
    return open_dataset(run.data_path())


def test_two_checkpoints_of_one_run_are_compared_and_swapped(run):  # noqa: F811
    at = against(beside="@checkpoint")
    if at.warning:
        pytest.skip("the last validation of this training was its best")
    assert not at.exception and not at.error and "Two checkpoints of one training" in texts(at)
    assert {"IoU of tiny best", "IoU of tiny last"} <= {m.label for m in at.metric}
    at.button(key="errors_swap").click().run()
    assert not at.exception and at.get_by_key("errors_which").value == "last"


def test_without_probabilities_the_counts_still_say_how_far_apart_they_are(run, second):  # noqa: F811
    turned(run, second)
    for file in (second.folder / "validation" / "best").glob("*.png"):
        file.unlink()
    at = against(beside="second")
    assert not at.exception and not at.error and len(at.warning) == 1
    assert {m.label: m.value for m in at.metric}["Change of IoU"] != "0.0000"
    assert "The probabilities of both are needed" in texts(at)


def test_a_large_set_is_compared_by_a_job(run, second, monkeypatch):  # noqa: F811
    monkeypatch.setattr(changed, "AT_ONCE_PIXELS", 10)
    started = []
    monkeypatch.setattr(jobs, "start", lambda kind, inputs, **more: started.append((kind, inputs)))
    at = against(beside="second")
    assert not at.exception and started and started[0][0] == "changes"
    job = jobs.find(*started[0])
    job.folder.mkdir(parents=True)
    jobs._prepare(job, *started[0])
    assert worker.run_job("changes", job.folder).name == "done"
    at = against(beside="second")
    assert not at.exception and not at.error and "px (" in texts(at)


def test_damaged_probabilities_of_the_other_run_are_one_line(run, second):  # noqa: F811
    (second.folder / "validation" / "best" / "0.png").write_bytes(b"nonsense")
    at = against(beside="second")
    assert not at.exception and len(at.error) >= 1 and all("0.png is damaged" in e.value for e in at.error)


def test_the_picture_of_what_changed_has_each_fate_in_its_colour(run, second):  # noqa: F811
    turned(run, second)
    data, one, other = data_of(run), *(predicted.of_validation(r, "best") for r in (run, second))
    index = next(i for i in data.indices("val") if data.records[i].image == one.scores().image[0])
    client = Client(Starlette(routes=delta.ROUTES))
    address = delta.delta_url("data", data, index, (one, 0), (other, 0), size_px=64)
    found = client.get(address)
    assert found.status_code == 200
    picture = cv2.imdecode(np.frombuffer(found.content, np.uint8), cv2.IMREAD_COLOR)
    sample = data.sample(index)
    fate = fates(sample.mask, one.q(0) > 127, other.q(0) > 127, sample.valid)
    assert picture.shape == (48, 64, 3) and set(np.unique(fate)) > {0}
    blue, _, red = picture.astype(int).transpose(2, 0, 1)
    assert (blue - red)[(fate == 1) | (fate == 2)].min(initial=99) > 40
    assert (red - blue)[(fate == 3) | (fate == 4)].min(initial=99) > 40
    assert client.get(address.replace("tiny", "..%2Fx")).status_code == 404
    assert client.get(address.replace("tiny%3Abest%3A0", "nonsense")).status_code == 400
    assert client.get(address + "&row=999&col=0&height=1&width=1").status_code == 400
    assert client.get(address + "&row=3&col=4&height=9&width=8").status_code == 200
    assert client.get(address.replace("fit=0", "fit=1")).status_code == 200
