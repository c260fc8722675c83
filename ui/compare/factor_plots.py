"""Plots of one factor's answer -> ECharts options: a point a run, and differences against zero. Pure: no Streamlit."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from seglib.experiments.answers import Difference, FactorAnswer, Level
from ui.compare.palette import COLOURS, symbol

ROW_PX, FRAME_PX = 46, 112
POINT, MEAN, GREY = COLOURS[0], COLOURS[5], COLOURS[6]
_LEGEND = {"bottom": 0, "itemWidth": 14, "itemHeight": 10, "type": "scroll"}
_APART = 0.16  # of a row, between the points of two seeds
_ROOM = 0.12  # of the spread, left and right of the outermost point


def height_px(n_rows: int) -> int:
    return FRAME_PX + ROW_PX * n_rows


def levels(answer: FactorAnswer, target: float) -> dict[str, Any]:
    """One row a level: a point a run, its symbol the seed's; the mean as an upright line; the target dashed."""
    seeds = sorted({seed for level in answer.levels for seed, _, _ in level.points})
    series = [_seed_points(answer.levels, seed, place, len(seeds)) for place, seed in enumerate(seeds)]
    values = [iou for level in answer.levels for _, _, iou in level.points if iou is not None]
    limits = _limits(values, [target])
    option = _frame(
        [level.label for level in answer.levels], "Best val IoU, pooled", (max(limits[0], 0.0), min(limits[1], 1.0))
    )
    means = [(row, level) for row, level in enumerate(answer.levels) if level.mean is not None]
    option["series"] = [*series, _means(means, option, target)]
    option["legend"] = {**_LEGEND, "data": [*(f"seed {seed}" for seed in seeds), "mean"]}
    return option


def differences(answer: FactorAnswer) -> dict[str, Any]:
    """One row a comparison: the difference, its 95 % interval, the difference of every seed; zero as a line."""
    found = answer.differences
    labels = [f"{d.a} − {d.b}" for d in found]
    ends = [v for d in found for v in (d.points, d.low, d.high, *(x for _, x in d.per_seed)) if v is not None]
    option = _frame(labels, "Difference of pooled val IoU, in points", _limits([*ends, 0.0]))
    zero = {"silent": True, "symbol": "none", "data": [{"xAxis": 0}], "label": {"show": False}}
    zero["lineStyle"] = {"color": GREY, "type": "solid", "width": 1.5}
    intervals = [_interval(row, d) for row, d in enumerate(found) if d.low is not None]
    option["series"] = [*intervals, *_per_seed(found), {**_points(found), "markLine": zero}]
    seeds = sorted({seed for d in found for seed, _ in d.per_seed})
    names = ["difference", *(["95 % interval"] if intervals else []), *(f"seed {seed}" for seed in seeds)]
    option["legend"] = {**_LEGEND, "data": names}
    return option


def _frame(rows: Sequence[str], x_name: str, limits: tuple[float, float]) -> dict[str, Any]:
    """Rows by name on the left; a second, unseen axis counts them, so that points of a row can lie apart."""
    n = len(rows)
    return {
        "animation": False,
        "grid": {"left": 8, "right": 24, "top": 24, "bottom": 66, "containLabel": True},
        "tooltip": {"trigger": "item", "formatter": "{b}", "confine": True},
        "xAxis": {
            "type": "value",
            "name": x_name,
            "nameLocation": "middle",
            "nameGap": 26,
            "axisLine": {"onZero": False},
            "min": limits[0],
            "max": limits[1],
        },
        "yAxis": [
            {
                "type": "category",
                "data": list(rows),
                "inverse": True,
                "axisTick": {"show": False},
                "axisLabel": {"width": 130, "overflow": "break"},
            },
            {"type": "value", "min": -0.5, "max": n - 0.5, "inverse": True, "show": False},
        ],
    }


