"""Numbers -> figures: ECharts options for what redraws often, plotly for what people zoom. Pure: no Streamlit.

Colours are Okabe & Ito's, told apart by people who see colours differently, on light and on dark.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from seglib.errors.colours import CLASS_COLOURS
from seglib.runs.columns import extremes

SPLIT_COLOURS = {"train": "#0072B2", "val": "#E69F00", "unused": "#999999", "unlabelled": "#CC79A7"}
MAX_POINTS, SMALL_POINTS = 800, 200
NO_VALIDATION = "no validation set"


def loss_curve(step: np.ndarray, loss: np.ndarray) -> dict[str, Any]:
    """ECharts option: the loss of every step (thin; every spike is kept) and the mean of the steps before each.

    On a logarithmic axis: a loss of 0 or less, or none, has no place on it and is left out.
    """
    there = loss > 0  # not NaN either
    step, loss = step[there], loss[there]
    option = _curves("Step", [_axis("Loss", log=True) | _halvings(loss)])
    shown = extremes(loss, MAX_POINTS)
    smooth = np.linspace(0, len(loss) - 1, min(len(loss), MAX_POINTS // 2)).astype(int)
    option["series"] = [
        _line("Loss", _pairs(step, loss, shown), SPLIT_COLOURS["train"], width=1, opacity=0.35),
        _line("Running mean", _pairs(step, running_mean(loss), smooth), SPLIT_COLOURS["train"], width=2.5),
    ]
    return option


def rate_curve(step: np.ndarray, rate: np.ndarray) -> dict[str, Any]:
    """ECharts option: the learning rate of every step."""
    return _small({"Learning rate": (step, rate)})


def speed_curve(step: np.ndarray, samples_per_s: np.ndarray) -> dict[str, Any]:
    """ECharts option: samples a second, as the mean of the steps before each: single steps jump about."""
    known = ~np.isnan(samples_per_s)
    return _small({"Samples per second": (step[known], running_mean(samples_per_s[known]))})


def memory_curve(step: np.ndarray, process_bytes: np.ndarray, device_bytes: np.ndarray) -> dict[str, Any]:
    """ECharts option: memory in MB (10^6 bytes) of the trainer with its workers and, where there is one, of the GPU."""
    lines = {"Trainer": (step, process_bytes / 1e6)}
    if not np.isnan(device_bytes).all():
        lines["GPU"] = (step, device_bytes / 1e6)
    option = _small(lines)
    option["yAxis"][0]["min"] = 0
    return option


def iou_curve(validations: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """ECharts option: pooled IoU on train and val at every validation, the best one marked.

    validations: the events. Without a validation set there is no val curve, and the title says so.
    """
    series = []
    for split in ("train", "val"):
        points = [[e["step"], iou] for e in validations if (iou := _pooled(e, split)) is not None]
        if points:
            series.append({**_line(split, points, SPLIT_COLOURS[split], 2.5), "showSymbol": True, "symbolSize": 6})
    option = _curves("Step", [_axis("Pooled IoU", low=_floor(series))])
    option["series"] = series
    best = [e for e in validations if e.get("best") and _pooled(e, "val") is not None]
    if best:
        series[-1]["markPoint"] = _mark(best[-1]["step"], _pooled(best[-1], "val"))
    if validations and not any(e.get("val") for e in validations):
        style = {"fontSize": 12, "fontWeight": "normal"}
        option["title"] = {"text": NO_VALIDATION, "left": "center", "top": 6, "textStyle": style}
    return option


def _pooled(validation: Mapping[str, Any], split: str) -> float | None:
    return (validation.get(split) or {}).get("pooled_iou")


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


def running_mean(values: Sequence[float] | np.ndarray, share: float = 0.05) -> np.ndarray:
    """Mean of the last `share` of all points (at least one) at each point: no look into the future."""
    width = max(1, round(len(values) * share))
    sums = np.concatenate([[0.0], np.cumsum(values)])
    ends = np.arange(1, len(values) + 1)
    starts = np.maximum(0, ends - width)
    return (sums[ends] - sums[starts]) / (ends - starts)


def _pairs(x: np.ndarray, y: np.ndarray, places: np.ndarray) -> list[list[float]]:
    """[[x, y], …] at `places`, as JSON takes it, six digits of y: the browser is sent no more than it can draw."""
    return [[int(a), float(f"{b:.6g}")] for a, b in zip(x[places], y[places])]


def _small(lines: Mapping[str, tuple[np.ndarray, np.ndarray]]) -> dict[str, Any]:
    """One of the curves beside the main ones: low, its name stands above it. A missing value is left out."""
    option = _curves("", [_axis("")])
    option["grid"] = {"left": 4, "right": 16, "top": 12, "bottom": 4 if len(lines) == 1 else 28, "containLabel": True}
    option["xAxis"]["splitNumber"] = 4
    option["yAxis"][0]["splitNumber"] = 3
    if len(lines) == 1:
        del option["legend"]
    colours = (SPLIT_COLOURS["unlabelled"], SPLIT_COLOURS["val"])
    option["series"] = []
    for (name, (x, y)), colour in zip(lines.items(), colours):
        x, y = x[~np.isnan(y)], y[~np.isnan(y)]
        option["series"].append(_line(name, _pairs(x, y, extremes(y, SMALL_POINTS)), colour, 2))
    return option


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


def _halvings(values: np.ndarray) -> dict[str, Any]:
    """A logarithmic axis whose lines lie a factor of two apart, just around the positive `values`."""
    if not len(values):
        return {"logBase": 2}
    low, high = (float(np.log2(v)) for v in (values.min(), values.max()))
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
