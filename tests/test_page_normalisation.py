"""The normalisation lab: its route against the trainer's code, and its page under AppTest."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import cv2
import numpy as np
import pytest
from asgi_client import Client
from conftest import make_disc_data
from starlette.applications import Starlette
from streamlit.testing.v1 import AppTest

from seglib.data import background
from seglib.data.dataset import open_dataset
from seglib.data.normalise import NORMALISATION_NAMES
from seglib.runs import jobs, worker
from seglib.training.config import resolve
from seglib.training.draws import Draws, Normalise
from ui import normalised, opened, registry, security

SHELL = Path(__file__).resolve().parents[1] / "ui" / "shell.py"


@pytest.fixture
def home(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("SEGLIB_DATASETS", str(tmp_path / "datasets.json"))
    monkeypatch.setenv("SEGLIB_CHECKPOINTS", str(tmp_path / "checkpoints"))
    monkeypatch.setenv("SEGLIB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("SEGLIB_DEMO", str(make_disc_data(tmp_path / "demo", n_train=1, n_val=1)))
    monkeypatch.setattr("seglib.runs.process.spawn", lambda kind, folder: worker.run_job(kind, folder))
    return tmp_path


@pytest.fixture
def discs(home) -> Path:
    folder = make_disc_data(home / "discs")
    registry.add(folder)
    return folder


@pytest.fixture
def client():
    return Client(Starlette(routes=normalised.ROUTES, middleware=security.middleware()))


def unpacked(content: bytes) -> tuple[dict, list[np.ndarray]]:
    (length,) = struct.unpack("<I", content[:4])
    header, offset, blobs = json.loads(content[4 : 4 + length]), 4 + length, []
    for size in header["parts"]:
        blobs.append(np.frombuffer(content[offset : offset + size], "<f4").reshape(header["height"], header["width"]))
        offset += size
    return header, blobs


@pytest.mark.parametrize("method", NORMALISATION_NAMES)
def test_the_values_are_the_trainers_bit_for_bit(discs, client, method):
    data = open_dataset(discs)
    reply = client.get(normalised.normalised_url("discs", opened.dataset("discs"), 1), {"method": method})
    assert reply.status_code == 200 and "immutable" in reply.headers["cache-control"]
    header, blobs = unpacked(reply.content)
    settings = {"data.path": str(discs), "data.normalisation": method, "recipe": "none"}
    trained_on = Draws(data, resolve("quick", settings=settings)).samples[1].image
    assert blobs[0].tobytes() == trained_on.tobytes() == Normalise(method)(data.sample(1)).image.tobytes()
    assert header["median"] == pytest.approx(float(np.median(trained_on))) and header["low"] < header["high"]
    if method == "none":
        np.testing.assert_array_equal(blobs[1], background.field(blobs[0]))
        assert header["unit"] == 255


def test_bad_addresses_are_one_line(discs, client):
    url = normalised.normalised_url("discs", opened.dataset("discs"), 1)
    reply = client.get(url, {"method": "../x"})
    assert reply.status_code == 400 and "allowed: none" in reply.text and "\n" not in reply.text
    assert client.get("/seg/normalised/discs/99").status_code == 404
    assert client.get("/seg/normalised/nobody/0").status_code == 404


def test_a_picture_of_one_value_has_a_window(discs, client):
    cv2.imwrite(str(discs / "images" / "d0.png"), np.full((48, 48), 90, np.uint8))
    reply = client.get(normalised.normalised_url("discs", opened.dataset("discs"), 0), {"method": "zscore"})
    header, blobs = unpacked(reply.content)
    assert header["high"] > header["low"] and not blobs[0].any()


# ---- the page


def page(name: str = "discs") -> AppTest:
    at = AppTest.from_file(str(SHELL), default_timeout=60)
    at.query_params["data"], at.query_params["view"] = name, "Normalisation"
    at.switch_page(str(SHELL.parents[1] / "pages" / "data.py"))
    return at.run()


def texts(at: AppTest) -> str:
    kinds = (at.error, at.warning, at.info, at.success, at.caption, at.markdown)
    return " ".join(element.value for kind in kinds for element in kind)


def test_methods_side_by_side_and_all_pictures_compared(discs):
    at = page()
    assert not at.exception and not at.error
    assert (
        "**Before** · AUC 1.00" in texts(at) and "**zscore** · AUC 1.00" in texts(at) and "**clahe**" not in texts(at)
    )
    table = at.dataframe[0].value.set_index("method")
    assert list(table.index) == ["before", *NORMALISATION_NAMES[1:]] and (table["pictures"] == 6).all()
    assert "After background" in texts(at)
    at.get_by_key("lab_methods").set_value(["clahe"]).run()
    assert not at.exception and "**clahe** · AUC" in texts(at) and "**zscore**" not in texts(at)
    at.get_by_key("lab_methods").set_value([]).run()
    assert not at.exception and "Choose a method above" in texts(at)


def test_pictures_one_after_the_other(discs):
    at = page()
    at.selectbox(key="lab_picture_discs").select_index(0).run()
    assert at.button(key="lab_chevron_left").disabled
    at.button(key="lab_chevron_right").click().run()
    assert not at.exception and at.session_state["lab_picture_discs"] == 1


def test_a_median_among_the_cells_is_warned_of(discs):
    labels = np.zeros((48, 48), np.uint8)
    labels[:34] = 1
    image = np.where(labels > 0, 180, 60).astype(np.uint8)
    cv2.imwrite(str(discs / "images" / "d1.png"), image)
    cv2.imwrite(str(discs / "masks" / "d1.png"), labels)
    at = page()
    assert "In 1 of 6 pictures with a mask, such as images/d1.png" in texts(at)
    at.selectbox(key="lab_picture_discs").select_index(2).run()
    assert "of this picture and its median" not in texts(at)
    at.selectbox(key="lab_picture_discs").select_index(1).run()
    assert "Cells cover 71% of this picture" in texts(at) and "`background` subtracts cells" in texts(at)


def test_no_masks_and_no_cells(home):
    folder = make_disc_data(home / "bare")
    for number in range(6):
        cv2.imwrite(str(folder / "masks" / f"d{number}.png"), np.zeros((48, 48), np.uint8))
    (folder / "dataset.csv").write_text(
        (folder / "dataset.csv").read_text(encoding="utf-8").replace("masks/d0.png,g0,train", ",g0,"), encoding="utf-8"
    )
    registry.add(folder)
    at = page("bare")
    assert not at.exception and "no cells" in texts(at)
    at.selectbox(key="lab_picture_bare").select_index(0).run()
    assert not at.exception and "all pixels" in texts(at)


def test_many_pictures_are_compared_when_asked(discs, monkeypatch):
    monkeypatch.setattr("ui.data.comparison.AT_ONCE", 3)
    at = page()
    assert "too many to compare on without asking" in texts(at) and not at.dataframe
    at.button(key="comparison_start").click().run()
    assert not at.exception and len(at.dataframe) == 1


def test_a_comparison_that_was_damaged_is_made_again(discs):
    at = page()
    (kept,) = (jobs.cache_root() / "jobs").glob("*/result/methods.json")
    kept.write_text("{}", encoding="utf-8")
    at.run()
    assert "compare again" in at.error[0].value
    at.button(key="comparison_start").click().run()
    assert not at.error and len(at.dataframe) == 1


def test_a_damaged_picture_is_a_line(discs):
    (discs / "images" / "d2.png").write_bytes(b"\x89PNG nonsense")
    at = page()
    at.selectbox(key="lab_picture_discs").select_index(2).run()
    assert not at.exception and "d2.png" in at.error[0].value


def test_train_with_it(discs):
    at = page()
    at.selectbox(key="lab_train").select("background").run()
    at.button(key="lab_train_go").click().run()
    assert not at.exception and at.session_state["train_values"]["data.normalisation"] == "background"
    assert "normalisation_for_training" not in at.session_state
