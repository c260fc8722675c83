"""Curves of many runs over each other -> ECharts options. Pure: no Streamlit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ui.charts import running_mean
from ui.compare.palette import look

CURVES = {"val_iou": "Val IoU", "train_iou": "Train IoU, of a sample", "train_loss": "Train loss"}
ABOUT = {
    "val_iou": "Pooled over all val images, at each validation.",
    "train_iou": "Pooled over a fixed sample of train images, as many as there are val images, at each validation.",
    "train_loss": "Running mean over a twentieth of the steps. Only compare it between runs with the same loss.",
}
X_NAMES = {"step": "Step", "minutes": "Minutes of training and validation"}
FEW = 8  # up to so many runs the tooltip lists them all
LEGEND_PX = 250
_LOW_AT_LEAST = 0.5  # an IoU axis begins here, or below where the later half of a curve lies lower


def overlay(
    curves: Sequence[Mapping[str, Sequence[Sequence[float]]]], names: Sequence[str], what: str, x: str = "step"
) -> dict[str, Any]:
    """ECharts option: one line a run, coloured by its place. what: a key of CURVES; x: of X_NAMES.

    The axis of an IoU ends at 1 and begins below the later halves of all curves: early in a training everything is low.
    """
    lines = [(i, name, _points(of[what], what)) for i, (of, name) in enumerate(zip(curves, names)) if of[what]]
    axis: dict[str, Any] = {"type": "value", "scale": True, "name": "Loss" if what == "train_loss" else "Pooled IoU"}
    if what != "train_loss":
        axis |= {"min": _low([points for _, _, points in lines]), "max": 1}
    return {
        "animation": False,
        "grid": {"left": 8, "right": 20, "top": 32, "bottom": 34 + _legend_px(names), "containLabel": True},
        "legend": {"type": "plain" if len(names) <= FEW else "scroll", "bottom": 0, "data": [n for _, n, _ in lines]},
        "tooltip": _tooltip(len(lines)),
        "xAxis": {
            "type": "value",
            "name": X_NAMES[x],
            "nameLocation": "middle",
            "nameGap": 26,
            "min": 0,
            "max": "dataMax",
        },
        "yAxis": axis,
        "series": [_line(place, name, points, what) for place, name, points in lines],
    }


def height_px(names: Sequence[str]) -> int:
    """Of the chart, whatever room the names take below it."""
    return 290 + _legend_px(names)


def _legend_px(names: Sequence[str]) -> int:
    """As many lines as the names need in the narrowest of the charts; beyond FEW one line that scrolls."""
    if len(names) > FEW:
        return 28
    lines, room = 1, 0
    for width in (44 + 6.5 * min(len(name), 40) for name in names):
        lines, room = (lines + 1, width) if room and room + width > LEGEND_PX else (lines, room + width)
    return 6 + 22 * lines


def _tooltip(n_lines: int) -> dict[str, Any]:
    """All runs at once as long as they fit; else the one under the pointer."""
    shown = {"trigger": "axis", "order": "valueDesc"} if n_lines <= FEW else {"trigger": "item"}
    return {**shown, "valueFormatter": "%.4f", "confine": True}


def _points(points: Sequence[Sequence[float]], what: str) -> list[list[float]]:
    if what != "train_loss":
        return [list(point) for point in points]
    return [[x, round(y, 5)] for (x, _), y in zip(points, running_mean([y for _, y in points]))]


def _low(curves: Sequence[Sequence[Sequence[float]]]) -> float:
    late = [y for points in curves for _, y in points[len(points) // 2 :]]
    return min([_LOW_AT_LEAST, *(int(y * 10) / 10 for y in late)])


def _line(place: int, name: str, points: list[list[float]], what: str) -> dict[str, Any]:
    drawn = look(place)
    return {
        "name": name,
        "type": "line",
        "data": points,
        "clip": True,
        "itemStyle": {"color": drawn.colour},
        "lineStyle": {"color": drawn.colour, "type": drawn.dash, "width": 2},
        "showSymbol": what != "train_loss",
        "symbolSize": 5,
        "triggerLineEvent": True,
        "emphasis": {"focus": "series", "lineStyle": {"width": 4}},
        "blur": {"lineStyle": {"opacity": 0.15}, "itemStyle": {"opacity": 0.15}},
    }
