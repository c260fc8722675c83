"""Acting on verdicts in the app: what is said, ticks, the job, the new data set, and the pictures before and after."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from asgi_client import Client
from starlette.applications import Starlette
from streamlit.testing.v1 import AppTest
from tiny_run import finished_run, wait_until

from seglib.data.rle import encode
from seglib.data.version import make_version, verify
from seglib.errors import corrections, review
from seglib.errors.review import Verdict
from seglib.runs import acting, jobs
from ui import change_pictures, opened, registry
from ui.errors import act_version


@pytest.fixture
def home(tmp_path, monkeypatch) -> Path:
    for name, place in (
        ("DATASETS", "datasets.json"),
        ("DEMO", "demo"),
        ("CHECKPOINTS", "checkpoints"),
        ("CACHE", "cache"),
    ):
        monkeypatch.setenv(f"SEGLIB_{name}", str(tmp_path / place))
    return tmp_path


@pytest.fixture
def data(home) -> Path:
    """The data set of a finished run, known by the name `data`, copied so that words may be written beside it."""
    import shutil

    run = finished_run(home)
    folder = home / "data"
    shutil.copytree(run.data_path(), folder)
    config = json.loads((run.folder / "config.json").read_text())
    config["data"]["path"] = str(folder)
    (run.folder / "config.json").write_text(json.dumps(config))
    registry.add(folder)
    return folder


def say(data, image, kind, word, row=2, col=2, size=5):
    rle = encode(np.ones((size, size), bool))
    verdict = Verdict(image, kind, row, col, size, size, size * size, rle, word, "ada <b>", review.now(), "[a](b)")
    review.append(data, verdict)
    return corrections.change_of(verdict)


def section():
    """The part of the page, drawn alone."""
    from seglib.runs import predicted
    from ui import state
    from ui.errors import act, scene

    state.follow_url()
    run, data = state.current_run(), state.current_dataset()
    view = scene.scene(state.dataset_name(), data, predicted.of_validation(run, "best"))
    act.draw(scene.Shown(view, run, None, "", None))


def drawn(**query) -> AppTest:
    at = AppTest.from_function(section, default_timeout=60)
    for key, value in {"data": "data", **query}.items():
        at.query_params[key] = value
    at.run()
    assert not at.exception, at.exception
    return at


def texts(at) -> str:
    return " ".join(e.value for kind in (at.error, at.warning, at.success, at.caption, at.markdown) for e in kind)


def choose(at, way):
    at.session_state["act_way"] = way
    at.run()
    assert not at.exception, at.exception
    return at


def test_it_says_what_the_verdicts_come_to(data):
    at = drawn()
    assert "0 verdicts: nothing to change in the data set" in texts(at)
    dataset = opened.dataset("data")
    train, val = (dataset.records[dataset.indices(split)[0]].image for split in ("train", "val"))
    say(data, train, "fp", "label_wrong")
    say(data, train, "fp", "hard_negative", row=20)
    say(data, val, "fp", "hard_negative")
    at = drawn()
    assert "3 verdicts: 1 mask corrected, 1 image drawn more often" in texts(at)
    assert "1 hard negative lies on images that are not train: counted, not used." in at.warning[0].value


def test_a_version_is_made_with_what_is_ticked_and_opened(data, home):
    dataset = opened.dataset("data")
    train = dataset.records[dataset.indices("train")[0]].image
    first, second = say(data, train, "fp", "label_wrong"), say(data, train, "fp", "ignore", row=20)
    at = choose(drawn(), "New version of the data set")
    assert at.text_input[0].value == str(home / "data-v2")
    assert "ada \\<b>: \\[a\\](b)" in texts(at)  # as it was typed, no markup
    at.checkbox(key=f"act_take_{second.id}").uncheck().run()
    assert at.button(key="act_make").label == "Make the version with 1 change"
    at.button(key="act_make").click().run()
    job = act_job_of(at)
    assert wait_until(lambda: not job.state().live) and job.state().name == "done", job.state()
    at.run()
    assert "1 place filled in" in at.success[0].value and registry.find("data-v2").path == home / "data-v2"
    told = json.loads((home / "data-v2" / "changes.json").read_text())
    assert [c["id"] for c in told["changes"]] == [first.id] and verify(home / "data-v2", data).problems == ()
    assert len(review.standing(home / "data-v2")) == 1
    at.button(key="act_another").click().run()
    assert at.text_input[0].value == str(home / "data-v3")


def act_job_of(at):
    ((_, folder),) = at.session_state["act_jobs"].items()
    return jobs.Job(Path(folder))


@pytest.mark.parametrize("folder, said", [("", "Name a folder"), ("v2", "whole path"), (".", "whole path")])
def test_folders_that_cannot_be_taken(data, folder, said):
    assert (
        act_version.checked(data, folder)[1].startswith(("Name", "Give"))
        and said in act_version.checked(data, folder)[1]
    )


def test_existing_folders_and_those_inside_are_refused(data, home):
    assert "not an empty folder" in act_version.checked(data, str(data))[1]
    assert "lies in the data set itself" in act_version.checked(data, str(data / "v2"))[1]
    assert act_version.checked(data, str(home / "new")) == (home / "new", "")
    (home / "data-v2").mkdir()
    assert act_version.free_folder(data) == home / "data-v3"
    assert act_version.free_folder(home / "data-v7") == home / "data-v8"


def test_beside_what_cannot_be_written_the_folder_goes_to_the_demo_data(data, home, monkeypatch):
    monkeypatch.setattr(act_version, "writable", lambda folder: False)
    assert act_version.free_folder(Path("/mnt/camera/colony")) == home / "colony-v2"


def test_a_version_shows_its_changes_and_takes_them_back(data, home):
    dataset = opened.dataset("data")
    changes = [say(data, dataset.records[i].image, "fp", "label_wrong") for i in dataset.indices("train")[:2]]
    make_version(dataset, home / "data-v2", changes)
    registry.add(home / "data-v2")
    made = change_pictures.version_of(opened.dataset("data-v2"))
    rows = change_pictures.listed(made.done)
    assert [row["change"] for row in rows] == ["Fill in", "Fill in"] and rows[0]["px"] == 25
    assert rows[0]["before"].endswith(" px cell, cells 1")
    inputs = acting.taking_back_inputs(home / "data-v2", [changes[0].id], home / "data-v3")
    assert jobs.find("version", inputs).id != jobs.find("version", {**inputs, "take_back": [changes[1].id]}).id


# ---- pictures


@pytest.fixture
def client():
    return Client(Starlette(routes=change_pictures.ROUTES))


def picture(answer):
    assert answer.status_code == 200, answer.text
    return cv2.imdecode(np.frombuffer(answer.content, np.uint8), cv2.IMREAD_COLOR)


def test_before_and_after_are_pictures_of_the_place(data, client):
    dataset = opened.dataset("data")
    image = dataset.records[dataset.indices("train")[0]].image
    fill = say(data, image, "fp", "label_wrong")
    before, after = (picture(client.get(f"/seg/change/data/{fill.id}?side={side}")) for side in ("before", "after"))
    assert before.shape == after.shape and (before != after).any()
    green = (after == (115, 158, 0)).all(axis=2)
    assert green.sum() > (before == (115, 158, 0)).all(axis=2).sum()  # the outline of the new cell


def test_a_version_shows_what_it_was(data, home, client):
    dataset = opened.dataset("data")
    fill = say(data, dataset.records[dataset.indices("train")[0]].image, "fp", "label_wrong")
    make_version(dataset, home / "data-v2", [fill])
    registry.add(home / "data-v2")
    sides = [picture(client.get(f"/seg/change/data-v2/{fill.id}?side={side}")) for side in ("before", "after")]
    assert (sides[0] != sides[1]).any()


def test_addresses_that_name_nothing(data, client):
    for address, code in (("data/zzz", 404), ("nobody/zzz", 404), ("data/zzz?side=above", 400), ("data/..%2f..", 404)):
        assert client.get(f"/seg/change/{address}").status_code == code


def test_the_html_of_a_pair_is_escaped(data):
    dataset = opened.dataset("data")
    fill = say(data, dataset.records[0].image, "fp", "label_wrong")
    text = change_pictures.pair("data", dataset, 0, fill, '"><script>')
    assert "<script>" not in text and text.count("<img ") == 2


def data_page() -> AppTest:
    root = Path(__file__).resolve().parents[1]
    at = AppTest.from_file(str(root / "ui" / "shell.py"), default_timeout=60)
    at.query_params["data"] = "data-v2"
    at.session_state["data_changes"] = True
    at.run().switch_page(str(root / "pages" / "data.py")).run()
    assert not at.exception, at.exception
    return at


def test_the_data_page_lists_the_changes_and_takes_them_back(data, home):
    dataset = opened.dataset("data")
    make_version(dataset, home / "data-v2", [say(data, dataset.records[0].image, "fp", "ignore")])
    registry.add(home / "data-v2")
    at = data_page()
    assert "A version of data: 1 area ignored" in texts(at) and at.button(key="act_back").disabled


def test_versions_beside_the_data_set_are_found_again(data, home):
    dataset = opened.dataset("data")
    make_version(dataset, home / "data-v2", [say(data, dataset.records[0].image, "fp", "ignore")])
    (home / "data-v3").mkdir()  # of somebody else
    at = drawn()
    assert [b.label for b in at.button if (b.key or "").startswith("act_open_")] == ["data-v2"]
    assert "data-v2" not in registry.entries()
