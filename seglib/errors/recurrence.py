"""Recurrence: which wrong regions come back at the same place, checkpoint after checkpoint or run after run.

Table after table, the regions are assigned one to one to the mistakes known so far, each represented by its latest
region, by the rule of `seglib.errors.pairing` (IoU of at least 0.3, or centres within a cell radius). What finds no
partner is born; what is not found again is kept in mind, so that a mistake may be away for a while.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

import numpy as np
import pandas as pd

from seglib.errors.pairing import Places, matched
from seglib.exceptions import InputError
from seglib.metrics import Counts

_NEEDED = ("image", "region", "class", "kind", "row", "col", "height", "width", "n_pixels", "rle")
_OPTIONAL = ("centre_row", "centre_col", "cell_radius_px", "probability")
COLUMNS = (
    "image", "kind", "class", "row", "col", "height", "width", "rle", "centre_row", "centre_col", "n_pixels",
    "persistence", "n_seen", "n_looks", "seen_in", "born", "last_seen", "alive", "age", "gaps", "probability", "region",
    "damage", "won", "course_pixels", "course_probability",
)  # fmt: skip


def recurrent(
    tables: Sequence[pd.DataFrame],
    names: Sequence[str] | None = None,
    progress: Callable[[float], None] = lambda share: None,
    *,
    counts: Counts | None = None,
    images: Sequence[Collection[str]] | None = None,
) -> pd.DataFrame:
    """Mistakes seen in at least one table, ranked by persistence x mean n_pixels.

    tables: one for each checkpoint or run, in order of time, with the columns of `regions` and `image`. The last is
    the one in view. names: what to call them (default 1, 2, …). images: those each table judged, wrong or not; left
    out, every table judged all images. counts: of all images at the last table, which `won` needs.
    progress is told the share of the regions that is done.

    Columns: image, kind, class (most frequent), row, col, height, width, rle (latest region), centre_row, centre_col,
    n_pixels (mean where seen), persistence (share of the tables that judged the image, 0 to 1), n_seen, n_looks
    (tables that judged it), seen_in (names), born, last_seen, alive (in the last table), age (tables from the first
    to the latest it was seen in), gaps (of these, judged and not seen), probability (mean), region (number in the
    latest table it was seen in), damage (persistence x n_pixels), won (pooled IoU of the last table won if this place
    alone were put right there; NaN where it is not alive), course_pixels and course_probability (one number a table; 0
    and NaN where not seen). Raises InputError for a column that is missing or names that do not fit.
    """
    names = [str(i + 1) for i in range(len(tables))] if names is None else [str(n) for n in names]
    if len(names) != len(tables) or len(set(names)) != len(names):
        raise InputError(f"{len(tables)} tables and the names {names}; one name for each table, no name twice.")
    table, time = _joined(tables)
    if not len(table):
        return pd.DataFrame(columns=list(COLUMNS))
    place = followed(table, time, len(tables), progress)
    found = _summary(table, time, place, names, _judged(table.image, tables, images))
    found["won"] = iou_won(found, counts)
    order = ["damage", "image", "row", "col"]
    return found[list(COLUMNS)].sort_values(order, ascending=[False, True, True, True], ignore_index=True)


def iou_won(found: pd.DataFrame, counts: Counts | None) -> np.ndarray:
    """What the pooled IoU tp / (tp + fp + fn) would gain if one alive place alone were right; NaN for the others.

    A miss of n pixels put right moves them from fn to tp: n / union. A false positive of n pixels leaves the union:
    tp / (union - n) - tp / union. counts: of all images the places are part of.
    """
    if counts is None:
        return np.full(len(found), np.nan)
    now = np.array([course[-1] for course in found.course_pixels], float)
    return np.where(found.alive.astype(bool), iou_put_right(found.kind, now, counts), np.nan)


def iou_put_right(kind: pd.Series, n_pixels: np.ndarray, counts: Counts) -> np.ndarray:
    """The same for so many wrong pixels of each kind (fp or fn), alive or not."""
    union = float(counts.tp + counts.fp + counts.fn)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(kind == "fn", n_pixels / union, counts.tp / (union - n_pixels) - counts.tp / union)


def _joined(tables: Sequence[pd.DataFrame]) -> tuple[pd.DataFrame, np.ndarray]:
    """All rows in order of time with the columns that matter, and the number of the table of each."""
    parts = []
    for number, table in enumerate(tables, start=1):
        missing = [c for c in _NEEDED if c not in table]
        if missing:
            raise InputError(f"table of regions {number} lacks {', '.join(missing)}; it needs {', '.join(_NEEDED)}.")
        part = table[[*_NEEDED, *(c for c in _OPTIONAL if c in table)]]
        parts += [part.assign(**{c: np.nan for c in _OPTIONAL if c not in table})]
    filled = [part for part in parts if len(part)]
    time = np.repeat(np.arange(len(parts)), [len(part) for part in parts])
    return (pd.concat(filled, ignore_index=True) if filled else pd.DataFrame(columns=[*_NEEDED, *_OPTIONAL])), time


def followed(
    table: pd.DataFrame, time: np.ndarray, n_tables: int, progress: Callable[[float], None] = lambda share: None
) -> np.ndarray:
    """(n,) number of the mistake each region belongs to, 0, 1, … in the order in which they are born. table: in order
    of `time`, the number of each region's table."""
    places = Places.of(table)
    place, latest = np.full(len(table), -1), np.zeros(0, np.int64)
    for t in range(n_tables):
        found = np.flatnonzero(time == t)
        known, again = matched(places, latest, found)
        place[found[again]] = known
        new = found[place[found] < 0]
        place[new] = len(latest) + np.arange(len(new))
        latest = np.concatenate([latest, new])
        latest[place[found]] = found
        progress((found[-1] + 1) / len(table) if len(found) else (t + 1) / n_tables)
    return place


