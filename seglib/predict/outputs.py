"""Outputs: what a prediction left in a folder, measured and packed at any threshold. No torch.

Probabilities (q) are kept, so another threshold needs no network: masks and figures are made from q again.
"""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from seglib.exceptions import InputError
from seglib.images import write_png
from seglib.metrics import foreground

THRESHOLD = 0.5
TABLE = "table.csv"


def save(folder: Path, stem: str, q: np.ndarray, threshold: float = THRESHOLD) -> None:
    """<stem>.png with 0 and 255, <stem>_probability.png with q (H, W) uint8."""
    write_png(folder / f"{stem}.png", mask_of(q, threshold))
    write_png(folder / f"{stem}_probability.png", q)


def mask_of(q: np.ndarray, threshold: float) -> np.ndarray:
    """(H, W) uint8: 255 where a pixel is cell, else 0."""
    return foreground(q, threshold).astype(np.uint8) * np.uint8(255)


def measured(name: str, stem: str, q: np.ndarray, threshold: float) -> dict[str, Any]:
    """One line of the table. components: 8-connected patches; cells that touch are one of them."""
    mask = mask_of(q, threshold)
    pixels = int(np.count_nonzero(mask))
    return {
        "image": name,
        "file": f"{stem}.png",
        "height": q.shape[0],
        "width": q.shape[1],
        "threshold": threshold,
        "foreground_px": pixels,
        "foreground_share": round(pixels / q.size, 6),
        "components": cv2.connectedComponents(mask, connectivity=8)[0] - 1,
    }


def read_rows(folder: Path) -> list[dict[str, str]]:
    """The lines of the table that the prediction wrote, in its order. Raises InputError where it is not there."""
    try:
        with (Path(folder) / TABLE).open(encoding="utf-8", newline="") as stream:
            rows = list(csv.DictReader(stream))
    except OSError as error:
        raise InputError(f"{folder}: the results are not there ({error.strerror}); predict again.") from None
    if not rows or "image" not in rows[0] or "file" not in rows[0]:
        raise InputError(f"{Path(folder) / TABLE}: not a table of predictions; predict again.")
    return rows


def read_q(folder: Path, stem: str) -> np.ndarray:
    """q (H, W) uint8 of one picture. Raises InputError naming the file where it is missing or damaged."""
    file = Path(folder) / f"{stem}_probability.png"
    try:
        data = np.frombuffer(file.read_bytes(), np.uint8)
    except OSError as error:
        raise InputError(f"{file}: cannot be read ({error.strerror}); predict again.") from None
    q = cv2.imdecode(data, cv2.IMREAD_UNCHANGED) if data.size else None
    if q is None or q.ndim != 2 or q.dtype != np.uint8:
        raise InputError(f"{file}: damaged; predict again.")
    return q


def stem_of(row: Mapping[str, str]) -> str:
    return Path(row["file"]).stem


def table(
    folder: Path, threshold: float, progress: Callable[[int, int], None] = lambda done, total: None
) -> list[dict[str, Any]]:
    """The figures of every picture at `threshold`, from the stored probabilities."""
    rows = read_rows(folder)
    measurements = []
    for number, row in enumerate(rows):
        stem = stem_of(row)
        measurements.append(measured(row["image"], stem, read_q(folder, stem), threshold))
        progress(number + 1, len(rows))
    return measurements


def as_csv(rows: Sequence[Mapping[str, Any]]) -> str:
    """CSV text with a header; a name that a spreadsheet would take for a formula gets a leading apostrophe."""
    stream = io.StringIO(newline="")
    writer = csv.DictWriter(stream, fieldnames=list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows({**row, "image": _harmless(str(row["image"]))} for row in rows)
    return stream.getvalue()


def _harmless(text: str) -> str:
    return f"'{text}" if text[:1] in ("=", "+", "-", "@") else text


def packed(folder: Path, stems: Iterable[str], threshold: float, probabilities: bool = False) -> bytes:
    """A zip of <stem>.png with 0 and 255 at `threshold` and, if asked for, <stem>_probability.png (q)."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:  # PNGs are compressed already
        for stem in stems:
            q = read_q(folder, stem)
            archive.writestr(f"{stem}.png", _png(mask_of(q, threshold)))
            if probabilities:
                archive.writestr(f"{stem}_probability.png", _png(q))
    return stream.getvalue()


def _png(pixels: np.ndarray) -> bytes:
    return cv2.imencode(".png", pixels)[1].tobytes()
