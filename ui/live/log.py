"""The small print of a training: the tail of its log, its notes, and the way to TensorBoard."""

from __future__ import annotations

import streamlit as st

from seglib.runs.curves import Curves
from seglib.runs.store import Run
from ui.literal import literal

SHOWN_NOTES = 5


def draw(run: Run, now: Curves) -> None:
    with st.expander("Log", icon=":material/article:", key=f"fold_log_{run.id}", type="compact"):
        st.code(run.log_tail() or "The log is empty.", language=None, height=280)
        for note in now.notes[-SHOWN_NOTES:]:
            st.caption(f":material/info: {literal(note)}")
    with st.container(horizontal=True):
        st.link_button(
            "TensorBoard",
            "/tensorboard/",
            icon=":material/monitoring:",
            type="tertiary",
            help="All runs: scalars, pictures, settings beside results (HPARAMS). Starts on first use.",
        )
