"""What the author wrote stays, word for word and where it stood, whatever is made anew around it."""

from __future__ import annotations

import json

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell
from tiny_run import finished_run

from seglib.exceptions import InputError
from seglib.report import build, comments, making, notebook, page
from seglib.report.parts import Part

NAMES = ("title", "setup", "curves", "comment-curves", "scores", "comment-scores")
WRITTEN = "Der Verlust fällt.\n\n- *dice* > bce?\n<img src=x onerror=alert(1)>\n\n$L_1$ \\ 🧫  "


def cells(names=NAMES):
    kinds = {"setup": "code"}
    return notebook.written(Part(name, kinds.get(name, "markdown"), f"text of {name}") for name in names)


def book(names=NAMES):
    return notebook.notebook(cells(names), {"version": "x"})


def cell(found, name):
    return next(c for c in found if comments.name_of(c) == name)


def sources(found):
    return [c.source for c in found]


def through_a_file(old, tmp_path):
    """As an editor saves it and we read it back."""
    nbformat.write(old, tmp_path / "report.ipynb")
    return comments.read(tmp_path / "report.ipynb")


def test_nothing_written_nothing_changed(tmp_path):
    carried = comments.carry_over(cells(), through_a_file(book(), tmp_path))
    assert sources(carried.cells) == sources(cells()) and not carried.unplaced


def test_a_comment_is_kept_word_for_word(tmp_path):
    old = book()
    cell(old.cells, "comment-curves").source = WRITTEN
    for _ in range(3):  # made again and again
        carried = comments.carry_over(cells(), through_a_file(old, tmp_path))
        old = notebook.notebook(carried.cells, {"version": "x"})
    assert cell(carried.cells, "comment-curves").source == WRITTEN
    assert [comments.name_of(c) for c in carried.cells] == list(NAMES)
    assert not carried.unplaced


def test_an_emptied_comment_stays_empty():
    old = book()
    cell(old.cells, "comment-curves").source = ""
    assert cell(comments.carry_over(cells(), old).cells, "comment-curves").source == ""


def test_cells_of_the_author_stand_where_they_stood(tmp_path):
    old = book()
    old.cells.insert(0, new_markdown_cell("By Ada and Bo"))
    old.cells.insert(4, new_code_cell("1 + 1"))  # behind curves
    old.cells.insert(6, new_markdown_cell("after the comment"))
    old.cells.append(new_markdown_cell("the end"))
    once = comments.carry_over(cells(), through_a_file(old, tmp_path))
    again = comments.carry_over(cells(), through_a_file(notebook.notebook(once.cells, {"version": "x"}), tmp_path))
    for carried in (once, again):
        assert sources(carried.cells) == sources(old.cells) and not carried.unplaced
        assert len({c.id for c in carried.cells}) == len(carried.cells)


def test_a_changed_heading_of_ours_keeps_the_authors_words():
    old = book()
    cell(old.cells, "title").source = "# Exercise 3\nAda, Bo"
    carried = comments.carry_over(cells(), old)
    assert cell(carried.cells, "title").source == "# Exercise 3\nAda, Bo" and not carried.unplaced


def test_changed_code_of_ours_is_made_anew_and_the_old_file_is_worth_keeping():
    old = book()
    cell(old.cells, "setup").source = "CHECKPOINTS = 'elsewhere'"
    carried = comments.carry_over(cells(), old)
    assert cell(carried.cells, "setup").source == "text of setup" and carried.unplaced == ["setup"]


def test_a_comment_on_a_part_that_is_gone_is_not_lost():
    old = book((*NAMES[:4], "experiment", "comment-experiment", *NAMES[4:]))
    cell(old.cells, "comment-experiment").source = "said of the experiment"
    old.cells.insert(6, new_markdown_cell("my own, beside it"))
    carried = comments.carry_over(cells(), old)
    found = sources(carried.cells)
    assert found[4:6] == ["said of the experiment", "my own, beside it"] and len(carried.unplaced) == 2


def test_a_copied_or_split_comment_is_kept_twice():
    """An editor that splits a cell gives both halves its metadata."""
    old = book()
    at = old.cells.index(cell(old.cells, "comment-curves"))
    copied = nbformat.from_dict(json.loads(json.dumps(old.cells[at])))
    old.cells[at].source, copied["source"], copied["id"] = "first half", "second half", "another"
    old.cells.insert(at + 1, copied)
    carried = comments.carry_over(cells(), old)
    assert sources(carried.cells)[3:5] == ["first half", "second half"]
    assert comments.is_authors(carried.cells[4])


def test_an_editor_that_drops_our_metadata_leaves_the_tag():
    old = book()
    kept = cell(old.cells, "comment-curves")
    kept.source = "kept"
    del kept.metadata[comments.MARK]
    carried = comments.carry_over(cells(), old)
    assert cell(carried.cells, "comment-curves").source == "kept" and len(carried.cells) == len(NAMES)


