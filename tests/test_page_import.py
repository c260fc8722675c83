"""The dialog that opens a data set, given one in somebody else's layout: recognised, asked about, seen, imported."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest
import tifffile
from conftest import make_disc_data
from foreign import check_movie, hdf5, nnunet, ome_zarr, plain_zarr, tracking, truth, zipped
from streamlit.testing.v1 import AppTest
from tiny_run import wait_until

from seglib.data.dataset import open_dataset
from seglib.runs import jobs, process, worker
from ui import importing, registry

SHELL = Path(__file__).resolve().parents[1] / "ui" / "shell.py"


@pytest.fixture
def home(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("SEGLIB_DATASETS", str(tmp_path / "datasets.json"))
    monkeypatch.setenv("SEGLIB_CHECKPOINTS", str(tmp_path / "checkpoints"))
    monkeypatch.setenv("SEGLIB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("SEGLIB_DEMO", str(make_disc_data(tmp_path / "data" / "demo", n_train=1, n_val=1)))
    # The job's own code, in this process: a worker needs seconds to start. One test below starts the real one.
    monkeypatch.setattr("seglib.runs.process.spawn", lambda kind, folder: worker.run_job(kind, folder))
    return tmp_path


def dialog(path: Path) -> AppTest:
    at = AppTest.from_file(str(SHELL), default_timeout=60).run()
    at.button(key="open_folder").click().run()
    return at.text_input(key="folders_path").set_value(str(path)).run()


def texts(at: AppTest) -> str:
    kinds = (at.error, at.warning, at.info, at.success, at.caption, at.markdown)
    return " ".join(element.value for kind in kinds for element in kind)


def say(at: AppTest, name: str, value: str) -> AppTest:
    return at.selectbox(key=f"import_choice_{name}").select(value).run()


def has(at: AppTest, key: str) -> bool:
    return any(button.key == key for button in at.button)


def test_axes_are_said_by_the_person_and_seen_before_the_import(home):
    at = dialog(hdf5(home / "a.h5", truth()))
    assert not at.exception and "HDF5 file" in texts(at)
    assert "names its axes" in texts(at) and not has(at, "import_start")
    box = at.selectbox(key="import_choice_axes")
    assert box.value is None and "TYX: 5 pictures of 40 × 56, one group (frames)" in box.options
    say(at, "axes", "NYX")
    assert "5 pictures in 5 groups" in texts(at) and len(at.get("image")) == 1
    say(at, "axes", "TYX")
    assert "5 pictures in 1 group: 5 with a mask (5 train), 0 unlabelled" in texts(at)
    assert at.text_input(key="import_folder").value == str(home / "data" / "a")
    at.button(key="import_start").click().run()
    assert not at.exception and not at.error
    assert at.query_params["data"] == "a" and registry.find("a").path == (home / "data" / "a").resolve()
    check_movie(home / "data" / "a", truth())
    assert {m.label: m.value for m in at.metric}["train"] == "5"


def test_keys_and_channels_are_chosen_and_a_new_key_forgets_the_axes(home):
    data = truth()
    with h5py.File(home / "a.h5", "w") as h:
        h["one"], h["two"], h["cells"] = np.stack([data.images, data.images]), data.images, data.labels
    at = dialog(home / "a.h5")
    assert at.selectbox(key="import_choice_image_key").value is None
    say(at, "image_key", "one")
    say(at, "mask_key", "cells")
    say(at, "axes", "CTYX")
    assert "2 channels" in texts(at)
    say(at, "channel", "1")
    assert "5 pictures in 1 group" in texts(at)
    say(at, "image_key", "two")
    assert at.selectbox(key="import_choice_axes").value is None and not has(at, "import_start")


def test_a_zip_dropped_into_the_dialog(home):
    folder = tracking(home / "in", {"01": truth(4), "02": truth(3, seed=1)}, {"01": [0, 2], "02": [1]})
    content = zipped(home / "movies.zip", folder, "Fluo/").read_bytes()
    at = dialog(home)
    at.file_uploader(key="import_file").upload("movies.zip", content, "application/zip").run()
    assert not at.exception and "Cell Tracking Challenge movies in a zip" in texts(at)
    assert "7 pictures in 2 groups: 3 with a mask (" in texts(at)
    at.button(key="import_start").click().run()
    assert not at.exception and at.query_params["data"] == "movies"
    assert len(open_dataset(home / "data" / "movies").records) == 7
    assert not list((home / "cache").rglob("*man_seg*"))  # what was unpacked is gone


@pytest.mark.parametrize("kind", ["zarr", "nnunet", "tiff"])
def test_folders_and_files_of_this_machine(home, kind):
    data = truth(4)
    if kind == "zarr":
        at = dialog(ome_zarr(home / "in", data))
    elif kind == "nnunet":
        at = dialog(nnunet(home / "in", data))
    else:
        tifffile.imwrite(home / "in.tif", data.images, photometric="minisblack")
        at = dialog(home)
        at.button(key="file_in.tif").click().run()
        say(at, "axes", "NYX")
    assert not at.exception and "4 pictures in" in texts(at)
    at.text_input(key="import_folder").set_value(str(home / "elsewhere" / "mine")).run()
    at.button(key="import_start").click().run()
    assert not at.exception and at.query_params["data"] == "mine"
    assert len(open_dataset(home / "elsewhere" / "mine").records) == 4


def test_a_folder_of_ours_is_opened_and_not_imported(home):
    make_disc_data(home / "discs")
    at = dialog(home / "discs")
    assert has(at, "folder_take") and not has(at, "import_start")


def test_what_is_not_let_in_is_one_line_with_the_name_the_person_knows(home):
    folder = plain_zarr(home / "a.zarr", truth(3), version=2)
    meta = folder / "raw" / ".zarray"
    meta.write_text(meta.read_text(encoding="utf-8").replace('"blosc"', '"pickle"'), encoding="utf-8")
    at = dialog(folder)
    assert not at.exception and len(at.error) == 1 and "'pickle' is never decoded" in at.error[0].value
    at = dialog(home)
    at.file_uploader(key="import_file").upload("evil.zip", b"PK\3\4 and no more", "application/zip").run()
    assert not at.exception and at.error[0].value.startswith("evil.zip: the end of the zip is missing")


def test_names_from_files_are_no_markup(home):
    with h5py.File(home / "a.h5", "w") as h:
        h["raw/<b>x](evil)"] = truth(1).images[0]
        h["raw/:red[y]"] = truth(1).images[0]
    at = dialog(home / "a.h5")
    say(at, "image_key", "raw")
    assert not at.exception
    assert "](evil" not in texts(at) and " :red[" not in texts(at)


def test_an_existing_folder_is_refused_before_anything_starts(home):
    at = dialog(nnunet(home / "in", truth(3)))
    at.text_input(key="import_folder").set_value(str(home / "data" / "demo")).run()
    assert "not empty" in at.error[0].value and at.button(key="import_start").disabled
    at.text_input(key="import_folder").set_value("mine").run()
    assert at.button(key="import_start").disabled


def test_a_failed_import_says_why_and_leads_back(home):
    labels = np.zeros((3, 40, 56), np.int32)
    labels[2, 4, 4] = -7
    with h5py.File(home / "a.h5", "w") as h:
        h["raw"], h["label"] = truth(3).images, labels
    at = dialog(home / "a.h5")
    say(at, "axes", "TYX")
    at.button(key="import_start").click().run()
    assert not at.exception and "mask values from -7" in at.error[0].value
    assert [path.name for path in (home / "data").iterdir()] == ["demo"]
    at.button(key="import_back").click().run()
    assert has(at, "import_start")


def test_a_default_name_that_is_free(home):
    assert importing.free_folder("a b.ome.tif") == home / "data" / "a_b"
    assert importing.free_folder("demo.zip") == home / "data" / "demo-2"
    assert importing.free_folder("../../x.zip").parent == home / "data"


def test_the_real_worker_imports_and_can_be_cancelled(home, monkeypatch):
    monkeypatch.undo()
    monkeypatch.setenv("SEGLIB_CACHE", str(home / "cache"))
    big = truth(2, 400, 400)
    with h5py.File(home / "a.h5", "w") as h:
        h["raw"] = np.tile(big.images, (150, 1, 1))
    choices = {"axes": "TYX"}
    inputs = {"source": str(home / "a.h5"), "name": "a.h5", "choices": choices, "folder": str(home / "out")}
    job = jobs.start("import", inputs)
    assert wait_until(lambda: job.progress().fraction > 0.02)
    job.cancel()
    assert wait_until(lambda: not job.state().live) and job.state().name == "cancelled"
    assert not (home / "out").exists() and not list(home.glob(".out-*"))
    job = jobs.start("import", inputs)
    assert wait_until(lambda: not job.state().live) and job.state().name == "done", job.state()
    assert len(open_dataset(home / "out").records) == 300
    process.reap()
