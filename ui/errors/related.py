"""What the section on drivers is about: cells or images with the error rate, what explains most, bootstrap draws."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
import streamlit as st

from seglib.errors import drivers
from seglib.errors.drivers import OF_CELLS, OF_IMAGES, Covariate, Driver
from seglib.experiments import statistics
from ui.errors.scene import Scene

DRAWS = 2000


@dataclass(frozen=True)
class Related:
    """table: one row a cell or an image. found: what explains most first. drawn: bootstrap draws of the images, None
    where there are too few independent ones; units: what they are drawn from."""

    table: pd.DataFrame
    covariates: Mapping[str, Covariate]
    found: list[Driver]
    drawn: np.ndarray | None
    units: statistics.Units


@dataclass(frozen=True)
class Look:
    """What the section shows now. key: of everything that is kept until it changes."""

    key: str
    related: Related
    noun: str
    name: str
    iou: bool

    @property
    def covariate(self) -> Covariate:
        return self.related.covariates[self.name]

    @property
    def driver(self) -> Driver:
        return next(driver for driver in self.related.found if driver.name == self.name)


@st.cache_resource(max_entries=8, show_spinner=False)
def related(key: str, of_cells: bool, invented: bool, _cells: pd.DataFrame, _scene: Scene) -> Related:
    there = _cells[_cells.image.isin(_scene.indices)]
    covariates = OF_CELLS if of_cells else OF_IMAGES
    table = drivers.per_cell(there, invented) if of_cells else drivers.per_image(there)
    units = _units(drivers.per_image(there))
    least = statistics.MIN_GROUPS if units.kind == "groups" else statistics.MIN_BLOCKS
    rng = np.random.default_rng(0)
    drawn = np.concatenate(list(statistics.weights(units, DRAWS, rng))) if units.n >= least else None
    if drawn is not None:  # in the order of the table, which may lack images with invented cells alone
        order = {image: i for i, image in enumerate(drivers.per_image(there).image)}
        drawn = drawn[:, [order[image] for image in table.image.drop_duplicates()]]
    return Related(table, covariates, drivers.ranking(table, covariates), drawn, units)


def _units(images: pd.DataFrame) -> statistics.Units:
    """Groups, or with few of them blocks of frames."""
    rate = images.wrong.sum() / images.union.sum()
    series = ((images.wrong - rate * images.union) / images.union.mean()).to_numpy(float)
    return statistics.units_of(images.image.tolist(), images.group.tolist(), series)
