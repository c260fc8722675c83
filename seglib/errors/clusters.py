"""Clusters: wrong regions of different images that look alike.

Regions become points (`seglib.errors.descriptors`) and are grouped by Ward's method (Ward 1963,
doi:10.1080/01621459.1963.10500845), false positives and misses apart. The tree is built on a sample, drawn evenly along
the sum of the square roots of the sizes, so that neither crumbs nor a few giants decide; the other regions join the
nearest centre. Whether there are groups at all: the silhouette (Rousseeuw 1987, doi:10.1016/0377-0427(87)90125-7) of
some cut is clearly above that of one normal cloud of the same covariance (the idea of the gap statistic, Tibshirani et
al. 2001, doi:10.1111/1467-9868.00293). How many: a group is split, the highest in the tree first, as long as its
halves differ by what one sees. (The cut of the best silhouette, which comes to mind first, lumps all into two.)
The same table gives the same groups, in whatever order its rows come.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.cluster.hierarchy import ClusterNode, fcluster, linkage, to_tree
from scipy.spatial.distance import cdist

from seglib.errors.descriptors import NETWORK_WEIGHT, descriptors, network_columns
from seglib.exceptions import InputError

MAX_CLUSTERS = 8  # a kind
MIN_PIXELS = 4  # the look of smaller regions says nothing
MIN_GAP = 0.05  # silhouette above that of one normal cloud; below it the regions are such a cloud
VISIBLE = 1.6  # two kinds differ by at least so much, and by more where a network adds its part; 1 is what one sees
MIN_SILHOUETTE = 0.1  # of the two halves of a group that is split
LEAST_VISIBLE, CLEAR_SILHOUETTE = 1.0, 0.65  # less is enough where nothing lies between the halves
_LEAST_SHARE = 0.01  # of the sample that makes a group
_CUTS = 12  # into so many groups at most, to see whether there are any
_TREE_SIZE = 800
_FAR = 8.0  # further from its centre than half of them by so many times what a quarter is: like no other
EXAMPLES = 6
MEANS = ("probability", "contrast", "elongation", "extent", "solidity", "thickness_px", "brightness", "focus")
COLUMNS = (
    "cluster", "kind", "name", "count", "n_images", "n_pixels", "share", "mean_pixels", *MEANS, "touching", "at_border",
    "main_class", "examples",
)  # fmt: skip
MEMBERS = (
    "source",
    "image",
    "region",
    "kind",
    "class",
    "cluster",
    "distance",
    "row",
    "col",
    "height",
    "width",
    "n_pixels",
)
_NEEDED = ("image", "region", "kind", "class", "n_pixels", "n_cells")


@dataclass(frozen=True)
class Kinds:
    """rows: one a cluster, COLUMNS. members: one a region, MEMBERS: which cluster it is in and how far from its centre
    (1 = as far as half of them); cluster 0 = like no other."""

    rows: pd.DataFrame
    members: pd.DataFrame


def clusters(table: pd.DataFrame, max_clusters: int = MAX_CLUSTERS, min_pixels: int = MIN_PIXELS) -> pd.DataFrame:
    """Kinds of mistakes across images, those with most pixels first: the rows of `grouped`."""
    return grouped(table, max_clusters, min_pixels).rows


def grouped(table: pd.DataFrame, max_clusters: int = MAX_CLUSTERS, min_pixels: int = MIN_PIXELS) -> Kinds:
    """Kinds of mistakes and their members, those with most pixels first.

    table: regions of any number of images, with the columns of `regions` and `image`; also `source` where they come
    from several checkpoints or runs, and what `seglib.errors.descriptors` can use more. min_pixels: smaller regions
    are left out of the grouping; `share` still is the share of all wrong pixels.

    Columns of rows: cluster (1, 2, …), kind, name (words for what is typical), count, n_images, n_pixels, share (0 to
    1), mean_pixels, the means of MEANS (NaN where not measured), touching (mean number of truth cells touched),
    at_border (share cut by the image border), main_class, examples (up to 6 dicts image, region, row, col, height,
    width, and source if there is one; those nearest to the centre first, each place once).
    Raises InputError for a missing column.
    """
    missing = [c for c in _NEEDED if c not in table]
    if missing:
        raise InputError(f"the table of regions lacks {', '.join(missing)}; give what seglib.errors.regions makes.")
    total, found = int(table.n_pixels.sum()), []
    for kind in ("fp", "fn"):
        part = table[(table.kind == kind) & (table.n_pixels >= min_pixels)]
        if len(part):
            part = part.sort_values(_order(part), kind="stable", ignore_index=True)
            visible = np.hypot(VISIBLE, NETWORK_WEIGHT) if network_columns(part) else VISIBLE
            member, distance = _group(descriptors(part), part.n_pixels.to_numpy(), max_clusters, visible)
            part = part.assign(cluster=member, distance=distance)
            found += [part[member == k] for k in np.unique(member)]
    found.sort(key=lambda part: (part.cluster.iloc[0] < 0, -int(part.n_pixels.sum())))
    numbers = np.cumsum([part.cluster.iloc[0] >= 0 for part in found])
    parts = [part.assign(cluster=n if part.cluster.iloc[0] >= 0 else 0) for part, n in zip(found, numbers)]
    rows = [_row(part, total) for part in parts if part.cluster.iloc[0]]
    kept = [name for name in MEMBERS if name in table or name in ("cluster", "distance")]
    members = pd.concat([p[kept] for p in parts], ignore_index=True) if parts else pd.DataFrame(columns=kept)
    return Kinds(pd.DataFrame(rows, columns=list(COLUMNS)), members)


def _order(part: pd.DataFrame) -> list[str]:
    """What rows are sorted by, so that the order they came in does not matter."""
    return [name for name in ("image", "source", "region") if name in part]


def _group(
    points: np.ndarray, n_pixels: np.ndarray, max_clusters: int, visible: float
) -> tuple[np.ndarray, np.ndarray]:
    """(n,) number of the group of each point, -1 = an outlier, and (n,) its distance from the centre."""
    chosen = _sample(n_pixels)
    best = _cut(points[chosen], max_clusters, visible)
    centres = np.array([points[chosen][best == k].mean(0) for k in range(best.max() + 1)])
    away = cdist(points, centres)
    member = away.argmin(1)
    distance = away[np.arange(len(points)), member]
    far = np.zeros(len(points), bool)
    for k in range(len(centres)):
        mine = member == k
        usual, wide = np.quantile(distance[mine], (0.5, 0.75)) if mine.any() else (1.0, 1.0)
        far |= mine & (distance > max(usual + _FAR * max(wide - usual, 0.2 * usual), visible))
        distance[mine] /= max(usual, 1e-9)
    return np.where(far, -1, member), distance


def _sample(n_pixels: np.ndarray) -> np.ndarray:
    """Indices of at most _TREE_SIZE regions, evenly along the sum of the square roots of the sizes."""
    if len(n_pixels) <= _TREE_SIZE:
        return np.arange(len(n_pixels))
    by_size = np.argsort(-n_pixels, kind="stable")
    heights = np.cumsum(np.sqrt(n_pixels[by_size]))
    places = (np.arange(_TREE_SIZE) + 0.5) / _TREE_SIZE * heights[-1]
    return np.unique(by_size[np.searchsorted(heights, places).clip(max=len(by_size) - 1)])


def _cut(sample: np.ndarray, max_clusters: int, visible: float) -> np.ndarray:
    """(n,) numbers 0, 1, … of the groups of a sample."""
    member = np.zeros(len(sample), int)
    if len(sample) < 4:
        return member
    tree, distances = linkage(sample, "ward"), cdist(sample, sample)
    if not _structured(sample, tree, distances):
        return member
    least = max(2, round(_LEAST_SHARE * len(sample)))
    waiting, n_groups = [to_tree(tree)], 1
    while waiting and n_groups < max_clusters:
        node = max(waiting, key=lambda node: node.dist)
        waiting.remove(node)
        halves = _halves(node, least)
        if halves is None or not _distinct(sample, distances, visible, *halves):
            continue
        member[halves[1].pre_order()] = n_groups
        n_groups += 1
        waiting += halves
    return member


def _structured(sample: np.ndarray, tree: np.ndarray, distances: np.ndarray) -> bool:
    """Whether some cut is better than that of one normal cloud of the same size and covariance, always the same."""
    values, axes = np.linalg.eigh(np.atleast_2d(np.cov(sample.T)))
    cloud = np.random.default_rng(0).normal(size=sample.shape) * np.sqrt(values.clip(min=0)) @ axes.T
    by_chance, far = linkage(cloud, "ward"), cdist(cloud, cloud)
    ks = range(2, min(_CUTS, len(sample) // 2) + 1)
    return any(_quality(tree, distances, k) - max(_quality(by_chance, far, k), 0.0) >= MIN_GAP for k in ks)


def _quality(tree: np.ndarray, distances: np.ndarray, k: int) -> float:
    member = fcluster(tree, k, "maxclust") - 1
    return silhouette(distances, member) if member.max() > 0 else 0.0


def _halves(node: ClusterNode, least: int) -> tuple[ClusterNode, ClusterNode] | None:
    """The first split of a node into two halves of at least `least`, larger first; what is smaller is no group."""
    while not node.is_leaf():
        halves = sorted((node.left, node.right), key=lambda half: -half.count)
        if halves[1].count >= least:
            return halves[0], halves[1]
        node = halves[0]
    return None


def _distinct(sample: np.ndarray, distances: np.ndarray, visible: float, *halves: ClusterNode) -> bool:
    """Whether two groups differ by what one sees, and are not two ends of one thing."""
    a, b = (np.array(half.pre_order()) for half in halves)
    both = np.concatenate([a, b])
    side = np.repeat([0, 1], [len(a), len(b)])
    gap = silhouette(distances[np.ix_(both, both)], side)
    away = np.linalg.norm(sample[a].mean(0) - sample[b].mean(0))
    return (away >= visible and gap >= MIN_SILHOUETTE) or (away >= LEAST_VISIBLE and gap >= CLEAR_SILHOUETTE)


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


def examples(part: pd.DataFrame, most: int = EXAMPLES) -> pd.DataFrame:
    """Members nearest to the centre, each place of an image once whatever the source."""
    near = part.sort_values(["distance", *_order(part)], kind="stable")
    place = near.assign(r=(near.row + near.height // 2) // 8, c=(near.col + near.width // 2) // 8)
    return near[~place.duplicated(["image", "r", "c"])].head(most)


def _row(part: pd.DataFrame, total: int) -> dict:
    place = [c for c in ("source", "image", "region", "row", "col", "height", "width") if c in part]
    means = {name: part[name].mean() if name in part else np.nan for name in MEANS}
    return {
        "cluster": int(part.cluster.iloc[0]),
        "kind": part.kind.iloc[0],
        "name": _name(part),
        "count": len(part),
        "n_images": part.image.nunique(),
        "n_pixels": int(part.n_pixels.sum()),
        "share": part.n_pixels.sum() / total,
        "mean_pixels": part.n_pixels.mean(),
        **means,
        "touching": part.n_cells.mean(),
        "at_border": (part.border_px == 0).mean(),
        "main_class": _main_class(part),
        "examples": examples(part)[place].to_dict("records"),
    }


def _main_class(part: pd.DataFrame) -> str:
    return part["class"].value_counts(sort=False).sort_index().idxmax()


def _name(part: pd.DataFrame) -> str:
    """Words for a group: its most frequent class, what it touches, its shape and brightness."""
    words = [_main_class(part).replace("_", " ")]
    if part.kind.iloc[0] == "fp":
        touching = part.n_cells.median()
        words.append("free-standing" if touching == 0 else "beside a cell" if touching < 2 else "between cells")
    if part.border_px.median() == 0:
        words.append("at the image border")
    words += ["thin"] if part.elongation.median() > 3 or part.extent.median() < 0.35 else []
    contrast = part.contrast.median()
    words += ["bright"] if contrast > 1 else ["dark"] if contrast < -1 else []
    if "focus" in part and part.focus.median() < -1:
        words.append("blurred")
    return f"{', '.join(words)}, about {part.n_pixels.median():.0f} px"
