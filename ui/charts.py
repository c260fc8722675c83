"""Numbers -> figures: ECharts options for what redraws often, plotly for what people zoom. Pure: no Streamlit.

Colours are Okabe & Ito's, told apart by people who see colours differently, on light and on dark.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

SPLIT_COLOURS = {"train": "#0072B2", "val": "#E69F00", "unused": "#999999", "unlabelled": "#CC79A7"}
KIND_COLOURS = {"fp": "#E69F00", "fn": "#56B4E9", "tp": "#009E73"}
CLASS_COLOURS = {
    "missed_cell": "#56B4E9",
    "missed_bud": "#0072B2",
    "hallucinated_cell": "#E69F00",
    "bridge": "#D55E00",
    "split": "#CC79A7",
    "hole": "#009E73",
    "boundary_1px": "#F0E442",
    "boundary_2px": "#C9BC2F",
    "boundary_3px": "#A39420",
    "other": "#999999",
}
MAX_POINTS = 800
NO_VALIDATION = "no validation set"


def loss_curve(events: Sequence[Mapping[str, Any]], log: bool = False, rate: bool = True) -> dict[str, Any]:
    """ECharts option: the loss of every step (thin), its running mean, and the learning rate on a second axis.

    With `log` a loss of 0 or less is left out: it has no place on such an axis.
    """
    steps = thinned([e for e in events if e.get("kind") == "step" and e.get("loss") is not None])
    loss = [[e["step"], e["loss"]] for e in steps if not log or e["loss"] > 0]
    smooth = [[step, value] for (step, _), value in zip(loss, running_mean([y for _, y in loss]))]
    option = _curves("Step", [_axis("Loss", log=log) | (_halvings([y for _, y in loss]) if log else {})])
    option["series"] = [
        _line("Loss", loss, SPLIT_COLOURS["train"], width=1, opacity=0.35),
        _line("Running mean", smooth, SPLIT_COLOURS["train"], width=2.5),
    ]
    if rate:
        rates = [[e["step"], e["lr"]] for e in steps if e.get("lr") is not None]
        option["yAxis"].append({**_axis("Learning rate"), "splitLine": {"show": False}})
        option["series"].append({**_line("Learning rate", rates, "#999999", width=1, dashed=True), "yAxisIndex": 1})
    return option


def rate_curve(events: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """ECharts option: the learning rate of every step."""
    steps = thinned([e for e in events if e.get("kind") == "step" and e.get("lr") is not None])
    option = _curves("Step", [_axis("Learning rate")])
    option["series"] = [_line("Learning rate", [[e["step"], e["lr"]] for e in steps], SPLIT_COLOURS["unused"], 2)]
    return option


def iou_curve(events: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """ECharts option: pooled IoU on train and val at every validation, the best one marked.

    Without a validation set there is no val curve, and the title says so.
    """
    validations = [e for e in events if e.get("kind") == "validation"]
    series, has_val = [], any(e.get("val") for e in validations)
    for split in ("train", "val"):
        points = [
            [e["step"], e[split]["pooled_iou"]]
            for e in validations
            if (e.get(split) or {}).get("pooled_iou") is not None
        ]
        if points:
            series.append(
                {**_line(split, points, SPLIT_COLOURS[split], width=2.5), "showSymbol": True, "symbolSize": 6}
            )
    option = _curves("Step", [_axis("Pooled IoU", low=_floor(series))])
    option["series"] = series
    best = [e for e in validations if e.get("best") and (e.get("val") or {}).get("pooled_iou") is not None]
    if best:
        series[-1]["markPoint"] = _mark(best[-1]["step"], best[-1]["val"]["pooled_iou"])
    if validations and not has_val:
        option["title"] = {
            "text": NO_VALIDATION,
            "left": "center",
            "top": 6,
            "textStyle": {"fontSize": 12, "fontWeight": "normal"},
        }
    return option


def histogram(values: Mapping[str, Sequence[float]], label: str, bins: int = 40, share: bool = True) -> go.Figure:
    """Plotly figure: one outlined histogram a split over the same bins; `share` = each sums to 1.

    values: split -> numbers; not finite ones are left out.
    """
    finite = {name: (a := np.asarray(v, float))[np.isfinite(a)] for name, v in values.items()}
    finite = {name: v for name, v in finite.items() if len(v)}
    figure = go.Figure(layout=_layout(label, "Share" if share else "Count"))
    if not finite:
        return figure
    everything = np.concatenate(list(finite.values()))
    edges = np.histogram_bin_edges(everything, bins)
    for name, numbers in finite.items():
        counts = np.histogram(numbers, edges)[0] / (len(numbers) if share else 1)
        figure.add_trace(_steps(name, edges, counts))
    return figure


def histogram_of_counts(counts: Mapping[str, Sequence[float]], edges: Sequence[float], label: str) -> go.Figure:
    """Plotly figure of histograms counted elsewhere (the grey values of whole splits), each scaled to sum 1."""
    figure = go.Figure(layout=_layout(label, "Share"))
    for name, numbers in counts.items():
        total = float(np.sum(numbers))
        if total:
            figure.add_trace(_steps(name, np.asarray(edges, float), np.asarray(numbers, float) / total))
    return figure


def budget_bar(budget: Mapping[str, int]) -> dict[str, Any]:
    """ECharts option: one stacked bar of 1 − IoU, part by part. budget: pixels of each class, and `union`."""
    union = budget["union"]
    series = [
        {
            "name": name.replace("_", " "),
            "type": "bar",
            "stack": "budget",
            "barWidth": 34,
            "data": [round(pixels / union, 6)],
            "itemStyle": {"color": CLASS_COLOURS.get(name, "#999999")},
        }
        for name, pixels in budget.items()
        if name != "union" and pixels and union
    ]
    return {
        "animation": False,
        "grid": {"left": 8, "right": 16, "top": 8, "bottom": 64, "containLabel": True},
        "tooltip": {"trigger": "item"},
        "legend": {"bottom": 0, "type": "scroll"},
        "xAxis": {"type": "value", "name": "1 − IoU", "nameLocation": "middle", "nameGap": 24},
        "yAxis": {"type": "category", "data": [""], "axisTick": {"show": False}, "axisLine": {"show": False}},
        "series": series,
    }


def thinned(rows: Sequence[Any], most: int = MAX_POINTS) -> list[Any]:
    """Every k-th row so that at most `most` remain, the last one always: a browser draws no more points than pixels."""
    if len(rows) <= most:
        return list(rows)
    keep = np.unique(np.linspace(0, len(rows) - 1, most).round().astype(int))
    return [rows[i] for i in keep]


def running_mean(values: Sequence[float], share: float = 0.05) -> list[float]:
    """Mean of the last `share` of all points (at least one) at each point: no look into the future."""
    if not values:
        return []
    width = max(1, round(len(values) * share))
    sums = np.concatenate([[0.0], np.cumsum(values)])
    ends = np.arange(1, len(values) + 1)
    starts = np.maximum(0, ends - width)
    return ((sums[ends] - sums[starts]) / (ends - starts)).tolist()


def _floor(series: Sequence[Mapping[str, Any]]) -> float:
    """Low end of the IoU axis: late in training everything happens above 0.8."""
    values = [y for line in series for _, y in line["data"]]
    late = [y for line in series for _, y in line["data"][len(line["data"]) // 2 :]]
    if not values:
        return 0.0
    return max(0.0, np.floor((min(min(values), min(late)) - 0.02) * 10) / 10)


def _curves(x_name: str, y_axes: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "animation": False,
        "grid": {"left": 12, "right": 24, "top": 40, "bottom": 56, "containLabel": True},
        "legend": {"bottom": 0},
        "tooltip": {"trigger": "axis"},
        "xAxis": {"type": "value", "name": x_name, "nameLocation": "middle", "nameGap": 26, "min": 0, "max": "dataMax"},
        "yAxis": y_axes,
    }


def _axis(name: str, log: bool = False, low: float | None = None) -> dict[str, Any]:
    axis = {"type": "log" if log else "value", "name": name, "nameLocation": "end", "scale": True}
    return axis if low is None else {**axis, "min": round(float(low), 3), "max": 1}


def _halvings(values: Sequence[float]) -> dict[str, Any]:
    """A logarithmic axis whose lines lie a factor of two apart, just around the positive `values`."""
    if not values:
        return {"logBase": 2}
    low, high = (float(np.log2(v)) for v in (min(values), max(values)))
    return {"logBase": 2, "min": 2.0 ** np.floor(low), "max": 2.0 ** max(np.ceil(high), np.floor(low) + 1)}


def _line(
    name: str, points: list, colour: str, width: float, opacity: float = 1.0, dashed: bool = False
) -> dict[str, Any]:
    style = {"width": width, "opacity": opacity, "type": "dashed" if dashed else "solid"}
    look = {"lineStyle": style, "itemStyle": {"color": colour}, "showSymbol": False}
    return {"name": name, "type": "line", "data": points, **look}


def _mark(step: float, iou: float) -> dict[str, Any]:
    label = {"show": True, "formatter": f"best {iou:.4f}", "position": "bottom", "align": "right", "distance": 10}
    return {"symbol": "circle", "symbolSize": 11, "data": [{"coord": [step, iou]}], "label": label}


def _steps(name: str, edges: np.ndarray, heights: np.ndarray) -> go.Scatter:
    """A histogram as a filled staircase: two of them stay readable over each other."""
    x, y = np.repeat(edges, 2), np.concatenate([[0.0], np.repeat(heights, 2), [0.0]])
    colour = SPLIT_COLOURS.get(name)
    return go.Scatter(
        x=x, y=y, name=name, mode="lines", fill="tozeroy", line={"color": colour, "width": 1.5}, opacity=0.85
    )


def _layout(x_name: str, y_name: str) -> go.Layout:
    legend = {"orientation": "h", "yanchor": "bottom", "y": 1.0, "x": 0.0}
    return go.Layout(
        height=280,
        margin={"l": 8, "r": 8, "t": 28, "b": 8},
        xaxis={"title": x_name, "automargin": True},
        yaxis={"title": y_name, "automargin": True, "rangemode": "tozero"},
        legend=legend,
    )
