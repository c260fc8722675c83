"""The U-Net as a picture: blocks of seglib.models.plan -> SVG. Pure: no Streamlit.

Text and outlines take the page's own text colour, fills are see-through: one drawing for light and dark.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise

from seglib.models.plan import Block, plan
from seglib.training.config import ModelConfig

WIDTH = 470
COLOURS = {"encoder": "#0072B2", "base": "#CC79A7", "decoder": "#009E73"}
_MARGIN, _TOP, _BOX_H = 50, 50, 38
_INNER = 72  # the lowest encoder block stays this far left of the middle
_MIN_W, _MAX_W = 44, 80


@dataclass(frozen=True)
class Box:
    """A block and its place: middle (x, y) and size, in units of the drawing."""

    block: Block
    x: float
    y: float
    width: float
    height: float = _BOX_H


def unet_svg(config: ModelConfig, crop_px: int) -> str:
    """The U-Net of `config` on crops of `crop_px`: encoder down the left, base, decoder up the right, skips across."""
    blocks = plan(config, crop_px)
    boxes = _places(blocks, config.depth)
    height = max(box.y for box in boxes.values()) + _BOX_H / 2 + 12
    parts = [*_ends(boxes, config.depth), *_skips(boxes, config), *_slopes(boxes, blocks, config)]
    parts += [_drawn(box, config) for box in boxes.values()]
    body = "".join(parts)
    about = escape(f"U-Net of depth {config.depth}, {config.channels} channels at full resolution", quote=True)
    style = "width:100%;height:auto;display:block;font-family:inherit"
    return f'<svg viewBox="0 0 {WIDTH} {height:.0f}" role="img" aria-label="{about}" style="{style}">{body}</svg>'


def compact(number: int) -> str:
    """1811729 -> `1.81 M`, 41230 -> `41.2 k`."""
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= size:
            return f"{number / size:.3g} {unit}"
    return str(number)


def _places(blocks: Sequence[Block], depth: int) -> dict[tuple[str, int], Box]:
    """Where the convolution blocks stand, by (side, level)."""
    pitch = 64 if depth <= 5 else 54
    widest = max(block.channels_out for block in blocks)
    step = (WIDTH / 2 - _INNER - _MARGIN) / max(1, depth - 1)
    boxes = {}
    for block in blocks:
        if block.side not in COLOURS:
            continue
        left = WIDTH / 2 if block.side == "base" else _MARGIN + block.level * step
        x = WIDTH - left if block.side == "decoder" else left
        width = _MIN_W + (_MAX_W - _MIN_W) * (block.channels_out / widest) ** 0.5
        boxes[block.side, block.level] = Box(block, x, _TOP + _BOX_H / 2 + block.level * pitch, width)
    return boxes


def _drawn(box: Box, config: ModelConfig) -> str:
    """One block: channels large, side in px small; an arc over it where it is residual."""
    block, colour = box.block, COLOURS[box.block.side]
    left, top = box.x - box.width / 2, box.y - box.height / 2
    kernels = f"{config.convs_per_block} convolutions {config.kernel_size} × {config.kernel_size}"
    channels = f"{block.channels_in} → {block.channels_out} channels, {block.size} × {block.size} px"
    title = f"{block.name}: {kernels}, {channels}, {block.n_parameters:,} parameters"
    shape = f'x="{left:.1f}" y="{top:.1f}" width="{box.width:.1f}" height="{box.height}" rx="5"'
    arc = ""
    if config.residual:
        x1, x2 = left + 6, left + box.width - 6
        path = f"M{x1:.1f} {top:.1f} C{x1:.1f} {top - 11:.1f} {x2:.1f} {top - 11:.1f} {x2:.1f} {top:.1f}"
        arc = f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="1.5"/>'
    return (
        f'<g data-block="{block.name}"><title>{escape(title)}</title>'
        f'<rect {shape} fill="{colour}" fill-opacity="0.16" stroke="{colour}" stroke-width="1.5"/>{arc}'
        + _text(box.x, box.y - 2, str(block.channels_out), size=15, weight=600)
        + _text(box.x, box.y + 14, f"{block.size} px", size=12)
        + "</g>"
    )


def _ends(boxes: dict, depth: int) -> list[str]:
    """The image that comes in and the probabilities that go out."""
    first = boxes["encoder", 0] if depth else boxes["base", 0]
    last = boxes["decoder", 0] if depth else first
    shift = 0 if depth else 14
    top = first.y - first.height / 2
    return [
        _text(first.x - 3 * shift, top - 32, "image", size=13),
        _text(last.x + 3 * shift, top - 32, "cell or not", size=13),
        _arrow(first.x - shift, top - 28, first.x - shift, top - 1),
        _arrow(last.x + shift, top - 1, last.x + shift, top - 28),
    ]


def _skips(boxes: dict, config: ModelConfig) -> list[str]:
    """Dashed arrows from the encoder across to the decoder."""
    drawn = []
    for level in range(config.depth):
        left, right = boxes["encoder", level], boxes["decoder", level]
        start, end = left.x + left.width / 2 + 3, right.x - right.width / 2 - 3
        drawn.append(_arrow(start, left.y, end, right.y, dashed=True))
        if level == 0:
            drawn.append(_text(WIDTH / 2, left.y - 7, f"skip connection: {config.merge}", size=12, opacity=0.8))
    return drawn


def _slopes(boxes: dict, blocks: Sequence[Block], config: ModelConfig) -> list[str]:
    """Arrows down the encoder and up the decoder, the uppermost named."""
    down = [boxes["encoder", level] for level in range(config.depth)] + [boxes["base", config.depth]]
    up = [boxes["base", config.depth]] + [boxes["decoder", level] for level in reversed(range(config.depth))]
    half = _BOX_H / 2
    drawn = [_arrow(a.x, a.y + half, b.x, b.y - half - 1) for a, b in pairwise(down)]
    drawn += [_arrow(a.x, a.y - half, b.x, b.y + half + 1) for a, b in pairwise(up)]
    if config.depth:
        below = down[1]
        inside = below.x + below.width / 2, below.y - half - 3
        x, y = inside if config.depth > 2 else (8, below.y)  # a short net leaves room beside it, not within
        drawn.append(_text(x, y, _words(config.downsampling), size=12, anchor="start", opacity=0.8))
        drawn.append(_text(WIDTH - x, y, _words(config.upsampling), size=12, anchor="end", opacity=0.8))
    return drawn


def _words(name: str) -> str:
    """Short enough for the margin: `transposed_convolution` -> `transposed`."""
    return name.replace("_convolution", "").replace("_", " ")


def _arrow(x1: float, y1: float, x2: float, y2: float, dashed: bool = False) -> str:
    """A line and a head drawn as a triangle: markers by id would clash between two drawings on one page."""
    length = max(((x2 - x1) ** 2 + (y2 - y1) ** 2) ** 0.5, 1e-6)
    ux, uy = (x2 - x1) / length, (y2 - y1) / length
    bx, by = x2 - 7 * ux, y2 - 7 * uy
    head = f"{x2:.1f},{y2:.1f} {bx - 4 * uy:.1f},{by + 4 * ux:.1f} {bx + 4 * uy:.1f},{by - 4 * ux:.1f}"
    shaft = _line(x1, y1, bx - x1, by - y1, "currentColor", opacity=0.55, dashed=dashed)
    return f'{shaft}<polygon points="{head}" fill="currentColor" fill-opacity="0.55"/>'


def _line(x: float, y: float, dx: float, dy: float, colour: str, opacity: float = 1.0, dashed: bool = False) -> str:
    dash = ' stroke-dasharray="5 4"' if dashed else ""
    place = f'x1="{x:.1f}" y1="{y:.1f}" x2="{x + dx:.1f}" y2="{y + dy:.1f}"'
    return f'<line {place} stroke="{colour}" stroke-opacity="{opacity}" stroke-width="1.4"{dash}/>'


def _text(
    x: float, y: float, text: str, size: float, weight: int = 400, anchor: str = "middle", opacity: float = 1.0
) -> str:
    look = f'font-size="{size}" font-weight="{weight}" text-anchor="{anchor}" fill="currentColor"'
    return f'<text x="{x:.1f}" y="{y:.1f}" {look} fill-opacity="{opacity}">{escape(text)}</text>'
