"""What a split would mean: pictures, cells and foreground of train and val, and whether val looks like train."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from seglib.data import sides
from seglib.data.records import Record
from seglib.data.survey import Survey, differences
from ui import charts, picture
from ui.glossary import explain

_PLAIN = {"displayModeBar": False}


def of_images(found: Survey | None) -> dict[str, tuple[int, float, int]]:
    """Image -> (cells, pixels of cells, pixels) of every readable picture with a mask."""
    if found is None:
        return {}
    rows = found.images[found.images["foreground"].notna()]
    area = rows["height"] * rows["width"] * (1 - rows["ignored"])
    return dict(zip(rows["image"], zip(rows["n_cells"], rows["foreground"] * area, area)))


def totals(images: Iterable[str], figures: Mapping[str, tuple[int, float, int]]) -> tuple[int | None, float | None]:
    """(cells, share of cell pixels of all pixels together); None where nothing is known."""
    known = [figures[image] for image in images if image in figures]
    if not known:
        return None, None
    cells, foreground, area = (sum(column) for column in zip(*known))
    return int(cells), float(foreground / area)


def draw(records: Sequence[Record], found: Survey | None) -> None:
    """A table and, as soon as the pictures have been looked at, the distributions of both sides over each other."""
    row = st.grid(3, min_column_width=300, gap="medium")
    with row.cell():
        st.markdown("**What they hold**", help="Pictures with a mask. Foreground: of all pixels of the side together.")
        st.table(_table(records, found), border="horizontal", hide_index=True)
        if found is None:
            st.caption("Cells, foreground and grey values appear as soon as every picture has been looked at.")
            return
    images = sides.sided(found, {record.image: _part(record) for record in records})
    if images.empty:
        return
    diameters = sides.cells_of(_cells(found, str(found.folder), len(found.images)), images)
    with row.cell():
        _grey(images, found.grey_unit)
    with row.cell():
        _sizes(diameters)
    lines = differences(sides.table(images, diameters, found.grey_unit))
    if lines:
        st.warning(f"Val is not like train: {'; '.join(lines)}.", icon=":material/compare_arrows:")


@st.cache_resource(max_entries=4, show_spinner=False)
def _cells(_found: Survey, folder: str, n_images: int):
    return _found.cell_columns(["index", "diameter_px", "cut"])


def _part(record: Record) -> str:
    return (record.split or "unused") if record.mask else "unlabelled"


def _table(records: Sequence[Record], found: Survey | None) -> pd.DataFrame:
    """One column a side, as words."""
    figures, n_used = of_images(found), _used(records)
    columns = {}
    for side, label in (("train", "train"), ("val", "val"), ("", "not used")):
        images = [record for record in records if record.mask and record.split == side]
        if not images and not side:
            continue
        cells, foreground = totals((record.image for record in images), figures)
        part = f" ({len(images) / n_used:.0%})" if n_used and side else ""
        columns[label] = {
            "Groups": f"{len({record.group for record in images}):,}",
            "Pictures": f"{len(images):,}{part}",
            "Cells": "–" if cells is None else f"{cells:,}",
            "Foreground": "–" if foreground is None else f"{foreground:.1%}",
        }
    return pd.DataFrame(columns).rename_axis("Side").reset_index()


def _used(records: Sequence[Record]) -> int:
    return sum(1 for record in records if record.mask and record.split)


def _grey(images: pd.DataFrame, unit: int) -> None:
    edges = sides.grey_edges_of(images)
    grey = sides.grey_shares(images, edges)
    figure = charts.histogram_of_counts(grey, edges * unit, "Grey value" + (f" (0 to {unit:,})" if unit > 1 else ""))
    text = "From seven percentiles of each picture, 1 % to 99 %; every picture counts the same."
    _chart("Grey values", text, figure, grey)


def _sizes(diameters: Mapping[str, np.ndarray]) -> None:
    edges = np.histogram_bin_edges(np.concatenate(list(diameters.values())), 40)
    counts = {side: np.histogram(values, edges)[0] for side, values in diameters.items()}
    figure = charts.histogram_of_counts(counts, edges, "Equivalent diameter (px)")
    text = f"{explain('equivalent diameter')} Cells cut by the border are left out."
    _chart("Cell size", text, figure, counts)


def _chart(title: str, text: str, figure: go.Figure, counts: Mapping[str, np.ndarray]) -> None:
    if not figure.data:
        return
    gap = sides.largest_gap(counts.get("train", ()), counts.get("val", ()))
    apart = "" if np.isnan(gap) else f" · train and val {gap:.2f} apart"
    measure = "Apart: the largest difference of the cumulative shares; 0 = alike, 1 = nothing in common."
    st.markdown(f"**{title}**{apart}", help=f"{text} {measure if apart else ''}")
    figure.update_layout(height=190)
    st.plotly_chart(picture.legible(figure), key=f"split_{title}", config=_PLAIN)
