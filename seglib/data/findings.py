"""Findings: what facts about pictures say about a data set, in words a person can act on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from seglib.data.facts import Facts, MaskFacts
from seglib.data.records import Record, groups_on_both_sides
from seglib.data.splits import NOT_INDEPENDENT

SATURATED_SHARE = 0.02
FULL_SHARE = 0.95
TINY_SHARE, TINY_PX = 0.02, 8  # a fragment is below this share of the median cell, and below this many px
MERGED_AREAS, MERGED_SOLIDITY = 1.6, 0.88
SHIFT_PX, SHIFT_GAIN = 4, 1.4  # measured: masks moved by 11 px gain 1.4 to 2.9, real ones in place at most 1.34

ONE_GROUP_REMEDY = (
    "Add a second movie or field of view, best from another day. Without, choose what belongs together: "
    "data.grouping=name, data.grouping=file, or data.split=blocks (first part train, last part val, not independent)."
)


@dataclass(frozen=True)
class Finding:
    """severity is error (training would fail or mislead), warning (look at it) or note (good to know)."""

    code: str
    severity: str
    files: tuple[str, ...]
    explanation: str
    remedy: str


Table = Sequence[tuple[Record, Facts]]


def findings(records: Sequence[Record], facts: Sequence[Facts], independent: bool = True) -> list[Finding]:
    """All findings about the pictures that could be read, errors first."""
    table = [(records[fact.index], fact) for fact in facts]
    found = [*_of_splits(records, independent), *_duplicates(table)]
    for rule in (
        _kinds,
        _understood,
        _constant,
        _saturated,
        _empty,
        _full,
        _fragments,
        _pinholes,
        _merged,
        _cut,
        _shifted,
    ):
        found += rule(table)
    return sorted(found, key=lambda finding: ("error", "warning", "note").index(finding.severity))


def _of_splits(records: Sequence[Record], independent: bool) -> Iterator[Finding]:
    labelled = [record for record in records if record.mask]
    groups = {record.group for record in labelled}
    if not independent:
        text = f"train and val are parts of the same movies: {NOT_INDEPENDENT}, so val IoU flatters"
        yield Finding("not_independent", "warning", (), text, "Validate on another movie where you can.")
    else:
        for group in groups_on_both_sides(records):
            files = tuple(record.image for record in labelled if record.group == group and record.split)
            text = f"group {group} is on both sides of the split: val would be measured on what was trained on"
            yield Finding(
                "group_on_both_sides", "error", files, text, "Put all pictures of the group in train or in val."
            )
    if not labelled:
        text = "no picture has a mask, so nothing can be trained or scored"
        yield Finding("no_masks", "warning", (), text, "Draw masks for some pictures; prediction works without.")
    elif len(groups) == 1:
        text = f"all masks belong to one group ({next(iter(groups))}): no honest split into train and val exists"
        yield Finding("one_group", "warning", (), text, ONE_GROUP_REMEDY)
    elif not any(record.split == "val" for record in labelled):
        text = "no picture is in val: training has no validation set, best is simply the last step"
        yield Finding("no_validation", "warning", (), text, "Give split=val to all pictures of one or more groups.")


def _duplicates(table: Table) -> Iterator[Finding]:
    """Pictures with exactly the same pixels."""
    same: dict[str, list[Record]] = {}
    for record, fact in table:
        if not fact.constant:
            same.setdefault(fact.digest, []).append(record)
    for twins in same.values():
        if len(twins) < 2:
            continue
        files = tuple(record.image for record in twins)
        if {"train", "val"} <= {record.split for record in twins if record.mask}:
            text = "the same picture is in train and in val: val would be measured on what was trained on"
            yield Finding("duplicate_across_split", "error", files, text, "Keep it on one side only.")
        else:
            yield Finding("duplicate", "warning", files, "the same picture several times", "Keep one of them.")


def _kinds(table: Table) -> Iterator[Finding]:
    kinds = Counter(fact.kind for _, fact in table)
    if len(kinds) > 1:
        rare = {kind for kind in kinds if kind != kinds.most_common(1)[0][0]}
        text = "images of different types: " + ", ".join(f"{n} {kind}" for kind, n in kinds.most_common())
        files = tuple(record.image for record, fact in table if fact.kind in rare)
        yield Finding("types_differ", "warning", files, text, "Fine if meant; otherwise export all in the same way.")
    n_rgb = sum(n for kind, n in kinds.items() if kind.endswith("RGB"))
    if n_rgb:
        text = f"{n_rgb} images are RGB and are used as luminance"
        yield Finding("rgb_as_luminance", "note", (), text, "Nothing to do; if one channel is better, export that one.")


def _understood(table: Table) -> Iterator[Finding]:
    kinds = Counter(fact.mask.understood for _, fact in table if fact.mask)
    if not kinds:
        return
    text = "masks were understood as: " + "; ".join(f"{n} × {kind}" for kind, n in kinds.most_common())
    if any(kind.startswith("binary") for kind in kinds):
        text += ". In a binary mask, cells that touch are one object"
    yield Finding("masks_understood", "note", (), text, "Correct the masks if this is not what they mean.")


def _rule(
    code: str,
    severity: str,
    table: Table,
    hit: Callable[[Facts], bool],
    explanation: str,
    remedy: str,
    mask: bool = False,
) -> Iterator[Finding]:
    """One finding that lists every picture (or its mask) where `hit` is true; {n} is their number."""
    files = tuple((record.mask if mask else record.image) or record.image for record, fact in table if hit(fact))
    if files:
        yield Finding(code, severity, files, explanation.format(n=len(files)), remedy)


def _constant(table: Table) -> Iterator[Finding]:
    text = "{n} images have one grey value everywhere"
    remedy = "The exposure or the export failed; remove them or export again."
    yield from _rule("constant_image", "warning", table, lambda fact: fact.constant, text, remedy)


def _saturated(table: Table) -> Iterator[Finding]:
    def hit(fact: Facts) -> bool:
        return fact.saturated > SATURATED_SHARE and not fact.constant

    text = f"{{n}} images have more than {SATURATED_SHARE:.0%} of their pixels at full white: detail is lost there"
    yield from _rule(
        "saturated_image", "warning", table, hit, text, "Shorten the exposure, or export without stretching."
    )


def _masks(hit: Callable[[MaskFacts], bool]) -> Callable[[Facts], bool]:
    return lambda fact: fact.mask is not None and hit(fact.mask)


def _empty(table: Table) -> Iterator[Finding]:
    hit = _masks(lambda mask: mask.foreground == 0)
    text = "{n} masks mark no cell"
    remedy = (
        "Right for pictures without cells (their IoU is undefined and left out); else draw them or clear the column."
    )
    yield from _rule("empty_mask", "note", table, hit, text, remedy, mask=True)


def _full(table: Table) -> Iterator[Finding]:
    hit = _masks(lambda mask: mask.foreground > FULL_SHARE)
    text = f"{{n}} masks mark more than {FULL_SHARE:.0%} of the picture as cell"
    yield from _rule("full_mask", "warning", table, hit, text, "Is the mask inverted? Background must be 0.", mask=True)


def _median_area(table: Table) -> float:
    areas = [fact.mask.areas_px[~fact.mask.cut] for _, fact in table if fact.mask]
    areas = np.concatenate(areas) if areas else np.zeros(0)
    return float(np.median(areas)) if areas.size else 0.0


def _fragments(table: Table) -> Iterator[Finding]:
    limit = min(TINY_PX, TINY_SHARE * _median_area(table))

    def tiny(mask: MaskFacts) -> int:
        return int(np.count_nonzero((mask.areas_px < limit) & ~mask.cut))

    total = sum(tiny(fact.mask) for _, fact in table if fact.mask)
    text = f"{total} objects smaller than {limit:.1f} px in {{n}} masks (median cell {_median_area(table):.0f} px)"
    remedy = "Specks of the drawing tool? Remove them, they count as cells."
    yield from _rule("tiny_fragments", "warning", table, _masks(lambda mask: tiny(mask) > 0), text, remedy, mask=True)


def _pinholes(table: Table) -> Iterator[Finding]:
    total = sum(fact.mask.n_pinholes for _, fact in table if fact.mask)
    hit = _masks(lambda mask: mask.n_pinholes > 0)
    text = f"{total} holes of a few px inside cells in {{n}} masks"
    yield from _rule("pinholes", "note", table, hit, text, "Fill them if the cell has no hole there.", mask=True)


def _merged(table: Table) -> Iterator[Finding]:
    median = _median_area(table)

    def merged(mask: MaskFacts) -> int:
        return int(np.count_nonzero((mask.areas_px > MERGED_AREAS * median) & (mask.solidity < MERGED_SOLIDITY)))

    total = sum(merged(fact.mask) for _, fact in table if fact.mask)
    text = f"{total} objects in {{n}} masks are large and not convex: probably touching cells merged into one"
    remedy = "IoU does not mind; for counts and sizes of cells save one number a cell or leave a gap of 1 px."
    yield from _rule("merged_cells", "note", table, _masks(lambda mask: merged(mask) > 0), text, remedy, mask=True)


def _cut(table: Table) -> Iterator[Finding]:
    total = sum(int(fact.mask.cut.sum()) for _, fact in table if fact.mask)
    hit = _masks(lambda mask: bool(mask.cut.any()))
    text = f"{total} cells in {{n}} masks are cut by the border of the picture: their size and shape say little"
    yield from _rule(
        "cut_by_border", "note", table, hit, text, "Nothing to do; leave them out of size statistics.", mask=True
    )


def _shifted(table: Table) -> Iterator[Finding]:
    def shifted(mask: MaskFacts) -> bool:
        row, col, gain = mask.shift
        return np.hypot(row, col) >= SHIFT_PX and gain > SHIFT_GAIN

    moves = [fact.mask.shift[:2] for _, fact in table if fact.mask and shifted(fact.mask)]
    row, col = np.median(moves, axis=0) if moves else (0, 0)
    text = f"{{n}} masks fit their image much better when moved (median {row:+.0f} rows, {col:+.0f} columns)"
    remedy = "Does each mask belong to this image, uncropped and not turned? Export image and mask together."
    yield from _rule("shifted_mask", "warning", table, _masks(shifted), text, remedy, mask=True)
