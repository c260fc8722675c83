"""The split editor under AppTest: clicks, tools, undo, what is written, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import make_disc_data
from streamlit.testing.v1 import AppTest

from seglib.data import substitute
from seglib.data.dataset import open_dataset
from seglib.data.records import read_csv
from seglib.runs import worker
from ui import registry

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
    """Six pictures, each its own group: g0 … g3 train, g4 and g5 val."""
    folder = make_disc_data(home / "discs")
    registry.add(folder)
    return folder


def page(name: str = "discs") -> AppTest:
    at = AppTest.from_file(str(SHELL), default_timeout=60)
    at.query_params["data"], at.query_params["view"] = name, "Split"
    at.switch_page(str(SHELL.parents[1] / "pages" / "data.py"))
    return at.run()


def click(at: AppTest, groups: list[str], side: str, name: str = "discs") -> AppTest:
    """As the board tells it."""
    click.number += 1
    at.session_state[f"split_board_{name}"] = {"clicks": [{"id": str(click.number), "groups": groups, "side": side}]}
    return at.run()


click.number = 0


def tool(at: AppTest, name: str) -> AppTest:
    return at.get_by_key("split_tool").set_value(name).run()


def texts(at: AppTest) -> str:
    kinds = (at.error, at.warning, at.info, at.success, at.caption, at.markdown)
    return " ".join(element.value for kind in kinds for element in kind)


def metrics(at: AppTest) -> dict[str, str]:
    return {metric.label: metric.value for metric in at.metric}


def test_a_click_changes_the_draft_and_only_the_button_the_file(discs):
    before = (discs / "dataset.csv").read_bytes()
    at = page()
    assert not at.exception and at.button(key="split_write").disabled and "Nothing is changed" in texts(at)
    click(at, ["g0", "g1"], "val")
    assert not at.exception and "2 rows differ (split of 2)" in texts(at)
    assert (discs / "dataset.csv").read_bytes() == before and metrics(at)["val"] == "2"
    at.button(key="split_write").click().run()
    assert not at.exception and metrics(at)["val"] == "4" and metrics(at)["train"] == "2"
    (backup,) = substitute.backups(discs)
    assert backup.read_bytes() == before and backup.name in texts(at)
    assert [r.split for r in read_csv(discs / "dataset.csv")] == ["val", "val", "train", "train", "val", "val"]


def test_quick_clicks_are_all_heard_and_none_twice(discs):
    at = page()
    clicks = [{"id": f"q{i}", "groups": [f"g{i}"], "side": "val"} for i in range(3)]
    at.session_state["split_board_discs"] = {"clicks": clicks[:2]}
    at.run()
    at.button(key="split_undo").click()
    at.session_state["split_board_discs"] = {"clicks": clicks}
    at.run()
    assert not at.exception and "2 rows differ (split of 2)" in texts(at)  # 0 stays, 1 is undone, 2 comes


def test_undo_redo_and_start_over(discs):
    at = click(click(page(), ["g0"], "val"), ["g1"], "")
    at.button(key="split_undo").click().run()
    assert "1 row differs (split of 1)" in texts(at)
    at.button(key="split_redo").click().run()
    assert "2 rows differ" in texts(at)
    at.button(key="split_over").click().run()
    assert not at.exception and "Nothing is changed" in texts(at) and at.button(key="split_undo").disabled


def test_what_cannot_be_saved_and_what_should_be_known(discs):
    at = click(page(), [f"g{i}" for i in range(6)], "val")
    assert "Train is empty" in at.error[0].value and at.button(key="split_write").disabled
    click(at, ["g0", "g1", "g2", "g3", "g4", "g5"], "train")
    assert "Val is empty" in texts(at) and not at.button(key="split_write").disabled


def test_a_proposal_is_seeded(discs):
    at = tool(page(), "Propose")
    at.slider(key="split_share").set_value(35)
    at.button(key="split_propose").click().run()
    assert not at.exception and "rows differ" in texts(at)
    at.button(key="split_write").click().run()
    assert metrics(at)["val"] == "2" and metrics(at)["train"] == "4"


def test_folds_are_refused_made_written_and_chosen(discs):
    at = tool(page(), "Folds")
    at.number_input(key="split_k").set_value(7)
    at.button(key="split_deal").click().run()
    assert "7 folds need at least 7 groups" in at.error[0].value
    at.number_input(key="split_k").set_value(3)
    at.button(key="split_deal").click().run()
    assert not at.exception and "(fold of 6)" in texts(at) and "once it stands in" in texts(at)
    at.button(key="split_write").click().run()
    assert sorted(r.fold for r in read_csv(discs / "dataset.csv")) == [0, 0, 1, 1, 2, 2]
    at.get_by_key("split_fold_discs").set_value(1).run()
    assert not at.exception and registry.find("discs").fold == 1 and metrics(at)["train"] == "4"
    assert "Fold 1 is val now" in texts(at)
    at.button(key="split_no_folds").click().run()
    at.button(key="split_write").click().run()  # the chosen fold goes with the column
    assert not at.exception and not at.error and registry.find("discs").fold is None


def test_a_pattern_regroups_with_a_preview(discs):
    at = tool(page(), "Regroup")
    at.get_by_key("split_way").set_value("By a pattern").run()
    at.text_input(key="split_pattern").set_value("(").run()
    assert "no regular expression" in at.error[0].value
    at.text_input(key="split_pattern").set_value("[0-3]").run()
    assert "Nothing found in 2 of 6 paths" in texts(at) and "**6** groups instead of 6" in texts(at)
    at.text_input(key="split_pattern").set_value("images/d").run()
    assert "**1** group instead of 6" in texts(at)
    at.button(key="split_regroup").click().run()
    assert "On both sides: images/d" in at.error[0].value and at.button(key="split_write").disabled
    click(at, ["images/d"], "train")
    assert "one group" in texts(at) and not at.error


def test_ticked_groups_are_joined(discs):
    at = page()
    at.session_state["split_board_discs"] = {"selected": ["g0", "g1"]}
    at.get_by_key("split_tool").set_value("Regroup").run()
    at.session_state["split_board_discs"] = {"selected": ["g0", "g1"]}
    at.get_by_key("split_way").set_value("By hand").run()
    at.session_state["split_board_discs"] = {"selected": ["g0", "g1"]}
    at.text_input(key="split_join_name").set_value("both")
    at.button(key="split_join").click().run()
    assert not at.exception and "2 rows differ (group of 2)" in texts(at)
    at.button(key="split_write").click().run()
    assert [r.group for r in read_csv(discs / "dataset.csv")][:3] == ["both", "both", "g2"]


def test_a_backup_comes_back(discs):
    before = read_csv(discs / "dataset.csv")
    at = tool(page(), "Restore a backup")
    assert "There is none yet" in texts(at)
    click(at, ["g0"], "val")
    at.button(key="split_write").click().run()
    assert "Against the draft 1 rows differ: split of 1" in texts(at)
    at.button(key="split_restore").click().run()
    at.button(key="split_write").click().run()
    assert not at.exception and read_csv(discs / "dataset.csv") == before and len(substitute.backups(discs)) == 2


def test_a_folder_without_csv_gets_one_and_its_choice_is_dropped(home):
    folder = make_disc_data(home / "movie")
    (folder / "dataset.csv").unlink()
    registry.add(folder, grouping="file")
    at = page("movie")
    assert "There is no dataset.csv yet" in texts(at)
    click(at, ["d0"], "train", "movie")
    at.button(key="split_write").click().run()
    assert not at.exception and not at.error and open_dataset(folder).has_csv
    assert registry.find("movie").grouping is None


def test_a_read_only_folder_says_where_the_split_goes(discs, monkeypatch):
    monkeypatch.setattr(substitute, "writable", lambda folder: False)
    monkeypatch.setattr("ui.data.split_editor.writable", lambda folder: False)
    before = (discs / "dataset.csv").read_bytes()
    at = click(page(), ["g0"], "val")
    assert "The folder is read-only" in texts(at)
    at.button(key="split_write").click().run()
    assert not at.exception and metrics(at)["val"] == "3" and "because the folder is read-only" in texts(at)
    assert (discs / "dataset.csv").read_bytes() == before


def test_a_file_changed_meanwhile_is_not_written_over_unseen(discs):
    at = click(page(), ["g0"], "val")
    file = discs / "dataset.csv"
    file.write_text(file.read_text(encoding="utf-8").replace("g5,val", "g5,train"), encoding="utf-8")
    at.run()
    assert "changed by somebody else" in texts(at) and at.button(key="split_write").disabled
    at.button(key="split_over").click().run()
    assert "Nothing is changed" in texts(at) and metrics(at)["val"] == "1"
