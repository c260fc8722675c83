"""The filters and the sort of the grid: part, name, group, any measure's range, and pictures chosen elsewhere."""

from __future__ import annotations

import html
from dataclasses import dataclass

import numpy as np
import pandas as pd
import streamlit as st

from seglib.data.dataset import Dataset
from ui import browse
from ui.data.measures import OF_PICTURES, Measure, known
from ui.glossary import explain

ONLY, BY, RANGE, AS_LISTED = "data_only", "data_by", "data_range_", "As listed"
DEFAULTS = {"data_split": "all", "data_text": "", "data_group": None, "data_sort": AS_LISTED, BY: []}
STEPS, BARS = 200, 40  # of a slider, of the histogram above it


@dataclass(frozen=True)
class Only:
    """Pictures chosen elsewhere: by a finding, or by a click on a chart. words: what they have in common."""

    words: str
    pictures: tuple[int, ...]


def show_only(words: str, pictures: list[int]) -> None:
    """Bring the grid into view with these pictures alone."""
    reset()
    st.session_state[ONLY] = Only(words, tuple(pictures))
    st.session_state["view"] = "Images"


def reset() -> None:
    """All pictures again, as listed."""
    st.session_state.pop(ONLY, None)
    for key in [key for key in st.session_state if str(key).startswith(RANGE)]:
        del st.session_state[key]
    for key, value in DEFAULTS.items():
        st.session_state[key] = value


def chosen(data: Dataset, table: pd.DataFrame | None) -> list[int]:
    """Draw the filters; the numbers of the pictures that pass them all, in the order wished for."""
    offered = [] if table is None else known(table)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        split, text, group = _by_record(data)
        column, largest_first = _sort(offered)
        by = _measures(offered)
    ranges = _ranges(table, by)
    only = _only()
    if _any_set():
        st.button("Clear all filters", icon=":material/filter_alt_off:", key="data_clear", on_click=reset)
    found = browse.matching(data, split, group, text, only)
    if table is None:
        return found
    return browse.ordered(browse.within(found, table, ranges), column, largest_first, table)


def _by_record(data: Dataset) -> tuple[str | None, str, str | None]:
    parts, groups = browse.parts(data), browse.groups(data)
    split, group = "all", None
    if len(parts) > 1:
        labels = {"all": "All", **{part: f"{part} {n:,}" for part, n in parts.items()}}
        split = st.segmented_control(
            "Part",
            list(labels),
            default="all",
            required=True,
            format_func=labels.get,
            key="data_split",
            persist_state="session",
        )
    text = st.text_input("Search", key="data_text", placeholder="part of a name", width=150, persist_state="session")
    if 1 < len(groups) < len(data.records):
        group = st.selectbox(
            "Group",
            groups,
            index=None,
            placeholder="all",
            key="data_group",
            width=150,
            help=explain("group"),
            persist_state="session",
        )
    return None if split == "all" else split, text, group


def _sort(offered: list[str]) -> tuple[str | None, bool]:
    """(column, whether the largest comes first); None: as listed."""
    options = [AS_LISTED, *offered]
    if st.session_state.get("data_sort", AS_LISTED) not in options:
        st.session_state["data_sort"] = AS_LISTED
    column = st.selectbox("Sort by", options, format_func=_label, key="data_sort", width=210, persist_state="session")
    if column == AS_LISTED:
        return None, False
    first = st.segmented_control(
        "Order",
        ["largest", "smallest"],
        default="largest",
        required=True,
        format_func={"largest": ":material/arrow_downward:", "smallest": ":material/arrow_upward:"}.get,
        help="Arrow down: the largest first. Arrow up: the smallest first.",
        key="data_order_by",
        persist_state="session",
    )
    return column, first == "largest"


def _measures(offered: list[str]) -> list[str]:
    """The measures to filter by."""
    if not offered:
        return []
    kept = [column for column in st.session_state.get(BY, []) if column in offered]
    if kept != st.session_state.get(BY, []):
        st.session_state[BY] = kept
    return st.multiselect(
        "Filter by",
        offered,
        format_func=_label,
        key=BY,
        placeholder="any statistic",
        width="stretch",
        help="Several at once: a picture has to pass them all.",
        persist_state="session",
    )


