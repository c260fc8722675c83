"""The film of a training: a few images through all validations, and one of them flipped through in place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ui.components.assets import ignore, register

_mount = register("film")


def film(
    root: str, images: Sequence[Mapping[str, Any]], frames: Sequence[Sequence[Any]], best: int | None, *, key: str
):
    """Rows = images, columns = validations; above them the chosen one, large, beside its mask.

    root: what the address of a prediction begins with, STEP/K?v=STAMP follows. images: mappings with `caption`,
    `image` and `mask` (addresses of small PNGs; mask None: unlabelled), `ious` (one a frame, None = undefined) and
    `id`. frames: (step, stamp), oldest first. best: the step that is marked.
    The result has `pick`: the id of the image whose mistakes are asked for, for one run.
    """
    data = {"root": root, "images": list(images), "frames": [list(frame) for frame in frames], "best": best}
    return _mount(data=data, key=key, on_pick_change=ignore)
