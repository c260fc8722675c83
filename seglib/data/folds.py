"""Folds: whole groups dealt out to folds or to val, seeded and balanced by their number of pictures."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from seglib.data.splits import natural_key
from seglib.exceptions import InputError

MOST_FOLDS = 100  # data.fold is 0 to 99
_TRIES = 200
_TOLERANCE = 0.1


def deal(sizes: Mapping[str, int], k: int, seed: int = 0) -> dict[str, int]:
    """Group -> fold 0 … k-1; sizes: group -> number of labelled pictures, groups without any are left out.

    The largest group goes first, each to the fold that has the fewest pictures so far; groups of one size come in a
    drawn order, as do folds of one size. No two folds then differ by more than the largest group (Graham 1969,
    doi:10.1137/0117039, longest processing time first). Raises InputError for fewer groups than folds.
    """
    groups = _with_masks(sizes)
    if not 2 <= k <= MOST_FOLDS:
        raise InputError(f"k is {k}; allowed: 2 to {MOST_FOLDS} folds.")
    if len(groups) < k:
        raise InputError(
            f"{k} folds need at least {k} groups with masks, there {_are(len(groups))}; choose a smaller k, "
            "or say more finely which pictures belong together."
        )
    rng = np.random.default_rng(seed)
    drawn = sorted((groups[i] for i in rng.permutation(len(groups))), key=lambda group: -sizes[group])
    order, taken = rng.permutation(k), np.zeros(k, int)
    folds = {}
    for group in drawn:
        place = int(np.argmin(taken[order]))
        folds[group] = int(order[place])
        taken[order[place]] += sizes[group]
    return {group: folds[group] for group in groups}


def propose_val(sizes: Mapping[str, int], share: float = 0.2, seed: int = 0) -> set[str]:
    """Groups for val that hold about `share` of the labelled pictures: at least one group, never all of them.

    The first of 200 drawn orders whose beginning comes within a tenth of the wanted number, else the nearest of them;
    another seed, another proposal. Raises InputError for fewer than two groups or a share that is not between 0 and 1.
    """
    groups = _with_masks(sizes)
    if not 0 < share < 1:
        raise InputError(f"the share for val is {share:g}; allowed: between 0 and 1, such as 0.2.")
    if len(groups) < 2:
        raise InputError(f"train and val need two groups with masks, there {_are(len(groups))}.")
    rng = np.random.default_rng(seed)
    wanted = share * sum(sizes[group] for group in groups)
    best: list[str] = []
    miss = np.inf
    for _ in range(_TRIES):
        order = [groups[i] for i in rng.permutation(len(groups))]
        sums = np.cumsum([sizes[group] for group in order[:-1]])
        n = int(np.argmin(np.abs(sums - wanted))) + 1
        if abs(sums[n - 1] - wanted) < miss:
            best, miss = order[:n], abs(float(sums[n - 1]) - wanted)
        if miss <= _TOLERANCE * wanted:
            break
    return set(best)


def _with_masks(sizes: Mapping[str, int]) -> list[str]:
    return sorted((group for group, n in sizes.items() if n), key=natural_key)


def _are(n: int) -> str:
    return "is only one" if n == 1 else f"are {n}"
