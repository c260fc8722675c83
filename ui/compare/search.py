"""A search: the best so far over its trials, and what each of them was."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd
import streamlit as st

from seglib.experiments import searched
from seglib.experiments.design import Design
from seglib.experiments.opened import Experiment
from seglib.experiments.searched import Tried
from ui.compare.palette import COLOURS


def draw(experiment: Experiment, design: Design) -> None:
    trials = searched.tried(experiment)
    if not trials:
        st.caption("The search has asked for no trial yet.")
        return
    st.markdown("**Best so far**", help="Best pooled val IoU of each trial, and of all trials up to it.")
    if any(trial.iou is not None for trial in trials):
        st.echarts_chart(curve(trials, design.target_iou), height=280, key="search_curve", alt=_told(trials))
    else:
        st.caption("No trial has a validation yet.")
    st.dataframe(
        table(trials),
        hide_index=True,
        key="search_table",
        placeholder="–",
        column_config={
            "Val IoU": st.column_config.NumberColumn("Best val IoU", format="%.4f", help="Pooled over all val images."),
            "Minutes": st.column_config.NumberColumn(format="%.1f"),
        },
        alt="All trials with their settings",
    )
    st.caption(
        "A search tries what did well before, with one seed: its best may be luck. Ask the best few again as a new "
        "experiment with several seeds before you claim anything."
    )


def _told(trials: Sequence[Tried]) -> str:
    return f"Best val IoU so far over {len(trials)} trials: {trials[-1].best:.4f}"


def table(trials: Sequence[Tried]) -> pd.DataFrame:
    """One row a trial; what was pruned says so."""
    best = max((t.iou for t in trials if t.iou is not None), default=None)
    return pd.DataFrame(
        [
            {
                "Trial": t.number,
                "Val IoU": t.iou,
                "Mark": "★ best" if best is not None and t.iou == best else f"✂ pruned: {t.pruned}" if t.pruned else "",
                **t.levels,
                "State": t.state,
                "Minutes": t.minutes,
                "Run": t.run_id,
            }
            for t in trials
        ]
    )


def curve(trials: Sequence[Tried], target: float) -> dict[str, Any]:
    """ECharts option: a staircase of the best, a point a trial, pruned ones as grey squares."""
    best = [[t.number, t.best] for t in trials if t.best is not None]
    kept = [_point(t) for t in trials if t.iou is not None and not t.pruned]
    pruned = [_point(t) for t in trials if t.iou is not None and t.pruned]
    line = {"silent": True, "symbol": "none", "data": [{"yAxis": target}], "lineStyle": {"color": COLOURS[6]}}
    line["label"] = {"formatter": f"target {target:g}", "position": "insideEndTop", "color": COLOURS[6]}
    top, low = max(y for _, y in best), min(y for _, y in best)
    near = target - top < max(top - low, 0.05)  # a target far above would squeeze everything below it
    stairs = {"name": "best so far", "type": "line", "step": "end", "data": best, "showSymbol": False}
    stairs |= {"lineStyle": {"color": COLOURS[5], "width": 3}, "itemStyle": {"color": COLOURS[5]}}
    return {
        "animation": False,
        "grid": {"left": 8, "right": 24, "top": 32, "bottom": 60, "containLabel": True},
        "legend": {"bottom": 0},
        "tooltip": {"trigger": "item", "formatter": "{b}", "confine": True},
        "xAxis": {
            "type": "value",
            "name": "Trial",
            "nameLocation": "middle",
            "nameGap": 24,
            "minInterval": 1,
            "min": 1,
        },
        "yAxis": {"type": "value", "scale": True, "name": "Best val IoU"} | ({"max": 1} if near else {}),
        "series": [
            {**stairs, "markLine": line} if near else stairs,
            _scatter("trial", kept, "circle", COLOURS[0]),
            *([_scatter("pruned", pruned, "rect", COLOURS[6])] if pruned else []),
        ],
    }


def _point(trial: Tried) -> dict[str, Any]:
    levels = ", ".join(
        f"{key} {value:.4g}" if isinstance(value, float) else f"{key} {value}" for key, value in trial.levels.items()
    )
    pruned = f", pruned: {trial.pruned}" if trial.pruned else ""
    return {"value": [trial.number, trial.iou], "name": f"trial {trial.number}: {trial.iou:.4f} ({levels}){pruned}"}


def _scatter(name: str, data: list[Any], shape: str, colour: str) -> dict[str, Any]:
    return {
        "name": name,
        "type": "scatter",
        "data": data,
        "symbol": shape,
        "symbolSize": 10,
        "itemStyle": {"color": colour},
    }
