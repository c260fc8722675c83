"""Histograms of what pictures and cells measure, part by part; a bar leads to its pictures or cells."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from seglib.data.dataset import Dataset
from seglib.data.survey import SPLITS, Survey
from ui import browse, surveyed
from ui.data import behind, plots
from ui.data.measures import OF_CELLS, OF_PICTURES, Measure
from ui.data.words import plural

NO_CELLS = "Nothing to show: no picture has a mask with whole cells."
CELL_BINS, PER_BIN = 30, 4  # bars a cell histogram; pictures a bar of a picture histogram, before there are 30


def of_pictures(name: str, data: Dataset, found: Survey) -> None:
    """Cells and foreground of every picture."""
    table = surveyed.table(found)
    behind.select_by()
    st.caption("Select a bar to see its pictures. The bars of one part add up to 1.")
    row = [_of_pictures(table, OF_PICTURES[column]) for column in ("n_cells", "foreground")]
    behind.charts(name, data, row, "Nothing to show: no picture has a mask.")


def _of_pictures(table: pd.DataFrame, measure: Measure) -> behind.Chart:
    by_part = {part: rows[measure.column].to_numpy(float) for part, rows in _by_part(table).items()}
    n_bins = max(8, min(30, len(table) // PER_BIN))
    bins = plots.binned(by_part, n_bins, whole=measure.kind == "count")
    figure = go.Figure() if bins is None else plots.bar_chart(bins, measure, "pictures")

    def chosen(selection: behind.Selection) -> behind.Chosen | None:
        picked = chosen_bins(selection)
        pictures: list[int] = []
        for part, numbers in picked.items():
            rows = table[table["split"] == part]
            pictures += rows.index[plots.inside(rows[measure.column].to_numpy(float), bins.edges, numbers)].tolist()
        return behind.Chosen(_words(measure, bins.edges, picked), pictures) if picked else None

    text = f"{measure.meaning} One value a picture."
    return behind.Chart(measure.column, measure.label, text, figure, chosen)


def _by_part(table: pd.DataFrame) -> dict[str, pd.DataFrame]:
    return {part: rows for part in SPLITS if len(rows := table[table["split"] == part])}


def chosen_bins(selection: behind.Selection) -> dict[str, list[int]]:
    """part -> numbers of the bins whose bars were clicked or lie in the box."""
    picked: dict[str, set[int]] = {}
    for point in selection.get("points", ()):
        part, number = point["customdata"][:2]
        picked.setdefault(str(part), set()).add(int(number))
    return {part: sorted(numbers) for part, numbers in picked.items()}


def _words(measure: Measure, edges: np.ndarray, picked: dict[str, list[int]]) -> str:
    """`foreground 10 % to 12 %, val`; of several runs of bars only the ends."""
    numbers = [number for chosen in picked.values() for number in chosen]
    span = plots.between(measure, edges[min(numbers)], edges[max(numbers) + 1])
    gaps = " (some of the bars)" if len(set(numbers)) < max(numbers) - min(numbers) + 1 else ""
    return f"{measure.label.lower()} {span}{gaps} in {' and '.join(picked)}"


def of_cells(name: str, data: Dataset, found: Survey) -> None:
    """Size and shape of every cell that the border does not cut."""
    behind.select_by()
    n, n_cut = int(found.images["n_cells"].sum()), int(found.images["n_cut"].sum())
    st.caption(
        f"Of {plural(n - n_cut, 'cell')}; {n_cut:,} cut by the border are left out, their size and shape say little. "
        "In binary masks, cells that touch are one object. Select a bar to see its cells."
    )
    charts = [_of_cells(found, measure) for measure in OF_CELLS.values()]
    behind.charts(name, data, charts[:1], NO_CELLS)
    behind.charts(name, data, charts[1:], NO_CELLS)


def _of_cells(found: Survey, measure: Measure) -> behind.Chart:
    key = surveyed.key_of(found)
    bins = _cell_bins(found, *key, measure.column)
    figure = go.Figure() if bins is None else plots.bar_chart(bins, measure, "cells")

    def chosen(selection: behind.Selection) -> behind.Chosen | None:
        picked = chosen_bins(selection)
        if not picked:
            return None
        wanted = tuple((part, tuple(numbers)) for part, numbers in picked.items())
        n_cells, pictures, cells = _cells_in(found, *key, measure.column, wanted)
        return behind.Chosen(_words(measure, bins.edges, picked), pictures, cells, n_cells)

    return behind.Chart(f"cell_{measure.column}", measure.label, measure.meaning, figure, chosen)


@st.cache_data(max_entries=24, show_spinner=False)
def _cell_bins(_found: Survey, folder: str, written: int, column: str) -> plots.Bins | None:
    cells = _found.cell_columns(["split", "cut", column])
    whole = cells[~cells["cut"]]
    return plots.binned({part: whole.loc[whole["split"] == part, column] for part in SPLITS}, CELL_BINS)


@st.cache_data(max_entries=16, show_spinner=False)
def _cells_in(
    _found: Survey, folder: str, written: int, column: str, wanted: Sequence[tuple[str, tuple[int, ...]]]
) -> tuple[int, list[int], pd.DataFrame]:
    """(number of cells in these bins, their pictures, at most SHOWN of the cells from the smallest value on)."""
    edges = _cell_bins(_found, folder, written, column).edges
    cells = _found.cell_columns(["index", "split", "label", "cut", column])
    passing = np.zeros(len(cells), bool)
    for part, numbers in wanted:
        passing |= (cells["split"] == part).to_numpy() & plots.inside(cells[column].to_numpy(float), edges, numbers)
    cells = cells[passing & ~cells["cut"].to_numpy(bool)].sort_values(column, kind="stable")
    shown = cells.iloc[browse.spread(range(len(cells)), behind.SHOWN)].rename(columns={"index": "picture"})
    notes = [OF_CELLS[column].text(value) for value in shown[column]]
    return len(cells), sorted(int(i) for i in cells["index"].unique()), shown.assign(note=notes)
