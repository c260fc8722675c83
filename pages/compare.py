"""Compare: runs beside each other, and experiments that answer a question with its uncertainty."""

from __future__ import annotations

import streamlit as st

from seglib.exceptions import InputError
from ui import state
from ui.compare import runs
from ui.literal import literal


def main() -> None:
    head = st.container(horizontal=True, vertical_alignment="bottom")
    head.title("Compare", width="stretch")
    try:
        mine = state.runs_of(state.current_entry())
    except InputError as error:
        st.error(literal(error), icon=":material/folder_off:")
        st.stop()
    runs.draw(mine, head)


main()
