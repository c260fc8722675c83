"""The curve of one batch learned by heart -> an ECharts option. Pure: no Streamlit."""

from __future__ import annotations

import math
from typing import Any

from ui import charts


def overfit_curve(overfit: dict[str, Any]) -> dict[str, Any]:
    """ECharts option: the loss of one batch over the steps, and the best constant answer as a dashed line."""
    losses, chance = overfit["losses"], overfit["chance"]
    colour = charts.SPLIT_COLOURS["train"]
    line_at = {
        "silent": True,
        "symbol": "none",
        "lineStyle": {"type": "dashed", "color": "#999999", "width": 1.5},
        "label": {"formatter": "best constant answer", "position": "insideEndTop", "color": "inherit"},
        "data": [{"yAxis": round(chance, 5)}],
    }
    series = {
        "name": "Loss",
        "type": "line",
        "data": [[step, round(loss, 5)] for step, loss in enumerate(losses)],
        "showSymbol": False,
        "lineStyle": {"width": 2.5},
        "itemStyle": {"color": colour},
        "markLine": line_at,
    }
    return {
        "animation": False,
        "grid": {"left": 8, "right": 16, "top": 12, "bottom": 28, "containLabel": True},
        "tooltip": {"trigger": "axis"},
        "xAxis": {"type": "value", "name": "Step", "nameLocation": "middle", "nameGap": 24, "max": "dataMax"},
        "yAxis": _loss_axis([chance, *losses]),
        "series": [series],
    }


def _loss_axis(values: list[float]) -> dict[str, Any]:
    """From 0 up; on a logarithmic axis where the loss jumped."""
    if max(values) > 10 * values[1] and min(values) > 0:
        return {"type": "log"}
    return {"type": "value", "min": 0, "max": math.ceil(10.5 * max(values)) / 10}
