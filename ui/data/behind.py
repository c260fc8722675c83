"""What is behind a bar, a point or a box on a chart: its pictures or cells in a gallery below, and the way to the grid.

A chart says how a selection is understood; the last one selected is the one whose pictures are shown.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from seglib.data.dataset import Dataset
from ui import browse, crops, opened
from ui.components.gallery import gallery
from ui.data import enlarged, filters, grid
from ui.data.words import plural

LAST, TIMES, BY = "data_behind", "data_behind_times", "data_select_by"
SHOWN = 24
TOOLS = {"displayModeBar": False, "doubleClick": False}


@dataclass(frozen=True)
class Chosen:
    """What is behind a selection. words: what these have in common, such as `foreground 10 % to 12 %, val`.

    cells: picture (its number), label, split and note of at most SHOWN cells, of n_cells in all; None where pictures
    were chosen.
    """

    words: str
    pictures: list[int]
    cells: pd.DataFrame | None = None
    n_cells: int = 0


Selection = Mapping[str, Any]  # points and box, as plotly_chart returns them


@dataclass(frozen=True)
class Chart:
    """A figure, its title with an explanation, and what a selection on it means."""

    key: str
    title: str
    text: str
    figure: go.Figure
    chosen: Callable[[Selection], Chosen | None]


def select_by() -> None:
    """The choice between clicking and dragging a box: a chart that selects by dragging does not feel a click."""
    st.segmented_control(
        "Select by",
        ["click", "box"],
        default="click",
        required=True,
        key=BY,
        format_func={"click": ":material/ads_click: click", "box": ":material/select: drag a box"}.get,
        help="With Shift, what you click or drag is added to what was selected.",
        persist_state="session",
    )


def charts(name: str, data: Dataset, row: Sequence[Chart], empty: str) -> None:
    """The charts side by side, and below them what is behind the selection if it was made on one of these."""
    halves = st.grid(min(2, len(row)), min_column_width=300, gap="large")
    for chart in row:
        with halves.cell():
            st.markdown(f"**{chart.title}**", help=chart.text)
            if chart.figure.data:
                _plot(chart)
            else:
                st.caption(empty)
    last = st.session_state.get(LAST)
    for chart in row:
        if last and last[0] == chart.key:
            _below(name, data, chart, chart.chosen(last[1]))


def _plot(chart: Chart) -> None:
    boxes = st.session_state.get(BY) == "box"
    if boxes:
        chart.figure.update_layout(dragmode="select")
    st.plotly_chart(
        chart.figure,
        key=_widget(chart.key),
        on_select=lambda: _selected(chart.key),
        selection_mode="box" if boxes else "points",
        config=TOOLS,
        alt=chart.title,
    )


def _widget(key: str) -> str:
    """A chart is drawn anew, without its selection, when this changes."""
    return f"statistics_{key}_{st.session_state.get(BY)}_{st.session_state.get(TIMES, {}).get(key, 0)}"


def _selected(key: str) -> None:
    state = st.session_state.get(_widget(key)) or {}
    selection = state.get("selection", {})
    last = st.session_state.get(LAST)
    if selection.get("points") or selection.get("box"):
        if last and last[0] != key:
            _deselect(last[0])
        kept = {name: list(selection.get(name, ())) for name in ("points", "box")}
        st.session_state[LAST] = (key, kept)
    elif last and last[0] == key:
        st.session_state.pop(LAST)


def _deselect(key: str) -> None:
    times = st.session_state.setdefault(TIMES, {})
    times[key] = times.get(key, 0) + 1


def _clear(key: str) -> None:
    _deselect(key)
    st.session_state.pop(LAST, None)


def forget() -> None:
    """Another data set: what was selected means nothing here."""
    last = st.session_state.get(LAST)
    if last:
        _clear(last[0])


def _below(name: str, data: Dataset, chart: Chart, chosen: Chosen | None) -> None:
    if chosen is None or not chosen.pictures:
        st.caption("There is no picture behind this place. Select a bar or a point.")
        return
    n = len(chosen.pictures)
    pictures = plural(n, "picture")
    how_many = pictures if chosen.cells is None else f"{plural(chosen.n_cells, 'cell')} in {pictures}"
    with st.container(border=True):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(f"**{how_many}**: {chosen.words}", width="stretch")
            label = "Show these in the grid" if chosen.cells is None else "Show their pictures in the grid"
            st.button(
                label,
                icon=":material/grid_view:",
                key=f"behind_{chart.key}_grid",
                on_click=filters.show_only,
                args=(chosen.words, chosen.pictures),
            )
            clear = f"behind_{chart.key}_clear"
            st.button("Clear", icon=":material/close:", key=clear, on_click=_clear, args=(chart.key,))
        if chosen.cells is None:
            _say_part(n)
            grid.pictures(name, data, browse.spread(chosen.pictures, SHOWN), f"behind_{chart.key}", 128)
        else:
            _say_part(chosen.n_cells)
            _cells(name, data, chosen.cells, f"behind_{chart.key}")


def _say_part(n: int) -> None:
    if n > SHOWN:
        st.caption(f"{SHOWN} of them, evenly from first to last. Click one to enlarge its picture.")


def _cells(name: str, data: Dataset, cells: pd.DataFrame, key: str) -> None:
    items = [
        {
            "id": f"{row.picture}-{row.label}",
            "thumb": crops.cell_url(name, data, row.picture, row.label, outlined=False),
            "outlined": crops.cell_url(name, data, row.picture, row.label),
            "caption": opened.short_name(data.records[row.picture].image),
            "badge": row.split,
            "note": row.note,
        }
        for row in cells.itertuples(index=False, name="Cell")
        if 0 <= row.picture < len(data.records)
    ]
    picked = gallery(items, key=key, size_px=128, noun=("cell", "cells"), toggle="Outlines").pick
    if picked is not None:
        enlarged.open_picture(int(str(picked).split("-")[0]))
        st.rerun()


def pictures_of_points(selection: Selection) -> list[int]:
    """Numbers of the pictures whose points were clicked; customdata of a point is its number."""
    found = []
    for point in selection.get("points", ()):
        number = point.get("customdata")
        number = number[0] if isinstance(number, list | tuple) else number
        if number is not None:
            found.append(int(number))
    return list(dict.fromkeys(found))
