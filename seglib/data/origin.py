"""Origin: what a version of a data set is made from: its rows as text, every column kept, and where its files lie."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from seglib.data import lineage
from seglib.data.dataset import Dataset
from seglib.data.records import CSV_NAME, REQUIRED
from seglib.data.substitute import csv_of
from seglib.exceptions import InputError

BEFORE = "before"


@dataclass(frozen=True)
class Base:
    """What a version is made from: rows of text as in dataset.csv, and where the files lie. kept: relative paths of
    files that lie in another folder than `root` (those that an earlier version changed)."""

    root: Path
    columns: tuple[str, ...]
    rows: tuple[dict[str, str], ...]
    has_csv: bool
    independent: bool
    source: Mapping[str, Any]
    kept: Mapping[str, Path] = field(default_factory=dict)

    def file(self, name: str) -> Path:
        return self.kept.get(name) or self.root / name


def base_of(dataset: Dataset, source: Mapping[str, Any]) -> Base:
    file = csv_of(dataset.path)
    if dataset.has_csv and file is not None:
        columns, rows = read_rows(file)
        return Base(dataset.path, columns, rows, True, dataset.independent, source)
    rows = []
    for record in dataset.records:
        part = {"train": ", first part", "val": ", last part", "": ", gap"}[record.split]
        group = record.group + ("" if dataset.independent else part)  # a csv allows no group on both sides
        rows.append({"image": record.image, "mask": record.mask or "", "group": group, "split": record.split})
    return Base(dataset.path, REQUIRED, tuple(rows), False, dataset.independent, source)


def base_before(version: Path) -> Base:
    """The base of a version: its files, those under before/ in the place of what was changed."""
    content = lineage.manifest(version) or {}
    before = version / BEFORE
    kept = {file.relative_to(before).as_posix(): file for file in before.rglob("*") if file.is_file()}
    columns, rows = read_rows(kept.pop(CSV_NAME, before / CSV_NAME))
    independent = content.get("independent") is not False
    return Base(version, columns, rows, bool(content.get("has_csv", True)), independent, content["source"], kept)


def read_rows(file: Path) -> tuple[tuple[str, ...], tuple[dict[str, str], ...]]:
    """Every column and row as text, also those that are not ours."""
    try:
        reader = csv.DictReader(io.StringIO(file.read_text(encoding="utf-8-sig"), newline=""), strict=True)
        return tuple(reader.fieldnames or ()), tuple(dict(row) for row in reader)
    except (OSError, ValueError, csv.Error) as error:
        raise InputError(f"{file}: cannot be read ({error}).") from None


def write_rows(file: Path, columns: Sequence[str], rows: Sequence[Mapping[str, str]]) -> None:
    with file.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, columns, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
