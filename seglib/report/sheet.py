"""Sheet: pictures in rows and columns, each under its title, and what the colours mean below. Pixels stay pixels.

Painted pixel by pixel: a plotting library takes twenty times as long for it, and smooths or crowds what it places.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from io import BytesIO
from pathlib import Path

import cv2
import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from seglib.report.shown import PICTURE_DPI, Plot

WIDTH, GAP, LINE, TEXT = 1040, 10, 20, 13  # px: of the sheet, between pictures, of a line of text, of its letters
TALLEST = 620  # px of one picture
Cell = tuple[np.ndarray, str] | None


def sheet(rows: Sequence[Sequence[Cell]], colours: Mapping[str, str], alt: str, caption: str, columns: int = 0) -> Plot:
    """rows of (picture (H, W, 3) uint8, title); None leaves a place empty. colours: word -> #rrggbb of the legend.

    columns: at least so many places a row, so that a single picture does not fill the page.
    """
    n = max(columns, *(len(row) for row in rows))
    side = (WIDTH - (n - 1) * GAP) // n
    placed = [[None if cell is None else (_fitted(cell[0], side), cell[1]) for cell in row] for row in rows]
    titled = [LINE if any(cell and cell[1] for cell in row) else 0 for row in placed]
    heights = [max((c[0].shape[0] for c in row if c), default=0) + head + GAP for row, head in zip(placed, titled)]
    legend = _lines(colours)
    page = Image.new("RGB", (WIDTH, sum(heights) + len(legend) * LINE + (GAP if legend else 0)), "white")
    draw, top = ImageDraw.Draw(page), 0
    for row, height, head in zip(placed, heights, titled):
        for column, cell in enumerate(row):
            if cell is not None:
                left = column * (side + GAP)
                draw.text((left, top + 2), elided(cell[1], side), font=_font(), fill="black")
                page.paste(Image.fromarray(cell[0]), (left, top + head))
        top += height
    for line in legend:
        left = 0
        for word in line:
            draw.rectangle((left, top + 3, left + 18, top + 14), fill=colours[word], outline="#555555")
            draw.text((left + 24, top + 1), word, font=_font(), fill="black")
            left += _wide(word)
        top += LINE
    file = BytesIO()
    page.save(file, format="png")
    return Plot(file.getvalue(), alt, caption, PICTURE_DPI)


def _fitted(picture: np.ndarray, side: int) -> np.ndarray:
    """As wide as `side` (less if that is too tall): smaller by the mean of pixels, larger by repeating them."""
    height, width = picture.shape[:2]
    scale = min(side / width, TALLEST / height)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return cv2.resize(picture, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_NEAREST)


def elided(text: str, width: int) -> str:
    """`text` as far as it goes into so many px."""
    if _font().getlength(text) <= width:
        return text
    while text and _font().getlength(text + "…") > width:
        text = text[:-1]
    return text + "…"


def _lines(words: Mapping[str, str]) -> list[list[str]]:
    lines: list[list[str]] = []
    room = 0.0
    for word in words:
        if room < _wide(word):
            lines.append([])
            room = WIDTH
        lines[-1].append(word)
        room -= _wide(word)
    return lines


def _wide(word: str) -> int:
    return 24 + int(_font().getlength(word)) + 28


@lru_cache(maxsize=1)
def _font() -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(str(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"), TEXT)
