"""Runs beside each other: their table, their curves over each other, and the choice of which."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from seglib.data.splits import NOT_INDEPENDENT
from seglib.experiments import runs_table
from seglib.runs.store import Run
from ui import navigation, state
from ui.compare import chosen, curves, picker, predictions, table
from ui.compare.picker import TARGET_IOU
from ui.literal import literal

REFRESH_S = 3.0
STEPS, MINUTES = "by step", "by minutes"


def draw(mine: Sequence[Run], head: DeltaGenerator) -> list[Run]:
    """The whole view; the target in `head`. mine: the runs of the data set in view, the best first.

    Returns the runs that are compared.
    """
    everywhere = state.all_runs()
    chosen.follow_url()
    picker.take()
    runs, gone = chosen.runs(mine, everywhere)
    if gone:
        st.warning(f"Not here any more: {literal(', '.join(gone))}.", icon=":material/search_off:")
    if not everywhere:
        _nothing_yet()
        return []
    choice = st.container()
    if runs:
        with head:
            target = _target()
        live = any(run.state().live for run in runs)
        st.fragment(run_every=REFRESH_S if live else None, key="compare_runs_fragment")(_compared)(
            [run.id for run in runs], target, _news(runs)
        )
        own = set(mine)
        predictions.draw([run for run in runs if run in own])
    else:
        st.info(_why_none(mine), icon=":material/info:")
    with choice:
        picker.draw(mine, everywhere, runs)
    return runs


def _nothing_yet() -> None:
    st.info(
        "There is no run yet, so there is nothing to compare. Train two networks that differ in one thing, or set up "
        "an experiment above: it trains them for you.",
        icon=":material/info:",
    )
    navigation.link("train", "Train a network")


def _why_none(mine: Sequence[Run]) -> str:
    if mine:
        return "No run is chosen: open **Choose runs** and tick some."
    return (
        "No run was trained on this data set yet. Train one, or open **Choose runs** and switch **All data sets** on "
        "to look at the others."
    )


def _target() -> float:
    return st.number_input(
        "Target val IoU",
        min_value=0.0,
        max_value=1.0,
        value=TARGET_IOU,
        step=0.01,
        format="%.2f",
        key="target",
        bind="query-params",
        width=160,
        help="Runs whose best pooled val IoU reaches it are marked. It stands in the address of this page.",
    )


def _news(runs: Sequence[Run]) -> list[str]:
    """What the rest of the page depends on too."""
    return [run.state().name for run in runs]


def _compared(run_ids: Sequence[str], target: float, before: list[str]) -> None:
    """Table and curves; drawn again by itself while one of the runs trains."""
    known = {run.id: run for run in state.all_runs()}
    runs = [known[i] for i in run_ids if i in known]
    if _news(runs) != before:
        st.rerun(scope="app")
    rows = runs_table.rows(runs)
    headline(rows, target)
    if line := runs_table.comparable(runs):
        st.warning(line, icon=":material/warning:")
    table_of(runs, rows, target, key="compare_table")
    _mistakes(runs, rows)
    _curves(runs, rows)


def headline(rows: Sequence[Mapping[str, Any]], target: float) -> None:
    """The best one against the target, in a sentence."""
    best = runs_table.best(rows)
    if best is None:
        blind = rows and all(row["validated"] is False for row in rows)
        why = "None of these runs has a val set" if blind else "None of these runs has a validation yet"
        st.caption(f":material/info: {why}: there is no val IoU to go by. Compare the curves of the train loss.")
        return
    iou, name = best["best_val_iou"], literal(best["name"])
    flatters = "" if best["independent"] else f" ({NOT_INDEPENDENT}: it flatters)"
    if iou >= target:
        st.markdown(
            f":material/trophy: **{name}** is the best: val IoU **{iou:.4f}**, target {target:g} **reached**{flatters}."
        )
    else:
        short = f"{(target - iou) * 100:.1f} points below the target {target:g}"
        st.markdown(f":material/flag: **{name}** is the best: val IoU **{iou:.4f}**, {short}{flatters}.")


def _mistakes(runs: Sequence[Run], rows: Sequence[Mapping[str, Any]], most: int = 3) -> None:
    """The way to the predictions of the best few, image beside mask, and to where the best two differ."""
    scored = sorted((row for row in rows if row["best_val_iou"] is not None), key=lambda row: -row["best_val_iou"])
    with st.container(horizontal=True, gap="medium"):
        for row in scored[:most]:
            navigation.link("errors", f"Mistakes of {literal(row['name'])}", run=row["run"])
        pair = best_pair(runs, scored)
        if pair:
            better, worse = pair
            label = f"See where {literal(worse['name'])} and {literal(better['name'])} differ"
            navigation.link("errors", label, run=worse["run"], beside=better["run"], look="against-another-run")


def best_pair(runs: Sequence[Run], scored: Sequence[Mapping[str, Any]]) -> tuple[Mapping, Mapping] | None:
    """The two best of one data set; None where no two are of one. scored: rows, the best first."""
    places = {run.id: run.data_path() for run in runs}
    for number, better in enumerate(scored):
        for worse in scored[number + 1 :]:
            if places.get(better["run"]) == places.get(worse["run"]):
                return better, worse
    return None


def table_of(runs: Sequence[Run], rows: Sequence[Mapping[str, Any]], target: float, key: str) -> None:
    """Their table, what differs first, and what its numbers are of."""
    keys = runs_table.differing(runs)
    with_data = len({row["data"] for row in rows}) > 1
    shown = table.frame(rows, [k for k in keys if k != "data.path" or not with_data], target, with_data)
    st.dataframe(
        table.coloured(shown),
        hide_index=True,
        key=key,
        height="content" if len(rows) <= 12 else 460,
        placeholder="–",
        column_config=table.columns(target),
        alt="The compared runs: settings that differ, IoU, time, state",
    )
    st.caption(_said(keys, rows))


def _said(keys: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> str:
    """What the numbers are of."""
    settings = (
        "Of the settings only those that differ are shown."
        if keys
        else "One run alone: choose another one to see in which settings they differ."
        if len(rows) == 1
        else "These runs have the same settings."
    )
    return (
        f"{settings} Val IoU: pooled over all val images. Train IoU: pooled over all train images with the best "
        "weights where the training came to its end (all), else over a fixed sample. Click a heading to sort."
    )


def _curves(runs: Sequence[Run], rows: Sequence[Mapping[str, Any]]) -> None:
    x = st.segmented_control(
        "Curves",
        [STEPS, MINUTES],
        default=STEPS,
        required=True,
        key="x",
        bind="query-params",
        label_visibility="collapsed",
    )
    axis = "step" if x == STEPS else "minutes"
    points = [runs_table.curves(run, axis) for run in runs]
    names = _names(rows)
    cells = st.grid(3, min_column_width=290, gap="small")
    for what, title in curves.CURVES.items():
        with cells.cell(), st.container(border=True):
            st.markdown(f"**{title}**", help=curves.ABOUT[what])
            if any(of[what] for of in points):
                option = curves.overlay(points, names, what, axis)
                st.echarts_chart(
                    option, height=curves.height_px(names), key=f"compare_{what}", alt=f"{title}, one line a run"
                )
            else:
                st.caption("No point yet." if what == "train_loss" else "No validation of these runs has one.")
    st.caption("The pointer on a line or a name brings it out; a click on a name hides its line.")


def _names(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Each run's name in the legend; two of one name are told apart by their folder."""
    names = [row["name"] for row in rows]
    return [f"{name} · {row['run']}" if names.count(name) > 1 else name for name, row in zip(names, rows)]
