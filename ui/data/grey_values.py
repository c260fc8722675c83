"""Grey values: of the parts together, of every picture, and along a movie."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from seglib.data.dataset import Dataset
from seglib.data.survey import Survey
from ui import browse, charts, picture, surveyed
from ui.data import behind, plots
from ui.data.measures import movies

PLAIN = {"displayModeBar": False}
AS_LISTED, BY_MEDIAN = "as listed", "darkest first"


def show(name: str, data: Dataset, found: Survey) -> None:
    table = surveyed.table(found)
    st.markdown(
        "**Grey values of each part**",
        help=f"Up to {found.n_grey:,} pixels drawn from each picture, so every picture counts the same.",
    )
    unit = f" (0 to {found.grey_unit:,})" if found.grey_unit > 1 else ""
    figure = charts.histogram_of_counts(found.grey, found.edges, f"Grey value{unit}")
    if figure.data:
        st.plotly_chart(picture.legible(figure), key="statistics_grey", config=PLAIN, alt="Grey values of each part")
    st.divider()
    with st.container(horizontal=True, vertical_alignment="bottom"):
        order = st.segmented_control(
            "Pictures",
            [AS_LISTED, BY_MEDIAN],
            default=AS_LISTED,
            required=True,
            key="grey_order",
            persist_state="session",
        )
        framed = movies(table)
        movie = None
        if framed:
            movie = st.selectbox(
                "Movie", list(framed), index=None, placeholder="all pictures", key="grey_movie", width=220
            )
        behind.select_by()
    if movie in framed:
        chart = _along(framed[movie], movie)
    else:
        chart = _of_each(table, order)
    behind.charts(name, data, [chart], "Nothing to show: no picture could be read.")


def _of_each(table: pd.DataFrame, order: str) -> behind.Chart:
    """Percentiles of every picture side by side; of many pictures every k-th is drawn, a box finds all."""
    rows = table.sort_values("median_grey", kind="stable") if order == BY_MEDIAN else table
    drawn = browse.spread(range(len(rows)), plots.MAX_ALONG)
    figure = plots.percentile_bands(rows.iloc[drawn], drawn, f"Picture, {order}") if len(rows) else go.Figure()
    figure.update_xaxes(rangemode="tozero")

    def chosen(selection: behind.Selection) -> behind.Chosen | None:
        pictures = _in_boxes(selection, range(len(rows)), rows) or behind.pictures_of_points(selection)
        return behind.Chosen(f"by their place on the axis, {order}", pictures)

    part = (
        "" if len(drawn) == len(rows) else f" Every {len(rows) / len(drawn):.3g}th picture is drawn; a box finds all."
    )
    text = f"Share of a picture's pixels that are darker.{part}"
    return behind.Chart(f"percentiles_{order}", "Percentiles of each picture", text, figure, chosen)


def _along(rows: pd.DataFrame, movie: str) -> behind.Chart:
    drawn = rows.iloc[browse.spread(range(len(rows)), plots.MAX_ALONG)]
    figure = plots.percentile_bands(drawn, drawn["frame"].tolist(), f"Frame of {movie}")

    def chosen(selection: behind.Selection) -> behind.Chosen | None:
        pictures = _in_boxes(selection, rows["frame"], rows) or behind.pictures_of_points(selection)
        return behind.Chosen(f"frames of {movie}", pictures)

    text = "Share of a picture's pixels that are darker, frame by frame: drift and bleaching show here."
    return behind.Chart(f"movie_{movie}", f"Percentiles along {movie}", text, figure, chosen)


def _in_boxes(selection: behind.Selection, x, rows: pd.DataFrame) -> list[int]:
    """The pictures whose place on the axis lies in a box: its height does not matter."""
    found: list[int] = []
    for box in selection.get("box", ()):
        low, high = sorted(box["x"])
        found += [index for place, index in zip(x, rows.index) if low <= place <= high]
    return list(dict.fromkeys(found))
