"""Growth: how each kind of mistake grows or shrinks from checkpoint to checkpoint, or from run to run."""

from __future__ import annotations

import pandas as pd

_CHANCE = 0.1  # share by which a count may change without being said to grow


def growth(members: pd.DataFrame, totals: pd.DataFrame) -> pd.DataFrame:
    """One row a cluster and source, in the order of the sources: cluster, source, count, n_pixels, share, iou.

    members: as in `seglib.errors.clusters.Kinds`, with `source`. totals: one row a source, in order of time: source,
    n_wrong, n_union (pixels of all images added up). share: of the wrong pixels of that source; iou: n_pixels /
    n_union, what this kind takes off its pooled IoU. A kind that a source does not have counts 0 there; a ratio over
    nothing is NaN.
    """
    sources, clusters = list(totals.source), sorted(set(members.cluster))
    index = pd.MultiIndex.from_product([clusters, sources], names=["cluster", "source"])
    sums = members.groupby(["cluster", "source"]).n_pixels.agg(["size", "sum"]).reindex(index, fill_value=0)
    table = sums.set_axis(["count", "n_pixels"], axis=1).reset_index()
    of = totals.set_index("source")
    for name, whole in (("share", "n_wrong"), ("iou", "n_union")):
        pixels = table.source.map(of[whole])
        table[name] = table.n_pixels / pixels.where(pixels > 0)
    return table


def told(counts: list[int], names: list[str]) -> str:
    """`grew from 12 in run a to 31 in run b`: the first against the last; '' for a single one. A change of less than a
    tenth, or of one or two, is none: so many come and go from seed to seed."""
    if len(counts) < 2:
        return ""
    first, last = counts[0], counts[-1]
    if first and last and abs(last - first) <= max(2, _CHANCE * first):
        return f"about as many, {first} in {names[0]} and {last} in {names[-1]}"
    verb = "new" if not first else "gone" if not last else "grew" if last > first else "shrank"
    if first == last:
        return f"none in {names[0]} and in {names[-1]}"
    if verb in ("new", "gone"):
        return f"{verb}: {first} in {names[0]}, {last} in {names[-1]}"
    return f"{verb} from {first} in {names[0]} to {last} in {names[-1]}"
