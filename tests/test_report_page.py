"""The part of a page that makes a report: the job it asks for, what it shows meanwhile and after, nonsense."""

from __future__ import annotations

import json

import nbformat
import pytest
from streamlit.testing.v1 import AppTest
from tiny_run import finished_run

from seglib.report import comments, notebook, parts, places, request
from seglib.runs import jobs, record
from seglib.runs.files import write_json
from seglib.runs.store import Run


@pytest.fixture
def run(tmp_path, monkeypatch) -> Run:
    monkeypatch.setenv("SEGLIB_CHECKPOINTS", str(tmp_path / "checkpoints"))
    monkeypatch.setenv("SEGLIB_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("SEGLIB_REPORTS", raising=False)
    return finished_run(tmp_path)


def page() -> AppTest:
    def script():
        from seglib.runs.store import list_runs
        from ui import report

        report.draw(list_runs())

    return AppTest.from_function(script, default_timeout=60).run()


def texts(at: AppTest) -> str:
    return " ".join(e.value for kind in (at.error, at.info, at.caption, at.markdown) for e in kind)


def job_of(run: Run, name: str = "tiny") -> jobs.Job:
    return jobs.find("report", request.inputs([run], [], places.folder_named(name)))


def finish(job: jobs.Job, folder) -> None:
    """As the worker leaves a job that is done."""
    folder.mkdir(parents=True, exist_ok=True)
    files = {
        key: folder / name
        for key, name in (("notebook", "report.ipynb"), ("html", "report.html"), ("zip", "report.zip"))
    }
    for file in files.values():
        if not file.exists():
            file.write_text("{}")
    job.result.mkdir(parents=True)
    write_json(job.folder / "job.json", {"kind": "report"})
    record.update(job.folder, "done", name="job.json")
    write_json(job.result / "made.json", {**{k: str(v) for k, v in files.items()}, "notes": ["a note *with* stars"]})


def test_the_button_starts_the_job_and_says_where_it_goes(run, monkeypatch):
    started = []
    monkeypatch.setattr(jobs, "start", lambda kind, inputs, **more: started.append((kind, inputs)) or job_of(run))
    at = page()
    assert not at.exception
    assert "`reports/tiny/` beside the folder of the runs" in texts(at)
    at.button(key="report_tiny_start").click().run()
    ((kind, inputs),) = started
    assert kind == "report" and inputs["runs"] == [str(run.folder)]
    assert inputs["out"] == str(run.folder.parents[1] / "reports" / "tiny")
    json.dumps(inputs)


def test_what_was_made_can_be_taken_away(run):
    finish(job_of(run), places.folder_named("tiny"))
    at = page()
    assert not at.exception
    labels = [button.proto.label for button in at.get("download_button")]
    assert [label.split(" (")[0] for label in labels] == ["Zip to hand in", "Notebook", "HTML page"]
    assert at.button(key="report_tiny_start").label == "Make it again"
    assert r"a note \*with\* stars" in texts(at)


def test_files_that_are_gone_are_not_offered(run):
    finish(job_of(run), places.folder_named("tiny"))
    (places.folder_named("tiny") / "report.zip").unlink()
    at = page()
    assert not at.get("download_button") and at.button(key="report_tiny_start").label == "Make a report"


@pytest.mark.parametrize("name", ["../up", "", "a/b", "CON/", ".hidden", "abc."])
def test_a_name_that_is_no_name_is_refused(run, name):
    at = page()
    at.text_input(key="report_name_tiny").set_value(name).run()
    assert not at.exception and "report name" in at.error[0].value and not at.button


def test_a_failed_job_says_why_and_can_be_tried_again(run):
    job = job_of(run)
    job.folder.mkdir(parents=True)
    write_json(job.folder / "job.json", {"kind": "report"})
    record.update(job.folder, "failed", "the report's cell `x` failed: no", name="job.json")
    at = page()
    assert "no" in texts(at) and at.button(key="report_tiny_start").label == "Make a report"


def test_the_same_report_is_one_job_until_something_changes(run, tmp_path):
    """Stamps: the run's checkpoint and events, its name, the author's words; not our own cells and outputs."""
    folder = places.folder_named("tiny")
    first = job_of(run).id
    assert job_of(run).id == first
    cells = notebook.written([parts.Part("title", "markdown", "# A"), parts.Part("comment-x", "markdown", "*write*")])
    folder.mkdir(parents=True)
    book = notebook.notebook(cells, {})
    nbformat.write(book, folder / "report.ipynb")
    assert job_of(run).id == first, "our own cells are no reason to make it again"
    book.cells[1].source = "The loss falls."
    nbformat.write(book, folder / "report.ipynb")
    commented = job_of(run).id
    assert commented != first
    run.rename("another name")
    assert job_of(run).id != commented
    assert comments.is_changed(book.cells[1])
