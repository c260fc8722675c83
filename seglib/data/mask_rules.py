"""Rules about masks: what they mark, and whether it can be the cells of their image."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import numpy as np

from seglib.data.facts import APART_PX, Facts, MaskFacts
from seglib.data.records import Record
from seglib.data.report import Finding
from seglib.data.rules import Table, masks, rule

FULL_SHARE = 0.95
TINY_SHARE, TINY_PX = 0.02, 8  # a fragment is below this share of the median cell, and below this many px
# Single cells of phylocell, baby and demo have a solidity of 0.95 or more (99 of 100); of touching pairs given one
# label, four in ten are caught and no single cell is: a mother with a small bud looks like a long cell.
MERGED_AREAS, MERGED_SOLIDITY = 1.3, 0.93
# Masks in place gain 1.18 at most by moving, those moved by 11 px 1.3 to 3. The outline of a mask in place lies on
# gradients well above those around it, the outline of a mask of another picture does not (docs/log.md: what is found).
MOVED_PX, MOVED_GAIN = 4, 1.3
FIT_LEAST, FIT_SHARE, FITS_ELSEWHERE = 1.15, 0.5, 0.8
NOWHERE_GAIN = 1.08  # in a crowded picture edges are everywhere, but a mask in place is 3 px from the best at most


def _understood(table: Table) -> Iterator[Finding]:
    kinds = Counter(fact.mask.understood for _, fact in table if fact.mask)
    if not kinds:
        return
    text = "masks were understood as: " + "; ".join(f"{n} × {kind}" for kind, n in kinds.most_common())
    if any(kind.startswith("binary") for kind in kinds):
        text += ". In a binary mask, cells that touch are one object"
    yield Finding("masks_understood", "note", (), text, "Correct the masks if this is not what they mean.")


def _empty(table: Table) -> Iterator[Finding]:
    hit = masks(lambda mask: mask.foreground == 0)
    text = "{n} masks mark no cell"
    remedy = (
        "Right for pictures without cells (their IoU is undefined and left out); else draw them or clear the column."
    )
    yield from rule("empty_mask", "note", table, hit, text, remedy, mask=True)


def _full(table: Table) -> Iterator[Finding]:
    hit = masks(lambda mask: mask.foreground > FULL_SHARE)
    text = f"{{n}} masks mark more than {FULL_SHARE:.0%} of the picture as cell"
    yield from rule("full_mask", "warning", table, hit, text, "Is the mask inverted? Background must be 0.", mask=True)


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
    yield from rule("tiny_fragments", "warning", table, masks(lambda mask: tiny(mask) > 0), text, remedy, mask=True)


def _holes(table: Table) -> Iterator[Finding]:
    total = sum(fact.mask.n_holes for _, fact in table if fact.mask)
    hit = masks(lambda mask: mask.n_holes > 0)
    text = f"{total} holes inside cells in {{n}} masks"
    yield from rule("holes", "note", table, hit, text, "Fill them if the cell has no hole there.", mask=True)


def _pieces(table: Table) -> Iterator[Finding]:
    total = sum(fact.mask.n_apart for _, fact in table if fact.mask)
    hit = masks(lambda mask: mask.n_apart > 0)
    text = f"{total} numbers in {{n}} masks mark several pieces more than {APART_PX} px apart"
    remedy = "Give every cell its own number; remove specks that belong to none."
    yield from rule("label_in_pieces", "warning", table, hit, text, remedy, mask=True)


def _inverted(table: Table) -> Iterator[Finding]:
    hit = masks(lambda mask: mask.inverted and mask.foreground <= FULL_SHARE)
    text = "{n} masks mark the surroundings of round patches, up to the border, as cell"
    yield from rule("inverted_mask", "warning", table, hit, text, "Background must be 0: invert them.", mask=True)


def _repeated(table: Table) -> Iterator[Finding]:
    """One mask, not empty, for pictures that differ."""
    same: dict[str, list[tuple[Record, Facts]]] = {}
    for record, fact in table:
        if fact.mask and 0 < fact.mask.foreground < 1:
            same.setdefault(fact.mask.digest, []).append((record, fact))
    repeated = [twins for twins in same.values() if len({fact.digest for _, fact in twins}) > 1]
    if repeated:
        files = tuple(record.mask for twins in repeated for record, _ in twins)
        text = f"{len(files)} masks are equal, pixel by pixel, to that of another image: was one copied or mixed up?"
        yield Finding("repeated_mask", "warning", files, text, "Give every image the mask drawn on it.")


def _merged(table: Table) -> Iterator[Finding]:
    median = _median_area(table)

    def merged(mask: MaskFacts) -> int:
        return int(np.count_nonzero((mask.areas_px > MERGED_AREAS * median) & (mask.solidity < MERGED_SOLIDITY)))

    total = sum(merged(fact.mask) for _, fact in table if fact.mask)
    text = f"{total} objects in {{n}} masks are large and not convex: probably touching cells merged into one"
    remedy = "IoU does not mind; for counts and sizes of cells save one number a cell or leave a gap of 1 px."
    yield from rule("merged_cells", "note", table, masks(lambda mask: merged(mask) > 0), text, remedy, mask=True)


def _cut(table: Table) -> Iterator[Finding]:
    total = sum(int(fact.mask.cut.sum()) for _, fact in table if fact.mask)
    hit = masks(lambda mask: bool(mask.cut.any()))
    text = f"{total} cells in {{n}} masks are cut by the border of the picture: their size and shape say little"
    yield from rule(
        "cut_by_border", "note", table, hit, text, "Nothing to do; leave them out of size statistics.", mask=True
    )


def _usual_fit(table: Table) -> float:
    fits = [fact.mask.place.fit for _, fact in table if fact.mask and fact.mask.place]
    return float(np.median(fits)) if fits else 0.0


def _off_place(table: Table) -> Iterator[Finding]:
    """Masks whose outline does not lie on edges of the image: moved, or of another picture."""
    usual = _usual_fit(table)

    def elsewhere(mask: MaskFacts, gain: float) -> bool:
        place = mask.place
        return place is not None and np.hypot(place.row, place.col) >= MOVED_PX and place.gain > gain

    def moved(mask: MaskFacts) -> bool:
        return elsewhere(mask, MOVED_GAIN) and mask.place.best_fit >= max(FIT_LEAST, FITS_ELSEWHERE * usual)

    def foreign(mask: MaskFacts) -> bool:
        nowhere = elsewhere(mask, NOWHERE_GAIN) and mask.place.fit < max(FIT_LEAST, FIT_SHARE * usual)
        return (nowhere or elsewhere(mask, MOVED_GAIN)) and not moved(mask)

    moves = [(fact.mask.place.row, fact.mask.place.col) for _, fact in table if fact.mask and moved(fact.mask)]
    row, col = np.median(moves, axis=0) if moves else (0, 0)
    text = f"{{n}} masks fit their image much better when moved (median {row:+.0f} rows, {col:+.0f} columns)"
    remedy = "Does each mask belong to this image, uncropped and not turned? Export image and mask together."
    yield from rule("shifted_mask", "warning", table, masks(moved), text, remedy, mask=True)
    text = "{n} masks do not follow the edges of their image, here or nearby: of another picture, turned, no cells?"
    remedy = "Look at them on their image; pair each with the image it was drawn on."
    yield from rule("mispaired_mask", "warning", table, masks(foreign), text, remedy, mask=True)


RULES = (
    *(_understood, _empty, _full, _inverted, _repeated, _off_place),
    *(_fragments, _holes, _pieces, _merged, _cut),
)
