"""Style: how every figure looks. Okabe & Ito's colours, told apart by people who see colours differently and, with the
kind of line, on a grey print; white ground, so that a figure reads the same on light, on dark and on paper."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import matplotlib
from matplotlib.figure import Figure

from seglib.errors.colours import KIND_COLOURS

COLOURS = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9", "#000000", "#999999")
LINES = ("-", "--", ":", "-.")
MARKS = ("o", "s", "^", "D", "v", "P", "X", "*")
FP, FN, TP = (KIND_COLOURS[kind] for kind in ("fp", "fn", "tp"))
YELLOW, GREY = "#F0E442", "#999999"
CLASS_NAMES = {
    "missed_cell": "missed cell",
    "missed_bud": "missed bud",
    "hallucinated_cell": "invented cell",
    "bridge": "bridge",
    "split": "split",
    "hole": "hole",
    "boundary_1px": "edge, 1 px",
    "boundary_2px": "edge, 2 px",
    "boundary_3px": "edge, 3 px",
    "other": "other",
}
KIND_NAMES = {"fp": "false positive", "fn": "miss"}

_RC = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.titlesize": 9,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#dddddd",
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "legend.fontsize": 8,
    "figure.facecolor": "white",
    "text.parse_math": False,  # a $ in a name is a $
}


@contextmanager
def drawing() -> Iterator[None]:
    """Whatever is drawn in it looks as the others do."""
    with matplotlib.rc_context(_RC):
        yield


def figure(width: float, height: float) -> Figure:
    """An empty figure of so many inches; no global state knows of it."""
    return Figure(figsize=(width, height), layout="constrained")


def look(number: int) -> dict[str, Any]:
    """Colour and kind of line of the set-up with this number: 32 of them before one comes twice."""
    return {"color": COLOURS[number % len(COLOURS)], "linestyle": LINES[number // len(COLOURS) % len(LINES)]}


def legend_below(figure: Figure, handles: Sequence[Any], labels: Sequence[str]) -> None:
    """One legend for all axes, under them, in as many columns as fit."""
    widest = max(map(len, labels), default=1)
    columns = max(1, min(len(labels), int(95 / (widest + 6))))
    figure.legend(handles, labels, loc="outside lower center", ncols=columns)
