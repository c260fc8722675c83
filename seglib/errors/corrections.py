"""Corrections: what a verdict means for the next version of the data set.

- label is wrong, at a false positive: there is a cell that was not drawn: fill;
- label is wrong, at a miss: there is none where one was drawn: erase;
- ignore: the region and 2 px around it are left out of every loss, count and error;
- hard negative: its image is drawn more often in training, 1 added to the factor of its weight for each;
- model error, unsure: the data set stays as it is.

Exactly what each does to pixels and weights: `seglib.data.changes`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from seglib.data.changes import Change, change_id
from seglib.data.dataset import Dataset
from seglib.data.rle import decode
from seglib.data.version import usable, weights_after
from seglib.errors.review import Verdict
from seglib.exceptions import InputError

HARD_NEGATIVE_WEIGHT = 1.0
_ACTIONS = {
    ("label_wrong", "fp"): "fill",
    ("label_wrong", "fn"): "erase",
    ("ignore", "fp"): "ignore",
    ("ignore", "fn"): "ignore",
    ("hard_negative", "fp"): "weight",
    ("hard_negative", "fn"): "weight",
}


def changes(verdicts: Iterable[Verdict]) -> list[Change]:
    """The changes that follow from standing verdicts, in their order; two that would be the same are one."""
    found = {}
    for verdict in verdicts:
        change = change_of(verdict)
        if change is not None:
            found.setdefault(change.id, change)
    return list(found.values())


def change_of(verdict: Verdict) -> Change | None:
    """None for a verdict that leaves the data set as it is."""
    action = _ACTIONS.get((verdict.verdict or "", verdict.kind))
    if action is None:
        return None
    box = (verdict.row, verdict.col, verdict.height, verdict.width)
    return Change(
        change_id(verdict.image, action, box, verdict.rle),
        verdict.image,
        action,
        *box,
        verdict.rle,
        HARD_NEGATIVE_WEIGHT if action == "weight" else 0.0,
        verdict.why,
        verdict.verdict or "",
        verdict.who,
        verdict.when,
    )


@dataclass(frozen=True)
class Plan:
    """What acting on verdicts would do. asked: what goes into `make_version`, which lists also what it cannot make;
    changes: those that can be made; left_out: those that cannot, with the reason; weights: sampling weight before and
    after of the images that are drawn more often."""

    verdicts: tuple[Verdict, ...]
    asked: tuple[Change, ...]
    changes: tuple[Change, ...]
    left_out: tuple[tuple[Change, str], ...]
    weights: dict[str, tuple[float, float]]
    n_val: int = 0  # changes of masks and ignored areas on val images

    def counts(self) -> dict[str, int]:
        """verdicts; masks (images whose mask is corrected), filled, erased, ignored (places), weighted (images drawn
        more often), hard_negatives (that are used), not_used (hard negatives on images that are never trained on)."""
        numbers = Counter(change.action for change in self.changes)
        corrected = {change.image for change in self.changes if change.action in ("fill", "erase")}
        return {
            "verdicts": len(self.verdicts),
            "masks": len(corrected),
            "filled": numbers["fill"],
            "erased": numbers["erase"],
            "ignored": numbers["ignore"],
            "weighted": len(self.weights),
            "hard_negatives": numbers["weight"],
            "not_used": sum(change.action == "weight" for change, _ in self.left_out),
        }


def plan(dataset: Dataset, verdicts: Sequence[Verdict], without: Iterable[str] = ()) -> Plan:
    """What the standing `verdicts` come to on `dataset`; `without`: ids of changes that the person does not want.

    Verdicts on images that are gone from the data set, or whose run-length code makes no sense, are left out and said.
    """
    refused, known = set(without), {record.image for record in dataset.records}
    here, impossible = [], []
    for change in changes(verdicts):
        reason = _impossible(change, known)
        if reason:
            impossible.append((change, reason))
        elif change.id not in refused:
            here.append(change)
    wanted, left_out = usable(dataset, here)
    val = {record.image for record in dataset.records if record.split == "val"}
    n_val = sum(change.image in val for change in wanted)
    reasons = (*left_out, *impossible)
    return Plan(tuple(verdicts), tuple(here), tuple(wanted), reasons, weights_after(dataset, wanted), n_val)


def _impossible(change: Change, known: set[str]) -> str:
    if change.image not in known:
        return "the image is not in the data set any more"
    try:
        decode(change.rle, change.height, change.width)
    except InputError as error:
        return str(error)
    return ""


def sentence(counts: dict[str, int]) -> str:
    """`12 verdicts: 5 masks corrected, 3 areas ignored, 4 images drawn more often`."""
    words = {
        "masks": ("mask corrected", "masks corrected"),
        "ignored": ("area ignored", "areas ignored"),
        "weighted": ("image drawn more often", "images drawn more often"),
    }
    parts = [f"{counts[name]} {pair[counts[name] != 1]}" for name, pair in words.items() if counts[name]]
    n = counts["verdicts"]
    return f"{n} {'verdict' if n == 1 else 'verdicts'}: {', '.join(parts) or 'nothing to change in the data set'}"


def not_used(counts: dict[str, int]) -> str:
    """What is to be said of hard negatives that cannot be trained on; '' where there are none."""
    n = counts["not_used"]
    if not n:
        return ""
    what = "1 hard negative lies" if n == 1 else f"{n} hard negatives lie"
    return (
        f"{what} on images that are not train: counted, not used. What a network is scored on must stay out of its "
        "training. Move the image's group to train, or mark such a place on a train image."
    )


def on_val(n_val: int) -> str:
    """What is to be said of changes on images that networks are scored on; '' where there are none."""
    if not n_val:
        return ""
    what = "1 change is" if n_val == 1 else f"{n_val} changes are"
    return (
        f"{what} on val images: a network scored on the new version is held against other masks than before. Compare "
        "two runs on one and the same version only."
    )
