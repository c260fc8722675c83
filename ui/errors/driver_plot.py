"""What drives it, as figures: the ranking as bars, the cloud of cells or images with its curve. Pure: no Streamlit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from seglib.errors.drivers import Covariate, Driver, end

MAX_POINTS = 600  # a browser without a graphics card takes 0.2 s for them; the rest are left out by lot
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9")  # Okabe & Ito's, without that of the curve
SYMBOLS = ("circle", "square", "diamond", "triangle-up", "cross")
OTHERS, OTHER_GROUPS = "#999999", "other groups"
CURVE = "#D55E00"


def ranking_bars(
    found: Sequence[Driver], covariates: Mapping[str, Covariate], noun: str, chosen: str | None
) -> dict[str, Any]:
    """ECharts option: one bar a covariate, as long as the share of wrong pixels beyond the share of pixels."""
    data = [
        {
            "value": round(max(0.0, 100 * driver.excess), 2),
            "itemStyle": {"color": CURVE, "opacity": 1 if driver.name == chosen else 0.5},
            "label": {"formatter": f"{100 * driver.wrong:.0f} % of wrong in {100 * driver.union:.0f} %", "opacity": 1},
        }
        for driver in found
    ]
    top = max((bar["value"] for bar in data), default=0)
    return {
        "animation": False,
        "grid": {"left": 8, "right": 8, "top": 4, "bottom": 4, "containLabel": True},
        "tooltip": {"show": False},
        # room for the words behind the longest bar
        "xAxis": {"type": "value", "min": 0, "max": max(1.0, 2.6 * top), "show": False},
        "yAxis": {
            "type": "category",
            "data": [end(driver, covariates[driver.name], noun) for driver in found],
            "inverse": True,
            "axisTick": {"show": False},
            "axisLine": {"show": False},
        },
        "series": [
            {
                "type": "bar",
                "barMaxWidth": 18,
                "selectedMode": "single",
                "label": {"show": True, "position": "right"},
                "data": data,
            }
        ],
    }


def thinned(n: int, most: int = MAX_POINTS) -> np.ndarray:
    """Numbers of the rows that are drawn, ascending: all, or `most` by lot, the same ones every time."""
    if n <= most:
        return np.arange(n)
    return np.sort(np.random.default_rng(0).choice(n, most, replace=False))


def cloud(
    table: pd.DataFrame,
    name: str,
    covariate: Covariate,
    curve: pd.DataFrame,
    *,
    lines: Mapping[str, pd.DataFrame] | None = None,
    iou: bool = False,
) -> go.Figure:
    """Points coloured by group, the pooled error rate along the covariate over them with its interval.

    table: rows with image, group, `name`, error and, of cells, cell and iou; customdata of a point: its row. lines:
    group -> rows in order, joined by a line of their own (frames of a movie). iou: IoU instead of the error rate.
    """
    value = table[name].to_numpy(float)
    known = np.flatnonzero(np.isfinite(value) & ((value > 0) if covariate.log else True))
    shown = table.iloc[known[thinned(len(known))]]
    figure = go.Figure(layout=_layout(covariate, iou, _reach(table, iou)))
    for label, (rows, colour, symbol) in _groups(shown, table).items():
        figure.add_scatter(
            x=rows[name],
            y=_y(rows, iou),
            mode="markers",
            name=escape(label),
            marker={"size": 6, "opacity": 0.55, "color": colour, "symbol": symbol},
            customdata=rows.index.tolist(),
            text=[_named(row) for row in rows.itertuples()],
            hovertemplate="%{text}<br>%{x:.4g} · %{y:.3f}<extra></extra>",
        )
    if lines:
        _add_lines(figure, lines, table, iou)
    elif len(curve):
        _add_curve(figure, curve, iou)
    return figure


def _reach(table: pd.DataFrame, iou: bool) -> list[float]:
    """The y axis: images differ by little, cells from 0 to 1."""
    if "cell" in table:
        return [-0.03, 1.05]
    worst = min(1.0, 1.25 * float(table.error.max()))
    return [1 - worst, 1.01] if iou else [-0.01, worst + 0.01]


def _y(rows: pd.DataFrame, iou: bool) -> pd.Series:
    if not iou:
        return rows.error
    return rows.iou if "iou" in rows else 1 - rows.error


def _named(row: Any) -> str:
    stem = escape(row.image.rpartition("/")[2].rpartition(".")[0])
    if not hasattr(row, "cell"):
        return stem
    return f"{stem}, {'cell' if row.kind == 'truth' else 'invented cell'} {row.cell}"


def _groups(shown: pd.DataFrame, table: pd.DataFrame) -> dict[str, tuple[pd.DataFrame, str, str]]:
    """name -> its rows, colour and symbol: the largest groups, all others as one."""
    names = table.group.value_counts(sort=True).index.tolist()
    named = names[: len(COLOURS)]
    found = {
        name: (rows, colour, symbol)
        for name, colour, symbol in zip(sorted(named), COLOURS, SYMBOLS)
        if len(rows := shown[shown.group == name])
    }
    rest = shown[~shown.group.isin(named)]
    return found | ({OTHER_GROUPS: (rest, OTHERS, "circle-open")} if len(rest) else {})


def _add_curve(figure: go.Figure, curve: pd.DataFrame, iou: bool) -> None:
    y = 1 - curve.error if iou else curve.error
    above, below = curve.error_high - curve.error, curve.error - curve.error_low
    up, down = (below, above) if iou else (above, below)
    figure.add_scatter(
        x=curve.middle,
        y=y,
        mode="lines+markers",
        name="pooled, by bins",
        line={"color": CURVE, "width": 3},
        marker={"size": 9, "symbol": "diamond", "line": {"color": "#ffffff", "width": 1}},
        error_y={"type": "data", "array": up.fillna(0), "arrayminus": down.fillna(0), "thickness": 1.5, "width": 4},
        text=[f"{low:.4g} to {high:.4g}: n = {n:,}" for low, high, n in zip(curve.low, curve.high, curve.n)],
        hovertemplate="%{text}<br>pooled %{y:.3f}<extra></extra>",
    )


def _add_lines(figure: go.Figure, lines: Mapping[str, pd.DataFrame], table: pd.DataFrame, iou: bool) -> None:
    colours = {label: colour for label, (_, colour, _) in _groups(table, table).items()}
    for group, rows in lines.items():
        figure.add_scatter(
            x=rows.frame,
            y=1 - rows.error if iou else rows.error,
            mode="lines",
            name=f"{escape(group)}, all its pixels",
            line={"color": colours.get(group, OTHERS), "width": 2},
            hoverinfo="skip",
            showlegend=False,
        )


def _layout(covariate: Covariate, iou: bool, reach: list[float]) -> dict[str, Any]:
    title = covariate.title + (f" ({covariate.unit})" if covariate.unit else "")
    axis = {"title": title, "type": "log"} if covariate.log else {"title": title}
    return {
        "height": 400,
        "margin": {"l": 8, "r": 8, "t": 30, "b": 8},
        "xaxis": axis | {"automargin": True},
        "yaxis": {"title": "IoU" if iou else "Error rate", "range": reach, "automargin": True},
        "legend": {"orientation": "h", "y": -0.2, "yanchor": "top", "x": 0},
        "dragmode": "select",
        "hovermode": "closest",
    }
