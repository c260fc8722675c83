"""The Predict page under AppTest: a real network on real pictures, downloads, and what happens with nonsense."""

from __future__ import annotations

import csv
import io
import shutil
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest
from conftest import make_disc_data
from streamlit.testing.v1 import AppTest
from tiny_run import finished_run

from seglib.exceptions import InputError
from seglib.metrics import foreground
from seglib.predict import outputs
from seglib.runs import jobs, worker
from seglib.runs.store import Run
from seglib.training.config import ModelConfig
from ui import predictions, registry, uploads

SHELL = Path(__file__).resolve().parents[1] / "ui" / "shell.py"


@pytest.fixture
def home(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("SEGLIB_DATASETS", str(tmp_path / "datasets.json"))
    monkeypatch.setenv("SEGLIB_CHECKPOINTS", str(tmp_path / "checkpoints"))
    monkeypatch.setenv("SEGLIB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("SEGLIB_DEMO", str(make_disc_data(tmp_path / "demo", n_train=1, n_val=1)))
    # The job's own code, in this process; test_jobs.py starts real workers.
    monkeypatch.setattr("seglib.runs.process.spawn", lambda kind, folder: worker.run_job(kind, folder))
    return tmp_path


@pytest.fixture
def run(home) -> Run:
    """A finished run whose data set, named `data`, has two pictures without a mask."""
    run = finished_run(home)
    registry.add(run.data_path())
    return run


def page(**query: str) -> AppTest:
    at = AppTest.from_file(str(SHELL), default_timeout=60)
    for key, value in query.items():
        at.query_params[key] = value
    at.switch_page(str(SHELL.parents[1] / "pages" / "predict.py"))
    return at.run()


def texts(at: AppTest) -> str:
    kinds = (at.error, at.warning, at.info, at.success, at.caption, at.markdown)
    return " ".join(element.value for kind in kinds for element in kind)


def png(height: int = 20, width: int = 30) -> bytes:
    return cv2.imencode(".png", np.random.default_rng(0).integers(0, 256, (height, width), np.uint8))[1].tobytes()


def test_without_a_run_it_says_what_to_do(home):
    at = page(data="demo")
    assert not at.exception and "No trained network yet" in texts(at)


def test_the_unlabelled_pictures_are_predicted(run):
    at = page(data="data")
    assert not at.exception and at.button(key="predict_start").label == "Predict 2 pictures"
    at.button(key="predict_start").click().run()
    assert not at.exception and not at.error
    said = texts(at)
    assert "**2 pictures** predicted by run **tiny**, checkpoint **best**" in said and "threshold **0.50**" in said
    assert "**b_t003.png**" in said
    table = at.dataframe[0].value
    task = predictions.task(at.query_params["job"])
    for row, name in zip(table.to_dict("records"), ("b_t003", "b_t004")):
        mask = foreground(outputs.read_q(task.job.result, name), 0.5)
        assert row["image"] == f"{name}.png" and row["foreground_px"] == mask.sum()
        assert row["components"] == cv2.connectedComponents(mask.astype(np.uint8), connectivity=8)[0] - 1
    at.button(key="predict_next").click().run()
    assert "**b_t004.png**" in texts(at) and at.button(key="predict_next").disabled


def test_a_reload_brings_the_results_back(run):
    at = page(data="data")
    at.button(key="predict_start").click().run()
    again = page(data="data", job=at.query_params["job"])
    assert not again.exception and "**2 pictures** predicted by run **tiny**" in texts(again)
    for wrong in ("0" * 64, "../../etc", "x"):
        at = page(data="data", job=wrong)
        assert not at.exception and "These results are gone" in texts(at)


def test_another_threshold_changes_table_and_masks(run):
    at = page(data="data")
    at.button(key="predict_start").click().run()
    result = predictions.task(at.query_params["job"]).job.result
    threshold = float(np.median(outputs.read_q(result, "b_t003"))) / 255
    at.session_state["predict_threshold"] = threshold
    at.run()
    assert not at.exception and f"threshold **{threshold:.2f}**" in texts(at)
    expected = int(foreground(outputs.read_q(result, "b_t003"), threshold).sum())
    assert at.dataframe[0].value["foreground_px"][0] == expected


def test_dropped_pictures_are_predicted_and_named_harmlessly(run):
    at = page(data="data")
    at.get_by_key("predict_source").set_value("Your pictures").run()
    at.file_uploader[0].set_value([("../../evil name.png", png(), "image/png"), ("cell.png", png(33, 21), "image/png")])
    at.run()
    assert not at.exception and "is called `evil_name.png` in the results" in texts(at)
    at.button(key="predict_start").click().run()
    assert not at.exception and at.dataframe[0].value["image"].tolist() == ["evil_name.png", "cell.png"]
    assert at.dataframe[0].value["height"].tolist() == [20, 33]
    task = predictions.task(at.query_params["job"])
    assert all(Path(path).parent == jobs.cache_root() / "uploads" for path in task.job.inputs["images"])
    stems = [outputs.stem_of(row) for row in outputs.read_rows(task.job.result)]
    with zipfile.ZipFile(io.BytesIO(outputs.packed(task.job.result, stems, 0.5))) as archive:
        assert archive.namelist() == ["evil_name.png", "cell.png"]
    assert [row["image"] for row in csv.DictReader((task.job.result / "table.csv").open(encoding="utf-8"))][
        1
    ] == "cell.png"


def test_a_damaged_picture_is_left_out_and_named(run):
    at = page(data="data")
    at.get_by_key("predict_source").set_value("Your pictures").run()
    at.file_uploader[0].set_value([("bad.png", png()[:60], "image/png"), ("good.png", png(), "image/png")])
    at.run()
    assert not at.exception and len(at.error) == 1
    assert at.error[0].value.startswith("bad.png:") and "left out" in at.error[0].value
    assert at.button(key="predict_start").label == "Predict 1 picture"


def test_a_run_of_other_data_works_when_the_data_in_view_is_gone(run, home):
    folder = make_disc_data(home / "gone")
    registry.add(folder)
    folder.rename(home / "elsewhere")
    at = page(data="gone")
    assert not at.exception and "drop pictures instead" in texts(at)
    at.file_uploader[0].set_value([("cell.png", png(), "image/png")])
    at.run()
    at.button(key="predict_start").click().run()
    assert not at.exception and "**1 picture** predicted by run **tiny**" in texts(at)


def test_runs_of_other_data_are_offered_best_first(run, home):
    """The newest may be a try of half a minute that was never scored."""
    unscored = shutil.copytree(run.folder, run.folder.with_name("a-newer-one"))
    (unscored / "events.jsonl").unlink()
    (unscored / "config.json").touch()
    registry.add(make_disc_data(home / "other"))
    offered = page(data="other").selectbox(key="predict_run").options
    assert [label.split(" · ")[0] for label in offered] == ["tiny", "a-newer-one"]


def test_a_failed_prediction_says_why(run):
    (run.folder / "best.safetensors").write_bytes(b"damaged")
    at = page(data="data")
    at.button(key="predict_start").click().run()
    assert not at.exception and len(at.error) == 1 and "best.safetensors" in at.error[0].value


def test_tiles_are_warned_of_only_where_they_matter():
    model = ModelConfig(norm="group", channels=16)
    assert predictions.warning(model, [(100, 100), (3000, 3000)]).startswith("1 picture is predicted in tiles")
    assert predictions.warning(model, [(100, 100)]) is None
    assert predictions.warning(ModelConfig(norm="batch"), [(9000, 9000)]) is None


@pytest.mark.parametrize(
    ("given", "safe"),
    [
        ("cell.png", "cell.png"),
        ("/etc/passwd.png", "passwd.png"),
        ("..\\..\\x.tif", "x.tif"),
        (".hidden.png", "hidden.png"),
        ("con.png", "con_.png"),
        ("a b:c*.PNG", "a_b_c.PNG"),
        ("Zelle ä.png", "Zelle_ä.png"),
        ("\x00\n.png", "picture.png"),
    ],
)
def test_names_from_outside(given, safe):
    assert uploads.safe_name(given) == safe


def test_no_two_results_share_a_name():
    names = uploads.unique_names(["cell.png", "cell.tif", "CELL.png", "x_probability.png", "x.png"])
    stems = [Path(name).stem.lower() for name in names]
    written = [file for stem in stems for file in (stem, f"{stem}_probability")]
    assert names[:2] == ["cell.png", "cell-2.tif"] and len(set(written)) == len(written)


def test_only_pictures_are_kept(home):
    with pytest.raises(InputError, match=r"script\.py: not read; allowed"):
        uploads.keep(b"x", "a/script.py")
    file = uploads.keep(b"x", "../../a.PNG")
    assert file.parent == jobs.cache_root() / "uploads" and file == uploads.keep(b"x", "b.png")
