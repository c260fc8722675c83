"""A report of one tiny run: every output is there, it runs again, and nothing in it tells of this machine."""

from __future__ import annotations

import base64
import json
import re
import shutil
import zipfile
from io import BytesIO
from pathlib import Path

import nbformat
import pytest
from PIL import Image
from tiny_run import finished_run

from seglib.cli import main
from seglib.exceptions import InputError
from seglib.places import REPOSITORY
from seglib.report import build, comments, notebook, places
from seglib.report.kernel import Session
from seglib.runs.store import Run


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """(folder with checkpoints/, what was built) of one run; built once for all tests here."""
    folder = tmp_path_factory.mktemp("report")
    run = finished_run(folder)
    shutil.copytree(run.data_path(), folder / "data")
    return folder, build([run], folder / "reports" / "tiny", zip=True, title="Tiny <b>yeast</b>")


def book_of(report):
    return nbformat.read(report.notebook, as_version=4)


def outputs_of(book):
    return [output for cell in book.cells for output in cell.get("outputs", [])]


def test_every_output_is_in_the_notebook(made):
    book = book_of(made[1])
    nbformat.validate(book)
    code = [cell for cell in book.cells if cell.cell_type == "code"]
    assert len(code) > 15
    assert all(cell.outputs for cell in code)
    assert all(output.output_type != "error" for output in outputs_of(book))
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    assert book.metadata.kernelspec.name == "python3"


def test_parts_stand_in_order_each_with_a_place_for_a_comment(made):
    book = book_of(made[1])
    names = [comments.name_of(cell) for cell in book.cells]
    parts = ["runs", "data", "settings", "curves", "scores", "predictions", "mistakes", "closing"]
    assert [name for name in names if name in parts] == parts
    assert [name for name in names if name.startswith("comment-")] == [f"comment-{part}" for part in parts]
    assert all(cell.id == comments.name_of(cell) for cell in book.cells)


def test_cells_are_short(made):
    code = [cell for cell in book_of(made[1]).cells if cell.cell_type == "code"]
    assert all(len(cell.source.splitlines()) == 1 for cell in code[1:])


def test_it_runs_again_and_gives_the_same(made):
    """As somebody runs it who has the project: no variable tells it where the runs are."""
    folder, report = made
    book = book_of(report)
    before = [table(o) for o in outputs_of(book)]
    again = book_of(report)
    assert notebook.run(again, Session(report.notebook.parent)) == []
    private = places.private_folders([Run(folder / "checkpoints" / "tiny")], report.notebook.parent)
    cleaned = notebook.without_places(again, lambda text: places.without_places(text, private))
    assert [table(o) for o in outputs_of(cleaned)] == before
    assert sum(kind == "image/png" for kind, _ in before) >= 6


def table(output):
    """The kind of an output and its content: of a figure its very pixels."""
    data = output.get("data", {})
    kind = next(k for k in ("image/png", "text/html", "text/plain") if k in data)
    return kind, data[kind]


def test_no_path_of_this_machine_is_in_it(made):
    folder, report = made
    private = [str(REPOSITORY), str(folder), str(Path.home()) + "/"]
    texts = {file.name: file.read_text(encoding="utf-8") for file in (report.notebook, report.html)}
    with zipfile.ZipFile(report.zip) as packed:
        texts |= {name: packed.read(name).decode("latin-1") for name in packed.namelist()}
    for name, text in texts.items():
        assert not [path for path in private if path in text], name


def test_the_page_needs_nothing_else(made):
    html = made[1].html.read_text(encoding="utf-8")
    assert "<script" not in html and "<link" not in html and "@import" not in html and "url(" not in html
    sources = re.findall(r'src="([^"]{0,40})', html)
    assert len(sources) >= 6 and all(s.startswith("data:image/png;base64,") for s in sources)
    assert all(href.startswith("#") for href in re.findall(r'href="([^"]*)"', html))
    assert "Tiny &lt;b&gt;yeast&lt;/b&gt;" in html and "<b>yeast</b>" not in html


def test_the_zip_is_ready_to_hand_in(made):
    with zipfile.ZipFile(made[1].zip) as packed:
        names = packed.namelist()
        figures = [name for name in names if name.startswith("figures/")]
        assert {"report.ipynb", "report.html", "your_models.py"} == set(names) - set(figures)
        assert [int(name[8:10]) for name in figures] == list(range(1, len(figures) + 1)) and len(figures) >= 6
        assert all(entry.date_time == (1980, 1, 1, 0, 0, 0) for entry in packed.infolist())
        first = Image.open(BytesIO(packed.read(figures[0])))
    pictures = [o.data["image/png"] for o in outputs_of(book_of(made[1])) if "image/png" in o.get("data", {})]
    assert first.size == Image.open(BytesIO(base64.b64decode(pictures[0]))).size


def test_the_table_of_iou_says_what_the_run_says(made):
    folder, report = made
    cell = next(c for c in book_of(report).cells if c.id == "iou-per-run")
    row = re.findall(r"<td[^>]*>(.*?)</td>", cell.outputs[0].data["text/html"])
    events = [json.loads(line) for line in (folder / "checkpoints/tiny/events.jsonl").read_text().splitlines()]
    best = [e for e in events if e["kind"] == "validation" and e["best"]][-1]
    end = next(e for e in events if e["kind"] == "finished")
    assert row[0] == "tiny" and row[3] == f"{best['val']['pooled_iou']:.4f}" and row[4] == str(best["step"])
    assert row[5] == f"{best['val']['mean_iou']:.4f}" and row[7] == f"{end['train']['pooled_iou']:.4f}"


def test_runs_that_are_gone_are_named(made, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SEGLIB_CHECKPOINTS", str(tmp_path / "none"))
    with pytest.raises(places.RunsNotFound, match=r"gone-1, gone-2; looked for in .*CHECKPOINTS in the first cell"):
        places.find_runs(["gone-1", "gone-2"])
    assert "gone-1" in places.RunsNotFound("gone-1")._render_traceback_()[0]


def test_a_path_that_tells_of_the_machine_is_not_written():
    assert (
        places.relative_root(Path("/data/anna/x/reports/a"), [Path("/data/anna/x/checkpoints")]) == "../../checkpoints"
    )
    assert places.relative_root(Path("/data/reports/a"), [Path("/srv/anna/checkpoints")]) == ""
    assert places.relative_root(Path.home() / "reports/a", [Path.home() / "work/checkpoints"]) == ""
    assert places.relative_root(Path("/a/b/c/d"), [Path("/a/b/c/e"), Path("/a/b/c/f")]) == ""


def test_bad_requests_are_refused_before_any_work(tmp_path, capsys):
    run = finished_run(tmp_path)
    (tmp_path / "file").write_text("x")
    with pytest.raises(InputError, match="is a file"):
        build([run], tmp_path / "file")
    with pytest.raises(InputError, match="at least one run"):
        build([], tmp_path / "out")
    other = shutil.copytree(run.folder, tmp_path / "elsewhere" / "tiny")
    with pytest.raises(InputError, match="two runs are called tiny"):
        build([run, Run(other)], tmp_path / "out")
    (tmp_path / "theirs").mkdir()
    nbformat.write(nbformat.v4.new_notebook(), tmp_path / "theirs" / "report.ipynb")
    with pytest.raises(InputError, match="somebody else's"):
        build([run], tmp_path / "theirs")
    assert (
        main(["report", "tiny", "--checkpoints", str(tmp_path / "checkpoints"), "--out", str(tmp_path / "file")]) == 2
    )
    assert capsys.readouterr().err.count("\n") == 1
    assert not (tmp_path / "out").exists()
