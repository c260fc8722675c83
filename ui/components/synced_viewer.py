"""The synced viewer: image, truth, and what one or two runs say of it, side by side under one camera.

Pixels come from routes; what the person changes there (threshold, style, contrast, zoom) is worked out in the browser.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ui.components.assets import ignore, register

if TYPE_CHECKING:
    import pandas as pd

_PARTS = ("fetched", "contrast", "layers", "camera", "curve", "mistakes", "hands")
_mount = register("synced_viewer", *(f"viewer/{part}" for part in _PARTS))

TUNED = (
    "The best threshold of these images flatters them: chosen on val it makes the IoU of val look better than that of "
    "new images."
)
_PLACE = ("kind", "row", "col", "height", "width", "n_pixels")
REGION_KEYS = ("id", "kind", "row", "col", "height", "width", "n_pixels", "label")


def region_items(table: pd.DataFrame, largest: int = 300) -> list[dict[str, Any]]:
    """Rows of `seglib.errors.regions` of one image as the viewer wants them, the largest first, at most `largest`."""
    rows = table.nlargest(largest, "n_pixels").to_dict("records")
    return [
        {
            "id": str(row["region"]),
            "label": row["class"].replace("_", " "),
            **{name: row[name] if name == "kind" else int(row[name]) for name in _PLACE},
        }
        for row in rows
    ]


def synced_viewer(
    image_url: str,
    *,
    key: str,
    labels_url: str | None = None,
    probability_url: str | None = None,
    other_probability_url: str | None = None,
    name: str = "",
    other_name: str = "",
    threshold: float = 0.5,
    regions: Iterable[Mapping[str, Any]] = (),
    n_regions: int | None = None,
    other_regions: Iterable[Mapping[str, Any]] = (),
    other_n_regions: int | None = None,
    selected: str | int | None = None,
    title: str = "",
    reveal: str | int | None = None,
    curve: Sequence[float] | None = None,
    other_curve: Sequence[float] | None = None,
    curve_note: str = TUNED,
    split: str = "val",
    around: Sequence[Mapping[str, Any]] = (),
    heard: int | None = None,
    on_go: Callable[[], None] = ignore,
):
    """Draw one image with what is known about it: 1 to 6 panels, as many as there are addresses for.

    image_url, labels_url, probability_url: see `ui.routes.values_url`, `labels_url`, `probability_url`.
    other_probability_url, other_name, other_regions: of a second run, called `other_name` beside this one's `name`.
    regions: mappings with `id`, `kind` ('fp' or 'fn'), `row`, `col` (top left, px), `height`, `width`, `n_pixels` and
    `label` (such as 'missed bud'), the most important first; found at `threshold`, which the person may then drag.
    n_regions: how many there are in all, where `regions` holds only the largest.
    selected: the id of a region to fly to. reveal: when this changes, the page scrolls to the viewer (something far
    below it was clicked) and the camera flies even to a region that was selected before.
    curve: pooled IoU of all images of `split` where foreground is q >= k, for k from 0 to 255; None or NaN: undefined.
    curve_note: the line below it.
    around: the images before and after this one and itself, in order: mappings with `title` and the four addresses
    (`image`, `labels`, `probability`, `other_probability`). Left and right then show them at once, and Python is told
    by `on_go`, a callback: `st.session_state[key].go` is {image: title, seq}. Give `seq` back as `heard`.

    The result has `pick` ({id, row, col, run} for one run after a click or n / p; id is None beside all regions, run
    is "own" or "other") and `threshold` (where the slider was let go; None until it was moved). Zoom and place are kept
    from image to image.
    """
    addresses = {"image": image_url, "labels": labels_url, "probability": probability_url}
    found = {"regions": _places(regions), "total": n_regions, "curve": _plain(curve), "name": name}
    beside = {"regions": _places(other_regions), "total": other_n_regions, "curve": _plain(other_curve)}
    second = {**beside, "name": other_name} if other_probability_url else None
    asked = {"threshold": threshold, "selected": selected, "reveal": reveal, "title": title, "heard": heard, "key": key}
    told = {"split": split, "curve_note": curve_note, "around": [dict(one) for one in around]}
    data = {**addresses, **found, **asked, **told, "other_probability": other_probability_url, "other": second}
    return _mount(data=data, key=key, on_pick_change=ignore, on_threshold_change=ignore, on_go_change=on_go)


def _places(regions: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [{name: region.get(name) for name in REGION_KEYS} for region in regions]


def _plain(curve: Sequence[float] | None) -> list[float | None] | None:
    """Rounded, undefined as None: JSON knows no NaN."""
    return None if curve is None else [None if iou is None or iou != iou else round(float(iou), 5) for iou in curve]
