"""How mistakes come and go: a chart of births and deaths over the checkpoints, and one of how often they return."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

BORN, CARRIED, GONE = "#D55E00", "#8a8a8a", "#009E73"


def seen(table: pd.DataFrame, n_looks: int) -> np.ndarray:
    """(places, looks) bool: where each place was wrong."""
    if not len(table):
        return np.zeros((0, n_looks), bool)
    return np.array(table.course_pixels.tolist()).reshape(len(table), n_looks) > 0


def counts_over_time(there: np.ndarray) -> dict[str, np.ndarray]:
    """born (first look it was seen in), carried (seen before), gone (in the look before, not in this one): numbers a
    look. At the first all are born."""
    first = there & (np.cumsum(there, axis=1) == 1)
    before = np.pad(there, ((0, 0), (1, 0)))[:, :-1]
    return {
        "born": first.sum(axis=0),
        "carried": (there & ~first).sum(axis=0),
        "gone": (before & ~there).sum(axis=0),
    }


def births_option(there: np.ndarray, names: list[str]) -> dict[str, Any]:
    """ECharts option: a bar a checkpoint, carried and born above the line, gone below it."""
    counts = counts_over_time(there)
    counts["gone"] = -counts["gone"]
    return {
        "animation": False,
        "grid": {"left": 8, "right": 8, "top": 32, "bottom": 8, "containLabel": True},
        "legend": {"top": 0, "left": 0, "selectedMode": False},
        "tooltip": {"trigger": "axis"},
        "xAxis": {
            "type": "category",
            "data": [name.removeprefix("step ") for name in names],
            "axisTick": {"show": False},
        },
        "yAxis": {"type": "value", "name": "", "axisLabel": {"hideOverlap": True}},
        "series": [
            {
                "name": name,
                "type": "bar",
                "stack": "places",
                "barMaxWidth": 28,
                "itemStyle": {"color": colour},
                "data": counts[name].tolist(),
            }
            for name, colour in (("carried", CARRIED), ("born", BORN), ("gone", GONE))
        ],
    }


def lost_by_persistence(table: pd.DataFrame, n_looks: int, union: int) -> list[float]:
    """Share of the union wrong now in places that 1, 2, … of the looks get wrong; their sum is 1 − IoU without the
    crumbs that were left out."""
    alive = table[table.alive.astype(bool)]
    now = np.array([course[-1] for course in alive.course_pixels], float)
    return (np.bincount(alive.n_seen.astype(int), now, minlength=n_looks + 1)[1:] / max(union, 1)).tolist()


def persistence_option(shares: list[float]) -> dict[str, Any]:
    """ECharts option: a bar for each number of looks, as high as what is lost there."""
    n = len(shares)
    colours = [GONE if k <= n / 4 else BORN if k == n else CARRIED for k in range(1, n + 1)]
    return {
        "animation": False,
        "grid": {"left": 8, "right": 8, "top": 16, "bottom": 28, "containLabel": True},
        "tooltip": {"trigger": "axis", "valueFormatter": "%.4f"},
        "xAxis": {
            "type": "category",
            "data": [str(k) for k in range(1, n + 1)],
            "name": f"wrong in so many of {n}",
            "nameLocation": "middle",
            "nameGap": 24,
            "axisTick": {"show": False},
        },
        "yAxis": {"type": "value", "name": ""},
        "series": [
            {
                "name": "lost",
                "type": "bar",
                "barMaxWidth": 28,
                "data": [{"value": round(v, 6), "itemStyle": {"color": c}} for v, c in zip(shares, colours)],
            }
        ],
    }
