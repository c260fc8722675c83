"""Export: wrong regions and verdicts to take elsewhere: tables, crops as PNG, label TIFFs for napari and Fiji.

regions.csv    one row a wrong region at the threshold, with the verdict on its place; COLUMNS says what each column is
verdicts.csv   one row a standing verdict, also of other checkpoints
crops/         <stem>_r0001_fp.png as it was taken, <stem>_r0001_fp_overlay.png with what is wrong
labels/        <stem>_labels.tif and others, see `seglib.errors.label_tiffs`
columns.txt    what the columns and pictures mean
"""

from __future__ import annotations

import csv
import zipfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import pandas as pd

from seglib.data.readers import to_gray
from seglib.data.sample import Sample
from seglib.errors import label_tiffs
from seglib.errors.crop_files import Crops
from seglib.errors.regions import regions
from seglib.errors.review import Known, Verdict
from seglib.exceptions import InputError
from seglib.metrics import foreground
from seglib.sources.writer import Stems

MOST_CROPS = 500
CHOICES = ("none", "verdicts", "largest", "all")  # of crops
# column -> (what it is called in the tables of this project, what it means)
COLUMNS = {
    "image": ("image", "path as in dataset.csv"),
    "region": ("region", "number in the image, from the largest; its pixels in labels/<stem>_regions.tif have it"),
    "kind": ("kind", "fp = false positive, fn = miss"),
    "class": ("class", "class of the error budget most of its pixels have"),
    "row_px": ("row", "top of its box"),
    "col_px": ("col", "left side of its box"),
    "height_px": ("height", "of its box"),
    "width_px": ("width", "of its box"),
    "area_px": ("n_pixels", "pixels"),
    "centre_row_px": ("centre_row", "mean row of its pixels"),
    "centre_col_px": ("centre_col", "mean column"),
    "mean_probability": ("probability", "of cell, by the network, 0 to 1"),
    "contrast_sd": ("contrast", "mean grey value minus that around it, in standard deviations of the image"),
    "cell": ("cell", "number of the truth cell it lies in or nearest to, 0 = the image has none"),
    "n_cells": ("n_cells", "truth cells it touches or lies in"),
    "cell_radius_px": ("cell_radius_px", "of that cell, as a disc of equal area"),
    "border_px": ("border_px", "from its box to the border of the image"),
    "elongation": ("elongation", "ratio of the axes of the ellipse of equal moments, from 1"),
    "extent": ("extent", "share of its box it fills, 0 to 1"),
}
OF_VERDICT = {
    "verdict": "label_wrong, ignore, hard_negative, model_error, unsure; empty = none was given",
    "why": "in the person's own words",
    "who": "who said so",
    "when": "ISO 8601, UTC",
}
OF_CROP = {
    "crop": "file in crops/, empty = not cut out",
    "crop_row_px": "top row of the crop in the image",
    "crop_col_px": "left column of the crop in the image",
}
_OF_PLACE = ("row_px", "col_px", "height_px", "width_px", "area_px")


@dataclass(frozen=True)
class Exported:
    """How much was written."""

    n_images: int
    n_regions: int
    n_verdicts: int
    n_crops: int
    n_tiffs: int


def export(
    out: Path,
    n_images: int,
    item: Callable[[int], tuple[Sample, np.ndarray]],
    verdicts: Sequence[Verdict],
    *,
    threshold: float = 0.5,
    crops: str = "largest",
    labels: bool = False,
    source: dict[str, Any] | None = None,
    progress: Callable[[float, str], None] = lambda fraction, text: None,
    go_on: Callable[[], None] = lambda: None,
) -> Exported:
    """Fill the empty folder `out`. item(k): sample and q (H, W) uint8 of image k; one is in memory at a time.

    crops: of which regions pictures are cut out: `none`, those with a verdict (`verdicts`), these and the MOST_CROPS
    `largest`, `all`. source: run, checkpoint and the like, said in columns.txt. `go_on` is called before each image and
    may raise. Raises InputError for an unknown choice.
    """
    if crops not in CHOICES:
        raise InputError(f"crops is {crops!r}; allowed: {', '.join(CHOICES)}.")
    stems, known, tables, n_tiffs = Stems(), Known(verdicts), [], 0
    names = []
    share = 1.0 if crops == "none" else 0.6
    for number in range(n_images):
        go_on()
        sample, q = item(number)
        table = _measured(sample, q, threshold)
        names.append(stems.free(PurePosixPath(sample.name).stem))
        if labels:
            (out / "labels").mkdir(exist_ok=True)
            n_tiffs += len(label_tiffs.write(out / "labels", names[-1], sample, q, threshold, table))
        table["image_number"] = number
        tables.append(table)
        progress(share * (number + 1) / n_images, sample.name)
    found = _with_verdicts(pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(), known)
    n_crops = _cut_out(
        out, found, names, item, threshold, crops, lambda f, t: progress(share + (1 - share) * f, t), go_on
    )
    _write_tables(out, found, verdicts)
    about = {**(source or {}), "threshold": f"{threshold:g}", "images": n_images}
    (out / "columns.txt").write_text(_explained(about, labels), encoding="utf-8")
    progress(1.0, f"{len(found):,} regions")
    return Exported(n_images, len(found), len(verdicts), n_crops, n_tiffs)


