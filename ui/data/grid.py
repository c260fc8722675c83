"""The grid of pictures with its filters and its sort."""

from __future__ import annotations

import streamlit as st

from seglib.data.dataset import Dataset
from seglib.data.survey import Survey, part_of, pictures_of
from ui import browse, opened, registry, routes
from ui.components.gallery import gallery
from ui.data import enlarged
from ui.glossary import explain

FILTERS = ("data_order", "data_finding", "data_group", "data_split", "data_text")
SIZES = {"Small": (112, 96), "Medium": (176, 60), "Large": (300, 24)}  # px, pictures a page


def show(name: str, entry: registry.Entry, data: Dataset, found: Survey | None) -> None:
    chosen = _filtered(data, found)
    st.session_state["data_order"] = chosen
    if not chosen:
        st.info("No picture passes these filters. Clear the search, or choose **All**.", icon=":material/filter_alt:")
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        n, n_all = len(chosen), len(data.records)
        st.caption(f"{n:,} of {n_all:,} pictures. Click one to enlarge it.", width="stretch")
        sizes = list(SIZES)
        size = st.segmented_control(
            "Size", sizes, default="Medium", required=True, key="data_size", label_visibility="collapsed"
        )
    size_px, per_page = SIZES[size]
    page, pages = 1, browse.n_pages(chosen, per_page)
    above = st.container()
    if pages > 1:
        page = st.pagination(pages, key=f"data_page_{pages}")
    figures = {} if found is None else found.images.set_index("index").to_dict("index")
    items = [item(name, data, i, size_px, figures.get(i)) for i in browse.page_of(chosen, page, per_page)]
    with above:
        picked = gallery(items, key=f"data_{name}", size_px=size_px).pick
    if picked is not None:
        enlarged.open_picture(int(picked))
        st.rerun()


def forget_filters() -> None:
    for key in FILTERS:
        st.session_state.pop(key, None)


def _filtered(data: Dataset, found: Survey | None) -> list[int]:
    """The filters in one row, and the numbers of the pictures that pass them."""
    parts, groups = browse.parts(data), browse.groups(data)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        split = "all"
        if len(parts) > 1:
            labels = {"all": "All", **{part: f"{part} {n:,}" for part, n in parts.items()}}
            split = st.segmented_control(
                "Part", list(labels), default="all", required=True, format_func=labels.get, key="data_split"
            )
        text = st.text_input("Search", key="data_text", placeholder="part of a name", width=150)
        group = None
        if 1 < len(groups) < len(data.records):
            group = st.selectbox(
                "Group", groups, index=None, placeholder="all", key="data_group", width=150, help=explain("group")
            )
        sorts = list(browse.SORTS) if found is not None else list(browse.SORTS)[:1]
        sort = st.selectbox("Sort", sorts, key="data_sort", width=190)
    only = _only(data, found)
    matching = browse.matching(data, None if split == "all" else split, group, text, only)
    return browse.ordered(matching, sort, None if found is None else found.images)


def _only(data: Dataset, found: Survey | None) -> list[int] | None:
    """The pictures of the finding that was chosen, with a way back to all."""
    finding = st.session_state.get("data_finding")
    if finding is None or found is None or finding not in found.report.findings:
        return None
    st.button(
        f"Only: {finding.explanation}",
        icon=":material/close:",
        key="data_finding_off",
        help="Show all pictures again",
        on_click=st.session_state.pop,
        args=("data_finding", None),
    )
    return pictures_of(finding, data)


def item(name: str, data: Dataset, index: int, size_px: int, figures: dict | None) -> dict:
    record, pixels = data.records[index], 192 if size_px < 192 else 384
    note = ""
    if figures and record.mask:
        n = figures["n_cells"]
        note = f"{n} {'cell' if n == 1 else 'cells'} · {figures['foreground']:.0%} foreground"
    return {
        "id": index,
        "thumb": routes.thumb_url(name, data, index, pixels),
        "outlined": routes.thumb_url(name, data, index, pixels, outlined=True) if record.mask else None,
        "caption": opened.short_name(record.image),
        "badge": part_of(data, index),
        "note": note if size_px > 120 else "",
    }
