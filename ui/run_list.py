"""The list of runs: find, sort, choose one or several; what can be done with them stands under it."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from seglib.data.splits import NOT_INDEPENDENT
from seglib.runs.events import Progress
from seglib.runs.record import State
from seglib.runs.store import Run
from ui import registry, run_actions, state

TABLE, FILTER, STATES = "train_runs", "train_filter", "train_filter_states"
_SHOWN = "train_runs_shown"  # ids in the order of the table, which its selection counts in
TARGET_IOU = 0.91  # best val IoU from which a run is marked
FILTER_FROM = 6  # runs; fewer are seen at one look
_HEIGHT_FROM, _HEIGHT_PX = 12, 450  # runs; more than these scroll within the table
watch = run_actions.watch


def table(runs: Sequence[Run], with_data: bool = False) -> pd.DataFrame:
    """One row a run: what was set, how it went."""
    return pd.DataFrame([_row(run, with_data) for run in runs])


def _row(run: Run, with_data: bool) -> dict[str, object]:
    settings, now, standing = run.settings(), run.progress(), run.state()
    model, loss = settings.get("model", {}), settings.get("loss", {})
    data = {"Data": run.data_path().name} if with_data else {}
    return {
        "Run": run.name,
        "State": str(standing),
        "Best val IoU": float("nan") if now.best_iou is None else now.best_iou,
        "Remark": "; ".join(_remarks(run, now, standing)),
        "Minutes": round(now.elapsed_s / 60, 1),
        "Steps": now.step,
        **data,
        "Network": f"{model.get('name', '?')} · depth {model.get('depth', '?')} · {model.get('channels', '?')} ch",
        "Norm": model.get("norm", "?"),
        "Loss": loss.get("name", "?"),
        "Note": run.note,
    }


def _remarks(run: Run, now: Progress, standing: State) -> list[str]:
    """What the figure is worth, and why the run is not going on."""
    found = [f"★ target {TARGET_IOU:g} reached"] if now.best_iou is not None and now.best_iou >= TARGET_IOU else []
    found += ["not independent"] if not run.independent else []
    found += ["no validation set"] if now.best_step is not None and now.best_iou is None else []
    told = standing.name in ("failed", "interrupted", "running") and standing.reason
    return found + ([standing.reason] if told else [])


def draw(runs: list[Run], current: Run | None, entry: registry.Entry) -> None:
    """The table and what can be done with the runs picked in it."""
    run_actions.undo_line()
    with st.container(horizontal=True, vertical_alignment="center", key="train_list_head"):
        st.header("Runs", anchor=False, width="stretch")
        everywhere = st.toggle("All data sets", key="train_everywhere", help="Also runs trained on other data.")
        run_actions.bin_popover()
    every = state.all_runs() if everywhere else runs
    if not every:
        st.info("No run on this data set yet. Set one up above and press **Start training**.", icon=":material/info:")
        return
    found = table(every, everywhere)
    found = _filtered(found)
    found = found.iloc[_order(found)]
    shown = [every[i] for i in found.index]
    if not shown:
        st.info("No run is like that.", icon=":material/search:")
        return
    picked = _picked(found, shown)
    if not picked:
        st.caption("Tick a row at its left edge for its curves, name and settings; several to compare or bin them.")
        return
    run_actions.draw(picked, {run.id for run in picked if run.data_path() in entry.places()})


def _order(found: pd.DataFrame) -> list[int]:
    """Positions: what lives first, then what waits, then the others as they come."""
    rank = {"running": 0, "stopping": 0, "starting": 0, "queued": 1}
    states = list(found["State"])
    return sorted(range(len(states)), key=lambda i: rank.get(states[i], 2))


def _filtered(found: pd.DataFrame) -> pd.DataFrame:
    """The rows whose words hold every word typed, of the states chosen."""
    if len(found) < FILTER_FROM:
        return found
    with st.container(horizontal=True, vertical_alignment="bottom"):
        text = st.text_input(
            "Filter", key=FILTER, icon=":material/search:", placeholder="name, note, loss, network …", width=260
        )
        states = sorted(set(found["State"]))
        kept = [name for name in st.session_state.get(STATES) or [] if name in states]
        if st.session_state.get(STATES) is not None:
            st.session_state[STATES] = kept
        chosen = st.pills("States", states, selection_mode="multi", key=STATES)
    said = found.drop(columns=["Best val IoU", "Minutes", "Steps"]).astype(str).agg(" ".join, axis=1).str.lower()
    right = [all(word in line for word in text.lower().split()) for line in said]
    return found[[ok and (not chosen or name in chosen) for ok, name in zip(right, found["State"])]]


def _picked(found: pd.DataFrame, shown: list[Run]) -> list[Run]:
    """Draw the table; the runs ticked. A run stays ticked while others come, go or change places."""
    ids = [run.id for run in shown]
    before = st.session_state.get(_SHOWN, ids)
    if TABLE in st.session_state and before != ids:
        rows = st.session_state[TABLE]["selection"]["rows"]
        ticked = [before[row] for row in rows if row < len(before)]
        kept = [ids.index(run_id) for run_id in ticked if run_id in ids]
        st.session_state[TABLE] = {"selection": {"rows": kept, "columns": [], "cells": []}}
    st.session_state[_SHOWN] = ids
    rows = st.dataframe(
        found,
        hide_index=True,
        key=TABLE,
        on_select="rerun",
        selection_mode="multi-row",
        height=_HEIGHT_PX if len(found) > _HEIGHT_FROM else "auto",
        column_config={
            "Run": st.column_config.TextColumn(width="medium"),
            "Best val IoU": st.column_config.NumberColumn(
                help=f"Pooled: pixels summed over all val images first. Not independent: {NOT_INDEPENDENT}.",
                format="%.4f",
            ),
            "Remark": st.column_config.TextColumn(width="medium"),
            "Minutes": st.column_config.NumberColumn(help="Training and validation.", format="%.1f"),
            "Note": st.column_config.TextColumn(width="medium"),
        },
        placeholder="–",
        alt="The runs, one a row",
    ).selection.rows
    return [shown[row] for row in rows if row < len(shown)]
