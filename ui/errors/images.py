"""The list of images: which come first, which are shown, and the strip they are chosen from."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from seglib.runs.predicted import counts
from ui import crops, opened
from ui.components.gallery import gallery
from ui.errors import scene as scenes
from ui.errors.scene import Scene

ORDERS = {
    "Worst IoU first": (["iou", "damage"], [True, False]),
    "Most wrong pixels first": (["damage", "iou"], [False, True]),
    "By name": (["image"], [True]),
    "By group": (["group", "image"], [True, True]),
}
ALL_GROUPS = "All groups"


def listed(scores: pd.DataFrame, order: str, group: str | None = None) -> pd.DataFrame:
    """scores with `iou` (NaN where undefined, those last) and `damage` (wrong pixels, fp + fn), sorted; of one group
    if given."""
    table = scores.assign(iou=[c.iou for c in counts(scores)], damage=scores.fp + scores.fn)
    if group is not None:
        table = table[table.group == group]
    by, ascending = ORDERS[order]
    return table.sort_values(by, ascending=ascending, kind="stable", na_position="last", ignore_index=True)


def neighbours(images: list[str], image: str) -> tuple[str | None, str | None]:
    """The images before and after; the first where `image` is not in the list."""
    if image not in images:
        return None, images[0] if images else None
    at = images.index(image)
    return (images[at - 1] if at else None), (images[at + 1] if at + 1 < len(images) else None)


def choose(scene: Scene, scores: pd.DataFrame) -> tuple[str, pd.DataFrame]:
    """Draw order, group and strip; the image in view and the list as it is sorted."""
    groups = sorted(scores.group.unique())
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        order = st.selectbox("Order", list(ORDERS), key="errors_order", width=220)
        group = ALL_GROUPS
        if 1 < len(groups) < len(scores):
            group = st.selectbox("Group", [ALL_GROUPS, *groups], key="errors_group", width=200)
    table = listed(scores[scores.image.isin(scene.indices)], order, None if group == ALL_GROUPS else group)
    image = scenes.image_in_view(table.image.tolist(), scene)
    items = [_item(scene, row) for row in table.itertuples()]
    picked = gallery(
        items,
        key="errors_images",
        size_px=122,
        strip=True,
        smooth=True,
        selected=scene.indices[image],
        outlines=True,
        toggle="Mark the mistakes",
    ).pick
    if picked is not None and picked != scene.indices[image]:
        scenes.show(scene.data.records[picked].image)
        st.rerun()
    return image, table


def _item(scene: Scene, row) -> dict:
    index, number = scene.indices[row.image], scene.rows[row.image]
    plain, marked = (
        crops.crop_url(
            scene.name, scene.data, index, scene.predicted, number, threshold=scene.threshold, size_px=224, overlay=on
        )
        for on in (False, True)
    )
    iou = "no IoU" if row.iou != row.iou else f"IoU {row.iou:.3f}"
    return {
        "id": index,
        "thumb": plain,
        "outlined": marked,
        "caption": opened.short_name(row.image),
        "note": f"{iou} · {row.damage} px",
    }
