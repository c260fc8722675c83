"""The synced viewer: image, truth, prediction and error map side by side under one camera. Pixels come from routes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from ui.components.assets import ignore, register

if TYPE_CHECKING:
    import pandas as pd

_mount = register("synced_viewer")

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
    threshold: float = 0.5,
    regions: Iterable[Mapping[str, Any]] = (),
    n_regions: int | None = None,
    selected: str | int | None = None,
    title: str = "",
    reveal: str | int | None = None,
):
    """Draw one image with what is known about it: 1 to 4 panels, as many as there are addresses for.

    image_url, labels_url, probability_url: see `ui.routes.image_url`, `labels_url`, `probability_url`.
    regions: mappings with `id`, `kind` ('fp' or 'fn'), `row`, `col` (top left, px), `height`, `width`, `n_pixels` and
    `label` (such as 'missed bud'), the most important first; found at `threshold`, which the person may then drag.
    n_regions: how many there are in all, where `regions` holds only the largest.
    selected: the id of a region to fly to. reveal: when this changes, the page scrolls to the viewer (something far
    below it was clicked) and the camera flies even to a region that was selected before.

    The result has `pick` ({id, row, col} for one run after a click or n / p; id is None beside all regions) and
    `threshold` (where the slider was let go; None until it was moved). Zoom and place are kept from image to image.
    """
    data = {
        "image": image_url,
        "labels": labels_url,
        "probability": probability_url,
        "threshold": threshold,
        "regions": [{name: region.get(name) for name in REGION_KEYS} for region in regions],
        "total": n_regions,
        "selected": selected,
        "title": title,
        "reveal": reveal,
        "key": key,
    }
    return _mount(data=data, key=key, on_pick_change=ignore, on_threshold_change=ignore)
