"""Two predictions of the same images -> figures: what became of the wrong pixels, the way from one IoU to the other by
kind of mistake, image against image. Pure: no Streamlit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from seglib.errors.colours import FATE_COLOURS
from ui.errors.words import many

FATES = {"fixed": "fixed", "still": "still wrong", "broken": "newly wrong"}
_NEUTRAL = "#8a8a8a"
_KINDS = {"fp": "False positives", "fn": "Misses"}


def fate_bars(pooled: Mapping[str, Any]) -> dict[str, Any]:
    """ECharts option: false positives and misses, each a bar of fixed, still and newly wrong pixels.

    pooled: as `seglib.errors.compare.Changes.pooled` makes it.
    """
    series = [
        {
            "name": words,
            "type": "bar",
            "stack": "fate",
            "barMaxWidth": 34,
            "itemStyle": {"color": FATE_COLOURS[fate]},
            "label": {"show": True, "formatter": "{@[0]}", "color": "#fff"},
            "data": [_bar(int(pooled[f"{fate}_{kind}"]), fate) for kind in _KINDS],
        }
        for fate, words in FATES.items()
    ]
    return {
        "animation": False,
        "grid": {"left": 8, "right": 24, "top": 34, "bottom": 40, "containLabel": True},
        "legend": {"top": 0, "left": 0},
        "tooltip": {"show": False},
        "xAxis": {"type": "value", "name": "pixels", "nameLocation": "middle", "nameGap": 26},
        "yAxis": {"type": "category", "data": list(_KINDS.values()), "inverse": True, "axisTick": {"show": False}},
        "series": series,
    }


def _bar(n_pixels: int, fate: str) -> dict[str, Any]:
    # black on purple and white on blue and vermillion: each above a contrast of 4
    colour = "#000" if fate == "still" else "#fff"
    return {"value": n_pixels, "label": {"formatter": f"{n_pixels:,}" if n_pixels else "", "color": colour}}


def class_waterfall(rows: Sequence[Mapping[str, Any]], iou_a: float, iou_b: float, names: Any) -> dict[str, Any]:
    """ECharts option: from the IoU of a to that of b, one step a class; up is blue, down vermillion.

    rows: as `seglib.errors.compare.by_class` makes them. names: `a` and `b`, what the two are called.
    """
    steps, level = [], iou_a
    for row in rows:
        steps.append((many(row["class"]), level, level + row["delta_iou"]))
        level += row["delta_iou"]
    levels = [iou_a, iou_b, *(end for *_, end in steps)]
    room = max(0.25 * (max(levels) - min(levels)), 1e-4)
    low = max(0.0, min(levels) - room)
    ends = [(f"IoU of {_short(names.a)}", iou_a), (f"IoU of {_short(names.b)}", iou_b)]
    below = [0.0, *(round(min(begin, end), 8) for _, begin, end in steps), 0.0]
    bars = [_end(iou_a), *(_step(begin, end) for _, begin, end in steps), _end(iou_b)]
    return {
        "animation": False,
        "grid": {"left": 8, "right": 70, "top": 8, "bottom": 40, "containLabel": True},
        "tooltip": {"show": False},
        "xAxis": {
            "type": "value",
            "min": round(low, 4),
            "max": round(min(1.0, max(levels) + room), 4),
            "name": "IoU",
            "nameLocation": "middle",
            "nameGap": 26,
            "splitNumber": 4,
            "axisLabel": {"showMinLabel": False, "showMaxLabel": False},
        },
        "yAxis": {
            "type": "category",
            "data": [ends[0][0], *(name for name, *_ in steps), ends[1][0]],
            "inverse": True,
            "axisTick": {"show": False},
        },
        "series": [
            {"type": "bar", "stack": "iou", "silent": True, "itemStyle": {"color": "transparent"}, "data": below},
            {
                "name": "change",
                "type": "bar",
                "stack": "iou",
                "barMaxWidth": 22,
                "label": {"show": True, "position": "right"},
                "data": bars,
            },
        ],
    }


def _end(iou: float) -> dict[str, Any]:
    return {"value": round(iou, 8), "itemStyle": {"color": _NEUTRAL}, "label": {"formatter": f"{iou:.4f}"}}


def _step(begin: float, end: float) -> dict[str, Any]:
    change = end - begin
    colour = FATE_COLOURS["fixed" if change >= 0 else "broken"]
    return {"value": round(abs(change), 8), "itemStyle": {"color": colour}, "label": {"formatter": signed(change)}}


def signed(change: float) -> str:
    """`+0.0012`, `−0.0003`, `0.0000`; never −0."""
    text = f"{abs(change):.4f}"
    return text if float(text) == 0 else f"{'+' if change > 0 else '−'}{text}"


def _short(name: str, most: int = 16) -> str:
    return name if len(name) <= most else f"{name[: most // 2 - 1]}…{name[-(most // 2) :]}"


def scatter(table: pd.DataFrame, names: Any, in_view: str | None) -> go.Figure:
    """Plotly: IoU of a against that of b, a point an image; above the diagonal b is better. customdata: its image.

    table: image, iou_a, iou_b; images without an IoU in either are left out. in_view: that point wears a ring.
    """
    table = table.dropna(subset=["iou_a", "iou_b"])
    figure = go.Figure(layout=_layout(names))
    if not len(table):
        return figure
    low = float(min(table.iou_a.min(), table.iou_b.min()))
    high = float(max(table.iou_a.max(), table.iou_b.max()))
    ends = [max(0.0, low - 0.03 * (high - low) - 1e-3), min(1.0, high + 0.03 * (high - low) + 1e-3)]
    figure.add_trace(
        go.Scatter(
            x=ends, y=ends, mode="lines", line={"dash": "dash", "color": _NEUTRAL}, hoverinfo="skip", name="equal"
        )
    )
    better = table.iou_b >= table.iou_a
    for name, chosen, fate, symbol in (
        (f"{_short(names.b)} better", better, "fixed", "circle"),
        (f"{_short(names.a)} better", ~better, "broken", "diamond"),
    ):
        rows = table[chosen]
        ring = [3 if image == in_view else 0.5 for image in rows.image]
        figure.add_trace(
            go.Scatter(
                x=rows.iou_a,
                y=rows.iou_b,
                mode="markers",
                name=f"{name} ({len(rows)})",
                customdata=rows.image,
                marker={
                    "color": FATE_COLOURS[fate],
                    "size": [15 if image == in_view else 9 for image in rows.image],
                    "symbol": symbol,
                    "line": {"width": ring, "color": _NEUTRAL},
                },
                hovertemplate="%{customdata}<br>%{x:.4f} → %{y:.4f}<extra></extra>",
            )
        )
    figure.update_xaxes(range=ends)
    figure.update_yaxes(range=ends)
    return figure


def _layout(names: Any) -> go.Layout:
    return go.Layout(
        height=380,
        margin={"l": 8, "r": 8, "t": 28, "b": 8},
        xaxis={"title": f"IoU of {_short(names.a, 28)}", "automargin": True},
        yaxis={"title": f"IoU of {_short(names.b, 28)}", "automargin": True},
        legend={"orientation": "h", "yanchor": "bottom", "y": 1.0, "x": 0.0},
        dragmode="select",
    )
