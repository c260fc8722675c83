"""One picture of a data set enlarged: image and truth, its grey values, its cells, and what was found about it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from seglib.data.cells import cells
from seglib.data.dataset import Dataset
from seglib.data.readers import read_mask, to_gray
from seglib.data.survey import Survey, grey_edges, part_of, pictures_of
from seglib.exceptions import InputError
from ui import charts, opened, pixels, routes
from ui.components.synced_viewer import synced_viewer
from ui.glossary import explain
from ui.literal import literal

THIS = "this picture"
_COLOUR = "#009E73"


def show(name: str, data: Dataset, index: int, found: Survey | None) -> None:
    synced_viewer(
        routes.values_url(name, data, index),
        labels_url=routes.labels_url(name, data, index),
        key="data_viewer",
        title=data.records[index].image,
    )
    try:
        facts, counts, edges, table = _looked(data, index, opened.tag(data, index), *_scale(found))
    except InputError as error:
        st.error(literal(error), icon=":material/broken_image:")
        return
    row = st.grid(3, min_column_width=240, gap="medium")
    with row.cell():
        _facts(data, index, facts, table, found)
    with row.cell():
        st.markdown("**Grey values**", help="Of all pixels of this picture, beside those drawn from train and val.")
        st.plotly_chart(_grey(found, counts, edges), key="picture_grey", config={"displayModeBar": False})
    with row.cell():
        _diameters(data, index, table, found)


def _scale(found: Survey | None) -> tuple[tuple[float, ...] | None, int | None]:
    return (tuple(found.edges) or None, found.grey_unit) if found else (None, None)


@st.cache_data(max_entries=64, show_spinner=False)
def _looked(_data: Dataset, index: int, tag: str, edges: tuple[float, ...] | None, unit: int | None):
    """(facts to be said, counts of grey values, their edges, table of cells) of one picture."""
    sample = opened.sample(_data, index)
    gray = to_gray(sample.image) * (unit or _unit(sample.image))
    edges = np.asarray(edges if edges is not None else grey_edges(gray.ravel()))
    counts = np.histogram(np.clip(gray, edges[0], edges[-1]), edges)[0]
    mask = _data.mask_path(index)
    facts = {
        "shape": sample.image.shape[:2],
        "shown": shown_as(sample.image),
        "understood": read_mask(mask)[1] if mask else "",
        "foreground": float(sample.mask.mean()),
        "ignored": float(1 - sample.valid.mean()),
    }
    return facts, counts.tolist(), edges.tolist(), cells(sample.labels)


def shown_as(image: np.ndarray) -> str:
    """One line on what kind of picture it is and how its values became the grey on screen."""
    colour = "RGB, used and shown as luminance" if image.ndim == 3 else "grey"
    line = f"{image.dtype} {colour}"
    if image.dtype == np.uint8:
        return line
    low, high = (value * _unit(image) for value in pixels.window(image))
    return f"{line}; black is {low:,.4g} and white {high:,.4g} (its percentiles 0.1 and 99.9)"


def _unit(image: np.ndarray) -> int:
    """What to_gray divided by."""
    return {"uint8": 255, "uint16": 65535}.get(image.dtype.name, 1)


def _facts(data: Dataset, index: int, facts: dict, table: pd.DataFrame, found: Survey | None) -> None:
    record, whole = data.records[index], table[~table["touches_border"]]
    height, width = facts["shape"]
    lines = [f"{height} × {width} px, {facts['shown']}", f"Group **{record.group}**"]
    if record.mask:
        lines.append(f"Mask understood as {facts['understood']}")
        cut = int(table["touches_border"].sum())
        lines.append(
            f"**{len(table)}** {'cell' if len(table) == 1 else 'cells'}"
            + (f", {cut} of them cut by the border" if cut else "")
        )
        lines.append(f"**{facts['foreground']:.1%}** of the pixels are cell")
        if len(whole):
            lines.append(f"Median diameter **{whole['diameter_px'].median():.1f} px** (cells not cut by the border)")
    else:
        lines.append("No mask: never trained on or scored.")
    if facts["ignored"]:
        lines.append(f"{facts['ignored']:.1%} of the pixels are left out (`ignore`)")
    st.markdown("**About this picture**")
    st.markdown("\n".join(f"- {line}" for line in lines))
    for finding in found.report.findings if found else ():
        if finding.files and index in pictures_of(finding, data):
            st.caption(f":material/flag: Among these: {literal(finding.explanation)}")


def _grey(found: Survey | None, counts: list[int], edges: list[float]) -> go.Figure:
    others = {split: found.grey[split] for split in ("train", "val") if split in found.grey} if found else {}
    label = f"Grey value (0 to {found.grey_unit:,})" if found and found.grey_unit > 1 else "Grey value"
    return _highlighted(charts.histogram_of_counts({**others, THIS: counts}, edges, label))


def _diameters(data: Dataset, index: int, table: pd.DataFrame, found: Survey | None) -> None:
    st.markdown("**Cell size**", help=explain("equivalent diameter") + " Cells cut by the border are left out.")
    own = table.loc[~table["touches_border"], "diameter_px"]
    if own.empty:
        st.caption("No whole cell is marked in this picture.")
        return
    split, others = part_of(data, index), {}
    if found is not None:
        whole = found.cells[~found.cells["cut"].astype(bool)]
        others = {s: whole.loc[whole["split"] == s, "diameter_px"] for s in dict.fromkeys(("train", split))}
    figure = _highlighted(charts.histogram({**others, THIS: own}, "Equivalent diameter (px)", bins=30))
    st.plotly_chart(figure, key="picture_diameters", config={"displayModeBar": False})


def _highlighted(figure: go.Figure) -> go.Figure:
    figure.update_traces(line={"color": _COLOUR, "width": 2.5}, selector={"name": THIS})
    figure.update_layout(height=250)
    return legible(figure)


def legible(figure: go.Figure) -> go.Figure:
    """Cut off a lone bar that would flatten all others, and say so: the black round an eyepiece is such a one."""
    heights = [np.asarray(trace.y, float)[1:-1:2] for trace in figure.data]
    tallest, usual = max((h.max() for h in heights), default=0), max((np.sort(h)[-4] for h in heights), default=0)
    if usual > 0 and tallest > 4 * usual:
        figure.update_yaxes(range=[0, 1.4 * usual])
        text = f"one bar goes up to {tallest:.2g}"
        figure.add_annotation(text=text, x=0.98, y=0.98, xref="paper", yref="paper", showarrow=False, xanchor="right")
    return figure
