"""Palette: the colour and dash of each run, the same in table, curves and plots. Pure: no Streamlit.

Okabe and Ito's colours, grey, and their yellow made dark enough for white; beyond eight runs the dash changes.
"""

from __future__ import annotations

from dataclasses import dataclass

COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#999999", "#A39420")
DASHES = ("solid", "dashed", "dotted", [10, 3, 2, 3], [14, 4], [3, 6], [10, 3, 2, 3, 2, 3])  # as ECharts takes them
_DRAWN = ("━━━", "╍╍╍", "┈┈┈", "━╍━", "━ ━", "╍ ╍", "━┈┈")
SYMBOLS = ("circle", "rect", "triangle", "diamond", "pin", "arrow", "roundRect")  # of a seed


@dataclass(frozen=True)
class Look:
    """How one run is drawn. `text` is its line in a table."""

    colour: str
    dash: str | list[int]
    text: str


def look(place: int) -> Look:
    """Of the run at `place` in the list of chosen ones; told apart up to 56."""
    row = place // len(COLOURS) % len(DASHES)
    return Look(COLOURS[place % len(COLOURS)], DASHES[row], _DRAWN[row])


def symbol(place: int) -> str:
    """Of the seed at `place`."""
    return SYMBOLS[place % len(SYMBOLS)]
