"""Which pictures of a data set the grid shows, and in which order. Pure: no Streamlit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd

from seglib.data.dataset import Dataset
from seglib.data.survey import SPLITS, part_of

Range = tuple[float, float]  # both ends belong to it


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
        and (not text or text in record.image.lower())
        and (allowed is None or index in allowed)
    ]


def within(indices: Sequence[int], table: pd.DataFrame, ranges: Mapping[str, Range]) -> list[int]:
    """Those of the pictures whose every measure lies in its range; one without that figure does not.

    table: one row a picture, by its number; ranges: column -> (low, high).
    """
    if not ranges:
        return list(indices)
    passing = np.ones(len(table), bool)
    for column, (low, high) in ranges.items():
        values = table[column].to_numpy(float)
        passing &= (values >= low) & (values <= high)
    allowed = set(table.index[passing])
    return [index for index in indices if index in allowed]


def ordered(indices: Sequence[int], column: str | None, largest_first: bool, table: pd.DataFrame | None) -> list[int]:
    """Sorted by a column of `table`; pictures without that figure come last, ties stay in the data set's order."""
    if column is None or table is None:
        return list(indices)
    values = table[column].reindex(indices).to_numpy(float)
    return [indices[i] for i in np.argsort(-values if largest_first else values, kind="stable")]  # NaN sorts last


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


def spread(items: Sequence, most: int) -> list:
    """At most `most` of the items, evenly from first to last."""
    if len(items) <= most:
        return list(items)
    return [items[i] for i in np.linspace(0, len(items) - 1, most).round().astype(int)]
