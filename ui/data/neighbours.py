"""Of every val picture the train picture most like it: frames of one movie on both sides would stand out here."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from seglib.data.dataset import Dataset
from seglib.data.survey import Survey
from ui import browse, opened, routes, surveyed
from ui.components.gallery import gallery
from ui.data import enlarged, filters
from ui.data.measures import OF_PICTURES
from ui.data.words import plural

PER_PAGE, SIZE_PX = 24, 260


def show(name: str, data: Dataset, found: Survey) -> None:
    pairs = pairs_of(surveyed.table(found), len(data.records))
    if pairs.empty:
        st.info(
            "There is nothing to compare: this needs pictures in val and in train that could be read.",
            icon=":material/compare:",
        )
        return
    measure = OF_PICTURES["nearest_distance"]
    values = pairs["nearest_distance"]
    st.caption(
        f"{plural(len(pairs), 'val picture')}, each beside the train picture most like it, the nearest pair first. "
        f"Distance {measure.text(values.min())} to {measure.text(values.max())}, median "
        f"{measure.text(values.median())}; 0 is the same picture, 1 and more nothing in common."
    )
    st.button(
        "Show the val pictures in the grid",
        icon=":material/grid_view:",
        key="neighbours_grid",
        on_click=filters.show_only,
        args=("val pictures by their distance to train", pairs.index.tolist()),
    )
    above, page = st.container(), 1
    pages = browse.n_pages(pairs.index, PER_PAGE)
    if pages > 1:
        page = st.pagination(pages, key=f"neighbours_page_{pages}")
    with above:
        _gallery(name, data, pairs.loc[browse.page_of(pairs.index, page, PER_PAGE)])


def pairs_of(table: pd.DataFrame, n_records: int) -> pd.DataFrame:
    """The rows of the pictures that have a nearest train picture, the nearest pair first."""
    rows = table[(table["nearest_train"] >= 0) & (table["nearest_train"] < n_records)]
    return rows.sort_values("nearest_distance", kind="stable")


def _gallery(name: str, data: Dataset, pairs: pd.DataFrame) -> None:
    items = []
    for row in pairs[["index", "nearest_train", "nearest_distance"]].itertuples(index=False, name="Pair"):
        index, other = int(row[0]), int(row[1])
        near = opened.short_name(data.records[other].image)
        items.append(
            {
                "id": index,
                **_thumbs(name, data, index),
                "beside": _thumbs(name, data, other),
                "caption": opened.short_name(data.records[index].image),
                "badge": "val",
                "note": f"beside {near} (train) · distance {OF_PICTURES['nearest_distance'].text(row[2])}",
            }
        )
    picked = gallery(items, key="neighbours", size_px=SIZE_PX, noun=("pair", "pairs")).pick
    if picked is not None:
        enlarged.open_picture(int(picked))
        st.rerun()


def _thumbs(name: str, data: Dataset, index: int) -> dict[str, str | None]:
    outlined = routes.thumb_url(name, data, index, outlined=True) if data.records[index].mask else None
    return {"thumb": routes.thumb_url(name, data, index), "outlined": outlined}
