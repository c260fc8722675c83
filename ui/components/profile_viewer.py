"""The profile viewer: one picture after several normalisations, and their values along a line that is dragged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ui.components.assets import ignore, register

_mount = register("profile_viewer")


def profile_viewer(
    url: str,
    methods: Sequence[str],
    *,
    key: str,
    labels_url: str | None = None,
    windows: Mapping[str, Sequence[float]] | None = None,
    title: str = "",
):
    """Draw the picture as it is and after each method, under one camera, and below them the profile.

    url: `ui.normalised.normalised_url(…)`. methods: names of NORMALISATIONS; `none` is always there as "before".
    windows: method -> (value shown as black, value shown as white) that holds for the whole data set, if known.
    The result has `line`: [row, col, row, col] in px, where it was let go; None until then. The line is kept from
    picture to picture.
    """
    data = {
        "url": url,
        "methods": [method for method in methods if method != "none"],
        "labels": labels_url,
        "windows": {name: list(map(float, window)) for name, window in (windows or {}).items()},
        "title": title,
        "key": key,
    }
    return _mount(data=data, key=key, on_line_change=ignore)
