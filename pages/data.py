"""Data: look at images and masks, their split, their cells, and what was found wrong with them."""

import streamlit as st

from ui import state, surveyed
from ui.data import behind, enlarged, filters, head
from ui.data.views import VIEWS


def main() -> None:
    st.title("Data")
    data = head.opened_or_stop()
    name, entry = state.dataset_name(), state.current_entry()
    _forget_other_data(name)
    index = enlarged.asked(data)
    if index is not None:
        enlarged.show(name, entry, data, index)
        return
    head.show(entry, data)
    found = surveyed.of(entry, data)
    if found is not None:
        head.said(found.report)
    with st.container(horizontal=True, vertical_alignment="center"):
        view = _view()
        if found is not None:
            head.urgent(found.report)
    VIEWS[view](name, entry, data, found)


def _view() -> str:
    return st.segmented_control(
        "View",
        list(VIEWS),
        key="view",
        default="Images",
        required=True,
        label_visibility="collapsed",
        bind="query-params",
    )


def _forget_other_data(name: str) -> None:
    """A picture, page and filter of another data set mean nothing here."""
    if st.session_state.setdefault("data_of", name) != name:
        st.session_state["data_of"] = name
        st.query_params.pop("image", None)
        st.session_state.pop("data_order", None)
        filters.reset()
        behind.forget()


main()
