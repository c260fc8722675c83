"""Comments: what the author wrote into a notebook of ours, carried over word for word into the one that is made anew.

Our cells carry their name and the hash of the text we gave them, in their metadata. A cell without a name, or a second
one of a name (copied or split), is the author's; a Markdown cell of ours with another text was changed by the author.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from seglib.exceptions import InputError
from seglib.report.parts import COMMENT

MARK = "seglib"  # key in the metadata of the notebook and of every cell of ours
AUTHORS = "author"


@dataclass
class Carried:
    """cells: the new notebook's, the author's among them. unplaced: names of what stands elsewhere than before, or is
    only in the old file: then that file is worth keeping."""

    cells: list[NotebookNode]
    unplaced: list[str] = field(default_factory=list)


def read(file: Path) -> NotebookNode | None:
    """The notebook there, None where there is none. Raises InputError for one that is not ours or is damaged."""
    if not file.exists():
        return None
    try:
        notebook = nbformat.read(file, as_version=4)
        ours = MARK in notebook.metadata
    except Exception as error:  # nbformat raises what json, jsonschema and its own converters raise
        raise InputError(
            f"{file} cannot be read as a notebook ({_first_line(error)}); move it away or choose another folder."
        ) from None
    if not ours:
        raise InputError(f"{file} is a notebook of somebody else's, not a report; choose another folder.")
    return notebook


def mark(cell: NotebookNode, name: str) -> NotebookNode:
    """Make a cell ours: by name and by the hash of its text. Comments carry their name as a tag that editors show."""
    cell.metadata[MARK] = {"part": name, "sha256": digest(cell.source)}
    if name.startswith(COMMENT):
        cell.metadata["tags"] = [name]
    return cell


def name_of(cell: NotebookNode) -> str | None:
    about = cell.metadata.get(MARK)
    if isinstance(about, dict) and isinstance(about.get("part"), str):
        return about["part"]
    tags = cell.metadata.get("tags") or []
    return next((str(tag) for tag in tags if str(tag).startswith(COMMENT)), None)


def is_changed(cell: NotebookNode) -> bool:
    """Whether the author changed the text of a cell of ours."""
    about = cell.metadata.get(MARK)
    return not isinstance(about, dict) or about.get("sha256") != digest(cell.source)


def is_authors(cell: NotebookNode) -> bool:
    return name_of(cell) is None


def carry_over(new: Sequence[NotebookNode], old: NotebookNode | None) -> Carried:
    """`new` with everything of the author's in `old`: changed Markdown cells keep the author's text, cells of the
    author's own stand behind the cell of ours they stood behind."""
    if old is None:
        return Carried(list(new))
    known = {name_of(cell) for cell in new}
    behind: dict[str | None, list[NotebookNode]] = {}
    texts: dict[str, NotebookNode] = {}
    unplaced: list[str] = []
    seen: set[str] = set()
    anchor: str | None = None
    lost_anchor = False
    for cell in old.cells:
        name = name_of(cell)
        if name is None or name in seen:
            behind.setdefault(anchor, []).append(_as_authors(cell))
            if lost_anchor:
                unplaced.append("a cell of the author's whose part is gone")
            continue
        seen.add(name)
        lost_anchor = name not in known
        anchor = anchor if lost_anchor else name
        if not is_changed(cell):
            continue
        if cell.cell_type == "markdown" and not lost_anchor:
            texts[name] = cell
        else:
            unplaced.append(name)
            if cell.cell_type == "markdown":
                behind.setdefault(anchor, []).append(_as_authors(cell))
    return Carried(_joined(new, texts, behind), unplaced)


def _joined(new: Sequence[NotebookNode], texts: dict[str, NotebookNode], behind: dict) -> list[NotebookNode]:
    cells = list(behind.get(None, []))
    for cell in new:
        name = name_of(cell)
        if name in texts:
            cell.source = texts[name].source
            if "attachments" in texts[name]:
                cell["attachments"] = texts[name]["attachments"]
        cells += [cell, *behind.get(name, [])]
    taken: set[str] = {cell.id for cell in new}
    for cell in cells:
        if is_authors(cell):
            if cell.get("id") in taken or "id" not in cell:
                cell["id"] = _free_id(cell, taken)
            taken.add(cell.id)
    return cells


def _as_authors(cell: NotebookNode) -> NotebookNode:
    """A copy that carries no name of ours any more."""
    copied = nbformat.from_dict(dict(cell))
    about = {key: value for key, value in cell.metadata.items() if key != MARK}
    tags = [tag for tag in about.pop("tags", []) if not str(tag).startswith(COMMENT)]
    copied.metadata = nbformat.from_dict({**about, **({"tags": tags} if tags else {})})
    return copied


def _free_id(cell: NotebookNode, taken: set[str]) -> str:
    """An id that follows from the text: the same when the report is made again."""
    stem = f"{AUTHORS}-{digest(cell.source)[:12]}"
    return next(name for name in (stem, *(f"{stem}-{n}" for n in range(2, len(taken) + 3))) if name not in taken)


def digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _first_line(error: BaseException) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)[:120]
