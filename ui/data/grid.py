"""The grid of pictures with its filters and its sort."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from seglib.data.dataset import Dataset
from seglib.data.survey import Survey, part_of
from ui import browse, opened, registry, routes, surveyed
from ui.components.gallery import gallery
from ui.data import enlarged, filters
from ui.data.measures import OF_PICTURES

SIZES = {"Small": (112, 96), "Medium": (176, 60), "Large": (300, 24)}  # px, pictures a page


def show(name: str, entry: registry.Entry, data: Dataset, found: Survey | None) -> None:
    table = None if found is None else surveyed.table(found)
    chosen = filters.chosen(data, table)
    st.session_state["data_order"] = chosen
    if not chosen:
        st.info("No picture passes these filters. Press **Clear all filters**.", icon=":material/filter_alt:")
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        n, n_all = len(chosen), len(data.records)
        st.caption(f"{n:,} of {n_all:,} pictures. Click one to enlarge it.", width="stretch")
        sizes = list(SIZES)
        size = st.segmented_control(
            "Size",
            sizes,
            default="Medium",
            required=True,
            key="data_size",
            label_visibility="collapsed",
            persist_state="session",
        )
    size_px, per_page = SIZES[size]
    page, pages = 1, browse.n_pages(chosen, per_page)
    above = st.container()
    if pages > 1:
        page = st.pagination(pages, key=f"data_page_{pages}", persist_state="session")
    on_page = browse.page_of(chosen, page, per_page)
    figures = None if table is None else table.reindex(on_page)
    with above:
        pictures(name, data, on_page, f"data_{name}", size_px, figures, _sorted_by())


def _sorted_by() -> str | None:
    column = st.session_state.get("data_sort")
    return column if column in OF_PICTURES and column not in ("n_cells", "foreground") else None


def pictures(
    name: str,
    data: Dataset,
    indices: list[int],
    key: str,
    size_px: int,
    figures: pd.DataFrame | None = None,
    column: str | None = None,
) -> None:
    """A gallery of pictures; a click enlarges one. figures: their rows of the table; column: a measure to be named."""
    rows = {} if figures is None else figures.to_dict("index")
    items = [_item(name, data, index, size_px, rows.get(index), column) for index in indices]
    _open_if_picked(gallery(items, key=key, size_px=size_px).pick)


def strip(name: str, data: Dataset, indices: list[int], key: str, size_px: int) -> None:
    """The same in one row that scrolls sideways, with outlines."""
    items = [_item(name, data, index, size_px, None, None) for index in indices]
    _open_if_picked(gallery(items, key=key, size_px=size_px, strip=True, toggle=None).pick)


def _open_if_picked(picked: object) -> None:
    if picked is not None:
        enlarged.open_picture(int(picked))
        st.rerun()


def _item(name: str, data: Dataset, index: int, size_px: int, figures: dict | None, column: str | None) -> dict:
    record, pixels = data.records[index], 192 if size_px < 192 else 384
    note = ""
    if figures and column:
        note = f"{OF_PICTURES[column].label}: {OF_PICTURES[column].text(figures[column])}"
    elif figures and record.mask and figures["n_cells"] == figures["n_cells"]:
        n = int(figures["n_cells"])
        note = f"{n} {'cell' if n == 1 else 'cells'} · {figures['foreground']:.0%} foreground"
    return {
        "id": index,
        "thumb": routes.thumb_url(name, data, index, pixels),
        "outlined": routes.thumb_url(name, data, index, pixels, outlined=True) if record.mask else None,
        "caption": opened.short_name(record.image),
        "badge": part_of(data, index),
        "note": note if size_px > 120 or column else "",
    }
