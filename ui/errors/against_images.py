"""Image by image: the IoU of one run against that of the other, and the images behind a click or a box."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from ui import delta, opened, routes
from ui.components.gallery import gallery
from ui.errors import against_charts
from ui.errors import scene as scenes
from ui.errors.changed import Names
from ui.errors.scene import Scene

SHOWN = 24
_BY, _CLICKED = "errors_scatter_by", "errors_scatter_clicked"
_TOOLS = {"displayModeBar": False, "doubleClick": False}


@st.fragment
def draw(scene: Scene, table: pd.DataFrame, names: Names, image: str) -> None:
    """A fragment: a box draws nothing else anew; a click brings its image into view.

    table: image, iou_a, iou_b, as `ui.errors.changed` makes it.
    """
    halves = st.grid(2, min_column_width=400, gap="medium")
    with halves.cell():
        chosen = _chart(table, names, image)
    with halves.cell():
        _behind(scene, table, chosen)
    if st.session_state.pop(_CLICKED, None):
        st.rerun()


def _chart(table: pd.DataFrame, names: Names, image: str) -> list[str]:
    """The images that are selected."""
    undefined = int((table.iou_a.isna() | table.iou_b.isna()).sum())
    left_out = f" {undefined} without an IoU in one of the two are left out." if undefined else ""
    st.markdown(
        "**Image by image**",
        help=f"Each point is one image with its own IoU; above the dashed line {names.b} is better.{left_out}",
    )
    by = st.segmented_control(
        "Select by",
        ["click", "box"],
        default="click",
        required=True,
        key=_BY,
        format_func={"click": ":material/ads_click: click", "box": ":material/select: drag a box"}.get,
        label_visibility="collapsed",
    )
    figure = against_charts.scatter(table, names, image)
    if not figure.data:
        st.caption("No image has an IoU in both.")
        return []
    if by == "click":
        figure.update_layout(dragmode=False)
    key = f"errors_scatter_{by}"
    st.plotly_chart(
        figure,
        key=key,
        on_select=lambda: _selected(key, by),
        selection_mode="points" if by == "click" else "box",
        config=_TOOLS,
        alt=f"Scatter of the images: IoU of {names.a} across, of {names.b} up",
    )
    return _images(key)


def _images(key: str) -> list[str]:
    selection = (st.session_state.get(key) or {}).get("selection", {})
    found = []
    for point in selection.get("points", ()):
        image = point.get("customdata")
        image = image[0] if isinstance(image, list | tuple) else image
        if image is not None:
            found.append(str(image))
    return list(dict.fromkeys(found))


def _selected(key: str, by: str) -> None:
    """A click on one point shows its image."""
    chosen = _images(key)
    if by == "click" and len(chosen) == 1:
        scenes.show(chosen[0])
        st.session_state[_CLICKED] = True


def _behind(scene: Scene, table: pd.DataFrame, chosen: list[str]) -> None:
    """The selected images; without a selection those that changed most."""
    table = table.assign(change=table.iou_b - table.iou_a)
    rows = table[table.image.isin(chosen)] if chosen else table
    rows = rows.loc[rows.change.abs().sort_values(ascending=False).index].head(SHOWN)
    if chosen:
        st.markdown(f"**{len(chosen)} selected {'image' if len(chosen) == 1 else 'images'}**")
    else:
        st.markdown("**Changed most**", help="Click a point, or drag a box, to see other images here.")
    with st.container(height=420, border=False):
        picked = gallery(
            [_item(scene, row) for row in rows.itertuples()],
            key="errors_scatter_images",
            size_px=122,
            toggle="Mark what changed",
            smooth=True,
        ).pick
    if picked is not None:
        scenes.show(scene.data.records[int(picked)].image)
        st.rerun()


def _item(scene: Scene, row) -> dict:
    index = scene.indices[row.image]
    item = {
        "id": index,
        "caption": opened.short_name(row.image),
        "note": f"{row.iou_a:.3f} → {row.iou_b:.3f}",
    }
    if row.image not in scene.other_rows:
        plain = routes.thumb_url(scene.name, scene.data, index)
        return {**item, "thumb": plain, "outlined": None}
    a, b = (scene.predicted, scene.rows[row.image]), (scene.other, scene.other_rows[row.image])
    plain, marked = (
        delta.delta_url(scene.name, scene.data, index, a, b, threshold=scene.threshold, overlay=on)
        for on in (False, True)
    )
    return {**item, "thumb": plain, "outlined": marked}
