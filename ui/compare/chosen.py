"""The runs that are compared: one truth in the URL (?runs=a,b,c), kept in the session while other pages are open."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from seglib.runs.store import Run
from ui import state

KEPT, OF_DATA = "compare_chosen", "compare_of_data"
NONE = "-"  # in the URL: nothing chosen, which is not the same as nothing said
AT_FIRST = 5
MOST = 50


def follow_url() -> None:
    """Take over what the URL says; what was chosen for another data set means nothing here."""
    if st.session_state.setdefault(OF_DATA, state.dataset_name()) != state.dataset_name():
        st.session_state[OF_DATA] = state.dataset_name()
        before = st.session_state.pop(KEPT, None)
        if before is not None and ids(st.query_params.get("runs", "")) == before:
            del st.query_params["runs"]
    asked = st.query_params.get("runs")
    if asked:
        st.session_state[KEPT] = ids(asked)
    elif KEPT in st.session_state:
        _write(st.session_state[KEPT])


def ids(text: str) -> list[str]:
    """The run ids in `a,b,c`, each once; `-` is none."""
    return [] if text == NONE else list(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))[:MOST]


def choose(run_ids: Sequence[str]) -> None:
    """Compare these; in the URL at once."""
    st.session_state[KEPT] = list(run_ids)[:MOST]
    _write(st.session_state[KEPT])


def _write(run_ids: Sequence[str]) -> None:
    st.query_params["runs"] = ",".join(run_ids) or NONE


def runs(mine: Sequence[Run], everywhere: Sequence[Run]) -> tuple[list[Run], list[str]]:
    """The chosen runs in their order, and the asked ids that there are no runs for.

    mine: of the data set in view, the best first; the first few of them are compared where nothing was chosen.
    """
    if KEPT not in st.session_state:
        return list(mine[:AT_FIRST]), []
    known = {run.id: run for run in everywhere}
    asked = st.session_state[KEPT]
    return [known[i] for i in asked if i in known], [i for i in asked if i not in known]
