"""Budgets as bars: the waterfall of one, and several stacked at the same scale. Data -> ECharts option."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from seglib.errors.budget import CLASSES
from seglib.errors.colours import CLASS_COLOURS
from ui.errors.words import many

Mark = tuple[str, float]  # what is written at an IoU, and that IoU


def present(budget: Mapping[str, int]) -> list[str]:
    """The classes with at least one pixel, in the order of the budget."""
    return [name for name in CLASSES if budget[name]]


def waterfall(budget: Mapping[str, int], chosen: str | None = None, marks: Sequence[Mark] = ()) -> dict[str, Any]:
    """From a perfect 1 down to the IoU, one step a class; clicking a bar selects it. marks: dashed lines at an IoU.

    budget: pixels of each class, and `union` (more than 0). Classes without a pixel are left out.
    """
    union, steps, level = budget["union"], [], 1.0
    for name in present(budget):
        share = budget[name] / union
        level -= share
        steps.append((name, level, share))
    lowest = min([level, *(value for _, value in marks)])
    low = max(0, int(20 * min(0.95, 1 - 1.12 * (1 - lowest)))) / 20
    # the hidden bar begins at `low`: ECharts stacks from zero, which the axis then cuts
    hidden = [round(below, 6) for _, below, _ in steps] + [0]
    bars = [
        {
            "value": round(share, 6),
            "itemStyle": _style(name, chosen in (None, name)),
            "label": {"formatter": f"{share:.4f}", "opacity": 1},
        }
        for name, _, share in steps
    ]
    level = max(0.0, round(level, 6))  # what is left of 1 after many subtractions may be -0.0000
    bars.append({"value": level, "itemStyle": {"color": "#8a8a8a"}, "label": {"formatter": f"{level:.4f}"}})
    names = [many(name) for name, _, _ in steps] + ["IoU that is left"]
    lost = {
        "name": "lost",
        "type": "bar",
        "stack": "iou",
        "barMaxWidth": 22,
        "selectedMode": "single",
        "label": {"show": True, "position": "right"},
        "data": bars,
    }
    return {
        "animation": False,
        "grid": {"left": 8, "right": 64, "top": 26 if marks else 8, "bottom": 36, "containLabel": True},
        "tooltip": {"show": False},
        "xAxis": _axis("IoU", low, 1),
        "yAxis": _rows(names),
        "series": [
            {"type": "bar", "stack": "iou", "silent": True, "itemStyle": {"color": "transparent"}, "data": hidden},
            lost | ({"markLine": _lines(marks)} if marks else {}),
        ],
    }


def stacked(
    rows: Sequence[tuple[str, Mapping[str, int]]],
    chosen: tuple[int, str] | None = None,
    marks: Sequence[Mark] = (),
) -> dict[str, Any]:
    """One bar a budget: its 1 - IoU, divided into the classes, all at one scale; clicking a part selects it.

    rows: what stands beside a bar, and its budget. chosen: number of the row and class that stand out. marks: as in
    `waterfall`, here at 1 - IoU. A series' id is its class.
    """
    names = [name for name in CLASSES if any(budget[name] for _, budget in rows)]
    series = [
        {
            "id": name,
            "name": many(name),
            "type": "bar",
            "stack": "lost",
            "barMaxWidth": 20,
            "selectedMode": "single",
            "itemStyle": {"color": CLASS_COLOURS[name]},
            "data": [
                {"value": round(_share(budget, name), 6), "itemStyle": _framed(name, chosen == (at, name))}
                for at, (_, budget) in enumerate(rows)
            ],
        }
        for name in names
    ]
    series.append(
        {
            "type": "bar",
            "stack": "lost",
            "silent": True,
            "tooltip": {"show": False},
            "itemStyle": {"color": "transparent"},
            "label": {"show": True, "position": "right"},
            "data": [{"value": 0, "label": {"formatter": _iou_text(budget)}} for _, budget in rows],
            **({"markLine": _lines([(text, 1 - value) for text, value in marks])} if marks else {}),
        }
    )
    return {
        "animation": False,
        "grid": {"left": 8, "right": 84, "top": 26 if marks else 8, "bottom": 64, "containLabel": True},
        "legend": {"type": "scroll", "bottom": 0, "data": [many(name) for name in names], "selectedMode": False},
        "tooltip": {"trigger": "item", "valueFormatter": "%.4f"},
        "xAxis": _axis("IoU lost (1 − IoU)", 0, None),
        "yAxis": _rows([name for name, _ in rows]),
        "series": series,
    }


def _share(budget: Mapping[str, int], name: str) -> float:
    return int(budget[name]) / int(budget["union"]) if budget["union"] else 0.0


def _iou_text(budget: Mapping[str, int]) -> str:
    return f"IoU {1 - sum(_share(budget, name) for name in CLASSES):.4f}" if budget["union"] else "no IoU"


def _style(name: str, stands_out: bool) -> dict[str, Any]:
    return {"color": CLASS_COLOURS[name], "opacity": 1 if stands_out else 0.5}


def _framed(name: str, chosen: bool) -> dict[str, Any]:
    return {"color": CLASS_COLOURS[name], **({"borderColor": "#555555", "borderWidth": 2.5} if chosen else {})}


def _axis(name: str, low: float, high: float | None) -> dict[str, Any]:
    return {"type": "value", "min": low, "max": high, "name": name, "nameLocation": "middle", "nameGap": 24}


def _rows(names: list[str]) -> dict[str, Any]:
    label = {"width": 150, "overflow": "truncate"}
    return {"type": "category", "data": names, "inverse": True, "axisTick": {"show": False}, "axisLabel": label}


def _lines(marks: Sequence[Mark]) -> dict[str, Any]:
    return {
        "silent": True,
        "symbol": "none",
        "lineStyle": {"type": "dashed", "color": "#8a8a8a", "width": 1.5},
        # rows run downwards, so the line starts at the top
        "data": [
            {"xAxis": round(value, 6), "label": {"formatter": text, "position": "start"}} for text, value in marks
        ],
    }
