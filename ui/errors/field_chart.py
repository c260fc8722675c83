"""The map of the field of view as a chart: how many images are wrong where, and the spots that stand out."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from seglib.errors.colours import KIND_COLOURS
from seglib.errors.field_map import FieldMap

RING = "#CC0066"
MOST = {"fp": "#D55E00", "fn": "#0072B2"}  # where most images are wrong: fuller, on light and on dark
SIDE_PX = 270  # of the longer side of the map
MOST_SPOTS = 12


def field_option(found: FieldMap, kind: str, chosen: int | None = None) -> dict[str, Any]:
    """ECharts option: one square a bin, fuller where more images are wrong; a numbered ring a spot.

    chosen: number of a row of `found.spots` that is drawn filled. The rings are series 1, in the order of `spots_of`.
    """
    rows, cols = found.bins
    counts = found.images[kind]
    row, col = np.nonzero(counts)
    cells = pd.DataFrame({"col": col, "row": row, "images": counts[row, col]})
    scale = SIDE_PX / max(rows, cols)
    return {
        "animation": False,
        "grid": {
            "left": 44,
            "top": 10,
            "width": round(cols * scale),
            "height": round(rows * scale),
            "containLabel": False,
            "outerBoundsMode": "none",
        },
        "tooltip": {"formatter": "{@images} images wrong here"},
        "xAxis": _axis(cols, found.shape[1] if found.shape else None, "col", 26),
        "yAxis": {**_axis(rows, found.shape[0] if found.shape else None, "row", 32), "inverse": True},
        "visualMap": {
            "show": False,
            "min": 0,
            "max": max(int(counts.max()), 1) if counts.size else 1,
            "seriesIndex": 0,
            "dimension": "images",
            "inRange": {"color": [f"{KIND_COLOURS[kind]}33", KIND_COLOURS[kind], MOST[kind]]},
        },
        "dataset": {"source": cells},
        "series": [
            {"type": "heatmap", "encode": {"x": "col", "y": "row", "value": "images"}, "progressive": 0},
            {
                "name": "spots",
                "type": "scatter",
                "selectedMode": "single",
                "z": 5,
                "tooltip": {"show": False},
                "data": [_ring(found, number, chosen) for number in spots_of(found, kind)],
            },
        ],
    }


def spots_of(found: FieldMap, kind: str) -> list[int]:
    """Numbers of the rows of `found.spots` of that kind, the surest first."""
    return np.flatnonzero(found.spots.kind == kind)[:MOST_SPOTS].tolist()


def spot_words(found: FieldMap, number: int) -> str:
    """`12 of 40 images (chance: 1.3), 5 groups`."""
    spot = found.spots.iloc[number]
    groups = f", {spot.n_groups} of {found.n_groups} groups" if 1 < found.n_groups < found.n_images else ""
    return f"{spot.n_images} of {found.n_images} images{groups} · chance {spot.expected:.1f}"


def place_words(found: FieldMap, number: int) -> str:
    """Where a spot is: in pixels where all images have one size, else in percent of height and width."""
    spot = found.spots.iloc[number]
    row, col = spot.row + spot.height / 2, spot.col + spot.width / 2
    if found.shape:
        return f"row {row * found.shape[0]:.0f}, col {col * found.shape[1]:.0f}"
    return f"{row:.0%} down, {col:.0%} across"


def _axis(n: int, side_px: int | None, name: str, gap: int) -> dict[str, Any]:
    labels = [str(round(i * side_px / n)) if side_px else f"{i / n:.0%}" for i in range(n)]
    return {
        "type": "category",
        "data": labels,
        "name": f"{name} (px)" if side_px else name,
        "nameLocation": "middle",
        "nameGap": gap,
        "axisTick": {"show": False},
        "axisLabel": {"interval": max(n // 4 - 1, 0), "fontSize": 10},
        "splitArea": {"show": False},
    }


def _ring(found: FieldMap, number: int, chosen: int | None) -> dict[str, Any]:
    spot, (rows, cols) = found.spots.iloc[number], found.bins
    scale = SIDE_PX / max(rows, cols)
    size = max(16.0, 1.3 * scale * max(spot.height * rows, spot.width * cols))
    at = [(start + length / 2) * n - 0.5 for start, length, n in
          ((spot.col, spot.width, cols), (spot.row, spot.height, rows))]  # fmt: skip
    return {
        "value": [round(value) for value in at],
        "symbolSize": round(min(size, 60)),
        "itemStyle": {
            "color": "rgba(204,0,102,0.35)" if number == chosen else "rgba(0,0,0,0.01)",
            "borderColor": RING,
            "borderWidth": 2,
        },
        "label": {
            "show": True,
            "formatter": str(spots_of(found, spot.kind).index(number) + 1),
            "position": "top",
            "color": RING,
            "fontWeight": "bold",
            "textBorderColor": "rgba(255,255,255,0.85)",  # so that it stands out on dark too
            "textBorderWidth": 2,
        },
    }
