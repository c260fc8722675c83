"""The section Same kind under AppTest: growth over checkpoints and runs, the job, names that stay, undo; words."""

from __future__ import annotations

import shutil

import pandas as pd
import pytest
from test_page_errors import home, page, run, texts  # noqa: F401 (fixtures)

from seglib.errors import review
from seglib.errors.clusters import COLUMNS
from seglib.runs import jobs, kinds, worker
from seglib.runs import looks as judged
from ui.errors.sparkline import sparkline
from ui.errors.words import kind_names


@pytest.fixture(autouse=True)
def nothing_said(run):  # noqa: F811
    """The pictures of the tiny run are shared by all tests; what is said of them is not."""
    for file in review.files(run.data_path()):
        file.unlink()
    yield
    for file in review.files(run.data_path()):
        file.unlink()


def section():
    at = page(data="data")
    at.get_by_key("errors_which").set_value("last")
    at.get_by_key("errors_section").set_value("Same kind").run()
    assert not at.exception and not at.error
    return at


def name_fields(at):
    return [field for field in at.text_input if str(field.key).startswith("errors_kind_name_")]


def test_counts_are_those_of_the_view_and_grow_over_the_checkpoints(run):  # noqa: F811
    at = section()
    assert "step 2 to" in texts(at) or "in step 2" in texts(at)
    regions = judged.of_run(run, "last")[-1].regions
    n_large = int((regions.n_pixels >= 4).sum())
    counts = [int(e.value.split(" mistakes")[0].replace(",", "")) for e in at.caption if " mistakes · " in e.value]
    assert 0 < sum(counts) <= n_large


def test_a_name_is_asked_for_once_kept_and_taken_back(run):  # noqa: F811
    at = section()
    assert not name_fields(at) and not review.files(run.data_path())
    at.button(key="errors_kinds_allow").click().run()
    field = name_fields(at)[0]
    field.set_value("  dust   on *glass* ").run()
    assert not at.exception and not at.error
    assert [n.name for n in review.cluster_names(run.data_path())] == ["dust on *glass*"]
    again = section()  # a new visit: there is a file now, so nothing is asked
    assert [f.value for f in name_fields(again) if f.value] == ["dust on *glass*"]
    undo = next(b for b in again.button if str(b.key).endswith("_undo"))
    undo.click().run()
    assert not again.exception and not any(f.value for f in name_fields(again))
    assert [n.name for n in review.cluster_names(run.data_path())] == ["dust on *glass*", ""]


def test_undo_brings_the_name_before_back(run):  # noqa: F811
    at = section()
    at.button(key="errors_kinds_allow").click().run()
    for name in ("dust", "debris"):
        name_fields(at)[0].set_value(name).run()
    next(b for b in at.button if str(b.key).endswith("_undo")).click().run()
    assert name_fields(at)[0].value == "dust"


def test_from_run_to_run(run):  # noqa: F811
    shutil.copytree(run.folder, run.folder.with_name("second"))
    at = section()
    at.get_by_key("errors_kinds_over").set_value("Runs").run()
    assert not at.exception and "about as many" in texts(at)  # the same run twice


def test_what_the_job_found_is_shown(run):  # noqa: F811
    inputs = kinds.inputs(run, judged.of_run(run, "last"), run.folder.parent, run.data_path())
    job = jobs.find("kinds", inputs)
    job.folder.mkdir(parents=True)
    jobs._prepare(job, "kinds", inputs)
    assert worker.run_job("kinds", job.folder).name == "done"
    assert "the network of **tiny** sees in them" in texts(section())


def test_train_and_other_thresholds_show_the_view_alone(run):  # noqa: F811
    at = section()
    at.session_state["errors_threshold"] = 0.9
    at.run()
    assert not at.exception and "at threshold 0.90" in texts(at)
    assert "step 2" not in " ".join(e.value for e in at.caption if "mistakes ·" in e.value)


def row(**values) -> dict:
    usual = dict.fromkeys(COLUMNS, 1.0) | {
        "kind": "fp",
        "main_class": "boundary_1px",
        "contrast": 0.0,
        "at_border": 0.0,
    }
    return usual | {"thickness_px": 1.0, "focus": 0.0, "mean_pixels": 10.0, "elongation": 2.0} | values


@pytest.mark.parametrize(
    ("values", "name"),
    [
        ({"main_class": "hallucinated_cell", "mean_pixels": 20, "contrast": 2}, "Specks taken for cells, bright"),
        ({"main_class": "hallucinated_cell", "mean_pixels": 90, "elongation": 5}, "Long thin things taken for cells"),
        ({"main_class": "hallucinated_cell", "mean_pixels": 90, "at_border": 1}, "Invented cells, at the image border"),
        ({"main_class": "bridge"}, "Bridges between cells"),
        ({"thickness_px": 5, "touching": 2}, "Gaps between cells filled"),
        ({"touching": 1}, "Rims too wide"),
        ({"kind": "fn", "main_class": "hole", "contrast": 3}, "Holes, bright"),
        ({"kind": "fn", "main_class": "missed_bud", "contrast": -2}, "Missed buds, dark"),
        ({"kind": "fn", "thickness_px": float("nan"), "mean_pixels": 60}, "Parts of cells missing"),
        ({"kind": "fn"}, "Rims too narrow"),
    ],
)
def test_a_kind_in_words(values, name):
    assert kind_names(pd.DataFrame([row(**values)])) == [name]


def test_out_of_focus_is_said_against_the_others_and_no_two_are_called_alike():
    table = pd.DataFrame([row(focus=f, mean_pixels=m) for f, m in ((-3, 10), (2, 10), (2, 30), (2, 30))])
    assert kind_names(table) == [
        "Rims too wide, out of focus",
        "Rims too wide, about 10 px",
        "Rims too wide, about 30 px (1)",
        "Rims too wide, about 30 px (2)",
    ]


def test_a_chart_of_counts_is_text_to_those_who_do_not_see_it():
    chart = sparkline([3, 0], ["run <b>", "now"], "#E69F00")
    assert 'aria-label="run &lt;b&gt; 3, now 0"' in chart and "<b>" not in chart and chart.count("<span") == 2
