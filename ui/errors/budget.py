"""Where the IoU goes: 1 − IoU by kind of mistake, for all images, a group or one image, and the crops behind it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import pandas as pd
import streamlit as st

from seglib.errors.budget import CLASSES
from seglib.errors.colours import CLASS_COLOURS
from seglib.errors.report import Measured
from ui import crops, opened
from ui.components.gallery import gallery
from ui.errors import scene as scenes
from ui.errors.scene import ImageView, Scene, Shown
from ui.errors.words import KINDS, many, meaning, one
from ui.glossary import explain

SHOWN = 24
_CLASS = "errors_class"


def waterfall(budget: Mapping[str, int], chosen: str | None = None) -> dict[str, Any]:
    """ECharts option: from a perfect 1 down to the IoU, one step a class; clicking a bar selects it.

    budget: pixels of each class, and `union` (more than 0). Classes without a pixel are left out.
    """
    union, steps, level = budget["union"], [], 1.0
    for name in present(budget):
        share = budget[name] / union
        level -= share
        steps.append((name, level, share))
    low = max(0, int(20 * min(0.95, 1 - 1.12 * (1 - level)))) / 20
    # the hidden bar begins at `low`: ECharts stacks from zero, which the axis then cuts
    hidden = [round(below, 6) for _, below, _ in steps] + [0]
    bars = [
        {
            "value": round(share, 6),
            "itemStyle": {"color": CLASS_COLOURS[name], "opacity": 1 if chosen in (None, name) else 0.5},
            "label": {"formatter": f"{share:.4f}", "opacity": 1},
        }
        for name, _, share in steps
    ]
    level = max(0.0, round(level, 6))  # what is left of 1 after many subtractions may be -0.0000
    bars.append({"value": level, "itemStyle": {"color": "#8a8a8a"}, "label": {"formatter": f"{level:.4f}"}})
    names = [many(name) for name, _, _ in steps] + ["IoU that is left"]
    return {
        "animation": False,
        "grid": {"left": 8, "right": 64, "top": 8, "bottom": 36, "containLabel": True},
        "tooltip": {"show": False},
        "xAxis": {
            "type": "value",
            "min": low,
            "max": 1,
            "name": "IoU",
            "nameLocation": "middle",
            "nameGap": 24,
        },
        "yAxis": {"type": "category", "data": names, "inverse": True, "axisTick": {"show": False}},
        "series": [
            {"type": "bar", "stack": "iou", "silent": True, "itemStyle": {"color": "transparent"}, "data": hidden},
            {
                "name": "lost",
                "type": "bar",
                "stack": "iou",
                "barMaxWidth": 22,
                "selectedMode": "single",
                "label": {"show": True, "position": "right"},
                "data": bars,
            },
        ],
    }


def present(budget: Mapping[str, int]) -> list[str]:
    """The classes with at least one pixel, in the order of the budget."""
    return [name for name in CLASSES if budget[name]]


def draw(shown: Shown) -> None:
    scene, measured, image, view = shown.scene, shown.measured, shown.image, shown.view
    scopes = ["All images", *(["This image"] if view else [])]
    groups = sorted(measured.budgets.group.unique())
    scopes += groups if 1 < len(groups) <= 6 and len(groups) < len(measured.budgets) else []
    scope = st.segmented_control(
        "Of", scopes, default=scopes[0], required=True, key="errors_scope", help=explain("error budget")
    )
    budget, regions = _of(scope, measured, image, view)
    if not budget["union"]:
        st.info(
            "Neither the masks nor the predictions have a cell here: there is no IoU to lose.", icon=":material/info:"
        )
        return
    names = present(budget)
    if not names:
        st.success("Nothing is wrong here: every pixel agrees with the mask.", icon=":material/check:")
        return
    halves = st.grid(2, min_column_width=400, gap="medium")
    with halves.cell():
        chosen = _chart(budget, names, scope)
    with halves.cell():
        _regions(scene, regions, budget, names, chosen)


def _of(scope: str, measured: Measured, image: str, view: ImageView | None) -> tuple[dict[str, int], pd.DataFrame]:
    if scope == "All images":
        return measured.pooled(), measured.regions
    if scope == "This image" and view:
        return view.budget, view.regions
    images = measured.budgets.image[measured.budgets.group == scope]
    return measured.pooled(scope), measured.regions[measured.regions.image.isin(images)]


def _chart(budget: dict[str, int], names: list[str], scope: str) -> str:
    wrong = sum(budget[name] for name in names)
    worst = max(names, key=budget.get)
    if st.session_state.get(_CLASS) not in names:
        st.session_state[_CLASS] = worst
    chosen = st.session_state[_CLASS]
    key = f"errors_waterfall_{scope}"
    st.echarts_chart(
        waterfall(budget, chosen),
        height=max(180, 34 * (len(names) + 1) + 50),
        key=key,
        on_select=partial(_clicked, key, names),
        alt="Waterfall from 1 down to the IoU, one bar for each kind of mistake",
    )
    st.caption(
        f"1 − IoU = {wrong / budget['union']:.4f}: {wrong:,} wrong of {budget['union']:,} px that are cell in mask or "
        "prediction, added up over the images. Every wrong pixel counts once, so the bars add up exactly."
    )
    return chosen


def _clicked(key: str, names: list[str]) -> None:
    """A click on a bar chooses its class; one on the bar of the IoU, or a second one, chooses nothing."""
    chosen = [i for series in st.session_state[key].selection.selected for i in series["data_indices"]]
    if chosen and chosen[0] < len(names):
        st.session_state[_CLASS] = names[chosen[0]]


def _regions(scene: Scene, regions: pd.DataFrame, budget: dict[str, int], names: list[str], chosen: str) -> None:
    st.selectbox(
        "Mistakes of one kind",
        names,
        key=_CLASS,
        format_func=lambda name: f"{many(name)} · {budget[name] / budget['union']:.4f} of IoU",
    )
    st.caption(meaning(chosen))
    found = regions[regions["class"] == chosen].nlargest(SHOWN, "n_pixels")
    total = int((regions["class"] == chosen).sum())
    if not total:
        st.caption("These pixels are small parts of regions that are mostly of another kind.")
        return
    with st.container(height=430, border=False):
        region_gallery(scene, found, key=f"errors_class_{chosen}", notes=[f"{n} px" for n in found.n_pixels])
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
) -> None:
    """Crops of regions (image, kind, class, row, col, height, width, n_pixels); clicking one opens it in the viewer.

    marked: whether mistakes are drawn in; None leaves that to a tick box of the gallery. notes, courses: one a region,
    all of whose images must then be in the scene; a course is its size in px over time, drawn as little bars.
    """
    rows = [row for row in regions.to_dict("records") if row["image"] in scene.indices]
    items = [_item(scene, row, number) for number, row in enumerate(rows)]
    for item, note in zip(items, notes or []):
        item["note"] = note
    for item, course in zip(items, courses or []):
        item["course"] = course
    toggle, outlines = ("Mark the mistakes", True) if marked is None else (None, marked)
    noun = ("mistake", "mistakes")
    picked = gallery(
        items, key=key, size_px=size_px, noun=noun, toggle=toggle, outlines=outlines, strip=strip, smooth=True
    ).pick
    if picked is not None:
        row = rows[int(picked)]
        scenes.show(row["image"], {name: row[name] for name in ("kind", "class", "row", "col", "height", "width")})
        st.rerun()


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
