"""The map of the field of view beside the gallery: click a spot, see what lies there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import pandas as pd
import streamlit as st

from seglib.errors.field_map import FieldMap, field_map, within
from seglib.runs.recurring import Recurring
from ui.errors.field_chart import SIDE_PX, field_option, place_words, spot_words, spots_of
from ui.errors.scene import Scene

_SPOT = "errors_field_spot"
KINDS = {"fp": "False positives", "fn": "Misses"}


@dataclass(frozen=True)
class Spot:
    """A part of the field of view that was clicked. key: names it in widgets' keys."""

    key: str
    words: str
    kind: str
    bins: tuple[int, ...]
    grid: tuple[int, int]
    sizes: Mapping[str, tuple[int, int]]

    def inside(self, table: pd.DataFrame) -> pd.DataFrame:
        """The places that lie there, of its kind."""
        return table[within(table, self.sizes, self.grid, self.bins) & (table.kind == self.kind)]


def chosen(scene: Scene, found: Recurring, which: str, stamp: str) -> Spot | None:
    """The spot that is chosen, if it is one of what is shown. stamp: of the looks `found` was found in."""
    kept = st.session_state.get(_SPOT)
    if kept is None:
        return None
    view, sizes = _of(scene, found, stamp)
    kind, number = kept
    if kind not in _kinds(which) or number not in spots_of(view, kind):
        return None
    bins = tuple(view.spots.bins.iloc[number])
    return Spot(f"{kind}{number}", place_words(view, number), kind, bins, view.bins, sizes)


def draw(scene: Scene, found: Recurring, which: str, stamp: str) -> None:
    st.markdown("**Where in the field of view**")
    view, _ = _of(scene, found, stamp)
    for kind in _kinds(which):
        _map(view, kind, which == "Both")
    a_group = "a group counts once, where most of its images are wrong"
    counted = a_group if view.units == "groups" else "every image counts"
    few = view.n_groups < view.n_images and view.units == "images"
    movies = "All are frames of one movie" if view.n_groups == 1 else f"They come from {view.n_groups} movies"
    st.caption(
        f"All {view.n_images} images laid over each other{'' if view.shape else ', whatever their size'}: the fuller "
        f"the colour, the more are wrong there. A ring marks more than chance explains (1 % over all squares; "
        f"{counted})." + (f" {movies}: a cell that stays put looks like dust." if few else "")
    )


def _map(view: FieldMap, kind: str, named: bool) -> None:
    numbers = spots_of(view, kind)
    kept = st.session_state.get(_SPOT)
    picked = kept[1] if kept and kept[0] == kind and kept[1] in numbers else None
    if named:
        st.caption(KINDS[kind])
    key = f"errors_field_{kind}"
    rows, cols = view.bins
    st.echarts_chart(
        field_option(view, kind, picked),
        height=round(SIDE_PX * rows / max(rows, cols)) + 60,
        key=key,
        on_select=partial(_clicked, key, kind, numbers),
        alt=f"Map of the field of view: {KINDS[kind].lower()} of {view.n_images} images, {len(numbers)} spots",
    )
    if not numbers:
        st.caption("No spot stands out: nothing looks like dust on the camera.")
        return
    words = {n: f"{i}: {place_words(view, n)} · {spot_words(view, n)}" for i, n in enumerate(numbers, start=1)}
    pills = f"{key}_pills"
    if st.session_state.get(pills) != picked:
        st.session_state[pills] = picked
    st.pills(
        "Spots", numbers, format_func=words.get, key=pills, on_change=_chosen, args=(pills, kind),
        help="Choose a spot to see only what lies there; once more for everything.",
    )  # fmt: skip


def _clicked(key: str, kind: str, numbers: list[int]) -> None:
    """A click on a ring chooses its spot; one on a chosen ring takes the mark off it, and everything is shown."""
    marked = [i for part in st.session_state[key].selection.selected for i in part["data_indices"]]
    st.session_state[_SPOT] = (kind, numbers[marked[0]]) if marked and marked[0] < len(numbers) else None


def _chosen(key: str, kind: str) -> None:
    number = st.session_state[key]
    st.session_state[_SPOT] = None if number is None else (kind, number)


def _kinds(which: str) -> list[str]:
    return [kind for kind, name in KINDS.items() if which in (name, "Both")]


def _of(scene: Scene, found: Recurring, stamp: str) -> tuple[FieldMap, dict[str, tuple[int, int]]]:
    return _field(scene.predicted.stamp, len(scene.indices), stamp, scene, found)


@st.cache_resource(max_entries=8, show_spinner=False)
def _field(stamp: str, n_images: int, looks: str, _scene: Scene, _found: Recurring):
    """The map of what is wrong in the look in view, and the sizes of its images."""
    sizes = {image: size for image, size in _scene.predicted.sizes().items() if image in _scene.indices}
    table = _found.table
    alive = table[table.alive.astype(bool) & table.image.isin(sizes)]
    groups = dict(zip(_scene.scores.image, _scene.scores.group))
    return field_map(alive, sizes, groups), sizes
