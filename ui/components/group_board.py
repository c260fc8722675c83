"""The group board: every group of a data set in a row with its pictures, figures and side; one click moves it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ui.components.assets import ignore, register

_mount = register("group_board")

GROUP_KEYS = ("name", "thumbs", "n", "labelled", "used", "side", "frames", "fold", "cells", "foreground")


def group_board(groups: Iterable[Mapping[str, Any]], *, key: str, outlines: bool = True):
    """Draw one row a group; many rows scroll, and can be filtered, sorted and moved together.

    groups: mappings with `name`, `thumbs` (a list of {plain, outlined} addresses, outlined None without a mask), `n`
    pictures, `labelled` of them with a mask, `used` of those on a side, `side` (train, val, '' = not used, 'both'),
    `frames` and `fold` (short texts, may be ''), `cells` (number or None: not known yet) and `foreground` (0 to 1 or
    None).

    The result has `clicks`, the last twenty, oldest first: {id, groups: [names], side}; who listens remembers the id
    heard last. And `selected`: the names of the ticked groups.
    """
    data = {"groups": [{name: group.get(name) for name in GROUP_KEYS} for group in groups], "outlines": outlines}
    return _mount(data=data, key=key, on_clicks_change=ignore, on_selected_change=ignore)
