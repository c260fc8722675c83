"""Figures of the normalisation lab. Pure: no Streamlit. Colours of Okabe & Ito, told apart by dash and word as well."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go

CELLS, REST, ALL = "cells", "background", "all pixels"
COLOURS = {CELLS: "#009E73", REST: "#0072B2", ALL: "#0072B2"}
MARKS = {"median": ("#E69F00", "dash"), "peak": ("#CC79A7", "dot")}
GROUPS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#999999")
MOST_NAMED = 2 * len(GROUPS)  # the second round is dashed


def levels(
    counts: Mapping[str, Sequence[float]], edges: Sequence[float], marks: Mapping[str, float | None]
) -> go.Figure:
    """Histograms of cells and background, each scaled to sum 1, with the estimates of the background as lines."""
    figure = go.Figure(layout=_layout("Value", "Share", 200))
    figure.update_layout(showlegend=False)
    tallest = 0.0
    for name, numbers in counts.items():
        total = float(np.sum(numbers))
        if not total:
            continue
        shares = np.asarray(numbers, float) / total
        tallest = max(tallest, _usual(shares))
        x, y = np.repeat(edges, 2), np.concatenate([[0.0], np.repeat(shares, 2), [0.0]])
        line = {"color": COLOURS[name], "width": 1.5}
        figure.add_trace(go.Scatter(x=x, y=y, name=name, mode="lines", fill="tozeroy", line=line, opacity=0.85))
    for name, value in marks.items():
        if value is not None and np.isfinite(value):
            colour, dash = MARKS[name]
            line = {"color": colour, "width": 2.5, "dash": dash}
            figure.add_trace(go.Scatter(x=[value, value], y=[0, 1.05 * tallest], name=name, mode="lines", line=line))
    figure.update_yaxes(range=[0, 1.1 * tallest or 1])
    return figure


def _usual(shares: np.ndarray) -> float:
    """The tallest bar, unless it stands alone far above all others: black round an eyepiece would flatten the rest."""
    largest = np.sort(shares)
    return float(largest[-1] if largest[-1] <= 4 * largest[-4] or largest[-4] == 0 else 1.3 * largest[-4])


def drift(images: pd.DataFrame, column: str, y_name: str) -> go.Figure:
    """`column` over the frames, a line a group; over the pictures in their order where no group has two frames.

    images: group, frame, image, index and `column`, one row a picture.
    """
    known = images[images[column].notna()]
    moving = known[known["frame"] >= 0].groupby("group")["frame"].nunique()
    names = list(moving[moving > 1].index)
    figure = go.Figure(layout=_layout("Frame" if names else "Picture, as listed", y_name, 250))
    if not names:
        trace = go.Scatter(x=known["index"], y=known[column], text=known["image"], mode="markers", name="pictures")
        figure.add_trace(trace.update(marker={"color": GROUPS[0], "size": 6}, hovertemplate="%{text}<br>%{y:.4g}"))
        return figure
    few = len(names) <= MOST_NAMED
    for number, name in enumerate(names):
        rows = known[known["group"] == name].sort_values("frame")
        dash = "dash" if few and number >= len(GROUPS) else "solid"
        line = {"color": GROUPS[number % len(GROUPS)] if few else GROUPS[0], "width": 1.8 if few else 1, "dash": dash}
        look = {"mode": "lines", "line": line, "opacity": 1 if few else 0.6, "showlegend": few}
        hover = "%{text}<br>frame %{x}: %{y:.4g}"
        figure.add_trace(
            go.Scatter(x=rows["frame"], y=rows[column], text=rows["image"], name=str(name), hovertemplate=hover, **look)
        )
    return figure


def _layout(x_name: str, y_name: str, height: int) -> go.Layout:
    legend = {"orientation": "h", "yanchor": "bottom", "y": 1.0, "x": 0.0}
    return go.Layout(
        height=height,
        margin={"l": 8, "r": 8, "t": 28, "b": 8},
        xaxis={"title": x_name, "automargin": True},
        yaxis={"title": y_name, "automargin": True},
        legend=legend,
    )