def _label(column: str) -> str:
    return OF_PICTURES[column].label if column in OF_PICTURES else column


def _ranges(table: pd.DataFrame | None, by: list[str]) -> dict[str, browse.Range]:
    """A slider under a histogram for each measure; one left at both ends lets every picture pass."""
    if not by:
        return {}
    grid, ranges = st.grid(4, min_column_width=220, gap="medium"), {}
    for column in by:
        with grid.cell():
            picked = _range(OF_PICTURES[column], table[column].to_numpy(float))
        if picked is not None:
            ranges[column] = picked
    return ranges


def _range(measure: Measure, values: np.ndarray) -> browse.Range | None:
    low, high, step = bounds(values, measure.kind)
    key, factor = RANGE + measure.column, 100 if measure.kind == "share" else 1
    low, high, step = low * factor, high * factor, step * factor
    kept = st.session_state.get(key, (low, high))
    if not (low <= kept[0] <= kept[1] <= high):  # of another data set
        st.session_state[key] = (low, high)
    above = st.container()
    a, b = st.slider(
        f"{measure.label} (%)" if measure.kind == "share" else measure.axis(),
        low,
        high,
        (low, high),
        step,
        key=key,
        help=f"{measure.meaning} Pictures without this figure are left out as soon as you move an end.",
        format="%.4g",
        persist_state="session",
    )
    above.html(bars(values * factor, low, high, a, b))
    half = step / 2  # what the slider shows is rounded to its steps; an end left alone lets all pass
    return None if (a, b) == (low, high) else ((a - half) / factor, (b + half) / factor)


def bounds(values: np.ndarray, kind: str = "ratio") -> tuple[float, float, float]:
    """(lowest, highest, step) of a slider over the finite values, the ends on whole steps of 1, 2 or 5 · 10^n."""
    finite = values[np.isfinite(values)]
    low, high = float(finite.min()), float(finite.max())
    rough = max((high - low) / STEPS, 1e-12)
    power = 10.0 ** np.floor(np.log10(rough))
    step = float(power * next(m for m in (1, 2, 5, 10) if m * power >= rough * 0.999))
    step = max(1.0, step) if kind == "count" else step
    digits = max(0, int(-np.floor(np.log10(step))) + 1)
    ends = np.floor(low / step) * step, np.ceil(high / step) * step
    return round(float(ends[0]), digits), round(float(max(ends[1], ends[0] + step)), digits), step


def bars(values: np.ndarray, low: float, high: float, a: float, b: float) -> str:
    """A histogram as markup: numbers only, dark between a and b, the rest faint."""
    counts, edges = np.histogram(values[np.isfinite(values)], BARS, (low, high))
    heights = np.sqrt(counts / max(1, counts.max()))  # the root: rare pictures are often those that are looked for
    inside = (edges[1:] > a) & (edges[:-1] < b)
    columns = "".join(
        f'<div style="flex:1;height:{100 * height:.0f}%;background:{"#0072B2" if on else "#999999"}"></div>'
        for height, on in zip(heights, inside)
    )
    label = html.escape(f"{int(counts.sum()):,} pictures")
    return (
        f'<div role="img" aria-label="Histogram of {label}" style="display:flex;align-items:flex-end;gap:1px;'
        f'height:32px;padding:0 6px">{columns}</div>'
    )


def _only() -> tuple[int, ...] | None:
    """The pictures chosen elsewhere, with a way back to all."""
    only: Only | None = st.session_state.get(ONLY)
    if only is None:
        return None
    st.button(
        f"Only: {only.words}",
        icon=":material/close:",
        key="data_only_off",
        help="Show all pictures again",
        on_click=st.session_state.pop,
        args=(ONLY, None),
    )
    return only.pictures


def _any_set() -> bool:
    return ONLY in st.session_state or any(
        (st.session_state.get(key) or value) != value for key, value in DEFAULTS.items()
    )