def test_pictures_attached_to_a_comment_stay():
    old = book()
    kept = cell(old.cells, "comment-curves")
    kept.source, kept["attachments"] = "![x](attachment:x.png)", {"x.png": {"image/png": "iVBORw0KGgo="}}
    carried = comments.carry_over(cells(), old)
    assert cell(carried.cells, "comment-curves").attachments == {"x.png": {"image/png": "iVBORw0KGgo="}}


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"cells": 3, "nbformat": 4}', "\x00\xff"])
def test_what_is_no_notebook_of_ours_is_never_overwritten(tmp_path, text):
    file = tmp_path / "report.ipynb"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=r"cannot be read|somebody else's"):
        comments.read(file)
    assert file.read_text(encoding="utf-8") == text


# -- in the page


def test_comments_stand_in_the_page_and_empty_places_do_not(tmp_path):
    written = book()
    assert "text of comment-curves" not in page.render(written, tmp_path)
    cell(written.cells, "comment-curves").source = WRITTEN
    html = page.render(written, tmp_path)
    assert "Der Verlust fällt." in html and "🧫" in html and "onerror" not in html and 'src="x"' not in html


@pytest.mark.parametrize(
    "source",
    [
        "<script>alert(1)</script>",
        "![a](https://example.com/a.png)",
        "![a](../../../etc/passwd.png)",
        '<iframe src="https://example.com"></iframe>',
        '<a href="javascript:alert(1)">x</a>',
        '<img src="data:text/html,x">',
        '<p style="background:url(https://example.com/a)">x</p>',
        "<style>@import 'https://example.com/a.css'</style>",
        '<svg><image href="https://example.com/a"/></svg>',
        '<details ontoggle="alert(1)" open>x</details>',
    ],
)
def test_nothing_in_a_comment_is_fetched_or_run(tmp_path, source):
    written = book()
    cell(written.cells, "comment-curves").source = source
    html = page.render(written, tmp_path)
    body = html[html.index("<main>") :]
    for word in ("<script", "<iframe", "<svg", "<style", "javascript:", "url(", "ontoggle", 'src="http', 'passwd.png"'):
        assert word not in body


def test_a_picture_beside_the_notebook_is_put_into_the_page(tmp_path):
    (tmp_path / "mine.png").write_bytes(b"\x89PNG")
    written = book()
    cell(written.cells, "comment-curves").source = "![my sketch](mine.png)"
    assert 'src="data:image/png;base64,iVBORw=="' in page.render(written, tmp_path)


# -- the whole way


@pytest.fixture
def quick(monkeypatch):
    """Without a kernel: the cells are not run."""
    monkeypatch.setattr(notebook, "run", lambda book, session, progress, should_stop: [])


def test_a_report_made_again_keeps_comments_and_foreign_files(tmp_path, quick):
    run = finished_run(tmp_path)
    first = build([run], tmp_path / "out")
    (tmp_path / "out" / "notes.txt").write_text("mine")
    written = nbformat.read(first.notebook, as_version=4)
    cell(written.cells, "comment-data").source = WRITTEN
    nbformat.write(written, first.notebook)
    second = build([run], tmp_path / "out", title="Another title")
    found = nbformat.read(second.notebook, as_version=4)
    assert cell(found.cells, "comment-data").source == WRITTEN
    assert "# Another title" in cell(found.cells, "title").source
    assert second.backup is None
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["notes.txt", "report.html", "report.ipynb"]


def test_what_cannot_be_placed_leaves_a_backup(tmp_path, quick):
    run = finished_run(tmp_path)
    first = build([run], tmp_path / "out")
    written = nbformat.read(first.notebook, as_version=4)
    cell(written.cells, "setup").source += "\nmine = 1"
    nbformat.write(written, first.notebook)
    before = first.notebook.read_bytes()
    second = build([run], tmp_path / "out")
    assert second.backup.name.startswith("report.ipynb.bak-") and second.backup.read_bytes() == before
    assert second.backup.name in second.notes[0]


def test_words_written_while_the_report_is_made_are_kept(tmp_path, monkeypatch):
    run = finished_run(tmp_path)
    monkeypatch.setattr(notebook, "run", lambda book, session, progress, should_stop: [])
    file = build([run], tmp_path / "out").notebook

    def meanwhile(book, session, progress, should_stop):
        written = nbformat.read(file, as_version=4)
        cell(written.cells, "comment-scores").source = "just in time"
        nbformat.write(written, file)
        return []

    monkeypatch.setattr(notebook, "run", meanwhile)
    found = nbformat.read(build([run], tmp_path / "out").notebook, as_version=4)
    assert cell(found.cells, "comment-scores").source == "just in time"


def test_a_failure_leaves_the_old_report_as_it_was(tmp_path, quick, monkeypatch):
    run = finished_run(tmp_path)
    file = build([run], tmp_path / "out").notebook
    before = file.read_bytes()
    monkeypatch.setattr(making.page, "render", lambda book, folder: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        build([run], tmp_path / "out")
    with pytest.raises(ZeroDivisionError):
        build([run], tmp_path / "fresh")
    assert file.read_bytes() == before and not (tmp_path / "fresh").exists()
