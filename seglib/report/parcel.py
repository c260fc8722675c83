"""Parcel: what is handed in, as one zip: notebook, page, figures, and the models the person wrote.

The same bytes for the same content: fixed dates, fixed order.
"""

from __future__ import annotations

import base64
import zipfile
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from seglib.places import REPOSITORY
from seglib.report import comments, places

YOUR_MODELS = REPOSITORY / "seglib" / "models" / "your_models.py"
_MOMENT = (1980, 1, 1, 0, 0, 0)  # the earliest a zip knows


def pack(book: NotebookNode, out: Path) -> bytes:
    """The zip of a notebook and of the page that lies in `out` already."""
    content = {
        places.NOTEBOOK: nbformat.writes(book).encode("utf-8") + b"\n",
        places.PAGE: (out / places.PAGE).read_bytes(),
        **dict(figures(book)),
        YOUR_MODELS.name: YOUR_MODELS.read_bytes(),
    }
    file = BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, data in content.items():
            entry = zipfile.ZipInfo(name, _MOMENT)
            entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
            packed.writestr(entry, data)
    return file.getvalue()


def figures(book: NotebookNode) -> Iterator[tuple[str, bytes]]:
    """(name, PNG) of every figure in the outputs: numbered in order, called as the cell that drew it."""
    number = 0
    for cell in book.cells:
        for output in cell.get("outputs", []):
            png = output.get("data", {}).get("image/png")
            if png:
                number += 1
                yield f"figures/{number:02d}-{comments.name_of(cell) or comments.AUTHORS}.png", base64.b64decode(png)
