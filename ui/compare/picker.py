"""Picker: all runs as a table with a tick each, to choose those that are compared."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import streamlit as st

from seglib.experiments import runs_table
from seglib.runs.store import Run
from ui.compare import chosen, table

TARGET_IOU = 0.91
_TICKED = "compare_ticked"  # (key of the table, rows ticked when it was drawn, ids of all its rows, ids compared)


def take() -> None:
    """Take over what the person ticked since the table was drawn. Call it before anything depends on the choice."""
    if _TICKED not in st.session_state:
        return
    key, before, listed, order = st.session_state[_TICKED]
    rows = _rows(key)
    if rows is None or rows == before:
        return
    ticked = {listed[row] for row in rows if row < len(listed)}
    kept = [i for i in order if i in ticked or i not in listed]
    chosen.choose([*kept, *(i for i in listed if i in ticked and i not in kept)])


def _rows(key: str) -> list[int] | None:
    """The ticked rows of that table; None as long as there is none."""
    held = st.session_state.get(key)
    return None if held is None else sorted(held.get("selection", {}).get("rows", []))


def draw(mine: Sequence[Run], everywhere: Sequence[Run], runs: Sequence[Run]) -> None:
    """mine: the runs of the data set in view; runs: those chosen, ticked already."""
    own = set(mine)
    with st.expander(_title(mine, runs), icon=":material/checklist:", key="compare_choose", expanded=not runs):
        all_data = False
        if n_others := len(everywhere) - len(own):
            all_data = st.toggle(
                f"All data sets ({n_others} more)",
                key="compare_everywhere",
                value=any(run not in own for run in runs),
                help="Also runs trained on other data.",
            )
        if all_data:
            st.warning(
                "IoUs on different val sets cannot be compared: one data set may simply be easier.",
                icon=":material/warning:",
            )
        _table([run for run in everywhere if all_data or run in own], runs, all_data)


def _title(mine: Sequence[Run], runs: Sequence[Run]) -> str:
    n = len(set(runs) & set(mine))
    more = f" and {len(runs) - n} of other data" if len(runs) > n else ""
    return f"Choose runs: {n} of {len(mine)}{more}"


def _table(pool: Sequence[Run], runs: Sequence[Run], with_data: bool) -> None:
    """Newest first. Its key knows the rows: a tick is a row's number, and a new run moves them all."""
    if not pool:
        st.caption("No run was trained on this data set yet.")
        return
    listed = [run.id for run in pool]
    key = f"compare_pick_{hashlib.sha1(','.join(listed).encode()).hexdigest()[:12]}"
    ticked = sorted(listed.index(run.id) for run in runs if run.id in listed)
    if _rows(key) != ticked:
        st.session_state[key] = {"selection": {"rows": ticked, "columns": [], "cells": []}}
    st.session_state[_TICKED] = (key, ticked, listed, [run.id for run in runs])
    target = st.session_state.get("target", TARGET_IOU)
    keys = [k for k in runs_table.differing(pool) if k != "data.path"]
    st.dataframe(
        table.frame(runs_table.rows(pool), keys, target, with_data),
        hide_index=True,
        key=key,
        on_select="rerun",
        selection_mode="multi-row",
        placeholder="–",
        column_config=table.columns(target),
        alt="All runs, to choose from",
    )
