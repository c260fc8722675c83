"""Colours of mistakes, the same on every page and in every report: Okabe & Ito's, told apart by people who see colours
differently, on light and on dark."""

from __future__ import annotations

KIND_COLOURS = {"fp": "#E69F00", "fn": "#56B4E9", "tp": "#009E73"}
CLASS_COLOURS = {
    "missed_cell": "#56B4E9",
    "missed_bud": "#0072B2",
    "hallucinated_cell": "#E69F00",
    "bridge": "#D55E00",
    "split": "#CC79A7",
    "hole": "#009E73",
    "boundary_1px": "#F0E442",
    "boundary_2px": "#C9BC2F",
    "boundary_3px": "#A39420",
    "other": "#999999",
}
# from one prediction to another: blue for what got better, vermillion for what got worse, purple for what stayed wrong
FATE_COLOURS = {"fixed": "#0072B2", "broken": "#D55E00", "still": "#CC79A7"}