def _judged(image: pd.Series, tables: Sequence[pd.DataFrame], images) -> pd.DataFrame:
    """Whether each table judged each image: one row an image, one column a table."""
    seen = image.unique()
    if images is None:
        return pd.DataFrame(True, index=seen, columns=range(len(tables)))
    if len(images) != len(tables):
        raise InputError(f"{len(tables)} tables and {len(images)} lists of images; one list for each table.")
    judged = pd.DataFrame({t: pd.Index(seen).isin(list(names)) for t, names in enumerate(images)}, index=seen)
    wrong = {t: judged.index.isin(table.image.unique()) for t, table in enumerate(tables)}
    return judged | pd.DataFrame(wrong, index=seen)  # what has a wrong region was judged


def _summary(
    table: pd.DataFrame, time: np.ndarray, place: np.ndarray, names: list[str], judged: pd.DataFrame
) -> pd.DataFrame:
    order = np.lexsort((time, place))
    n_seen = np.bincount(place)
    ends = np.cumsum(n_seen)
    latest = order[ends - 1]
    first, last = time[order[ends - n_seen]], time[latest]
    kept = ["image", "kind", "row", "col", "height", "width", "rle", "region"]
    found = table.loc[latest, kept].reset_index(drop=True)
    box = [found[name].to_numpy(float) for name in ("row", "col", "height", "width")]
    for name, start, length in (("centre_row", box[0], box[2]), ("centre_col", box[1], box[3])):
        given = table[name].to_numpy(float)[latest]
        found[name] = np.where(np.isnan(given), start + (length - 1) / 2, given)
    pixels, probability = np.zeros((len(latest), len(names)), np.int64), np.full((len(latest), len(names)), np.nan)
    pixels[place, time] = table.n_pixels
    probability[place, time] = table.probability
    looked = judged.loc[found.image].to_numpy()
    between = (np.arange(len(names)) > first[:, None]) & (np.arange(len(names)) < last[:, None])
    found["class"] = _most_frequent(table["class"], place)
    found["n_pixels"] = pixels.sum(axis=1) / n_seen
    found["n_seen"], found["n_looks"] = n_seen, looked.sum(axis=1)
    found["persistence"] = n_seen / found.n_looks
    told = np.array(names, object)[time[order]].tolist()
    found["seen_in"] = [told[end - n : end] for n, end in zip(n_seen.tolist(), ends.tolist())]
    found["born"], found["last_seen"] = np.array(names, object)[first], np.array(names, object)[last]
    found["alive"], found["age"] = last == len(names) - 1, last - first + 1
    found["gaps"] = (between & looked & (pixels == 0)).sum(axis=1)
    found["probability"] = np.bincount(place, table.probability.to_numpy(float)) / n_seen
    found["damage"] = found.persistence * found.n_pixels
    found["course_pixels"], found["course_probability"] = pixels.tolist(), probability.tolist()
    return found


def _most_frequent(classes: pd.Series, place: np.ndarray) -> np.ndarray:
    """The class most regions of each mistake have; of equals the first in the alphabet."""
    code, values = pd.factorize(classes, sort=True)
    pairs, counts = np.unique(place * len(values) + code, return_counts=True)
    order = np.lexsort((pairs % len(values), -counts, pairs // len(values)))
    first = np.unique(pairs[order] // len(values), return_index=True)[1]
    return values.to_numpy()[pairs[order][first] % len(values)]
