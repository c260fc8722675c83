"""What the survey counted, part by part and topic by topic; every bar and point leads to the pictures behind it."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from seglib.data.dataset import Dataset
from seglib.data.survey import Survey, differences, summary
from ui import registry, surveyed
from ui.data import distributions, grey_values, neighbours, over_time, pairs_of_measures
from ui.glossary import explain

Topic = Callable[[str, Dataset, Survey], None]

TOPICS: dict[str, Topic] = {
    "Grey values": grey_values.show,
    "Cells and foreground": distributions.of_pictures,
    "Cell size and shape": distributions.of_cells,
    "Over time": over_time.show,
    "Any two": pairs_of_measures.show,
    "Nearest in train": neighbours.show,
}


def show(name: str, entry: registry.Entry, data: Dataset, found: Survey | None) -> None:
    if found is None:
        surveyed.say_not_yet()
        return
    table = _summary(found, *surveyed.key_of(found))
    for line in differences(table):
        st.warning(f"Train and val differ: {line}.", icon=":material/compare_arrows:")
    n, n_all = len(found.images), len(data.records)
    st.caption(f"Of {'all' if n == n_all else f'the {n:,} readable of'} {n_all:,} pictures.")
    st.dataframe(table, hide_index=True, column_config=_columns(found), key="statistics_table")
    topic = st.segmented_control(
        "Topic",
        list(TOPICS),
        default="Grey values",
        required=True,
        key="topic",
        label_visibility="collapsed",
        bind="query-params",
    )
    TOPICS[topic](name, data, found)


@st.cache_data(max_entries=8, show_spinner=False)
def _summary(_found: Survey, folder: str, written: int):
    return summary(_found)


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
