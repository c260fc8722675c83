"""What a cell shows: a table, a figure, a few sentences. Each brings its own HTML, and plain text for other readers.

Everything from outside (names of runs and files, texts of experiments) passes through `escape`, here alone.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from html import escape
from io import BytesIO
from typing import Any

SCREEN_DPI, FIGURE_DPI = 96, 144  # a figure is drawn half as fine again as it is shown


@dataclass(frozen=True)
class Words:
    """Paragraphs. kind: `note` is a warning that has to be seen, `caption` belongs to the figure above it."""

    lines: tuple[str, ...]
    kind: str = ""

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        text = "".join(f"<p>{escape(line)}</p>" for line in self.lines)
        return {"text/html": f'<div class="{self.kind or "words"}">{text}</div>', "text/plain": "\n".join(self.lines)}


@dataclass(frozen=True)
class Table:
    """A table of texts, its caption and notes.

    columns: the headings; numbers: those of them that are set right. folded: a heading under which the table is
    folded in, where the reader can fold. rows: one tuple of texts a row.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    caption: str = ""
    notes: tuple[str, ...] = ()
    numbers: frozenset[str] = field(default_factory=frozenset)
    folded: str = ""
    strong: frozenset[int] = field(default_factory=frozenset)  # rows set in bold

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return {"text/html": self._html(), "text/plain": str(self)}

    def __str__(self) -> str:
        lines = [self.columns, *self.rows]
        widths = [max(len(line[i]) for line in lines) for i in range(len(self.columns))]
        texts = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip() for line in lines]
        return "\n".join([self.caption, *texts, *self.notes]).strip()

    def _html(self) -> str:
        head = "".join(f"<th{self._side(name)}>{escape(name)}</th>" for name in self.columns)
        body = "".join(self._row(number, row) for number, row in enumerate(self.rows))
        caption = f"<caption>{escape(self.caption)}</caption>" if self.caption else ""
        notes = "".join(f"<p>{escape(note)}</p>" for note in self.notes)
        table = f"<table>{caption}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
        table = f'<div class="table">{table}</div>' + (f'<div class="notes">{notes}</div>' if notes else "")
        if not self.folded:
            return table
        return f"<details><summary>{escape(self.folded)}</summary>{table}</details>"

    def _row(self, number: int, row: Sequence[str]) -> str:
        tag = "strong" if number in self.strong else ""
        cells = (f"<{tag}>{escape(cell)}</{tag}>" if tag and cell else escape(cell) for cell in row)
        return "<tr>" + "".join(f"<td{self._side(n)}>{c}</td>" for n, c in zip(self.columns, cells)) + "</tr>"

    def _side(self, column: str) -> str:
        return ' class="number" style="text-align:right"' if column in self.numbers else ' style="text-align:left"'


@dataclass(frozen=True)
class Plot:
    """A figure as PNG, what it shows in one sentence (for who cannot see it), and its caption."""

    png: bytes
    alt: str
    caption: str = ""

    def _ipython_display_(self) -> None:
        from IPython.display import display

        width, _ = size_of(self.png)
        content = {"image/png": base64.b64encode(self.png).decode("ascii"), "text/plain": self.alt}
        about = {"image/png": {"alt": self.alt, "width": round(width * SCREEN_DPI / FIGURE_DPI)}}
        display(content, raw=True, metadata=about)
        if self.caption:
            display(Words((self.caption,), "caption"))


@dataclass(frozen=True)
class Several:
    """Things shown one after the other."""

    parts: tuple[Words | Table | Plot, ...]

    def _ipython_display_(self) -> None:
        from IPython.display import display

        for part in self.parts:
            display(part)


def several(parts: Iterable[Any], otherwise: str = "") -> Any:
    """One thing as it is, more of them one after the other; where there are none, the sentence that says why."""
    found = tuple(parts)
    if not found:
        return Words((otherwise,), "note")
    return found[0] if len(found) == 1 else Several(found)


def note(*lines: str) -> Words:
    return Words(lines, "note")


def as_plot(figure: Any, alt: str, caption: str = "") -> Plot:
    """A matplotlib Figure, drawn now: its colours and sizes are those of the moment."""
    file = BytesIO()
    figure.savefig(file, format="png", dpi=FIGURE_DPI, metadata={"Software": None})
    return Plot(file.getvalue(), alt, caption)


def size_of(png: bytes) -> tuple[int, int]:
    """(width, height) in px, from a PNG's first bytes."""
    return int.from_bytes(png[16:20], "big"), int.from_bytes(png[20:24], "big")


def ratio(value: float | None) -> str:
    """An IoU as it stands everywhere; – where it is undefined or not known."""
    return "–" if value is None or value != value else f"{value:.4f}"
