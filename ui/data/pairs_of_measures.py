"""Any two measures against each other, one point a picture: what stands apart is worth a look."""

from __future__ import annotations

import streamlit as st

from seglib.data.dataset import Dataset
from seglib.data.survey import Survey
from ui import surveyed
from ui.data import behind, plots
from ui.data.measures import OF_PICTURES, known

COLOURS = {"split": "train and val", "group": "group"}


def show(name: str, data: Dataset, found: Survey) -> None:
    table = surveyed.table(found)
    columns = known(table)
    if len(columns) < 2:
        st.info("These pictures differ in fewer than two statistics.", icon=":material/scatter_plot:")
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        x, y = _picked("Across", "pair_x", columns, 0), _picked("Up", "pair_y", columns, 1)
        colour_by = st.segmented_control(
            "Colour by",
            list(COLOURS),
            format_func=COLOURS.get,
            default="split",
            required=True,
            key="pair_colour",
            persist_state="session",
        )
        behind.select_by()
    left, up = OF_PICTURES[x], OF_PICTURES[y]
    figure = plots.scatter(table, left, up, colour_by)

    def chosen(selection: behind.Selection) -> behind.Chosen | None:
        pictures = plots.in_boxes(selection, {"": table}, x, y) or behind.pictures_of_points(selection)
        return behind.Chosen(f"by {left.label.lower()} and {up.label.lower()}", pictures)

    n, n_both = sum(len(trace.x) for trace in figure.data), int((table[x].notna() & table[y].notna()).sum())
    part = f"{n:,} of {n_both:,} pictures are drawn; a box finds all that lie in it. " if n < n_both else ""
    missing = len(table) - n_both
    without = f"{missing:,} pictures without one of the two are left out. " if missing else ""
    st.caption(f"{part}{without}Select points to see their pictures.")
    title, text = f"{up.label} over {left.label.lower()}", f"{left.label}: {left.meaning} {up.label}: {up.meaning}"
    chart = behind.Chart(f"pair_{x}_{y}_{colour_by}", title, text, figure, chosen)
    behind.charts(name, data, [chart], "No picture has both.")


def _picked(label: str, key: str, columns: list[str], default: int) -> str:
    if st.session_state.get(key) not in (None, *columns):  # a measure of another data set
        del st.session_state[key]
    return st.selectbox(
        label,
        columns,
        index=default,
        format_func=lambda column: OF_PICTURES[column].label,
        key=key,
        width=230,
        persist_state="session",
    )
