"""Suspects: the places of the queue, probable label errors first, then what is wrong by damage, each once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import pandas as pd

from seglib.errors.report import Measured
from seglib.errors.review import Known
from ui.errors.words import KINDS, one

MOST_SUGGESTED, MOST_OTHERS = 100, 100
LEAST_SCORE = 0.02  # below, suggestions are slips of the outline
LEAST_PIXELS = 12  # a smaller mistake is no matter of the label
WHAT = {
    ("fp", "whole"): "the label lacks a cell here",
    ("fp", "part"): "the label lacks a part of a cell",
    ("fp", "edge"): "the label's outline lies too far in",
    ("fn", "whole"): "the label has a cell where there is none",
    ("fn", "part"): "the label reaches beyond the cell, or joins two",
    ("fn", "edge"): "the label's outline lies too far out",
}


class Place(NamedTuple):
    """One place to be judged. rank: of the suggestion, 0 for another mistake; about: what is known of it."""

    image: str
    kind: str
    row: int
    col: int
    height: int
    width: int
    n_pixels: int
    rle: str
    probability: float | None
    rank: int
    class_: str
    name: str
    about: str

    @property
    def id(self) -> str:
        """The same after a reload."""
        return f"{self.image}|{self.kind}|{self.row}|{self.col}|{self.height}|{self.width}"


def queue(suggested: pd.DataFrame | None, measured: Measured | None, images: Mapping[str, Any]) -> list[Place]:
    """Suggestions by rank, then the other wrong regions of the run in view by size; only of `images`."""
    places = [] if suggested is None else [_suggestion(row) for row in _best(suggested, images).itertuples()]
    if measured is None:
        return places
    known = Known(places)
    table = measured.regions[measured.regions.image.isin(images) & (measured.regions.n_pixels >= LEAST_PIXELS)]
    table = table.nlargest(MOST_OTHERS + len(places), "n_pixels").rename(columns={"class": "class_"})
    others = [place for place in map(_mistake, table.itertuples()) if known.of(place) is None]
    return places + others[:MOST_OTHERS]


def _best(suggested: pd.DataFrame, images: Mapping[str, Any]) -> pd.DataFrame:
    return suggested[(suggested.score >= LEAST_SCORE) & suggested.image.isin(images)].head(MOST_SUGGESTED)


def _place(row, **more) -> Place:
    at = {name: int(getattr(row, name)) for name in ("row", "col", "height", "width", "n_pixels")}
    known = row.probability == row.probability
    return Place(image=row.image, kind=row.kind, rle=row.rle, **at, **more, probability=_short(row) if known else None)


def _short(row) -> float:
    return round(float(row.probability), 4)


def _suggestion(row) -> Place:
    against = f"probability against the label {row.confidence:.2f}, of the least sure model {row.least:.2f}"
    size = f"{row.n_pixels} px, {row.size_cells:.2f} of a typical cell"
    about = f"{WHAT[row.kind, row.extent]}? {row.n_agreeing} of {row.n_models} models say so; {against}. {size}."
    class_ = {"fp": "hallucinated_cell", "fn": "missed_cell"}[row.kind]  # as the viewer calls it
    return _place(row, rank=int(row.rank), class_=class_, name=f"Suggestion {row.rank}", about=about)


def _mistake(row) -> Place:
    sure = "" if row.probability != row.probability else f", mean probability {row.probability:.2f}"
    about = f"{KINDS[row.kind]} of this run, {row.n_pixels} px{sure}."
    return _place(row, rank=0, class_=row.class_, name=one(row.class_).capitalize(), about=about)
