"""One picture instead of the grid: which one the address asks for, and the way to its neighbours and back."""

from __future__ import annotations

import streamlit as st

from seglib.data.dataset import Dataset
from seglib.data.survey import part_of
from ui import browse, opened, picture, registry, surveyed


def asked(data: Dataset) -> int | None:
    """The number behind ?image=, if there is such a picture."""
    text = st.query_params.get("image", "")
    if not text:
        return None
    if not text.isdecimal() or len(text) > 9 or int(text) >= len(data.records):
        st.warning(f"There is no picture {text[:20]!r}; this data set has {len(data.records)}, numbered from 0.")
        return None
    return int(text)


def open_picture(index: int | None) -> None:
    if index is None:
        st.query_params.pop("image", None)
    else:
        st.query_params["image"] = str(index)


def show(name: str, entry: registry.Entry, data: Dataset, index: int) -> None:
    order = st.session_state.get("data_order") or []
    order = order if index in order else list(range(len(data.records)))
    before, after = browse.beside(order, index)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            "All images",
            icon=":material/grid_view:",
            key="picture_back",
            shortcut="Esc",
            on_click=open_picture,
            args=(None,),
        )
        _step("Previous", "Left", before)
        _step("Next", "Right", after)
        st.markdown(f"**{opened.short_name(data.records[index].image)}**", width="content")
        st.badge(part_of(data, index), color="gray")
        st.caption(f"{order.index(index) + 1:,} of {len(order):,}", width="content")
    below = st.container()
    found = surveyed.of(entry, data)
    with below:
        picture.show(name, data, index, found)


def _step(label: str, shortcut: str, index: int | None) -> None:
    key = f"picture_{label.lower()}"
    st.button(label, key=key, shortcut=shortcut, disabled=index is None, on_click=open_picture, args=(index,))
