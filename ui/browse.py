"""Which pictures of a data set the grid shows, and in which order. Pure: no Streamlit."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import pandas as pd

from seglib.data.dataset import Dataset
from seglib.data.survey import SPLITS, part_of

# what stands in the list -> column of Survey.images and whether the largest comes first
SORTS = {
    "As listed": (None, False),
    "Most cells first": ("n_cells", True),
    "Fewest cells first": ("n_cells", False),
    "Largest cells first": ("median_diameter_px", True),
    "Smallest cells first": ("median_diameter_px", False),
    "Most foreground first": ("foreground", True),
    "Brightest first": ("median_grey", True),
    "Darkest first": ("median_grey", False),
}


def parts(data: Dataset) -> dict[str, int]:
    """Pictures in each part that has any: train, val, unused, unlabelled."""
    counts = data.counts()
    return {split: counts[split] for split in SPLITS if counts[split]}


def groups(data: Dataset) -> list[str]:
    """Groups in the data set's order."""
    return list(dict.fromkeys(record.group for record in data.records))


def matching(
    data: Dataset, split: str | None = None, group: str | None = None, text: str = "", only: Iterable[int] | None = None
) -> list[int]:
    """Numbers of the pictures that pass every filter; None or empty lets all pass. `text`: part of the file's path."""
    allowed, text = None if only is None else set(only), text.strip().lower()
    return [
        index
        for index, record in enumerate(data.records)
        if (split is None or part_of(data, index) == split)
        and (group is None or record.group == group)
        and text in record.image.lower()
        and (allowed is None or index in allowed)
    ]


def ordered(indices: Sequence[int], sort: str, images: pd.DataFrame | None) -> list[int]:
    """Sorted by one of SORTS; pictures without that figure come last, ties stay in the data set's order."""
    column, largest_first = SORTS[sort]
    if column is None or images is None:
        return list(indices)
    figures = dict(zip(images["index"], images[column].astype(float)))

    def key(index: int) -> tuple[bool, float]:
        figure = figures.get(index, math.nan)
        missing = math.isnan(figure)
        return missing, 0.0 if missing else -figure if largest_first else figure

    return sorted(indices, key=key)


def page_of(indices: Sequence[int], number: int, size: int) -> list[int]:
    """Page `number`, from 1, of pages of `size`; the last page where there are not that many."""
    number = min(max(1, number), n_pages(indices, size))
    return list(indices[(number - 1) * size : number * size])


def n_pages(indices: Sequence[int], size: int) -> int:
    return max(1, -(-len(indices) // size))


def beside(indices: Sequence[int], index: int) -> tuple[int | None, int | None]:
    """The pictures before and after `index` in the order shown; None at the ends."""
    if index not in indices:
        return None, None
    at = indices.index(index)
    return (indices[at - 1] if at else None), (indices[at + 1] if at + 1 < len(indices) else None)
