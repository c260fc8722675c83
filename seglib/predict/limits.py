"""What fits in one piece, and what tiles change. No torch, so that pages can say it before anything is predicted."""

from __future__ import annotations

from seglib.models.listing import BUILT_IN_NAMES
from seglib.training.config import ModelConfig

WHOLE_LIMIT = 2048 * 2048 * 16  # pixels × channels at full resolution that are predicted in one piece
WHOLE_TILE_NORMS = ("instance", "group", "layer")  # their statistics are of the tile, not of the image


def fits(shape: tuple[int, ...], model: ModelConfig, whole_limit: int = WHOLE_LIMIT) -> bool:
    """Whether an image of this (height, width) is predicted in one piece."""
    return shape[0] * shape[1] * model.channels <= whole_limit


def tile_warning(model: ModelConfig) -> str | None:
    """One line if tiles change the result: a norm that looks at the whole tile, or a class nobody has measured."""
    if model.norm not in WHOLE_TILE_NORMS:
        return _own_class(model)
    return (
        f"this network's {model.norm} norm looks at the whole picture, so a picture in tiles is "
        "predicted differently from one in a piece; batch norm or none has no such limit."
    )


def _own_class(model: ModelConfig) -> str | None:
    """Tiles overlap by what one output pixel of the U-Net can see; a class of one's own may see further."""
    if model.name in BUILT_IN_NAMES:
        return None
    return (
        f"tiles overlap as far as a U-Net of this form sees; {model.name} may see further, and then a picture in tiles "
        "is predicted a little differently from one in a piece."
    )
