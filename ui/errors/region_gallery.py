"""A gallery of wrong regions: crops that open in the viewer."""

from __future__ import annotations

from functools import partial
from typing import Any

import pandas as pd
import streamlit as st

from ui import crops, opened
from ui.components.gallery import gallery
from ui.errors import scene as scenes
from ui.errors.scene import Scene
from ui.errors.words import KINDS, one

SHOWN = 24


def largest_of_class(scene: Scene, regions: pd.DataFrame, chosen: str, key: str) -> None:
    """The largest regions of a class of the budget, as crops."""
    found = regions[regions["class"] == chosen].nlargest(SHOWN, "n_pixels")
    total = int((regions["class"] == chosen).sum())
    if not total:
        st.caption("These pixels are small parts of regions that are mostly of another kind.")
        return
    with st.container(height=430, border=False):
        region_gallery(scene, found, key=key, notes=[f"{n} px" for n in found.n_pixels])
    if total > len(found):
        st.caption(f"The {len(found)} largest of {total:,}.")


def region_gallery(
    scene: Scene,
    regions: pd.DataFrame,
    *,
    key: str,
    marked: bool | None = None,
    notes: list[str] | None = None,
    size_px: int = 104,
    strip: bool = False,
    courses: list[list[int]] | None = None,
    in_fragment: bool = False,
) -> None:
    """Crops of regions (image, kind, class, row, col, height, width, n_pixels); clicking one opens it in the viewer.

    marked: whether mistakes are drawn in; None leaves that to a tick box of the gallery. notes, courses: one a region,
    all of whose images must then be in the scene; a course is its size in px over time, drawn as little bars.
    in_fragment: whether it is drawn in a fragment.
    """
    rows = [row for row in regions.to_dict("records") if row["image"] in scene.indices]
    items = [_item(scene, row, number) for number, row in enumerate(rows)]
    for item, note in zip(items, notes or []):
        item["note"] = note
    for item, course in zip(items, courses or []):
        item["course"] = course
    toggle, outlines = ("Mark the mistakes", True) if marked is None else (None, marked)
    told = partial(fly, rows)
    picked = gallery(
        items,
        key=key,
        size_px=size_px,
        noun=("mistake", "mistakes"),
        toggle=toggle,
        outlines=outlines,
        strip=strip,
        smooth=True,
        on_pick=None if in_fragment else told,
    ).pick
    if in_fragment and picked is not None:
        told(picked)
        st.rerun()


def fly(rows: list[dict[str, Any]], picked: Any) -> None:
    row = rows[int(picked)]
    scenes.show(row["image"], {name: row[name] for name in ("kind", "class", "row", "col", "height", "width")})


def _item(scene: Scene, row: dict[str, Any], number: int) -> dict[str, Any]:
    index, place = scene.indices[row["image"]], scene.rows[row["image"]]
    plain, marked = (
        crops.crop_url(
            scene.name,
            scene.data,
            index,
            scene.predicted,
            place,
            row,
            threshold=scene.threshold,
            size_px=240,
            overlay=on,
        )
        for on in (False, True)
    )
    return {
        "id": number,
        "thumb": plain,
        "outlined": marked,
        "caption": opened.short_name(row["image"]),
        "note": f"{row['n_pixels']:.0f} px · {one(row['class'])}" if row["class"] else KINDS[row["kind"]],
    }
