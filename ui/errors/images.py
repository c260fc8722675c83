"""The list of images: order, filters, and the strip they are chosen from."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from seglib.errors.budget import CLASSES
from seglib.errors.report import Measured
from ui import crops, opened
from ui.components.gallery import gallery
from ui.errors import listing
from ui.errors import scene as scenes
from ui.errors.listing import Filters
from ui.errors.scene import Scene
from ui.errors.words import many

PER_PAGE = 48  # thumbnails at a time
_GROUP, _TEXT, _MISTAKE, _IOU = "errors_group", "errors_search", "errors_mistake", "errors_iou"
_PAGE_OF = "errors_page_of"


def choose(scene: Scene, scores: pd.DataFrame, measured: Measured | None = None) -> tuple[str, pd.DataFrame]:
    """Draw order, filters and strip; the image in view and the list as it is sorted. measured: what is known of all
    images at the threshold in view."""
    known = (0, 0) if measured is None else (len(measured.regions), len(measured.found))
    stamp = (scene.predicted.stamp, scene.threshold, len(scene.indices), len(scores), *known)
    table = _described(stamp, scores, measured, scene)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        order = st.selectbox("Order", listing.orders(table), key="errors_order", width=230)
        filters = _filters(table)
        if filters.n_set:
            st.button("Clear filters", icon=":material/filter_alt_off:", key="errors_clear", on_click=_clear)
    found = listing.listed(table, order, filters)
    image = scenes.image_in_view(found.image.tolist() or table.image.tolist(), scene)
    if not len(found):
        st.info(f"None of the {len(table):,} images passes these filters.", icon=":material/filter_alt:")
        return image, found
    above = st.container()
    with st.container(horizontal=True, vertical_alignment="center", gap="medium"):
        on_page, first = _page(found, image, (order, filters))
        _counted(first, len(on_page), len(found), len(table))
    with above:
        _strip(scene, on_page, image, order)
    return image, found


def _counted(first: int, n_here: int, n_listed: int, n_all: int) -> None:
    """Which part of the list is drawn, and how many passed the filters; nothing where that is all."""
    part = f"Images {first + 1:,} to {first + n_here:,} of {n_listed:,}" if n_here < n_listed else ""
    passed = f"{n_listed:,} of {n_all:,} images pass the filters" if n_listed < n_all else ""
    if part or passed:
        st.caption(". ".join(text for text in (part, passed) if text) + ".")


def _strip(scene: Scene, rows: pd.DataFrame, image: str, order: str) -> None:
    gallery(
        [_item(scene, row, order) for row in rows.itertuples()],
        key="errors_images",
        size_px=122,
        strip=True,
        smooth=True,
        selected=scene.indices[image],
        outlines=True,
        toggle="Mark the mistakes",
        on_pick=lambda picked: scenes.show(scene.data.records[picked].image),
    )


@st.cache_resource(max_entries=8, show_spinner=False)
def _described(stamp: tuple, _scores: pd.DataFrame, _measured: Measured | None, _scene: Scene) -> pd.DataFrame:
    return listing.described(_scores[_scores.image.isin(_scene.indices)].reset_index(drop=True), _measured)


def _filters(table: pd.DataFrame) -> Filters:
    """Group and name at hand, the rest behind a button."""
    groups, group = sorted(table.group.unique()), None
    if 1 < len(groups) < len(table):
        _forget(_GROUP, groups)
        group = st.selectbox("Group", groups, index=None, placeholder="all", key=_GROUP, width=180)
    text = st.text_input("Search", key=_TEXT, placeholder="part of a name", width=150)
    mistakes = [name for name in CLASSES if name in table and (table[name] > 0).any()]
    with st.popover("More filters", icon=":material/filter_alt:"):
        _forget(_MISTAKE, mistakes)
        mistake = st.selectbox(
            "Has a mistake of kind",
            mistakes,
            index=None,
            placeholder="any" if mistakes else "not measured yet",
            format_func=many,
            key=_MISTAKE,
            disabled=not mistakes,
        )
        low, high = st.slider("IoU from … to", 0.0, 1.0, (0.0, 1.0), 0.01, key=_IOU)
    return Filters(group, text or "", mistake, None if (low, high) == (0.0, 1.0) else (low, high))


def _forget(key: str, options: list[str]) -> None:
    """A choice that another run or data set does not have is none."""
    if st.session_state.get(key) not in (None, *options):
        st.session_state[key] = None


def _clear() -> None:
    st.session_state.pop(_IOU, None)
    for key, value in ((_GROUP, None), (_TEXT, ""), (_MISTAKE, None)):
        if key in st.session_state:
            st.session_state[key] = value


def _page(found: pd.DataFrame, image: str, what: tuple) -> tuple[pd.DataFrame, int]:
    """The rows of one page, and how many come before. The page follows the image in view until the person turns it."""
    pages = -(-len(found) // PER_PAGE)
    if pages < 2:
        return found, 0
    at = found.image.tolist().index(image) if (found.image == image).any() else 0
    # another place is another widget: one that is there keeps its page whatever its default says
    number, place = st.session_state.get(_PAGE_OF, (0, None))
    if place != (image, what):
        number, place = st.session_state[_PAGE_OF] = (number + 1, (image, what))
    page = st.pagination(pages, default=at // PER_PAGE + 1, key=f"errors_images_page_{number}")
    first = (page - 1) * PER_PAGE
    return found.iloc[first : first + PER_PAGE], first


def _item(scene: Scene, row, order: str) -> dict:
    index, number = scene.indices[row.image], scene.rows[row.image]
    plain, marked = (
        crops.crop_url(
            scene.name, scene.data, index, scene.predicted, number, threshold=scene.threshold, size_px=224, overlay=on
        )
        for on in (False, True)
    )
    return {
        "id": index,
        "thumb": plain,
        "outlined": marked,
        "caption": opened.short_name(row.image),
        "note": listing.note(row, order),
    }
