"""Notebook: the parts as cells, run once so that every output is in it."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable
from typing import Any

import nbformat
from nbformat import NotebookNode

from seglib.report import comments, kernel
from seglib.report.parts import Part

Progress = Callable[[float, str], None]


def written(parts: Iterable[Part]) -> list[NotebookNode]:
    """One cell a part, none of them run."""
    cells, taken = [], set()
    for part in parts:
        name = _unique(part.name, taken)
        make = nbformat.v4.new_markdown_cell if part.kind == "markdown" else nbformat.v4.new_code_cell
        cells.append(comments.mark(make(part.source, id=name), name))
    return cells


def _unique(name: str, taken: set[str]) -> str:
    free = next(n for n in (name, *(f"{name}-{i}" for i in range(2, len(taken) + 3))) if n not in taken)
    taken.add(free)
    return free


def notebook(cells: Iterable[NotebookNode], about: dict[str, Any]) -> NotebookNode:
    """A notebook of these cells, of the kernel python3; about: what it is of, for the one who makes it again."""
    spec = {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}
    new = nbformat.v4.new_notebook(cells=list(cells))
    new.metadata.update({"kernelspec": spec, "language_info": {"name": "python"}, comments.MARK: about})
    return new


def run(
    book: NotebookNode,
    session: kernel.Session,
    progress: Progress = lambda fraction, text: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> list[str]:
    """Run every code cell; what cells of the author's failed with, one line each.

    Raises InputError where a cell of ours fails, kernel.Stopped when should_stop() says so.
    """
    code = [(i, cell) for i, cell in enumerate(book.cells) if cell.cell_type == "code"]
    failed = []
    with session.started(book) as execute:
        for done, (index, cell) in enumerate(code):
            if should_stop():
                raise kernel.Stopped
            progress(done / len(code), f"cell {done + 1} of {len(code)}")
            cell.metadata.pop("execution", None)
            if error := execute(cell, index):
                if not comments.is_authors(cell):
                    raise kernel.failure(cell, error)
                failed.append(f"a cell of your own failed: {error}")
            _tidy(cell)
    progress(1.0, f"{len(code)} cells")
    return failed


def _tidy(cell: NotebookNode) -> None:
    """A cell of ours shows what it returns; warnings of libraries are none of the reader's business."""
    if not comments.is_authors(cell):
        cell.outputs = [o for o in cell.outputs if not (o.output_type == "stream" and o.name == "stderr")]


def without_places(book: NotebookNode, clean: Callable[[str], str]) -> NotebookNode:
    """A copy whose outputs hold no folder of this machine; texts of the author stay as they are."""
    book = copy.deepcopy(book)
    for cell in book.cells:
        for output in cell.get("outputs", []):
            for key in ("text", "evalue"):
                if isinstance(output.get(key), str):
                    output[key] = clean(output[key])
            if "traceback" in output:
                output["traceback"] = [clean(line) for line in output["traceback"]]
            data = output.get("data", {})
            for kind, value in data.items():
                if kind.startswith("text/") and isinstance(value, str):
                    data[kind] = clean(value)
    return book
