"""Kinds of mistake in plain language: what each class of the budget is called, and what it means."""

from __future__ import annotations

import re

# class -> (one of them, many of them, what it is and what it tells)
WORDS = {
    "missed_cell": (
        "missed cell",
        "Missed cells",
        "Whole cells the prediction hardly touches. Look whether they are out of focus, pale or at the edge.",
    ),
    "missed_bud": (
        "missed bud",
        "Missed buds",
        "Missed cells at most half the size of the cell they touch. Small cells need enough depth at full resolution.",
    ),
    "hallucinated_cell": (
        "invented cell",
        "Invented cells",
        "Predicted cells where the mask has none: dust, debris, halos, or a cell the person did not draw.",
    ),
    "bridge": (
        "bridge",
        "Bridges",
        "Wrong cell pixels that join two cells into one. A border weight in the loss helps against them.",
    ),
    "split": ("split", "Splits", "Missing pixels that cut one cell into pieces."),
    "hole": ("hole", "Holes", "Missing pixels inside a cell, closed all around: often a vacuole."),
    "boundary_1px": (
        "edge, 1 px",
        "Edges, 1 px off",
        "Right at the drawn outline. Two people drawing the same cell differ as much; nobody gets this to zero.",
    ),
    "boundary_2px": ("edge, 2 px", "Edges, 2 px off", "The second pixel from the drawn outline."),
    "boundary_3px": ("edge, 3 px", "Edges, 3 px off", "The third pixel from the drawn outline: no matter of taste."),
    "other": ("other", "Everything else", "Wrong pixels further from any edge, in cells that were found."),
}  # fmt: skip
KINDS = {"fp": "false positive", "fn": "miss"}


def one(name: str) -> str:
    """`missed_bud` -> `missed bud`: a single region of that class."""
    return WORDS[name][0]


def many(name: str) -> str:
    return WORDS[name][1]


def meaning(name: str) -> str:
    return WORDS[name][2]


def suggested(name: str) -> str:
    """A cluster's name with its class in plain words: `hallucinated cell, dark` -> `Invented cell, dark`."""
    head, comma, rest = name.partition(",")
    plain = WORDS.get(head.replace(" ", "_"), (head,))[0]
    text = plain + comma + rest
    return text[:1].upper() + text[1:]


def slug(section: str) -> str:
    """A section's name as it stands in the URL: `Label or model?` -> `label-or-model`."""
    return "-".join(re.findall(r"[a-z0-9]+", section.lower()))


def number(value: float | None, digits: int = 4) -> str:
    """A ratio as it stands everywhere; an undefined one in words."""
    return "undefined" if value is None or value != value else f"{value:.{digits}f}"
