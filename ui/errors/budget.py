"""Where the IoU goes: 1 − IoU by kind of mistake, for all images, a group or one image, and the crops behind it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import pandas as pd
import streamlit as st

from seglib.errors.report import Measured
from seglib.exceptions import InputError
from ui.errors import ceiling, side_by_side
from ui.errors.region_gallery import largest_of_class, region_gallery
from ui.errors.scene import ImageView, Scene, Shown
from ui.errors.waterfall import Mark, present, waterfall
from ui.errors.words import many, meaning
from ui.glossary import explain
from ui.literal import literal

__all__ = ["draw", "region_gallery"]

ALL, THIS, GROUP, BESIDE = "All images", "This image", "One group", "Side by side"
_CLASS = "errors_class"


def draw(shown: Shown) -> None:
    measured, view = shown.measured, shown.view
    groups = sorted(measured.budgets.group.unique())
    grouped = 1 < len(groups) < len(measured.budgets)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        scopes = [ALL, *([THIS] if view else []), *([GROUP] if grouped else []), BESIDE]
        scope = st.segmented_control(
            "Of", scopes, default=ALL, required=True, key="errors_scope", help=explain("error budget")
        )
        group = st.selectbox("Group", groups, key="errors_budget_group", width=240) if scope == GROUP else None
        what = side_by_side.choose(shown, grouped) if scope == BESIDE else None
    moved = _ceiling(shown.scene)
    if what:
        side_by_side.draw(shown, what, _of_images(moved, None))
        return
    budget, regions, images = _of(scope, group, measured, shown.image, view)
    _one(shown.scene, budget, regions, _of_images(moved, images), scope if group is None else group)


def _one(
    scene: Scene, budget: dict[str, int], regions: pd.DataFrame, moved: Mapping[str, int] | None, scope: str
) -> None:
    """The waterfall of one budget and the regions behind the bar that was clicked."""
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
        chosen = _chart(budget, names, scope, ceiling.marks(moved))
        if moved and (text := ceiling.told(moved, budget)):
            st.caption(text)
    with halves.cell():
        _regions(scene, regions, budget, names, chosen)


def _of(
    scope: str, group: str | None, measured: Measured, image: str, view: ImageView | None
) -> tuple[dict[str, int], pd.DataFrame, list[str] | None]:
    """Budget, regions and names of the images of a scope; None for all of them."""
    if scope == THIS and view:
        return view.budget, view.regions, [image]
    if group is None:
        return measured.pooled(), measured.regions, None
    images = measured.budgets.image[measured.budgets.group == group].tolist()
    return measured.pooled(group), measured.regions[measured.regions.image.isin(images)], images


def _ceiling(scene: Scene) -> pd.DataFrame | None:
    try:
        return ceiling.table(scene)
    except InputError as error:
        st.caption(f"No ceiling: {literal(error)}")
        return None


def _of_images(moved: pd.DataFrame | None, images: list[str] | None) -> dict[str, int] | None:
    if moved is None:
        return None
    return ceiling.pooled(moved if images is None else moved[moved.image.isin(images)])


def _chart(budget: dict[str, int], names: list[str], scope: str, marks: list[Mark]) -> str:
    wrong = sum(budget[name] for name in names)
    worst = max(names, key=budget.get)
    if st.session_state.get(_CLASS) not in names:
        st.session_state[_CLASS] = worst
    chosen = st.session_state[_CLASS]
    key = f"errors_waterfall_{scope}"
    st.echarts_chart(
        waterfall(budget, chosen, marks),
        height=max(180, 34 * (len(names) + 1) + (68 if marks else 50)),
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
    largest_of_class(scene, regions, chosen, f"errors_class_{chosen}")