def _limits(values: Sequence[float], more: Sequence[float] = ()) -> tuple[float, float]:
    """Ends of the axis: around the values, and as far as `more` where that does not squeeze them."""
    low, high = min(values, default=0.0), max(values, default=1.0)
    room = max(high - low, 0.01)
    low, high = low - _ROOM * room, high + _ROOM * room
    for value in more:
        if low - room <= value <= high + room:
            low, high = min(low, value - _ROOM * room), max(high, value + _ROOM * room)
    step = next(s for s in (0.01, 0.02, 0.05, 0.1, 0.5, 1.0, 2.0, 5.0, 10.0, 50.0) if room <= 12 * s or s == 50.0)
    return round(math.floor(low / step) * step, 2), round(math.ceil(high / step) * step, 2)


def _apart(row: int, place: int, n: int) -> float:
    """Where in its row a seed's point lies; many seeds move closer together."""
    return round(row + (place - (n - 1) / 2) * min(_APART, 0.7 / max(n, 1)), 3)


def _seed_points(of: Sequence[Level], seed: int, place: int, n: int) -> dict[str, Any]:
    data = [
        {"value": [iou, _apart(row, place, n)], "name": f"{level.label}, seed {seed}: {iou:.4f} ({run_id})"}
        for row, level in enumerate(of)
        for its_seed, run_id, iou in level.points
        if its_seed == seed and iou is not None
    ]
    return _scatter(f"seed {seed}", data, symbol(place), POINT, 11)


def _means(of: Sequence[tuple[int, Level]], option: dict[str, Any], target: float) -> dict[str, Any]:
    data: list[Any] = []
    for row, level in of:
        name = f"{level.label}: mean {level.mean:.4f} of {len([p for p in level.points if p[2] is not None])} runs"
        data += [{"value": [level.mean, row + end], "name": name} for end in (-0.36, 0.36)] + [[None, None]]
    axis, line = option["xAxis"], None
    if axis["min"] <= target <= axis["max"]:
        line = {"silent": True, "symbol": "none", "data": [{"xAxis": target}]}
        line["label"] = {"formatter": f"target {target:g}", "position": "start", "color": GREY}
        line["lineStyle"] = {"color": GREY, "type": "dashed"}
    drawn = _bar("mean", data, MEAN)
    return {**drawn, "markLine": line} if line else drawn


def _interval(row: int, d: Difference) -> dict[str, Any]:
    name = f"{d.a} − {d.b}: 95 % interval {d.low:.2f} to {d.high:.2f} points, {d.scope}"
    return _bar("95 % interval", [{"value": [x, row], "name": name} for x in (d.low, d.high)], POINT)


def _points(found: Sequence[Difference]) -> dict[str, Any]:
    data = [
        {"value": [d.points, row], "name": f"{d.a} − {d.b}: {d.points:+.2f} points over {d.n_pairs} pairs of runs"}
        for row, d in enumerate(found)
    ]
    return _scatter("difference", data, "circle", MEAN, 13)


def _per_seed(found: Sequence[Difference]) -> list[dict[str, Any]]:
    """The seeds' own differences, below the interval."""
    seeds = sorted({seed for d in found for seed, _ in d.per_seed})
    return [
        _scatter(
            f"seed {seed}",
            [
                {"value": [value, row + 0.27], "name": f"{d.a} − {d.b}, seed {seed}: {value:+.2f} points"}
                for row, d in enumerate(found)
                for its_seed, value in d.per_seed
                if its_seed == seed
            ],
            symbol(place),
            GREY,
            9,
        )
        for place, seed in enumerate(seeds)
    ]


def _scatter(name: str, data: list[Any], shape: str, colour: str, size: int) -> dict[str, Any]:
    look = {"symbol": shape, "symbolSize": size, "itemStyle": {"color": colour, "opacity": 0.9}}
    return {"name": name, "type": "scatter", "data": data, "yAxisIndex": 1, **look}


def _bar(name: str, data: list[Any], colour: str) -> dict[str, Any]:
    look = {"lineStyle": {"color": colour, "width": 3}, "itemStyle": {"color": colour}, "showSymbol": False}
    return {"name": name, "type": "line", "data": data, "yAxisIndex": 1, "triggerLineEvent": True, **look}
