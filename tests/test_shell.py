"""The shell under AppTest: first start, data set and run in view, the folder dialog, clear lines for mistakes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from conftest import make_disc_data
from streamlit.testing.v1 import AppTest
from tiny_run import tiny_config

from seglib.data.demo import make_demo
from seglib.exceptions import InputError
from seglib.runs import launcher
from seglib.runs.events import EventFile
from seglib.runs.store import Run
from ui import folders, glossary, registry

SHELL = Path(__file__).resolve().parents[1] / "ui" / "shell.py"


@pytest.fixture(scope="session")
def demo(tmp_path_factory) -> Path:
    return make_demo(tmp_path_factory.mktemp("shell") / "demo", n_images=8)


@pytest.fixture
def home(tmp_path, monkeypatch, demo) -> Path:
    """A place of its own for everything the app remembers; the demo is there."""
    monkeypatch.setenv("SEGLIB_DATASETS", str(tmp_path / "datasets.json"))
    monkeypatch.setenv("SEGLIB_DEMO", str(demo))
    monkeypatch.setenv("SEGLIB_CHECKPOINTS", str(tmp_path / "checkpoints"))
    return tmp_path


def shell(**query: str) -> AppTest:
    at = AppTest.from_file(str(SHELL), default_timeout=60)
    for key, value in query.items():
        at.query_params[key] = value
    return at.run()


def texts(at: AppTest) -> str:
    return " ".join(
        e.value for kind in (at.error, at.warning, at.info, at.success, at.caption, at.markdown) for e in kind
    )


def test_opens_on_the_demo_and_says_so_in_the_url(home):
    at = shell()
    assert not at.exception and not at.error
    assert at.selectbox(key="sidebar_data").value == "demo"
    assert at.query_params["data"] == "demo"
    assert {m.label: m.value for m in at.metric}["train"] == "4"


def test_the_first_start_draws_the_demo(home, monkeypatch):
    monkeypatch.setenv("SEGLIB_DEMO", str(home / "data" / "demo"))
    at = shell()
    assert not at.exception and not at.error
    assert (home / "data" / "demo" / "dataset.csv").is_file()
    assert {m.label for m in at.metric} >= {"train", "val", "unlabelled"}


def test_a_deep_link_brings_its_data_set_into_view(home):
    make_disc_data(home / "discs")
    name = registry.add(home / "discs").name
    at = shell(data=name)
    assert at.selectbox(key="sidebar_data").value == name == "discs"
    assert {m.label: m.value for m in at.metric}["val"] == "2"
    at.run()
    assert at.query_params["data"] == "discs"


def test_choosing_another_data_set_changes_the_url(home):
    make_disc_data(home / "discs")
    registry.add(home / "discs")
    at = shell()
    at.selectbox(key="sidebar_data").select("discs").run()
    assert not at.exception
    assert at.query_params["data"] == "discs"


def test_an_unknown_name_and_a_folder_that_is_gone_are_one_line_each(home):
    at = shell(data="nobody")
    assert not at.exception and "no data set is called 'nobody'" in texts(at)
    folder = make_disc_data(home / "discs")
    registry.add(folder)
    folder.rename(home / "elsewhere")
    at = shell(data="discs")
    assert not at.exception and str(folder) in texts(at) and "is gone" in texts(at)


def test_a_broken_data_set_names_the_file(home):
    folder = make_disc_data(home / "discs")
    registry.add(folder)
    (folder / "masks" / "d0.png").unlink()
    at = shell(data="discs")
    assert not at.exception and len(at.error) == 1 and "masks/d0.png" in at.error[0].value


def test_a_folder_is_opened_by_clicking(home):
    make_disc_data(home / "some" / "discs")
    at = shell()
    at.button(key="open_folder").click().run()
    at.text_input(key="folders_path").set_value(str(home / "some")).run()
    assert "Not a data set" in texts(at) and at.button(key="folder_take").disabled
    at.button(key="folder_discs").click().run()
    assert at.session_state["folders_path"] == str(home / "some" / "discs")
    assert "6 images: 4 train, 2 val, 0 unlabelled" in texts(at)
    at.button(key="folder_take").click().run()
    assert not at.exception
    assert at.query_params["data"] == "discs"
    assert registry.find("discs").path == (home / "some" / "discs").resolve()


def test_the_dialog_says_what_is_wrong_with_a_folder(home):
    folder = make_disc_data(home / "discs")
    (folder / "dataset.csv").write_text("picture\nx.png\n", encoding="utf-8")
    at = shell()
    at.button(key="open_folder").click().run()
    at.text_input(key="folders_path").set_value(str(folder)).run()
    assert not at.exception and "dataset.csv" in at.error[0].value and at.button(key="folder_take").disabled
    at.text_input(key="folders_path").set_value(str(home / "nowhere")).run()
    assert not at.exception and "is not a folder on this machine" in texts(at)


def test_the_demo_is_one_click_away(home):
    make_disc_data(home / "discs")
    registry.add(home / "discs")
    at = shell(data="discs")
    at.button(key="open_folder").click().run()
    at.button(key="try_demo").click().run()
    assert at.query_params["data"] == "demo" and at.selectbox(key="sidebar_data").value == "demo"


def test_pictures_without_a_csv_ask_how_they_belong_together(home):
    folder = make_disc_data(home / "discs")
    (folder / "dataset.csv").unlink()
    at = shell()
    at.button(key="open_folder").click().run()
    at.text_input(key="folders_path").set_value(str(folder)).run()
    assert at.button(key="folder_take").disabled  # d0 … d5 are one movie by their names
    at.get_by_key("folder_split").set_value("Each file on its own").run()
    at.button(key="folder_take").click().run()
    assert not at.exception and registry.find("discs").grouping == "file"
    assert {m.label: m.value for m in at.metric}["train"] != "0"


def make_run(home: Path, data: Path, name: str, iou: float) -> Run:
    """A run as the trainer leaves it after one validation."""
    run = launcher.create(tiny_config(data), name, home / "checkpoints")
    summary = {"pooled_iou": iou, "mean_iou": iou, "pooled_dice": iou, "n_images": 2, "n_undefined": 0}
    events = EventFile(run.folder / "events.jsonl")
    events.append({"kind": "validation", "step": 2, "elapsed_s": 1.0, "best": True, "val": summary, "train": None})
    events.close()
    return run


def test_the_best_run_is_in_view_in_sidebar_and_url(home):
    data = make_disc_data(home / "discs")
    registry.add(data)
    for name, iou in (("good", 0.9), ("bad", 0.2)):
        make_run(home, data, name, iou)
    at = shell(data="discs")
    assert not at.exception
    assert at.selectbox(key="sidebar_run").value == "good" == at.query_params["run"]
    assert "**good**" in texts(at) and "0.9000" in texts(at)
    at.selectbox(key="sidebar_run").select("bad").run()
    assert at.query_params["run"] == "bad"
    at.selectbox(key="sidebar_data").select("demo").run()
    assert "run" not in at.query_params and "No run on this data set yet" in texts(at)


def test_a_link_to_a_run_brings_its_data_set_along(home):
    data = make_disc_data(home / "discs")
    registry.add(data)
    make_run(home, data, "good", 0.9)
    make_run(home, data, "bad", 0.2)
    at = shell(run="bad")
    assert at.query_params == {"data": "discs", "run": "bad"}
    wrong = shell(data="demo", run="bad")
    assert "run" not in wrong.query_params and wrong.query_params["data"] == "demo"


def test_a_link_to_a_run_that_cannot_be_shown_says_so(home):
    """Another run in its place without a word would be read as the one that was asked for."""
    data = make_disc_data(home / "discs")
    registry.add(data)
    make_run(home, data, "good", 0.9)
    make_run(home, make_disc_data(home / "moved"), "lost", 0.8)
    (home / "moved").rename(home / "elsewhere")
    elsewhere = shell(data="demo", run="good")
    assert [w.value for w in elsewhere.warning] == ["Run `good` was trained on the data set `discs`."]
    lost = shell(data="discs", run="lost")
    assert lost.selectbox(key="sidebar_run").value == "good" and "not among the data sets here" in lost.warning[0].value
    lost.run()
    assert lost.warning  # it stays until another is chosen
    lost.selectbox(key="sidebar_data").select("demo").run()
    assert not lost.warning
    nonsense = shell(run="../../x")
    assert not nonsense.exception and nonsense.warning[0].value == "There is no run `../../x` here."


def test_a_long_name_leaves_room_for_the_iou_and_two_of_one_name_are_told_apart(home):
    data = make_disc_data(home / "discs")
    registry.add(data)
    for i in range(2):
        run = make_run(home, data, f"20261122-21015{i}-unet-bce_dice", 0.9)
    at = shell(data="discs")
    labels = at.selectbox(key="sidebar_run").options
    assert all(label.startswith("20261122-…-bce_dice · IoU 0.900") for label in labels) and len(set(labels)) == 2
    at.selectbox(key="sidebar_run").select(run.id).run()
    assert at.query_params["run"] == run.id


def test_a_folder_that_asks_for_a_choice_leads_to_where_it_is_made(home):
    """`data.grouping=name` is for the command line; here a link leads to the choice."""
    data = make_disc_data(home / "movie")
    (data / "dataset.csv").unlink()
    registry.add(data)
    at = shell(data="movie")
    assert not at.exception and not at.error
    assert "names form one group" in texts(at) and "data.grouping" not in texts(at)
    assert "Say how they belong together" in [link.proto.label for link in at.get("page_link")]


def test_one_folder_up_from_a_typo_is_the_nearest_that_exists(tmp_path):
    assert folders._above(tmp_path / "tpyo" / "deeper") == tmp_path
    assert folders._above(tmp_path) == tmp_path.parent


def test_names_are_unique_and_a_folder_keeps_its_name(home):
    for part in ("a", "b"):
        make_disc_data(home / part / "cells 1")
    first, second = (registry.add(home / part / "cells 1") for part in ("a", "b"))
    assert (first.name, second.name) == ("cells-1", "cells-1-2")
    again = registry.add(home / "a" / "cells 1", grouping="file")
    assert again.name == "cells-1" and registry.find("cells-1").grouping == "file"
    registry.forget("cells-1")
    with pytest.raises(InputError, match="known: demo, cells-1-2"):
        registry.find("cells-1")
    assert not list(home.glob("*.part"))


def test_paths_in_the_repository_are_stored_relative(home):
    registry.add(registry.ROOT / "tests")
    stored = json.loads(registry.registry_file().read_text(encoding="utf-8"))
    assert stored["tests"]["path"] == "tests"
    assert registry.find("tests").path == registry.ROOT / "tests"


def test_a_damaged_registry_is_one_line(home):
    registry.registry_file().write_text("{", encoding="utf-8")
    at = shell()
    assert not at.exception and "datasets.json" in texts(at)


def test_hidden_folders_are_not_listed(tmp_path):
    for name in (".git", "b", "A"):
        (tmp_path / name).mkdir()
    (tmp_path / "file.txt").touch()
    assert [p.name for p in folders.subfolders(tmp_path)] == ["A", "b"]


def test_every_term_is_one_line():
    for line in glossary.TERMS.values():
        assert "\n" not in line and 20 < len(line) < 130
    with pytest.raises(KeyError):
        glossary.explain("no such word")
