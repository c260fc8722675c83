"""What the survey counted: grey values, foreground, cells and their sizes, part by part."""

from __future__ import annotations

import streamlit as st

from seglib.data.dataset import Dataset
from seglib.data.survey import Survey, differences, summary
from ui import charts, picture, registry, surveyed
from ui.glossary import explain

PLAIN = {"displayModeBar": False}


def show(name: str, entry: registry.Entry, data: Dataset, found: Survey | None) -> None:
    if found is None:
        surveyed.say_not_yet()
        return
    table = summary(found)
    for line in differences(table):
        st.warning(f"Train and val differ: {line}.", icon=":material/compare_arrows:")
    n, n_all = len(found.images), len(data.records)
    st.caption(f"Of {'all' if n == n_all else f'the {n:,} readable of'} {n_all:,} pictures.")
    st.dataframe(table, hide_index=True, column_config=_columns(found), key="statistics_table")
    halves = st.grid(2, min_column_width=300, gap="large")
    left, right = halves.cell(), halves.cell()
    whole = found.cells[~found.cells["cut"].astype(bool)]
    masked = found.images[found.images["split"] != "unlabelled"]
    bins = max(8, min(40, round(2 * len(masked) ** 0.5)))  # of one value a picture
    with left:
        text = f"Up to {found.n_grey:,} pixels drawn from each picture, so every picture counts the same."
        unit = f" (0 to {found.grey_unit:,})" if found.grey_unit > 1 else ""
        figure = charts.histogram_of_counts(found.grey, found.edges, f"Grey value{unit}")
        _chart("Grey values", text, figure, "grey")
        figure = charts.histogram(_by_split(masked, "foreground"), "Share of cell pixels in a picture", bins)
        _chart("Foreground", "One value a picture; an empty mask counts as 0.", figure, "foreground")
    with right:
        text = (
            explain("equivalent diameter") + f" {len(found.cells) - len(whole):,} cells cut by the border are left out."
        )
        figure = charts.histogram(_by_split(whole, "diameter_px"), "Equivalent diameter (px)")
        _chart("Cell size", text, figure, "diameter")
        figure = charts.histogram(_by_split(masked, "n_cells"), "Cells in a picture", bins)
        _chart("Cells in a picture", "One value a picture; an empty mask counts as 0.", figure, "cells")


def _by_split(table, column: str) -> dict:
    return {split: rows[column].astype(float) for split, rows in table.groupby("split", sort=False)}


def _chart(title: str, text: str, figure, key: str) -> None:
    st.markdown(f"**{title}**", help=text)
    if figure.data:
        st.plotly_chart(picture.legible(figure), key=f"statistics_{key}", config=PLAIN)
    else:
        st.caption("Nothing to show: no picture has a mask with whole cells.")


def _columns(found: Survey) -> dict:
    number, cut = st.column_config.NumberColumn, "Cells cut by the border of the picture are left out."
    return {
        "split": st.column_config.TextColumn("Part"),
        "images": number("Images", format="localized"),
        "cells": number("Cells", format="localized", help="All, those cut by the border too."),
        "cells_per_image": number("Cells an image", format="%.1f", help="Mean; an empty mask counts as 0."),
        "foreground_pooled": number("Foreground, pooled", format="percent", help="All pixels of the part together."),
        "foreground_mean": number(
            "Foreground, mean", format="percent", help="Mean of the images' own; an empty mask counts as 0."
        ),
        "diameter_p10": number("Diameter 10 %", format="%.1f px", help=f"A tenth of the cells is smaller. {cut}"),
        "diameter_median": number("Median diameter", format="%.1f px", help=f"{explain('equivalent diameter')} {cut}"),
        "diameter_p90": number("Diameter 90 %", format="%.1f px", help=f"A tenth of the cells is larger. {cut}"),
        "median_grey": number("Median grey", format="%.4g", help="Median over the images of their own median."),
    }
