"""Measures: what the survey knows about every picture and cell, in words, for sorting, filtering and drawing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from seglib.data.survey_files import Survey

UNCUT = "of the cells not cut by the border; pictures without one have none"


@dataclass(frozen=True)
class Measure:
    """One number a picture (or a cell): its column in the survey, what it is called and how it was taken.

    kind: count, share (0…1, shown in percent), px, grey (in the data set's own units) or ratio.
    """

    column: str
    label: str
    meaning: str
    kind: str = "ratio"

    def text(self, value: float) -> str:
        """The value with its unit, such as `12 %` or `23.4 px`."""
        if not np.isfinite(value):
            return "none"
        if self.kind == "count":
            return f"{value:,.0f}"
        if self.kind == "share":
            return f"{100 * value:.3g} %"
        return f"{value:,.4g} px" if self.kind == "px" else f"{value:,.4g}"

    def axis(self) -> str:
        return self.label + {"px": " (px)", "share": " (share)"}.get(self.kind, "")


def _grey(column: str, label: str, meaning: str) -> Measure:
    return Measure(column, label, meaning, "grey")


PERCENTILES = ("p01", "p05", "p25", "median_grey", "p75", "p95", "p99")
OF_PICTURES: dict[str, Measure] = {
    measure.column: measure
    for measure in (
        Measure("n_cells", "Cells", "All cells of a picture, cut ones too; an empty mask counts as 0.", "count"),
        Measure("foreground", "Foreground", "Share of the pixels that are cell; an empty mask counts as 0.", "share"),
        Measure("median_diameter_px", "Cell diameter, median", f"Median equivalent diameter {UNCUT}.", "px"),
        Measure("median_eccentricity", "Cell eccentricity, median", f"0 = round, towards 1 = long; median {UNCUT}."),
        Measure("median_solidity", "Cell solidity, median", f"Area ÷ area of the convex hull; median {UNCUT}."),
        Measure("n_cut", "Cells cut by the border", "Their size and shape say little.", "count"),
        Measure("n_touching", "Touching cells", "Cells beside another; 0 where the mask is binary.", "count"),
        _grey("median_grey", "Grey value, median", "Half of the picture's pixels are darker."),
        *(
            _grey(f"p{p:02}", f"Grey value, {p} %", f"{p} % of the picture's pixels are darker.")
            for p in (1, 5, 25, 75, 95, 99)
        ),
        _grey("contrast", "Contrast", "Grey value at 99 % minus that at 1 %."),
        _grey("background", "Background", "Grey value at the tallest peak of the picture's histogram."),
        _grey("median_inside", "Grey value in cells", "Median of the pixels in cells."),
        _grey("median_outside", "Grey value outside cells", "Median of the pixels outside cells."),
        Measure("focus", "Sharpness", "Variance of the Laplacian; compare pictures of one camera only."),
        Measure("saturated", "Full white", "Share of the pixels at the top of the type's range.", "share"),
        Measure("nearest_distance", "Distance to train", "To the nearest train picture: 0 = the same, 1 = unlike."),
        Measure("frame", "Frame", "The number at the end of the file's name.", "count"),
        Measure("height", "Height", "Of the picture.", "px"),
        Measure("width", "Width", "Of the picture.", "px"),
        Measure("ignored", "Left out", "Share of the pixels that do not count (`ignore`).", "share"),
    )
}
OF_CELLS: dict[str, Measure] = {
    measure.column: measure
    for measure in (
        Measure("diameter_px", "Equivalent diameter", "Diameter of the disc with the cell's area.", "px"),
        Measure("eccentricity", "Eccentricity", "Of the ellipse with the same second moments: 0 = round, 1 = a line."),
        Measure("solidity", "Solidity", "Area ÷ area of the convex hull; 1 = convex, less where cells are joined."),
    )
}


def table_of(found: Survey) -> pd.DataFrame:
    """`found.images` by the picture's number: grey values in the data set's own units; what is not known is NaN.

    Not known: the frame of a name without a number, and counts of cells where no mask could be read.
    """
    table = found.images.set_index("index", drop=False)
    grey = [column for column, measure in OF_PICTURES.items() if measure.kind == "grey"]
    table[grey] = table[grey] * found.grey_unit
    table["frame"] = table["frame"].where(table["frame"] >= 0)
    counts = ["n_cells", "n_cut", "n_touching"]
    table[counts] = table[counts].where(table["understood"] != "")
    return table


def known(table: pd.DataFrame, columns: Iterable[str] = tuple(OF_PICTURES)) -> list[str]:
    """The measures that tell pictures of this data set apart: at least two different values."""
    return [column for column in columns if table[column].nunique() > 1]


def movies(table: pd.DataFrame, least: int = 3) -> dict[str, pd.DataFrame]:
    """Group -> its pictures in order of their frames, of the groups with so many different frame numbers."""
    framed = table[table["frame"].notna()]
    n_frames = framed.groupby("group", sort=False)["frame"].nunique()
    framed = framed[framed["group"].isin(n_frames.index[n_frames >= least])].sort_values("frame", kind="stable")
    parts = dict(tuple(framed.groupby("group", sort=False)))
    return {group: parts[group] for group in table["group"].unique() if group in parts}
