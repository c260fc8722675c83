"""Recurrence: which wrong regions come back at the same place, checkpoint after checkpoint or run after run.

Two regions of one image and kind (fp, fn) at different times are the same mistake when their IoU is at least 0.3 or
their centres lie within the radius of the cell nearest to them. Table after table, the regions are assigned one to
one to the mistakes known so far, each represented by its latest region; the assignment has the largest total of
IoU (1 + IoU for a pair that overlaps enough, below 1 for one that is only near). What finds no partner is born.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from scipy.optimize import linear_sum_assignment

from seglib.errors.regions import decode
from seglib.exceptions import InputError

MATCH_IOU = 0.3
DEFAULT_RADIUS_PX = 5.0  # where an image has no cell to take the radius from
_NEEDED = ("image", "region", "class", "kind", "row", "col", "height", "width", "n_pixels", "rle")


@dataclass
class _Mistake:
    """One place: the regions seen there, by number of the table."""

    seen: dict[int, _Region] = field(default_factory=dict)

    @property
    def latest(self) -> _Region:
        return self.seen[max(self.seen)]


class _Region:
    """A row of a table of regions; its shape is decoded when first needed."""

    def __init__(self, row) -> None:
        self.row = row
        self._shape: np.ndarray | None = None

    @property
    def shape(self) -> np.ndarray:
        if self._shape is None:
            self._shape = decode(self.row.rle, self.row.height, self.row.width)
        return self._shape


def recurrent(
    tables: Sequence[pd.DataFrame],
    names: Sequence[str] | None = None,
    progress: Callable[[float], None] = lambda share: None,
) -> pd.DataFrame:
    """Mistakes seen in at least one table, ranked by persistence x mean n_pixels.

    tables: one for each checkpoint or run, in order of time, with the columns of `regions` and `image`; a table
    without rows for an image means that nothing is wrong there. names: what to call them (default 1, 2, …).
    progress is told the share of the images that is done.

    Columns: image, kind, class (most frequent), row, col, height, width, rle (latest region), centre_row, centre_col,
    n_pixels (mean where seen), persistence (share of the tables, 0 to 1), n_seen, seen_in (names), born, last_seen,
    alive (in the last table), probability (mean), region (number in the latest table it was seen in), damage
    (persistence x n_pixels). Raises InputError for a column that is missing or names that do not fit.
    """
    names = [str(i + 1) for i in range(len(tables))] if names is None else [str(n) for n in names]
    if len(names) != len(tables) or len(set(names)) != len(names):
        raise InputError(f"{len(tables)} tables and the names {names}; one name for each table, no name twice.")
    mistakes: list[_Mistake] = []
    groups = _grouped(tables)
    for done, places in enumerate(groups.values(), start=1):
        mistakes += _follow(places)
        progress(done / len(groups))
    rows = [_summary(m, names) for m in mistakes]
    table = pd.DataFrame(rows, columns=list(_SUMMARY))
    return table.sort_values(["damage", "image", "row", "col"], ascending=[False, True, True, True], ignore_index=True)


def _grouped(tables: Sequence[pd.DataFrame]) -> dict[tuple[str, str], list[tuple[int, list[_Region]]]]:
    """(image, kind) -> [(number of the table, its regions), …] in order of time."""
    groups: dict[tuple[str, str], list[tuple[int, list[_Region]]]] = {}
    for time, table in enumerate(tables):
        missing = [c for c in _NEEDED if c not in table]
        if missing:
            raise InputError(f"table of regions {time + 1} lacks {', '.join(missing)}; it needs {', '.join(_NEEDED)}.")
        # itertuples cannot name a field `class`
        for row in table.rename(columns={"class": "class_"}).itertuples(index=False):
            places = groups.setdefault((row.image, row.kind), [])
            if not places or places[-1][0] != time:
                places.append((time, []))
            places[-1][1].append(_Region(row))
    return groups


def _follow(places: list[tuple[int, list[_Region]]]) -> list[_Mistake]:
    mistakes: list[_Mistake] = []
    for time, found in places:
        partner = _assign([m.latest for m in mistakes], found)
        for j, region in enumerate(found):
            if j not in partner:
                partner[j] = len(mistakes)
                mistakes.append(_Mistake())
            mistakes[partner[j]].seen[time] = region
    return mistakes


def _assign(known: list[_Region], found: list[_Region]) -> dict[int, int]:
    """{index in found: index in known} of the best one-to-one assignment among pairs that match."""
    if not known or not found:
        return {}
    score = match_scores(known, found)
    pairs = zip(*linear_sum_assignment(score, maximize=True), strict=True)
    return {int(j): int(i) for i, j in pairs if score[i, j] > 0}


def match_scores(a: list[_Region], b: list[_Region]) -> np.ndarray:
    """(len(a), len(b)): 1 + IoU where IoU >= 0.3, else between 0 and 1 by nearness of the centres; 0 = no match."""
    ka, kb = _numbers(a), _numbers(b)
    away = np.hypot(ka[:, None, 4] - kb[None, :, 4], ka[:, None, 5] - kb[None, :, 5])
    radius = np.fmax(np.fmax(ka[:, None, 6], kb[None, :, 6]), 1e-9)
    score = np.where(away <= radius, 1 - 0.999 * away / radius, 0.0)
    top = np.maximum(ka[:, None, :2], kb[None, :, :2])
    end = np.minimum(ka[:, None, 2:4], kb[None, :, 2:4])
    for i, j in zip(*np.nonzero((top < end).all(axis=2)), strict=True):
        overlap = _iou(a[i], b[j])
        if overlap >= MATCH_IOU:
            score[i, j] = 1 + overlap
    return score


def _numbers(regions: list[_Region]) -> np.ndarray:
    """(n, 7): top, left, bottom, right (beyond the box), centre row, centre col, cell radius in px."""
    rows = [r.row for r in regions]
    table = np.array([(r.row, r.col, r.row + r.height, r.col + r.width) for r in rows], float)
    centre = [(getattr(r, "centre_row", np.nan), getattr(r, "centre_col", np.nan)) for r in rows]
    centre = np.where(np.isnan(centre), (table[:, :2] + table[:, 2:] - 1) / 2, centre)
    radius = np.array([getattr(r, "cell_radius_px", np.nan) for r in rows], float)
    return np.column_stack([table, centre, np.where(np.isnan(radius), DEFAULT_RADIUS_PX, radius)])


def _iou(a: _Region, b: _Region) -> float:
    top, left = max(a.row.row, b.row.row), max(a.row.col, b.row.col)
    bottom = min(a.row.row + a.row.height, b.row.row + b.row.height)
    right = min(a.row.col + a.row.width, b.row.col + b.row.width)
    windows = [r.shape[top - r.row.row : bottom - r.row.row, left - r.row.col : right - r.row.col] for r in (a, b)]
    shared = int(np.count_nonzero(windows[0] & windows[1]))
    return shared / (a.row.n_pixels + b.row.n_pixels - shared)


_SUMMARY = (
    "image", "kind", "class", "row", "col", "height", "width", "rle", "centre_row", "centre_col", "n_pixels",
    "persistence", "n_seen", "seen_in", "born", "last_seen", "alive", "probability", "region", "damage",
)  # fmt: skip


def _summary(mistake: _Mistake, names: list[str]) -> dict:
    times = sorted(mistake.seen)
    rows, last = [mistake.seen[t].row for t in times], mistake.latest
    n_pixels, persistence = float(np.mean([r.n_pixels for r in rows])), len(times) / len(names)
    centre = _numbers([last])[0, 4:6]
    kept = {
        name: getattr(last.row, name) for name in ("image", "kind", "row", "col", "height", "width", "rle", "region")
    }
    classes = [r.class_ for r in rows]
    return kept | {
        "class": max(sorted(set(classes)), key=classes.count),
        "centre_row": float(centre[0]),
        "centre_col": float(centre[1]),
        "n_pixels": n_pixels,
        "persistence": persistence,
        "n_seen": len(times),
        "seen_in": [names[t] for t in times],
        "born": names[times[0]],
        "last_seen": names[times[-1]],
        "alive": times[-1] == len(names) - 1,
        "probability": float(np.mean([getattr(r, "probability", np.nan) for r in rows])),
        "damage": persistence * n_pixels,
    }
