"""Plots: numbers of pictures and cells -> plotly figures whose bars and points know what is behind them. Pure.

Colours are Okabe & Ito's; that of a part is the same everywhere.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from ui.browse import spread
from ui.charts import SPLIT_COLOURS
from ui.data.measures import Measure

GROUP_COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00")
OTHERS, OTHER_GROUPS = "#999999", "other groups"
MAX_POINTS = 1500  # a browser without a graphics card draws so many without lagging
MAX_ALONG = 400  # points along a curve


@dataclass(frozen=True)
class Bins:
    """edges (n+1,), the same for all; counts: part -> (n,). Bins hold their lower edge, the last one both."""

    edges: np.ndarray
    counts: dict[str, np.ndarray]


def binned(values: Mapping[str, Sequence[float]], n_bins: int, whole: bool = False) -> Bins | None:
    """Counts of the finite values of each part over the same bins; None without any. whole: edges between integers."""
    finite = {part: (a := np.asarray(v, float))[np.isfinite(a)] for part, v in values.items()}
    finite = {part: v for part, v in finite.items() if len(v)}
    if not finite:
        return None
    everything = np.concatenate(list(finite.values()))
    low, high = float(everything.min()), float(everything.max())
    if whole:
        step = max(1, int(np.ceil((high - low + 1) / n_bins)))
        edges = np.arange(low - 0.5, high + 0.5 + step, step)
    else:
        edges = np.histogram_bin_edges(everything, n_bins)
    return Bins(edges, {part: np.histogram(v, edges)[0] for part, v in finite.items()})


def inside(values: np.ndarray, edges: np.ndarray, chosen: Sequence[int]) -> np.ndarray:
    """(n,) bool: which values lie in one of the chosen bins, counted as np.histogram counts."""
    finite = np.isfinite(values)
    bins = np.searchsorted(edges, np.where(finite, values, edges[0] - 1), side="right") - 1
    bins[values == edges[-1]] = len(edges) - 2
    return np.isin(bins, np.asarray(chosen, int)) & finite


def bar_chart(bins: Bins, measure: Measure, noun: str) -> go.Figure:
    """Bars side by side, one a part and bin, as share of the part; customdata of a bar: [part, number of its bin]."""
    figure = go.Figure(layout=layout(measure.axis(), f"Share of the {noun}"))
    centers, widths = (bins.edges[1:] + bins.edges[:-1]) / 2, np.diff(bins.edges)
    n = len(bins.counts)
    for number, (part, counts) in enumerate(bins.counts.items()):
        offset = (number - n / 2) * widths * 0.9 / n
        figure.add_bar(
            x=centers,
            y=counts / counts.sum(),
            width=widths * 0.9 / n,
            offset=offset,
            name=part,
            marker={"color": SPLIT_COLOURS.get(part, OTHERS)},
            customdata=[[part, i] for i in range(len(counts))],
            text=[_bin_words(measure, bins.edges, i, c, noun) for i, c in enumerate(counts)],
            textposition="none",
            hovertemplate="%{text}<extra>" + part + "</extra>",
        )
    figure.update_layout(bargap=0)
    return figure


def _bin_words(measure: Measure, edges: np.ndarray, number: int, count: int, noun: str) -> str:
    return f"{between(measure, edges[number], edges[number + 1])}: {int(count):,} {noun}"


def between(measure: Measure, low: float, high: float) -> str:
    """`3 to 5`, `10.2 px to 11.4 px`; counts are whole numbers."""
    if measure.kind == "count":
        first, last = int(np.ceil(low)), int(np.ceil(high)) - 1
        return f"{first:,}" if last <= first else f"{first:,} to {last:,}"
    return f"{measure.text(low)} to {measure.text(high)}"


def percentile_bands(table: pd.DataFrame, x: Sequence[float], label: str) -> go.Figure:
    """p01 to p99, p05 to p95 and p25 to p75 as bands and the median as a line with points, along x.

    table: rows in the order of x, thinned already; customdata of a point: the picture's number.
    """
    figure = go.Figure(layout=layout(label, "Grey value"))
    colour = "0, 114, 178"
    for low, high, strength, words in (("p01", "p99", 0.12, "1 to 99 %"), ("p05", "p95", 0.2, "5 to 95 %")):
        _band(figure, table, x, low, high, f"rgba({colour}, {strength})", words)
    _band(figure, table, x, "p25", "p75", f"rgba({colour}, 0.35)", "25 to 75 %")
    figure.add_scatter(
        x=list(x),
        y=table["median_grey"],
        mode="lines+markers",
        name="median",
        line={"color": "#D55E00", "width": 1.5},
        marker={"size": 5},
        customdata=table.index,
        text=table["image"],
        hovertemplate="%{text}<br>median %{y:.4g}<extra></extra>",
    )
    figure.update_yaxes(rangemode="normal")
    return figure


def _band(
    figure: go.Figure, table: pd.DataFrame, x: Sequence[float], low: str, high: str, fill: str, name: str
) -> None:
    there_and_back = np.concatenate([np.asarray(x, float), np.asarray(x, float)[::-1]])
    y = np.concatenate([table[low].to_numpy(float), table[high].to_numpy(float)[::-1]])
    figure.add_scatter(
        x=there_and_back,
        y=y,
        fill="toself",
        fillcolor=fill,
        line={"width": 0},
        name=name,
        hoverinfo="skip",
        mode="lines",
    )


def over_frames(movies: Mapping[str, pd.DataFrame], measure: Measure) -> go.Figure:
    """One line with points a movie along its frames; customdata of a point: the picture's number."""
    figure = go.Figure(layout=layout("Frame", measure.axis()))
    for number, (group, rows) in enumerate(movies.items()):
        rows = rows.iloc[spread(range(len(rows)), MAX_ALONG)]
        figure.add_scatter(
            x=rows["frame"],
            y=rows[measure.column],
            mode="lines+markers",
            name=group,
            line={"color": GROUP_COLOURS[number % len(GROUP_COLOURS)], "width": 1.5},
            marker={"size": 5},
            customdata=rows.index,
            text=rows["image"],
            hovertemplate="%{text}<br>frame %{x}: %{y:.4g}<extra></extra>",
        )
    return figure


