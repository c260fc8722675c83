"""Survey files: what a survey leaves in a folder, written while it goes and read no sooner than needed.

report.json, grey.json and images.parquet are small; cells.parquet has one row a cell, a million of them in a large data
set, and is written in parts and read column by column.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from seglib.data.duplicates import Neighbour
from seglib.data.findings import Finding
from seglib.data.report import Report
from seglib.exceptions import InputError

FORMAT = 2
CHUNK = 65_536  # cells held before they are written

# column -> type; of a picture whose mask is missing or unreadable, figures of masks are NaN and counts 0
IMAGE_COLUMNS: dict[str, str] = {
    **{"index": "int32", "image": "str", "split": "str", "group": "str", "frame": "int64", "kind": "str"},
    **{"height": "int32", "width": "int32", "understood": "str", "ignored": "float32"},
    **{"foreground": "float64", "n_cells": "int32", "n_cut": "int32", "n_touching": "int32"},
    **dict.fromkeys(("median_diameter_px", "median_eccentricity", "median_solidity"), "float64"),
    **dict.fromkeys(("p01", "p05", "p25", "median_grey", "p75", "p95", "p99", "contrast"), "float64"),
    **dict.fromkeys(("background", "median_inside", "median_outside", "focus", "saturated"), "float64"),
    **{"nearest_train": "int32", "nearest_distance": "float64"},
}
CELL_SCHEMA = pa.schema(
    [
        ("index", pa.int32()),
        ("split", pa.dictionary(pa.int8(), pa.string())),
        ("label", pa.int32()),
        ("area_px", pa.int32()),
        *((name, pa.float32()) for name in ("diameter_px", "eccentricity", "solidity", "row", "col")),
        ("cut", pa.bool_()),
    ]
)


@dataclass(frozen=True)
class Survey:
    """What one look at every picture told.

    images: one row a readable picture, the columns of IMAGE_COLUMNS:
      index, image, split, group, frame (trailing number of the stem, -1 without) · kind, height, width · understood
      (what the mask was taken for) · ignored (share of the pixels that do not count; all figures are of the others) ·
      foreground (share of the pixels, 0 for an empty mask, NaN without a mask), n_cells, n_cut, n_touching (cells with
      a pixel beside one of another; 0 in binary masks, where they are one object) · median diameter, eccentricity and
      solidity of the uncut cells · grey values as from `grey.statistics`, saturated (share at full white) ·
      nearest_train, nearest_distance: of a val picture, the number of the train picture most like it and how far it is
      (`duplicates`; -1 and NaN otherwise).
    cells: one row a cell: index, split, label, area_px, diameter_px, eccentricity, solidity, row, col (of the
    centroid), cut (by the border of the picture or of what is ignored). Read from the file at first use.
    grey: split -> counts (BINS,) of grey values drawn from its pictures, the same number from each; `edges` (BINS+1,)
    in units of `grey_unit` (255, 65535, or 1 where types differ); n_grey: drawn from each picture. Grey values in
    `images` are to be multiplied by `grey_unit`.
    """

    report: Report
    images: pd.DataFrame
    grey: dict[str, list[int]]
    edges: list[float]
    grey_unit: int
    n_grey: int
    folder: Path

    @cached_property
    def cells(self) -> pd.DataFrame:
        """All cells and columns, kept; about 35 MB for a million cells."""
        return self.cell_columns(CELL_SCHEMA.names)

    def cell_columns(self, columns: Sequence[str], images: Iterable[int] | None = None) -> pd.DataFrame:
        """These columns of the cells, of all pictures or of those numbers; read anew each time, nothing is kept.

        Raises InputError where the file has gone since.
        """
        only = None if images is None else [("index", "in", [int(i) for i in images])]
        if images is not None and not only[0][2]:
            return CELL_SCHEMA.empty_table().select(list(columns)).to_pandas()
        try:
            return pq.read_table(self.folder / "cells.parquet", columns=list(columns), filters=only).to_pandas()
        except (OSError, ValueError) as error:
            raise InputError(f"{self.folder}: the cells cannot be read ({error}); look at the data again.") from None


class CellsWriter:
    """Writes cells.parquet in parts, so that memory does not grow with the number of pictures. A context manager."""

    def __init__(self, folder: Path):
        self._file = pq.ParquetWriter(folder / "cells.parquet", CELL_SCHEMA)
        self._parts: list[pd.DataFrame] = []
        self._n = 0

    def add(self, table: pd.DataFrame) -> None:
        self._parts.append(table)
        self._n += len(table)
        if self._n >= CHUNK:
            self._flush()

    def _flush(self) -> None:
        if self._parts:
            rows = pd.concat(self._parts, ignore_index=True)
            self._file.write_table(pa.Table.from_pandas(rows[CELL_SCHEMA.names], CELL_SCHEMA, preserve_index=False))
        self._parts, self._n = [], 0

    def __enter__(self) -> CellsWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self._flush()
        self._file.close()


class ImageRows:
    """Rows of `Survey.images`, packed every few hundred: a dict a picture would cost ten times as much."""

    def __init__(self) -> None:
        self._rows: list[dict[str, Any]] = []
        self._packed: list[pd.DataFrame] = []

    def add(self, row: dict[str, Any]) -> None:
        self._rows.append(row)
        if len(self._rows) >= 512:
            self._pack()

    def _pack(self) -> None:
        self._packed.append(pd.DataFrame(self._rows, columns=list(IMAGE_COLUMNS)).astype(IMAGE_COLUMNS))
        self._rows = []

    def table(self) -> pd.DataFrame:
        self._pack()
        return pd.concat(self._packed, ignore_index=True)


def save(found: Survey) -> None:
    """Write report.json, images.parquet and grey.json into its folder, beside cells.parquet, which is there."""
    save_report(found.report, found.folder)
    grey = {"counts": found.grey, "edges": found.edges, "unit": found.grey_unit, "n": found.n_grey, "format": FORMAT}
    (found.folder / "grey.json").write_text(json.dumps(grey), encoding="utf-8")
    found.images.to_parquet(found.folder / "images.parquet")


def load(folder: Path) -> Survey:
    """What `survey` left in `folder`. Raises InputError where it is incomplete or of another version."""
    folder = Path(folder)
    try:
        grey = json.loads((folder / "grey.json").read_text(encoding="utf-8"))
        if grey.get("format") != FORMAT:
            raise ValueError("it is of another version")
        images = pd.read_parquet(folder / "images.parquet")
        if list(images.columns) != list(IMAGE_COLUMNS) or not (folder / "cells.parquet").is_file():
            raise ValueError("it is incomplete")
        return Survey(load_report(folder), images, grey["counts"], grey["edges"], grey["unit"], grey["n"], folder)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{folder}: the survey cannot be read ({error}); look at the data again.") from None


def save_report(report: Report, folder: Path) -> None:
    """Only the findings: all there is of a data set that does not open."""
    (Path(folder) / "report.json").write_text(json.dumps(asdict(report)), encoding="utf-8")


def load_report(folder: Path) -> Report:
    values = json.loads((Path(folder) / "report.json").read_text(encoding="utf-8"))
    found = [_finding(finding) for finding in values.pop("findings")]
    nearest = [Neighbour(**neighbour) for neighbour in values.pop("nearest", [])]
    return Report(findings=tuple(found), nearest=tuple(nearest), **values)


def _finding(values: dict[str, Any]) -> Finding:
    pairs = tuple(tuple(pair) for pair in values.get("pairs", ()))
    return Finding(**{**values, "files": tuple(values["files"]), "pairs": pairs})