def zipped(folder: Path, target: Path, go_on: Callable[[], None] = lambda: None) -> Path:
    """Everything in `folder` as a zip; PNG and TIFF are compressed already."""
    with zipfile.ZipFile(target, "w") as archive:
        for file in sorted(path for path in folder.rglob("*") if path.is_file()):
            go_on()
            text = file.suffix in (".csv", ".txt")
            kind = zipfile.ZIP_DEFLATED if text else zipfile.ZIP_STORED
            archive.write(file, file.relative_to(folder).as_posix(), compress_type=kind)
    return target


def _measured(sample: Sample, q: np.ndarray, threshold: float) -> pd.DataFrame:
    if q.shape != sample.labels.shape:
        raise InputError(f"{sample.name}: the prediction has another size than the image; evaluate the run again.")
    predicted = foreground(q, threshold)
    table = regions(sample.mask, predicted, sample.labels, sample.valid, q=q, gray=to_gray(sample.image))
    table.insert(0, "image", sample.name)
    return table


def _with_verdicts(table: pd.DataFrame, known: Known) -> pd.DataFrame:
    said = [known.of(row) for row in table.itertuples()]
    for name in OF_VERDICT:
        table[name] = [getattr(verdict, name) if verdict else "" for verdict in said]
    for name in OF_CROP:
        table[name] = ""
    return table


def _cut_out(out, table: pd.DataFrame, names: list[str], item, threshold: float, crops: str, progress, go_on) -> int:
    """Write the crops and say in `table` where they are; how many."""
    chosen = _chosen(table, crops)
    if not len(chosen):
        return 0
    (out / "crops").mkdir(exist_ok=True)
    done = 0
    for number, rows in chosen.groupby("image_number", sort=True):
        go_on()
        cutter = Crops(*item(int(number)), threshold)
        for row in rows.itertuples():
            stem = f"{names[int(number)]}_r{row.region:04d}_{row.kind}"
            raw, overlay = (out / "crops" / f"{stem}{end}.png" for end in ("", "_overlay"))
            cut = cutter.write((row.row, row.col, row.height, row.width), raw, overlay)
            table.loc[row.Index, list(OF_CROP)] = [raw.name, str(cut[0].start), str(cut[1].start)]
        done += len(rows)
        progress(done / len(chosen), str(rows.image.iloc[0]))
    return done


def _chosen(table: pd.DataFrame, crops: str) -> pd.DataFrame:
    if crops == "none" or not len(table):
        return table.iloc[:0]
    with_verdict = table[table.verdict != ""]
    if crops == "verdicts":
        return with_verdict
    if crops == "all":
        return table
    largest = table.nlargest(MOST_CROPS, "n_pixels")
    return table.loc[sorted({*largest.index, *with_verdict.index})]


def _write_tables(out: Path, table: pd.DataFrame, verdicts: Iterable[Verdict]) -> None:
    columns = [*COLUMNS, *OF_VERDICT, *OF_CROP]
    rows = (
        [row[COLUMNS[name][0] if name in COLUMNS else name] for name in columns] for row in table.to_dict("records")
    )
    _write_csv(out / "regions.csv", columns, rows)
    places = {name: COLUMNS[name][0] for name in _OF_PLACE}
    columns = ["image", "kind", *places, *OF_VERDICT, "run", "checkpoint", "threshold", "mean_probability"]
    own = {**places, "mean_probability": "probability"}
    _write_csv(out / "verdicts.csv", columns, ([getattr(v, own.get(name, name)) for name in columns] for v in verdicts))


def _write_csv(file: Path, columns: list[str], rows: Iterable[list[Any]]) -> None:
    with file.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows([_cell(value) for value in row] for row in rows)


def _cell(value: Any) -> Any:
    """Numbers to six digits, undefined ones empty; a text that a spreadsheet would compute gets a ' in front."""
    if isinstance(value, float):
        return "" if value != value else f"{value:.6g}"
    if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r"):
        return f"'{value}"
    return "" if value is None else value


def _explained(about: dict[str, Any], labels: bool) -> str:
    lines = [f"{name}: {value}" for name, value in about.items()]
    lines += ["", "Pixels are counted from 0, rows down, columns to the right.", "", "regions.csv"]
    lines += [f"  {name}: {meaning}" for name, (_, meaning) in COLUMNS.items()]
    lines += [f"  {name}: {meaning}" for name, meaning in {**OF_VERDICT, **OF_CROP}.items()]
    lines += ["  A text that begins like a formula has a ' in front.", "", "verdicts.csv: standing verdicts, also on "]
    lines[-1] += "places that are no region of this checkpoint at this threshold; columns as above."
    lines += ["", "crops/: as taken (8 or 16 bits) and _overlay: orange false positives, blue misses, green truth."]
    if labels:
        lines += ["", "labels/<stem>_<name>.tif"]
        lines += [f"  {name}: {meaning}" for name, meaning in label_tiffs.MEANINGS.items()]
    return "\n".join(lines) + "\n"
