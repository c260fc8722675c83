"""Clusters: wrong regions of different images that look alike.

Each region is described by its size, shape, what it touches, how sure the network was and how it stands out from
its surroundings; descriptors are brought to one scale and grouped by Ward's method (Ward 1963,
doi:10.1080/01621459.1963.10500845), false positives and misses apart. The number of groups is the one with the best
mean silhouette (Rousseeuw 1987, doi:10.1016/0377-0427(87)90125-7). Nothing is drawn at random.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import cdist

from seglib.exceptions import InputError

MAX_CLUSTERS = 6
MIN_SILHOUETTE = 0.25  # below it the regions are one cloud: Kaufman and Rousseeuw call 0.26 to 0.5 a weak structure
_TREE_SIZE = 800  # the tree is built on so many regions of all sizes, the others join the nearest centre
_EXAMPLES = 6
COLUMNS = (
    "cluster", "kind", "name", "count", "n_images", "n_pixels", "share", "mean_pixels", "probability", "contrast",
    "elongation", "touching", "examples",
)  # fmt: skip


def clusters(table: pd.DataFrame, max_clusters: int = MAX_CLUSTERS, min_pixels: int = 4) -> pd.DataFrame:
    """Kinds of mistakes across images, those with most pixels first.

    table: regions of any number of images, with the columns of `regions` and `image`. min_pixels: smaller regions are
    left out of the grouping (their shape says nothing); `share` still is the share of all wrong pixels.

    Columns: cluster (1, 2, …), kind, name (words for what is typical), count, n_images, n_pixels, share (0 to 1),
    mean_pixels, probability, contrast, elongation (means), touching (mean number of truth cells touched),
    examples (up to 6 dicts image, region, row, col, height, width; those nearest to the centre first).
    Raises InputError for a missing column.
    """
    missing = [c for c in ("image", "region", "kind", "class", "n_pixels", "n_cells") if c not in table]
    if missing:
        raise InputError(f"the table of regions lacks {', '.join(missing)}; give what seglib.errors.regions makes.")
    rows = []
    total = int(table.n_pixels.sum())
    for kind in ("fp", "fn"):
        part = table[(table.kind == kind) & (table.n_pixels >= min_pixels)].reset_index(drop=True)
        if len(part):
            points = descriptors(part)
            member, centres = _group(points, part.n_pixels.to_numpy(), max_clusters)
            away = np.linalg.norm(points - centres[member], axis=1)
            rows += [_row(part[member == k], away[member == k], total) for k in range(len(centres))]
    rows.sort(key=lambda r: -r["n_pixels"])
    return pd.DataFrame([{"cluster": i, **r} for i, r in enumerate(rows, start=1)], columns=list(COLUMNS))


def descriptors(table: pd.DataFrame) -> np.ndarray:
    """(n, 7) float, each column on a comparable scale: about 1 is a difference one sees."""
    columns = [
        np.log2(table.n_pixels) / 2,  # four times the size is one step
        np.log2(table.elongation),
        2 * table.extent,
        np.minimum(table.n_cells, 2),
        4 * table.probability,
        table.contrast.clip(-3, 3),
        np.minimum(table.border_px, 4) / 4,  # cut by the image border or not
    ]
    return np.nan_to_num(np.column_stack(columns).astype(float))


def _group(points: np.ndarray, n_pixels: np.ndarray, max_clusters: int) -> tuple[np.ndarray, np.ndarray]:
    """(n,) number of the group of each point and (k, d) centres."""
    by_size = np.argsort(-n_pixels, kind="stable")
    chosen = by_size[np.unique(np.linspace(0, len(by_size) - 1, _TREE_SIZE).astype(int))]
    sample = points[chosen]
    if len(sample) < 4:
        return np.zeros(len(points), int), points.mean(0, keepdims=True)
    tree, distances = linkage(sample, "ward"), cdist(sample, sample)
    cuts = [fcluster(tree, k, "maxclust") - 1 for k in range(2, min(max_clusters, len(sample) - 1) + 1)]
    cuts = [c for c in cuts if c.max() > 0]
    best = max(cuts, key=lambda c: silhouette(distances, c), default=None)
    if best is None or silhouette(distances, best) < MIN_SILHOUETTE:
        return np.zeros(len(points), int), points.mean(0, keepdims=True)
    centres = np.array([sample[best == k].mean(0) for k in range(best.max() + 1)])
    member = cdist(points, centres).argmin(1)
    member[chosen] = best
    return member, centres


def silhouette(distances: np.ndarray, member: np.ndarray) -> float:
    """Mean silhouette, -1 to 1, of groups 0, 1, … given the (n, n) distances; a group of one counts 0."""
    onehot = (member[:, None] == np.arange(member.max() + 1)).astype(float)
    sizes, sums = onehot.sum(0), distances @ onehot
    own = sizes[member]
    inside = sums[np.arange(len(member)), member] / np.maximum(own - 1, 1)
    outside = np.where(onehot > 0, np.inf, sums / sizes).min(1)
    larger = np.maximum(inside, outside)
    values = np.divide(outside - inside, larger, out=np.zeros_like(larger), where=(larger > 0) & (own > 1))
    return float(values.mean())


def _row(part: pd.DataFrame, away: np.ndarray, total: int) -> dict:
    place = [c for c in ("image", "region", "row", "col", "height", "width") if c in part]
    nearest = part.iloc[np.argsort(away, kind="stable")[:_EXAMPLES]]
    return {
        "kind": part.kind.iloc[0],
        "name": _name(part),
        "count": len(part),
        "n_images": part.image.nunique(),
        "n_pixels": int(part.n_pixels.sum()),
        "share": part.n_pixels.sum() / total,
        "mean_pixels": part.n_pixels.mean(),
        "probability": part.probability.mean(),
        "contrast": part.contrast.mean(),
        "elongation": part.elongation.mean(),
        "touching": part.n_cells.mean(),
        "examples": nearest[place].to_dict("records"),
    }


def _name(part: pd.DataFrame) -> str:
    """Words for a group: its most frequent class, what it touches, its shape and brightness."""
    words = [part["class"].value_counts(sort=False).sort_index().idxmax().replace("_", " ")]
    if part.kind.iloc[0] == "fp":
        touching = part.n_cells.median()
        words.append("free-standing" if touching == 0 else "beside a cell" if touching < 2 else "between cells")
    if part.border_px.median() == 0:
        words.append("at the image border")
    words += ["thin"] if part.elongation.median() > 3 or part.extent.median() < 0.35 else []
    contrast = part.contrast.median()
    words += ["bright"] if contrast > 1 else ["dark"] if contrast < -1 else []
    return f"{', '.join(words)}, about {part.n_pixels.median():.0f} px"
