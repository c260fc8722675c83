"""The error rate along a covariate: pooled in bins with as many cells each, with an interval from given draws."""

from __future__ import annotations

import numpy as np
import pandas as pd

from seglib.errors.drivers import LEAST

BINS = 8
CONFIDENCE = 0.95
CURVE = ("low", "high", "middle", "n", "wrong", "union", "error", "error_low", "error_high")


def bins(values: np.ndarray, most: int = BINS) -> np.ndarray:
    """(k + 1,) edges of at most `most` bins with as many values each, but for ties; a bin holds its upper edge.

    At least LEAST values a bin where that is possible.
    """
    n = int(np.clip(len(values) // LEAST, 1, most))
    edges = np.unique(np.quantile(values, np.linspace(0, 1, n + 1), method="inverted_cdf"))
    return edges if len(edges) > 1 else np.array([edges[0], edges[0]])


def curve(table: pd.DataFrame, name: str, drawn: np.ndarray | None = None, most: int = BINS) -> pd.DataFrame:
    """Pooled error rate along a covariate: one row a bin: low, high (edges), middle (median value), n, wrong, union,
    error, error_low, error_high.

    drawn: (draws, images) how often each image stands in each bootstrap draw, images in the order in which they first
    come in `table`; its 95 % interval is NaN without, and where a bin holds pixels in too few draws.
    """
    images = pd.factorize(table.image)[0]
    known = np.isfinite(table[name].to_numpy(float))
    value, images = table[name].to_numpy(float)[known], images[known]
    if not len(value):
        return pd.DataFrame(
            columns=["low", "high", "middle", "n", "wrong", "union", "error", "error_low", "error_high"]
        )
    edges = bins(value, most)
    bin_of = np.clip(np.searchsorted(edges, value, side="left") - 1, 0, len(edges) - 2)
    n_images = table.image.nunique()
    sums = {
        column: np.bincount(
            bin_of * n_images + images, table[column].to_numpy(float)[known], (len(edges) - 1) * n_images
        ).reshape(-1, n_images)
        for column in ("wrong", "union")
    }
    found = pd.DataFrame({"low": edges[:-1], "high": edges[1:]})
    found["middle"] = pd.Series(value).groupby(bin_of).median()
    found["n"] = np.bincount(bin_of, minlength=len(found))
    for column, of_images in sums.items():
        found[column] = of_images.sum(1).astype(np.int64)
    found["error"] = found.wrong / found.union
    found["error_low"], found["error_high"] = _interval(sums["wrong"], sums["union"], drawn)
    return found


def _interval(wrong: np.ndarray, union: np.ndarray, drawn: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """wrong, union: (bins, images). Percentile interval of the pooled ratio of every bin."""
    if drawn is None:
        return np.full(len(wrong), np.nan), np.full(len(wrong), np.nan)
    top, below = drawn @ wrong.T, drawn @ union.T
    ratio = np.divide(top, below, out=np.full(top.shape, np.nan), where=below > 0)
    ratio[:, np.isnan(ratio).mean(0) > 1 - CONFIDENCE] = np.nan  # a bin that many draws leave empty
    with np.errstate(invalid="ignore"):
        tails = ((1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2)
        return tuple(np.array([_quantile(column, tail) for column in ratio.T]) for tail in tails)


def _quantile(values: np.ndarray, tail: float) -> float:
    known = values[np.isfinite(values)]
    return float(np.quantile(known, tail)) if len(known) else float("nan")
