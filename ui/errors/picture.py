"""The image in view: its four panels, the list of its mistakes, what the chosen one means, and the way to the next."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
import streamlit as st

from seglib.exceptions import InputError
from seglib.runs.predicted import Predicted
from ui import opened, routes
from ui.components.synced_viewer import region_items, synced_viewer
from ui.errors import pooled_curve
from ui.errors import scene as scenes
from ui.errors.listing import neighbours
from ui.errors.scene import VIEWER, ImageView, Scene
from ui.errors.words import KINDS, meaning, one
from ui.literal import literal

LISTED = 300
REACH = 4  # images on either side that left and right can show before Python has followed
_HEARD = "errors_heard"
GONE = "place"  # id of a place where nothing is wrong any more


def region_at(table: pd.DataFrame, place: Mapping[str, Any]) -> str | None:
    """Id of the region of the same kind whose box overlaps that of `place` most (IoU of boxes); None without any."""
    same = table[table.kind == place["kind"]]
    height = same[["row", "height"]].sum(axis=1).clip(upper=place["row"] + place["height"]) - same.row.clip(
        lower=place["row"]
    )
    width = same[["col", "width"]].sum(axis=1).clip(upper=place["col"] + place["width"]) - same.col.clip(
        lower=place["col"]
    )
    shared = height.clip(lower=0) * width.clip(lower=0)
    iou = shared / (same.height * same.width + place["height"] * place["width"] - shared)
    return str(same.region[iou.idxmax()]) if len(iou) and iou.max() > 0 else None


def items_of(table: pd.DataFrame, target: Mapping[str, Any] | None) -> tuple[list[dict[str, Any]], str | None]:
    """What the viewer lists, in plain words, and the id to fly to. A target where nothing is wrong now is added."""
    items = region_items(table, LISTED)
    classes = dict(zip(table.region.astype(str), table["class"]))
    for item in items:
        item["label"] = one(classes[item["id"]])
    if target is None:
        return items, None
    found = None if "label" in target else region_at(table, target)
    if found is None:
        label = target.get("label") or f"no {one(target['class'])} any more"
        items.append(
            {
                **{k: target[k] for k in ("kind", "row", "col", "height", "width")},
                "id": GONE,
                "n_pixels": 0,
                "label": label,
            }
        )
    elif all(item["id"] != found for item in items):  # smaller than all that are listed
        items.append({**region_items(table[table.region.astype(str) == found])[0], "label": one(classes[found])})
    return items, found or GONE


def draw(scene: Scene, image: str, order: list[str]) -> ImageView | None:
    """Everything about one image; None, having said why, where it cannot be read."""
    _head(scene, image, order)
    try:
        view = scenes.of_image(scene, image)
    except InputError as error:
        st.error(literal(error), icon=":material/broken_image:")
        return None
    if view.changed:
        st.warning(
            "The mask of this image has changed since the run was validated: the panels show the mask as it is now, "
            "the numbers of the whole set are still those of the old one. Train again, or evaluate on the train side.",
            icon=":material/edit:",
        )
    _viewer(scene, image, view, order)
    return view


def _head(scene: Scene, image: str, order: list[str]) -> None:
    before, after = neighbours(order, image)
    place = f"{order.index(image) + 1} of {len(order)}" if image in order else "not in this list"
    group = scene.scores.group[scene.rows[image]]
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.header(opened.short_name(image), anchor=False, width="content")
        st.caption(f"{place} · {group}", width="stretch")
        with st.container(horizontal=True, horizontal_alignment="right", gap="small", width="content"):
            _step("Previous", ":material/chevron_left:", before, "Left")
            _step("Next", ":material/chevron_right:", after, "Right")


def _step(label: str, icon: str, image: str | None, shortcut: str) -> None:
    st.button(
        label,
        icon=icon,
        key=f"errors_{label.lower()}",
        disabled=image is None,
        on_click=scenes.show,
        args=(image,),
        shortcut=shortcut,
    )


@st.fragment
def _viewer(scene: Scene, image: str, view: ImageView, order: list[str]) -> None:
    """A fragment: choosing a mistake draws nothing else anew."""
    if scenes.image_asked() not in (None, image):  # by left or right, and shown already
        st.rerun()
    items, selected = items_of(view.regions, scenes.target())
    shown, other = addresses(scene, image), _other_view(scene, image)
    result = synced_viewer(
        shown["image"],
        key=VIEWER,
        labels_url=shown["labels"],
        probability_url=shown["probability"],
        threshold=scene.threshold,
        regions=items,
        n_regions=len(view.regions),
        selected=selected,
        reveal=scenes.reveal(),
        title=image,
        curve=pooled_curve.own(scene),
        split=scene.predicted.split,
        around=[addresses(scene, one) for one in around(order, image)],
        heard=st.session_state.get(_HEARD),
        on_go=_go,
        **_beside(scene, other, shown["other_probability"]),
    )
    if scenes.threshold() != scene.threshold:
        st.rerun()
    pick = result.pick
    st.caption(_told(other if other and pick and pick.get("run") == "other" else view, pick, selected))


def _other_view(scene: Scene, image: str) -> ImageView | None:
    """The mistakes of what stands beside; None, said where it is no matter of course, where there are none to show."""
    try:
        return scenes.of_other(scene, image)
    except InputError as error:
        st.warning(f"Nothing stands beside this run: {literal(error)}", icon=":material/compare:")
        return None


def _beside(scene: Scene, other: ImageView | None, url: str | None) -> dict[str, Any]:
    """What the viewer is told of it."""
    if other is None or url is None:
        return {}
    own_name, other_name = names(scene.predicted, scene.other)
    return {
        "other_probability_url": url,
        "name": own_name,
        "other_name": other_name,
        "other_regions": items_of(other.regions, None)[0],
        "other_n_regions": len(other.regions),
        "other_curve": pooled_curve.of_stored(scene.other),
    }


def names(own: Predicted, other: Predicted) -> tuple[str, str]:
    """What two predictions are called side by side: their runs, or the checkpoints of one run."""
    if own.run.id == other.run.id:
        return own.which, other.which
    if own.run.name == other.run.name:
        return own.run.id, other.run.id
    return own.run.name, other.run.name


def around(order: list[str], image: str) -> list[str]:
    """The image with those before and after it in the list, at most REACH each; none where it is not in the list."""
    if image not in order:
        return []
    at = order.index(image)
    return order[max(0, at - REACH) : at + REACH + 1]


def addresses(scene: Scene, image: str) -> dict[str, str | None]:
    """Where the viewer gets the pixels of one image."""
    index, row = scene.indices[image], scene.rows[image]
    other = scene.other and scene.other_rows.get(image)
    return {
        "title": image,
        "image": routes.values_url(scene.name, scene.data, index),
        "labels": routes.labels_url(scene.name, scene.data, index),
        "probability": _probability_url(scene.predicted, row),
        "other_probability": None if other is None else _probability_url(scene.other, other),
    }


def _probability_url(chosen: Predicted, row: int) -> str | None:
    if chosen.job:
        return routes.result_url(chosen.job, f"{row}.png")
    return routes.probability_url(chosen.run.id, chosen.which, row)


def _go() -> None:
    """Left or right was pressed in the viewer, which shows that image already."""
    told = st.session_state[VIEWER].get("go")
    if told:
        scenes.show(told["image"])
        st.session_state[_HEARD] = told["seq"]


def _told(view: ImageView, pick: Mapping[str, Any] | None, selected: str | None) -> str:
    """One line on the mistake that was clicked, else on how the picture is read."""
    chosen = pick["id"] if pick else selected
    rows = view.regions[view.regions.region.astype(str) == str(chosen)]
    if not len(rows):
        if chosen == GONE and scenes.target() and "label" in scenes.target():
            return f"The square marks {scenes.target()['label']}."
        if chosen == GONE:
            return "The square marks the place: at this checkpoint and threshold nothing is wrong there any more."
        n = len(view.regions)
        return (
            f"{n} {'mistake' if n == 1 else 'mistakes'} in this image. Click one in the list or in a panel: this line "
            "says what it is, and all panels fly there."
        )
    row = rows.iloc[0]
    name = row["class"]
    sure = "" if row.probability != row.probability else f", mean probability {row.probability:.2f}"
    return f"**{one(name).capitalize()}** ({KINDS[row.kind]}): {row.n_pixels} px{sure}. {meaning(name)}"
