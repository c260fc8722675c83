"""The Errors page under AppTest, on a real small run, and the pure parts it is made of."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pandas as pd
import pytest
from asgi_client import Client
from starlette.applications import Starlette
from streamlit.testing.v1 import AppTest
from tiny_run import finished_run, make_data, tiny_config

from seglib.data.dataset import open_dataset
from seglib.errors import ceiling as moved_outlines
from seglib.errors import found as finding
from seglib.errors import thresholds
from seglib.errors.budget import CLASSES
from seglib.errors.report import Measured, measure
from seglib.runs import ceilings, jobs, launcher, predicted, validation, worker
from seglib.runs.store import Run
from ui import crops, opened, registry
from ui.errors import ceiling, headline, images, listing, picture, pooled_curve, scene, side_by_side, waterfall, words

SHELL = Path(__file__).resolve().parents[1] / "ui" / "shell.py"
PAGE = SHELL.parents[1] / "pages" / "errors.py"


@pytest.fixture
def home(tmp_path, monkeypatch) -> Path:
    """A place of its own for everything the app remembers."""
    monkeypatch.setenv("SEGLIB_DATASETS", str(tmp_path / "datasets.json"))
    monkeypatch.setenv("SEGLIB_DEMO", str(tmp_path / "demo"))
    monkeypatch.setenv("SEGLIB_CHECKPOINTS", str(tmp_path / "checkpoints"))
    monkeypatch.setenv("SEGLIB_CACHE", str(tmp_path / "cache"))
    return tmp_path


@pytest.fixture
def run(home) -> Run:
    """A finished run whose data set is known by the name `data`."""
    found = finished_run(home)
    registry.add(found.data_path())
    return found


def page(**query: str) -> AppTest:
    at = AppTest.from_file(str(SHELL), default_timeout=60)
    for key, value in query.items():
        at.query_params[key] = value
    return at.run().switch_page(str(PAGE)).run()


def texts(at: AppTest) -> str:
    return " ".join(
        e.value for kind in (at.error, at.warning, at.info, at.success, at.caption, at.markdown) for e in kind
    )


def pooled_iou(run: Run, which: str = "best") -> float:
    scores = validation.scores(run, which)
    return scores.tp.sum() / (scores.tp + scores.fp + scores.fn).sum()


def test_opens_on_the_best_run_and_its_worst_image(run):
    at = page(data="data")
    assert not at.exception and not at.error
    values = {m.label: m.value for m in at.metric}
    assert values["Pooled IoU"] == f"{pooled_iou(run):.4f}"
    assert list(values) == ["Pooled IoU", "Mean IoU", "Cells found", "Boundary F"]
    assert all(m.delta.startswith("train ") for m in at.metric[:2])
    found = predicted.of_validation(run, "best").stored().found
    assert values["Cells found"] == f"{found.n_found.sum()} of {found.n_cells.sum()}"
    assert "Cell F1" in texts(at) and "How it is averaged" in texts(at)
    worst = listing.listed(listing.described(validation.scores(run)), "Worst IoU first").image[0]
    assert at.header[0].value == Path(worst).stem
    records = [r.image for r in open_dataset(run.data_path()).records]
    assert at.query_params["image"] == str(records.index(worst))
    assert "Every wrong pixel counts once" in texts(at)


def test_an_iou_on_frames_of_one_movie_is_marked_wherever_it_stands(run):
    file = run.folder / "config.json"
    settings = json.loads(file.read_text(encoding="utf-8"))
    settings["data"]["split"] = "blocks"
    file.write_text(json.dumps(settings), encoding="utf-8")
    at = page(data="data")
    assert "frames of one movie, not independent" in texts(at)
    assert "not independent" in at.get_by_key("sidebar_run").options[0]
    at = at.switch_page(str(PAGE.with_name("home.py"))).run()
    assert not at.exception and ", not independent" in texts(at)
    at = at.switch_page(str(PAGE.with_name("predict.py"))).run()
    assert not at.exception and "not independent" in at.get_by_key("predict_run").options[0]
    at = at.switch_page(str(PAGE.with_name("train.py"))).run()
    assert not at.exception and "not independent" in at.get_by_key("train_runs").value["Remark"][0]


def test_next_previous_and_a_link_to_an_image(run):
    order = listing.listed(listing.described(validation.scores(run)), "Worst IoU first").image.tolist()
    at = page(data="data")
    assert at.button(key="errors_previous").disabled
    at.button(key="errors_next").click().run()
    assert at.header[0].value == Path(order[1]).stem
    records = [r.image for r in open_dataset(run.data_path()).records]
    linked = page(data="data", image=str(records.index(order[2])))
    assert linked.header[0].value == Path(order[2]).stem


def test_all_three_sections_open(run):
    at = page(data="data")
    at.get_by_key("errors_which").set_value("last")
    for section, expected in (
        ("Same place", "are wrong in **step 4**"),
        ("Same kind", "grouped by size"),
    ):
        at.get_by_key("errors_section").set_value(section).run()
        assert not at.exception and not at.error
        assert expected in texts(at)


def test_another_threshold_is_measured_anew_and_all_numbers_follow(run):
    at = page(data="data")
    at.session_state["errors_threshold"] = 0.9
    at.run()
    assert not at.exception and not at.error
    source, data = predicted.of_validation(run, "best"), open_dataset(run.data_path())
    measured = measure(source.cases(data), 0.9)
    scores = predicted.at_threshold(source.scores(), measured)
    expected = headline.figures(scores)
    assert {m.label: m.value for m in at.metric}["Pooled IoU"] == words.number(expected.pooled_iou)
    assert "at threshold 0.90" in texts(at)


def test_counts_at_another_threshold_are_those_of_the_pixels(run):
    from seglib.metrics import count

    source, data = predicted.of_validation(run, "best"), open_dataset(run.data_path())
    table = predicted.at_threshold(source.scores(), measure(source.cases(data), 0.48))
    for row, index in zip(predicted.counts(table), data.indices("val"), strict=True):
        sample = data.sample(index)
        number = table.image.tolist().index(sample.name)
        assert row == count(source.q(number), sample.mask, sample.valid, 0.48)


def test_train_is_predicted_by_a_job_and_then_browsed(run):
    at = page(data="data")
    inputs = predicted.evaluate_inputs(run, "best", "train", run.data_path())
    job = jobs.find("evaluate", inputs)
    job.folder.mkdir(parents=True)
    jobs._prepare(job, "evaluate", inputs)
    assert worker.run_job("evaluate", job.folder).name == "done"
    at.get_by_key("errors_split").set_value("train").run()
    assert not at.exception and not at.error
    assert at.header[0].value in {
        Path(r.image).stem for r in open_dataset(run.data_path()).records if r.split == "train"
    }
    assert [m.delta.rpartition("val ")[1] for m in at.metric] == ["val "] * 4
    assert "followed on the val images" not in texts(at)


def test_without_a_run_the_page_leads_to_training(home):
    registry.add(make_data(home / "data"))
    at = page(data="data")
    assert not at.exception and not at.error and not at.metric
    assert "A run is one training" in texts(at)


def test_a_run_that_has_only_begun(home):
    registry.add(make_data(home / "data"))
    launcher.create(tiny_config(home / "data"), "new", home / "checkpoints")
    at = page(data="data")
    assert not at.exception and not at.metric
    assert "validation" in texts(at)


def test_a_run_without_a_validation_set_offers_its_train_images(run):
    for step in validation.validation_steps(run):
        file = validation.folder_of(run, step) / "images.parquet"
        pd.read_parquet(file).iloc[:0].to_parquet(file)
    at = page(data="data")
    assert not at.exception and not at.error
    assert "no validation set" in texts(at)
    assert at.button(key="errors_predict").label == "Predict the train images"


def test_lost_probabilities_are_said_and_can_be_made_again(run):
    shutil.rmtree(run.folder / "validation" / "best")
    at = page(data="data")
    assert not at.exception and not at.error
    assert "probabilities of 3 of 3 val images are not on disk" in texts(at)
    assert at.button(key="errors_predict").label == "Predict the val images"


def test_a_folder_that_has_moved_is_found_again_with_its_runs(run, home, monkeypatch):
    moved = home / "elsewhere"
    shutil.copytree(run.data_path(), moved)
    gone = home / "was-here"
    settings = (run.folder / "config.json").read_text(encoding="utf-8")
    (run.folder / "config.json").write_text(settings.replace(str(run.data_path()), str(gone)), encoding="utf-8")
    registry.forget("data")
    gone.mkdir()
    registry.add(gone)
    gone.rmdir()
    at = page(data="was-here")
    assert not at.exception and "is gone" in at.error[0].value
    assert {m.label: m.value for m in at.metric}["Pooled IoU"] == f"{pooled_iou(run):.4f}"  # numbers need no picture
    registry.found_again(gone, moved)
    at = page(data="was-here")
    assert not at.exception and not at.error
    assert at.header and at.query_params["run"] == "tiny"


def test_a_changed_mask_is_said(run, home):
    folder = home / "copy"
    shutil.copytree(run.data_path(), folder)
    registry.found_again(run.data_path(), folder)
    worst = listing.listed(listing.described(validation.scores(run)), "Worst IoU first").image[0]
    file = folder / "masks" / Path(worst).name
    mask = cv2.imread(str(file), cv2.IMREAD_UNCHANGED)
    mask[:20] = 255
    cv2.imwrite(str(file), mask)
    at = page(data="data")
    assert not at.exception and "mask of this image has changed" in texts(at)


def test_a_damaged_image_is_one_line(run, home):
    folder = home / "copy"
    shutil.copytree(run.data_path(), folder)
    registry.found_again(run.data_path(), folder)
    worst = listing.listed(listing.described(validation.scores(run)), "Worst IoU first").image[0]
    (folder / worst).write_bytes(b"nonsense")
    at = page(data="data")
    assert not at.exception and any(Path(worst).name in e.value for e in at.error)


def test_a_run_of_before_is_measured_from_its_probabilities(run, home):
    folder = home / "copy"
    shutil.copytree(run.data_path(), folder)
    source, data = predicted.of_validation(run, "best"), open_dataset(folder, grouping="name")
    new = source.stored()
    assert new.complete and new.found.image.tolist() == source.scores().image.tolist()
    for file in (run.folder / "validation").glob("*/found.parquet"):
        file.unlink()
    old = source.stored()
    assert not old.complete and len(old.budgets) and not len(old.found)
    view = scene.scene("data", data, source)
    pd.testing.assert_frame_equal(scene.of_all(view).found, new.found)
    (folder / view.scores.image[0]).write_bytes(b"nonsense")
    scene._at_once.clear()
    assert scene.of_all(view) is not None  # what was measured in time still shows
    at = page(data="data")
    assert not at.exception


def test_a_large_run_of_before_shows_what_it_has_until_its_job_is_done(run, monkeypatch):
    monkeypatch.setattr(scene, "AT_ONCE_PIXELS", 0)
    source, data = predicted.of_validation(run, "best"), open_dataset(run.data_path())
    new = source.stored()
    for file in (run.folder / "validation").glob("*/found.parquet"):
        file.unlink()
    view = scene.scene("data", data, source)
    assert not scene.of_all(view).complete and len(scene.of_all(view).budgets)
    job = scene.measuring(view)
    job.folder.mkdir(parents=True)
    jobs._prepare(job, "errors", job_inputs := predicted.errors_inputs(source, 0.5, data.path))
    assert job_inputs["threshold"] == 0.5 and worker.run_job("errors", job.folder).name == "done"
    assert scene.of_all(view).found.equals(new.found)


def test_budgets_of_a_group_and_side_by_side(run):
    at = page(data="data")
    assert "by half a pixel already costs" in texts(at)
    bars = {"Images": "All 3 images, the worst first", "Runs": "3 val images that all have"}
    at.get_by_key("errors_scope").set_value("Side by side").run()
    for what, expected in bars.items():
        at.get_by_key("errors_bars").set_value(what).run()
        assert not at.exception and not at.error and expected in texts(at)
    at.session_state["errors_bar"] = {"Runs": ("tiny", "hole"), "Images": ("gone", "split")}
    assert not at.run().exception


def test_the_ceiling_of_a_large_set_is_a_job(run, monkeypatch):
    monkeypatch.setattr(ceiling, "AT_ONCE_PIXELS", 0)
    at = page(data="data")
    assert not at.exception and "half a pixel already" not in texts(at)
    assert "on these 3 images" in at.button(key="errors_ceiling").label
    data = open_dataset(run.data_path())
    view = scene.scene("data", data, predicted.of_validation(run, "best"))
    indices = list(view.indices.values())
    inputs = ceilings.inputs(data, indices, [opened.tag(data, index) for index in indices])
    job = jobs.find("ceiling", inputs)
    job.folder.mkdir(parents=True)
    jobs._prepare(job, "ceiling", inputs)
    assert worker.run_job("ceiling", job.folder).name == "done"
    pd.testing.assert_frame_equal(ceiling.table(view), ceilings.measure(data, indices))
    at.run()
    assert "half a pixel already costs" in texts(at)


def test_the_curve_over_thresholds_is_that_of_the_pixels(run):
    source, data = predicted.of_validation(run, "best"), open_dataset(run.data_path())
    view = scene.scene("data", data, source)
    curve = pooled_curve.own(view)
    assert len(curve) == 256 and curve[128] == pytest.approx(pooled_iou(run), abs=1e-6)
    at = thresholds.best_threshold(thresholds.of_table(source.stored().thresholds))
    assert curve[thresholds.cut_of(at)] == max(curve[thresholds.cut_of(step / 100)] for step in range(101))
    at_that = predicted.at_threshold(source.scores(), measure(source.cases(data), at))
    assert headline.figures(at_that).pooled_iou == pytest.approx(curve[thresholds.cut_of(at)])


# ---- the parts


def table_of(*rows) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["image", "group", "tp", "fp", "fn", "tn"]).assign(n_valid=100)


SCORES = table_of(("b", "g1", 50, 10, 0, 40), ("a", "g2", 10, 0, 10, 80), ("c", "g1", 0, 0, 0, 100))


def test_the_headline_names_what_was_left_out():
    own = headline.figures(SCORES)
    assert own.pooled_iou == 60 / 80 and own.mean_iou == pytest.approx((50 / 60 + 10 / 20) / 2)
    assert own.text("precision") == own.text("recall") == words.number(60 / 70)
    assert own.text("dice") == words.number(120 / 140)
    assert own.text("cells") == own.text("boundary_f") == "not counted" and own.cells_share() == ""
    assert (own.n_images, own.n_undefined) == (3, 1)
    text = headline.averaging("val", own, own, 0.5, {"val": 3, "train": 9})
    assert "all 3 images, 1 with neither cell nor prediction left out" in text and "3 of 9 images" in text


def test_the_headline_counts_cells_and_outlines():
    found = pd.DataFrame(
        [("b", "g1", 300, 310, 280, 100, 90, 100, 80), ("a", "g2", 40, 50, 32, 0, 0, 0, 0)],
        columns=["image", "group", *finding.COLUMNS],
    )
    own = headline.figures(SCORES, found)
    assert own.text("cells") == "312 of 340" and own.cells_share() == "92\u00a0%"
    assert own.text("cell_precision") == words.number(312 / 360) and own.text("cell_f1") == words.number(624 / 700)
    assert own.text("boundary_f") == words.number(2 * 0.9 * 0.8 / 1.7)
    lines = headline.table("val", own, None).splitlines()
    assert len(lines) == 2 + len(headline.NUMBERS) and all(line.count("|") == 5 for line in lines)
    assert any("**Cells found** | 312 of 340, 92\u00a0% |" in line for line in lines)
    assert "48 of 360 predicted cells match no cell of a mask" in headline.averaging("val", own, None, 0.5, {"val": 3})
    empty = headline.figures(SCORES.iloc[2:], found.assign(**dict.fromkeys(finding.COLUMNS, 0)))
    assert empty.text("cells") == "0 of 0" and empty.text("boundary_f") == "undefined" and empty.cells_share() == ""


def known_of() -> Measured:
    """Of the images of SCORES: the largest mistake, the classes and the cells."""
    regions = pd.DataFrame({"image": ["b", "b", "a"], "n_pixels": [7, 3, 10]})
    budgets = pd.DataFrame([dict.fromkeys(CLASSES, 0) | {"image": n, "union": 9} for n in "bac"])
    budgets.loc[0, "bridge"], budgets.loc[1, "hole"] = 10, 10
    found = pd.DataFrame({"image": list("bac"), "n_cells": [5, 3, 0], "n_found": [1, 3, 0]})
    return Measured(regions, budgets, found)


def test_the_orders_of_the_list():
    table = listing.described(SCORES, known_of())

    def by(order, **filters):
        return listing.listed(table, order, listing.Filters(**filters)).image.tolist()

    assert by("Worst IoU first") == ["a", "b", "c"]  # without an IoU: last
    assert by("Most wrong pixels first") == ["a", "b", "c"]
    assert by("Largest mistake first") == ["a", "b", "c"]
    assert by("Most cells missed first") == ["b", "a", "c"]
    assert by("By name") == ["a", "b", "c"] and by("By group") == ["b", "c", "a"]
    assert listing.orders(table) == list(listing.ORDERS)
    assert listing.orders(listing.described(SCORES)) == [
        "Worst IoU first",
        "Most wrong pixels first",
        "By group",
        "By name",
    ]
    assert listing.neighbours(["a", "b"], "a") == (None, "b") and listing.neighbours(["a"], "x") == (None, "a")


def test_the_filters_of_the_list():
    table = listing.described(SCORES, known_of())

    def names(**filters):
        return listing.listed(table, "By name", listing.Filters(**filters)).image.tolist()

    assert names() == ["a", "b", "c"]
    assert names(group="g1") == ["b", "c"] and names(text=" B") == ["b"] and names(text=".") == []
    assert names(mistake="hole") == ["a"] and names(mistake="split") == []
    assert names(iou=(0.5, 0.6)) == ["a"]  # c has none
    assert names(group="g1", mistake="bridge") == ["b"]
    assert [listing.Filters().n_set, listing.Filters(text=" ").n_set, listing.Filters(iou=(0, 0.5)).n_set] == [0, 0, 1]


def test_a_card_says_what_its_order_goes_by():
    table = listing.described(SCORES, known_of())
    rows = {row.image: row for row in table.itertuples()}
    assert listing.note(rows["a"], "Worst IoU first") == "IoU 0.500 · 10 px"
    assert listing.note(rows["a"], "Most wrong pixels first") == "IoU 0.500 · 50.0% of all"
    assert listing.note(rows["b"], "Largest mistake first") == "IoU 0.833 · one of 7 px"
    assert listing.note(rows["b"], "Most cells missed first") == "IoU 0.833 · 4 of 5 missed"
    assert listing.note(rows["c"], "By name") == "no IoU · 0 px"


def test_the_strip_turns_to_the_image_in_view_and_filters_clear(run, monkeypatch):
    monkeypatch.setattr(images, "PER_PAGE", 1)
    order = listing.listed(listing.described(validation.scores(run)), "Worst IoU first").image.tolist()
    at = page(data="data")
    assert at.session_state["errors_images_page_1"] == 1
    at.button(key="errors_next").click().run()
    assert at.session_state["errors_images_page_2"] == 2 and at.header[0].value == Path(order[1]).stem
    at.text_input(key="errors_search").set_value("no such name").run()
    assert not at.exception and "None of the 3 images passes" in texts(at)
    assert at.header[0].value == Path(order[1]).stem  # what is looked at stays
    at.button(key="errors_clear").click().run()
    assert not at.exception and "None of the" not in texts(at)
    at.get_by_key("errors_mistake").select_index(0)
    at.slider(key="errors_iou").set_range(0.0, 0.0).run()
    assert not at.exception and at.button(key="errors_clear")


def budget_of(**pixels: int) -> dict[str, int]:
    return dict.fromkeys(CLASSES, 0) | pixels


def test_the_waterfall_ends_at_the_iou():
    pixels = budget_of(missed_cell=30, boundary_1px=10, union=100)
    option = waterfall.waterfall(pixels)
    assert option["yAxis"]["data"] == ["Missed cells", "Edges, 1 px off", "IoU that is left"]
    below, bars = (s["data"] for s in option["series"])
    assert below == [0.7, 0.6, 0] and [b["value"] for b in bars] == [0.3, 0.1, 0.6]
    assert option["xAxis"]["min"] < 0.6
    marked = waterfall.waterfall(pixels, marks=[("± 1 px", 0.4)])
    assert marked["xAxis"]["min"] < 0.4 and marked["series"][1]["markLine"]["data"][0]["xAxis"] == 0.4


def test_bars_side_by_side_have_one_scale():
    rows = [("a", budget_of(bridge=30, other=10, union=100)), ("b", budget_of(other=5, union=50))]
    option = waterfall.stacked([*rows, ("c", budget_of(union=0))], (0, "other"), [("± 1 px", 0.9)])
    assert option["yAxis"]["data"] == ["a", "b", "c"] and option["xAxis"]["min"] == 0
    bridge, other, texts = option["series"]
    assert (bridge["id"], other["id"]) == ("bridge", "other")
    assert [d["value"] for d in bridge["data"]] == [0.3, 0, 0] and [d["value"] for d in other["data"]] == [0.1, 0.1, 0]
    assert ["borderWidth" in d["itemStyle"] for d in other["data"]] == [True, False, False]
    assert [d["label"]["formatter"] for d in texts["data"]] == ["IoU 0.6000", "IoU 0.9000", "no IoU"]
    assert texts["markLine"]["data"][0]["xAxis"] == pytest.approx(0.1)


def test_a_click_on_a_part_of_a_bar_chooses_both(monkeypatch):
    kept = {"errors_bar": {"Groups": ("g", "hole")}}
    monkeypatch.setattr(side_by_side.st, "session_state", kept)
    for clicked, expected in (
        ([{"series_id": "bridge", "data_indices": [1]}], ("b", "bridge")),
        ([{"series_id": None, "data_indices": [0]}], ("b", "bridge")),  # the text behind the bars
        ([{"series_id": "hole", "data_indices": [7]}], ("b", "bridge")),  # of a list that was longer
        ([], ("b", "bridge")),
    ):
        kept["chart"] = SimpleNamespace(selection=SimpleNamespace(selected=clicked))
        side_by_side._clicked("chart", "Images", ["a", "b"])
        assert kept["errors_bar"] == {"Groups": ("g", "hole"), "Images": expected}
    bars = [side_by_side.Bar(n, n, budget_of(hole=2, bridge=5 * (n == "b"), union=9)) for n in "ab"]
    assert side_by_side._picked("Images", bars) == (bars[1], "bridge")
    assert side_by_side._picked("Runs", bars) == (bars[0], "hole")


def test_the_ceiling_says_what_the_edges_are_worth():
    counts = dict.fromkeys(moved_outlines.COLUMNS, 100)
    for move in moved_outlines.MOVES:
        counts[f"{move}_half_shared"], counts[f"{move}_one_shared"] = 96, 90
    assert ceiling.marks(counts) == [("± ½ px", pytest.approx(0.96)), ("± 1 px", pytest.approx(0.9))]
    for edge, verdict in (
        (3, "no more than that"),
        (7, "between half a pixel and a whole one"),
        (20, "something to win"),
    ):
        text = ceiling.told(counts, budget_of(boundary_1px=edge, union=100))
        assert "already costs 0.040 IoU" in text and f"The 0.{edge:02d}0 lost" in text and verdict in text
    empty = dict.fromkeys(moved_outlines.COLUMNS, 0)
    assert ceiling.marks(empty) == [] and ceiling.told(empty, budget_of(union=9)) == ""


def test_a_place_finds_the_region_that_is_there_now():
    regions = pd.DataFrame(
        {
            "region": [1, 2, 3],
            "kind": ["fp", "fp", "fn"],
            "row": [0, 20, 20],
            "col": [0, 20, 20],
            "height": 8,
            "width": 9,
        }
    )
    place = {"kind": "fp", "row": 22, "col": 22, "height": 8, "width": 8}
    assert picture.region_at(regions, place) == "2"
    assert picture.region_at(regions, {**place, "kind": "fn"}) == "3"
    assert picture.region_at(regions, {**place, "row": 60}) is None


def test_every_class_has_words():
    assert set(words.WORDS) == set(CLASSES)


def test_crops_show_the_window_and_what_is_wrong(run):
    data = open_dataset(run.data_path())
    source, index = predicted.of_validation(run, "best"), data.indices("val")[0]
    client = Client(Starlette(routes=crops.ROUTES))
    box = {"row": 4, "col": 50, "height": 10, "width": 14}
    plain, marked = (
        client.get(crops.crop_url("data", data, index, source, 0, box, overlay=on, size_px=80)) for on in (False, True)
    )
    assert plain.status_code == marked.status_code == 200
    gray, colour = (cv2.imdecode(np.frombuffer(r.content, np.uint8), cv2.IMREAD_UNCHANGED) for r in (plain, marked))
    rows, cols = crops.window((4, 50, 10, 14), (48, 64))
    assert (rows.start, rows.stop, cols.stop) == (0, 40, 64)  # 40 px, moved to lie in the image
    assert gray.shape == (80, 80) and colour.shape == (80, 80, 3)
    image = cv2.imread(str(run.data_path() / data.records[index].image), cv2.IMREAD_UNCHANGED)
    assert np.array_equal(gray[::2, ::2], image[rows, cols])
    address = crops.crop_url("data", data, index, source, 0)
    assert client.get(address.replace("run=tiny", "run=..%2Fx")).status_code == 404
    assert client.get(address.replace("run=tiny&which=best", f"job={'a' * 64}")).status_code == 404
    assert client.get(address + "&row=999&col=0&height=1&width=1").status_code == 400
    assert str(run.folder) not in address
