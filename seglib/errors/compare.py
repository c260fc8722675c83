"""Compare: what changes from one prediction (a) to another (b) of the same images: fixed, broken, still wrong.

Every valid pixel has one fate: right in both, fixed (wrong in a, right in b), broken (right in a, wrong in b) or still
wrong; wrong as false positive (fp) or as miss (fn), which is the same in both because the mask is. So

    fp of a = fixed_fp + still_fp        fp of b = broken_fp + still_fp        and the same for fn,

all integers, which pool by adding; the change of pooled IoU follows from their sums. A fixed pixel counts for the
class of the budget it had in a, a broken one for the class it has in b.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from seglib.errors.budget import CLASSES, anatomy
from seglib.errors.regions import COLUMNS, regions
from seglib.exceptions import InputError
from seglib.metrics import foreground

# image name, group, gray (H, W), q of a and of b (H, W) uint8, labels (H, W) integer, valid (H, W) bool
Pair = tuple[str, str, np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]

FATES = ("fixed_fp", "fixed_fn", "broken_fp", "broken_fn", "still_fp", "still_fn")
OF_CLASSES = ("a", "b", "fixed", "broken")  # columns a_missed_cell, b_missed_cell, …
COUNTS = ("n_true", "n_valid", *FATES, *(f"{part}_{name}" for part in OF_CLASSES for name in CLASSES))


def fates(mask: np.ndarray, a: np.ndarray, b: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """(H, W) uint8 map, 0 = right in both or not valid, i + 1 = FATES[i].

    mask, a, b, valid: (H, W) bool, True = cell in the truth, in the first and in the second prediction, counted at all.
    Raises InputError for arrays of different shapes.
    """
    if not mask.shape == a.shape == b.shape == valid.shape:
        raise InputError(
            f"mask, predictions and valid have shapes {mask.shape}, {a.shape}, {b.shape}, {valid.shape}; they must be "
            "the same."
        )
    wrong_a, wrong_b = (a != mask) & valid, (b != mask) & valid
    fate = np.zeros(mask.shape, np.uint8)
    for number, where in enumerate((wrong_a & ~wrong_b, wrong_b & ~wrong_a, wrong_a & wrong_b)):
        fate[where & ~mask], fate[where & mask] = 2 * number + 1, 2 * number + 2
    return fate


@dataclass(frozen=True)
class Changes:
    """images: one row an image: image, group and COUNTS. wins, losses: tables as `seglib.errors.regions` makes them,
    `image` first, of what was fixed (class and probability as in a) and of what was broken (as in b)."""

    images: pd.DataFrame
    wins: pd.DataFrame
    losses: pd.DataFrame

    def pooled(self, group: str | None = None) -> dict[str, int]:
        """COUNTS and what follows from them (`overlaps`), summed over all images or those of one group."""
        chosen = self.images if group is None else self.images[self.images.group == group]
        return overlaps({name: int(chosen[name].sum()) for name in COUNTS})

    def by_class(self) -> list[dict[str, Any]]:
        """`by_class` of both budgets over all images, and how many pixels of each class were fixed and broken."""
        pooled = self.pooled()
        a, b = ({c: pooled[f"{x}_{c}"] for c in CLASSES} | {"union": pooled[f"union_{x}"]} for x in ("a", "b"))
        changed = ("fixed", "broken")
        return [row | {part: pooled[f"{part}_{row['class']}"] for part in changed} for row in by_class(a, b)]


def compare(
    pairs: Iterable[Pair], threshold: float = 0.5, progress: Callable[[int], None] = lambda done: None
) -> Changes:
    """Both predictions of every image at one threshold; one image in memory at a time. progress is told how many are
    done. Raises InputError, naming the image, where the arrays do not fit together."""
    rows, wins, losses = [], [], []
    for name, group, gray, q_a, q_b, labels, valid in pairs:
        try:
            counts, won, lost = _one(gray, q_a, q_b, labels, valid, threshold)
        except InputError as error:
            raise InputError(f"{name}: {error}") from None
        rows.append({"image": name, "group": group, **counts})
        for table, found in ((wins, won), (losses, lost)):
            found.insert(0, "image", name)
            table.append(found)
        progress(len(rows))
    images = pd.DataFrame(rows, columns=["image", "group", *COUNTS])
    return Changes(images, _joined(wins), _joined(losses))


def overlaps(counts: dict[str, Any]) -> dict[str, Any]:
    """COUNTS (integers, or columns of them) with tp and union of a and of b, and their IoU; NaN where undefined."""
    found = dict(counts)
    for name, own in (("a", "fixed"), ("b", "broken")):
        found[f"fp_{name}"] = counts[f"{own}_fp"] + counts["still_fp"]
        found[f"tp_{name}"] = counts["n_true"] - counts[f"{own}_fn"] - counts["still_fn"]
        found[f"union_{name}"] = counts["n_true"] + found[f"fp_{name}"]
        found[f"iou_{name}"] = _ratio(found[f"tp_{name}"], found[f"union_{name}"])
    return found


def by_class(a: Mapping[str, int], b: Mapping[str, int]) -> list[dict[str, Any]]:
    """One row a class that either budget has a pixel of: class, a, b (pixels) and `delta_iou`.

    a, b: budgets, pixels of each class and `union`. delta_iou is what the class takes from the IoU of a less what it
    takes from that of b (each as pixels over its own union): the rows add up to IoU of b − IoU of a.
    """
    return [
        {
            "class": name,
            "a": a[name],
            "b": b[name],
            "delta_iou": _ratio(a[name], a["union"]) - _ratio(b[name], b["union"]),
        }
        for name in CLASSES
        if a[name] or b[name]
    ]


def _one(gray, q_a, q_b, labels, valid, threshold: float) -> tuple[dict[str, int], pd.DataFrame, pd.DataFrame]:
    for name, q in (("first", q_a), ("second", q_b)):
        if q.shape != labels.shape:
            raise InputError(
                f"the {name} prediction has shape {q.shape}, the labels {labels.shape}; they must be equal."
            )
    mask, a, b = labels > 0, foreground(q_a, threshold), foreground(q_b, threshold)
    fate = fates(mask, a, b, valid)
    parts_a, parts_b = anatomy(mask, a, labels, valid), anatomy(mask, b, labels, valid)
    fixed = np.where((fate == 1) | (fate == 2), parts_a.classes, 0).astype(np.uint8)
    broken = np.where((fate == 3) | (fate == 4), parts_b.classes, 0).astype(np.uint8)
    counts = {"n_true": int(np.count_nonzero(mask & valid)), "n_valid": int(np.count_nonzero(valid))}
    counts |= dict(zip(FATES, _histogram(fate, len(FATES))))
    for part, classes in zip(OF_CLASSES, (parts_a.classes, parts_b.classes, fixed, broken)):
        counts |= {f"{part}_{name}": n for name, n in zip(CLASSES, _histogram(classes, len(CLASSES)))}
    won = regions(mask, a, labels, valid, q_a, gray, replace(parts_a, classes=fixed))
    lost = regions(mask, b, labels, valid, q_b, gray, replace(parts_b, classes=broken))
    return counts, won, lost


def _histogram(values: np.ndarray, n: int) -> list[int]:
    """How often 1 … n stand in `values`."""
    return np.bincount(values.ravel(), minlength=n + 1)[1:].tolist()


def _joined(tables: list[pd.DataFrame]) -> pd.DataFrame:
    filled = [table for table in tables if len(table)]
    if filled:
        return pd.concat(filled, ignore_index=True)
    return pd.DataFrame({name: pd.Series(dtype=dtype) for name, dtype in {"image": "str", **COLUMNS}.items()})


def _ratio(part, whole):
    """part / whole, NaN where whole is 0; of numbers or of columns."""
    ratio = np.divide(part, whole, out=np.full(np.shape(part), np.nan), where=np.asarray(whole) > 0)
    return float(ratio) if ratio.ndim == 0 else ratio