def scatter(table: pd.DataFrame, x: Measure, y: Measure, colour_by: str) -> go.Figure:
    """One point a picture, evenly thinned; colour_by: split or group. customdata of a point: the picture's number."""
    rows = table[table[x.column].notna() & table[y.column].notna()]
    rows = rows.iloc[spread(range(len(rows)), MAX_POINTS)]
    figure = go.Figure(layout=layout(x.axis(), y.axis()))
    names = _largest_groups(rows) if colour_by == "group" else rows["split"]
    order = list(dict.fromkeys(name for name in names if name != OTHER_GROUPS))
    for name in [*order, OTHER_GROUPS]:
        part = rows[(names == name).to_numpy()]
        if part.empty:
            continue
        palette = GROUP_COLOURS[order.index(name) % len(GROUP_COLOURS)] if name in order else OTHERS
        figure.add_scatter(
            x=part[x.column],
            y=part[y.column],
            mode="markers",
            name=name,
            marker={"color": SPLIT_COLOURS.get(name, palette) if colour_by == "split" else palette, "size": 6},
            opacity=0.75,
            customdata=part.index,
            text=part["image"],
            hovertemplate="%{text}<br>%{x:.4g}, %{y:.4g}<extra>" + name.replace("<", "&lt;") + "</extra>",
        )
    figure.update_layout(height=420)
    figure.update_yaxes(rangemode="normal")
    return figure


def _largest_groups(rows: pd.DataFrame) -> pd.Series:
    """The group of each picture; all but the six largest are `other groups`."""
    largest = rows["group"].value_counts(sort=True).index[: len(GROUP_COLOURS)]
    return rows["group"].where(rows["group"].isin(largest), OTHER_GROUPS)


def in_boxes(selection: Mapping, tables: Mapping[str, pd.DataFrame], x: str, y: str) -> list[int]:
    """Numbers of the pictures that lie in the boxes of a selection, drawn as points or not."""
    found: list[int] = []
    for box in selection.get("box", ()):
        (left, right), (low, high) = sorted(box["x"]), sorted(box["y"])
        for rows in tables.values():
            hit = rows[x].between(left, right) & rows[y].between(low, high)
            found += rows.index[hit].tolist()
    return list(dict.fromkeys(found))


def layout(x_name: str, y_name: str) -> go.Layout:
    legend = {"orientation": "h", "yanchor": "bottom", "y": 1.0, "x": 0.0}
    return go.Layout(
        height=290,
        margin={"l": 8, "r": 8, "t": 28, "b": 8},
        xaxis={"title": x_name, "automargin": True},
        yaxis={"title": y_name, "automargin": True, "rangemode": "tozero"},
        legend=legend,
    )
