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

import numpy as np

SCREEN_DPI, FINE_DPI, PICTURE_DPI = 96, 144, 108  # of the screen, of line drawings, of images
SHORT = 46  # characters; a column of nothing longer is kept on one line


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
        lines = [self.columns, *(tuple(cell.replace("\n", " ") for cell in row) for row in self.rows)]
        widths = [max(len(line[i]) for line in lines) for i in range(len(self.columns))]
        texts = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip() for line in lines]
        return "\n".join([self.caption, *texts, *self.notes]).strip()

    def _html(self) -> str:
        head = "".join(f"<th{self._side(name)}>{escape(name)}</th>" for name in self.columns)
        body = "".join(self._row(number, row) for number, row in enumerate(self.rows))
        title = f'<p class="title">{escape(self.caption)}</p>' if self.caption else ""
        notes = "".join(f"<p>{escape(note)}</p>" for note in self.notes)
        label = escape(self.caption or self.folded)
        table = f'<table aria-label="{label}"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'
        table = f'{title}<div class="table">{table}</div>' + (f'<div class="notes">{notes}</div>' if notes else "")
        if not self.folded:
            return table
        return f"<details><summary>{escape(self.folded)}</summary>{table}</details>"

    def _row(self, number: int, row: Sequence[str]) -> str:
        tag = "strong" if number in self.strong else ""
        texts = (escape(cell).replace("\n", "<br>") for cell in row)
        cells = (f"<{tag}>{text}</{tag}>" if tag and text else text for text in texts)
        return "<tr>" + "".join(f"<td{self._side(n)}>{c}</td>" for n, c in zip(self.columns, cells)) + "</tr>"

    def _side(self, column: str) -> str:
        place = self.columns.index(column)
        longest = max((len(line) for row in self.rows for line in row[place].split("\n")), default=0)
        kind = "number" if column in self.numbers else "short" if longest <= SHORT else "long"
        return f' class="{kind}" style="text-align:{"right" if kind == "number" else "left"}"'


@dataclass(frozen=True)
class Plot:
    """A figure as PNG, what it shows in one sentence (for who cannot see it), and its caption."""

    png: bytes
    alt: str
    caption: str = ""
    dpi: int = FINE_DPI

    def _ipython_display_(self) -> None:
        from IPython.display import display

        width, _ = size_of(self.png)
        content = {"image/png": base64.b64encode(self.png).decode("ascii"), "text/plain": self.alt}
        about = {"image/png": {"alt": self.alt, "width": round(width * SCREEN_DPI / self.dpi)}}
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
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from PIL import Image

    figure.set_dpi(FINE_DPI)
    canvas, file = FigureCanvasAgg(figure), BytesIO()
    canvas.draw()
    Image.fromarray(np.asarray(canvas.buffer_rgba())[..., :3]).save(file, format="png")  # no alpha, no metadata
    return Plot(file.getvalue(), alt, caption)


def size_of(png: bytes) -> tuple[int, int]:
    """(width, height) in px, from a PNG's first bytes."""
    return int.from_bytes(png[16:20], "big"), int.from_bytes(png[20:24], "big")


def ratio(value: float | None) -> str:
    """An IoU as it stands everywhere; – where it is undefined or not known."""
    return "–" if value is None or value != value else f"{value:.4f}"
