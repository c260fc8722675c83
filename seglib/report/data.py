"""The data sets of a report: in figures, in pictures, and how large their cells are."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from seglib.data.cells import cells
from seglib.data.dataset import Dataset
from seglib.data.readers import to_gray
from seglib.data.sample import Sample
from seglib.data.splits import NOT_INDEPENDENT
from seglib.exceptions import InputError
from seglib.report import panels
from seglib.report.sheet import sheet
from seglib.report.shown import Plot, Several, Table, Words, as_plot, note, several
from seglib.report.study import Material, Study
from seglib.report.style import COLOURS, TP, drawing, figure

READ, PICTURED = 60, 4  # images a side that are looked at, and that are shown
_SIDES = ("train", "val")


@dataclass(frozen=True)
class Figures:
    """One side of a data set, of the images that were read: of n images."""

    n: int
    groups: int
    read: int
    sizes: str
    dtype: str
    n_cells: int
    foreground: float
    diameters: tuple[float, ...]


def data_in_figures(study: Study) -> Several | Table:
    """One row a data set and side of the split; what was recorded at training where the folder is gone."""
    columns = (
        "Data set",
        "Side",
        "Images",
        "Groups",
        "Size in px",
        "Type",
        "Cells",
        "Cell pixels",
        "Cell diameter, median",
    )
    rows: list[tuple[str, ...]] = []
    notes: list[str] = []
    for material in study.materials:
        rows += _rows(material)
        notes += _notes(material)
    notes.append(
        "Groups: images that stay on one side of the split, such as the frames of one movie. Cells: labels, or "
        "connected "
        "areas where the mask is black and white (touching cells are then one). Cell pixels: share of all pixels of "
        "the "
        "side together. Diameter: of the disc of equal area, in px, of cells that no image edge cuts."
    )
    return Table(columns, tuple(rows), "The data.", tuple(notes), frozenset(columns[2:4] + columns[6:]))


def _rows(material: Material) -> list[tuple[str, ...]]:
    if material.dataset is None:
        counts = material.runs[0].environment().get("data", {}).get("counts", {})
        return [(material.name, side, str(counts.get(side, "not known")), *["–"] * 6) for side in _SIDES]
    rows = []
    for side in _SIDES:
        try:
            f = _figures(material, side)
        except InputError as error:
            rows.append((material.name, side, "not readable", *["–"] * 5, str(error)))
            continue
        median = f"{np.median(f.diameters):.1f}" if f.diameters else "–"
        part = f" in {f.read} of them" if f.read < f.n else ""
        cell_pixels = f"{f.foreground:.1%}" if f.read else "–"
        rows.append(
            (material.name, side, str(f.n), str(f.groups), f.sizes, f.dtype, f"{f.n_cells}{part}", cell_pixels, median)
        )
    return rows


def _notes(material: Material) -> list[str]:
    notes = [material.why] if material.why else []
    if not material.independent:
        notes.append(f"{material.name}: train and val are {NOT_INDEPENDENT}. The val IoU flatters.")
    if material.dataset is not None:
        counts = material.dataset.counts()
        rest = [
            f"{counts[key]} {word}"
            for key, word in (("unused", "with a mask but on no side"), ("unlabelled", "without a mask"))
            if counts[key]
        ]
        notes += [f"{material.name}: {' and '.join(rest)} took no part."] if rest else []
        if not counts["val"]:
            notes.append(f"{material.name}: no validation set.")
        recorded = material.runs[0].environment().get("data", {}).get("counts")
        if recorded and recorded != counts:
            notes.append(
                f"{material.name}: the data set has changed since the training (then {_told(recorded)}, now "
                f"{_told(counts)})."
            )
    return notes


def _told(counts: dict[str, int]) -> str:
    return ", ".join(f"{value} {key}" for key, value in counts.items() if value)


@lru_cache(maxsize=32)
def _figures(material: Material, side: str) -> Figures:
    """Of at most READ images, evenly spaced over the side."""
    dataset, indices = material.dataset, material.dataset.indices(side)
    chosen = _spaced(indices, READ)
    sizes, types, diameters = set(), set(), []
    n_cells = covered = pixels = 0
    for index in chosen:
        sample = dataset.sample(index)
        sizes.add(f"{sample.labels.shape[0]} × {sample.labels.shape[1]}")
        types.add(str(sample.image.dtype))
        found = cells(sample.labels)
        n_cells += len(found)
        diameters += found.diameter_px[~found.touches_border].tolist()
        covered += int((sample.mask & sample.valid).sum())
        pixels += int(sample.valid.sum())
    groups = len({dataset.records[i].group for i in indices})
    shown = ", ".join(sorted(sizes)[:3]) + (" …" if len(sizes) > 3 else "")
    return Figures(len(indices), groups, len(chosen), shown or "–", ", ".join(sorted(types)) or "–", n_cells,
                   covered / pixels if pixels else 0.0, tuple(diameters))  # fmt: skip


def _spaced(indices: list[int], most: int) -> list[int]:
    """At most so many of them, evenly spaced, the first and the last among them."""
    if len(indices) <= most:
        return list(indices)
    return [indices[round(i)] for i in np.linspace(0, len(indices) - 1, most)]


def data_in_pictures(study: Study) -> Plot | Several | Words:
    """A few images of each side with the drawn outlines."""
    return several(_pictures(material) for material in study.materials)


def _pictures(material: Material) -> Plot | Words:
    if material.dataset is None:
        return note(material.why)
    try:
        samples = {side: _some(material.dataset, side) for side in _SIDES}
    except InputError as error:
        return note(f"{material.name}: {error}")
    filled = {side: found for side, found in samples.items() if found}
    if not filled:
        return note(f"{material.name}: no labelled images on either side.")
    rows = [
        [(_with_outline(sample), f"{side}: {sample.name.rpartition('/')[2]}") for sample in found]
        for side, found in filled.items()
    ]
    caption = f"{material.name}: images of both sides with the outline of the drawn cells (green)."
    return sheet(rows, {}, f"Images of {material.name} with the outlines of the cells.", caption, columns=PICTURED)


def _with_outline(sample: Sample) -> np.ndarray:
    return panels.outlined(panels.stretched(to_gray(sample.image)), sample.mask, TP)


def _some(dataset: Dataset, side: str) -> list[Sample]:
    return [dataset.sample(i) for i in _spaced(dataset.indices(side), PICTURED)]


def cell_sizes(study: Study) -> Plot | Several | Words:
    """Histogram of cell diameters, train beside val."""
    return several(_histogram(material) for material in study.materials)


def _histogram(material: Material) -> Plot | Words:
    if material.dataset is None:
        return note(material.why)
    try:
        values = {side: _figures(material, side).diameters for side in _SIDES}
    except InputError as error:
        return note(f"{material.name}: {error}")
    values = {side: v for side, v in values.items() if v}
    if not values:
        return note(f"{material.name}: no cell lies wholly within an image.")
    everything = np.concatenate([np.asarray(v) for v in values.values()])
    edges = np.histogram_bin_edges(everything, min(30, max(5, len(everything) // 8)))
    with drawing():
        fig = figure(6, 2.4)
        axis: Any = fig.subplots()
        for number, (side, found) in enumerate(values.items()):
            share = np.histogram(found, edges)[0] / len(found)
            axis.stairs(share, edges, label=f"{side} ({len(found)} cells)", color=COLOURS[number], linewidth=1.6,
                        linestyle="-" if side == "train" else "--")  # fmt: skip
        axis.set(xlabel="cell diameter in px", ylabel="share of the cells")
        axis.legend()
        caption = f"{material.name}: diameters of cells that no image edge cuts, train beside val."
        return as_plot(fig, f"Histogram of cell diameters of {material.name}.", caption)
