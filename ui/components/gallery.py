"""The gallery: a grid of thumbnails with captions and badges, loaded as they scroll in; click one to pick it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

import streamlit as st

from ui.components.assets import ignore, register

_mount = register("gallery")

ITEM_KEYS = ("id", "thumb", "outlined", "caption", "badge", "note", "aspect", "beside", "course")


def gallery(
    items: Iterable[Mapping[str, Any]],
    *,
    key: str,
    size_px: int = 168,
    outlines: bool = True,
    selected: str | int | None = None,
    strip: bool = False,
    smooth: bool = False,
    noun: tuple[str, str] = ("image", "images"),
    toggle: str | None = "Mask outlines",
    on_pick: Callable[[Any], None] | None = None,
):
    """Draw the grid, or one row that scrolls sideways (`strip`).

    items: mappings with `id`, `thumb` (address without outlines), `outlined` (address with, or None: no mask),
    `caption`, and optionally `badge` (train, val, unlabelled, unused: coloured; or any text), `note` (small text under
    the caption), `aspect` (width / height; 1 if missing) and `beside` (`thumb` and `outlined` of a second picture that
    stands to the right of the first in the same card), and `course` (numbers from 0 on, drawn as little bars, 0 as a
    dash).
    noun: what an item is, one and many. toggle: what the tick box that swaps `thumb` for `outlined` says;
    None: no such line, `outlines` decides.
    smooth: shrink pictures without leaving lines out; else pixels stay squares.
    on_pick: told the id that was clicked before the page is drawn, so that what stands above the gallery is drawn once;
    not within a fragment, whose run draws nothing above it.
    The result has `pick`: the id of the item that was clicked, for one run.
    """
    data = {
        "items": [{name: item.get(name) for name in ITEM_KEYS} for item in items],
        "size": size_px,
        "outlines": outlines,
        "selected": selected,
        "strip": strip,
        "smooth": smooth,
        "noun": list(noun),
        "toggle": toggle,
    }
    if on_pick is None:
        return _mount(data=data, key=key, on_pick_change=ignore)
    result = _mount(data=data, key=key, on_pick_change=partial(_tell, key, on_pick))
    if result.pick is not None and not st.session_state.pop(_told(key), False):
        on_pick(result.pick)
        st.rerun()
    return result


def _tell(key: str, on_pick: Callable[[Any], None]) -> None:
    picked = st.session_state[key].pick
    if picked is not None:
        st.session_state[_told(key)] = True
        on_pick(picked)


def _told(key: str) -> str:
    return f"{key}_told"
