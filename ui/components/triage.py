"""Triage: one place at a time, in four pictures, judged by a key; the next is drawn before the server answers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ui.components.assets import ignore, register

_mount = register("triage")

ITEM_KEYS = ("id", "title", "about", "urls", "captions", "verdict", "why", "when")


def triage(items: Iterable[Mapping[str, Any]], *, key: str, seen: Iterable[str] = ()):
    """Draw the first place without a verdict, its pictures, and a button with its key for each verdict.

    items: mappings with `id`, `title`, `about` (what is known of the place, one line), `urls` (of the pictures image,
    truth, prediction, agreement; those that are missing are left out), optionally `captions` of them by the same
    names, and `verdict`, `why` and `when` as the file has them.
    seen: the `n` of the words that are on disk.

    The result has `words`: [{n, id, verdict, why}], all that were not confirmed by `seen`, oldest first (verdict None =
    taken back), and `show`: the id of a place to fly to, for one run.
    """
    data = {"items": [{name: item.get(name) for name in ITEM_KEYS} for item in items], "seen": list(seen)}
    return _mount(data=data, key=key, on_words_change=ignore, on_show_change=ignore)
