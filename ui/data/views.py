"""The views of the Data page: what the button says -> function(name, entry, data, found).

name: the data set's in addresses and routes; found: its survey, None as long as not every picture was looked at.
"""

from __future__ import annotations

from collections.abc import Callable

from seglib.data.dataset import Dataset
from seglib.data.survey import Survey
from ui import registry
from ui.data import findings, grid, normalisation_lab, split_editor, statistics

View = Callable[[str, registry.Entry, Dataset, Survey | None], None]

VIEWS: dict[str, View] = {
    "Images": grid.show,
    "Statistics": statistics.show,
    "Findings": findings.show,
    "Split": split_editor.show,
    "Normalisation": normalisation_lab.show,
}
