"""Draft: a split that is being edited. Functions from records to records; nothing here touches the disk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace

from seglib.data.records import SPLITS, Record, groups_on_both_sides
from seglib.data.splits import frame_of, natural_key
from seglib.exceptions import InputError

BOTH = "both"
SMALL_VAL, LARGE_VAL = 0.05, 0.5


@dataclass(frozen=True)
class Group:
    """Pictures that stay on one side. indices: numbers of their records; n_labelled of them have a mask, n_used of
    those a side. side: train, val, '' (not used) or 'both'. frames: first and last frame number in the names, None
    where they have none. folds: the folds its labelled pictures are in."""

    name: str
    indices: tuple[int, ...]
    n_labelled: int
    n_used: int
    side: str
    frames: tuple[int, int] | None
    folds: tuple[int, ...]


@dataclass(frozen=True)
class Concern:
    """Something to know before saving; with severity `error` the draft cannot be saved."""

    severity: str
    text: str


def groups(records: Sequence[Record]) -> list[Group]:
    """The groups in natural order of their names."""
    members: dict[str, list[int]] = {}
    for index, record in enumerate(records):
        members.setdefault(record.group, []).append(index)
    return [_group(records, name, tuple(members[name])) for name in sorted(members, key=natural_key)]


def _group(records: Sequence[Record], name: str, indices: tuple[int, ...]) -> Group:
    labelled = [records[i] for i in indices if records[i].mask]
    sides = {record.split for record in labelled if record.split}
    frames = [frame for i in indices if (frame := frame_of(records[i].image)) >= 0]
    return Group(
        name=name,
        indices=indices,
        n_labelled=len(labelled),
        n_used=sum(bool(record.split) for record in labelled),
        side=BOTH if len(sides) > 1 else next(iter(sides), ""),
        frames=(min(frames), max(frames)) if frames else None,
        folds=tuple(sorted({record.fold for record in labelled if record.fold is not None})),
    )


def sizes(records: Sequence[Record]) -> dict[str, int]:
    """Group -> number of its labelled pictures."""
    return {group.name: group.n_labelled for group in groups(records)}


def with_sides(records: Sequence[Record], sides: Mapping[str, str]) -> tuple[Record, ...]:
    """Whole groups moved to a side; groups not named stay. A row without a mask follows only if it names a side."""
    wrong = set(sides.values()) - set(SPLITS)
    if wrong:
        raise InputError(f"split is {min(wrong)!r}; allowed: train, val or empty (not used).")
    return tuple(
        replace(record, split=sides[record.group])
        if record.group in sides and (record.mask or record.split)
        else record
        for record in records
    )


def with_groups(records: Sequence[Record], names: Sequence[str | None]) -> tuple[Record, ...]:
    """Each picture in the group of that name; None keeps its own. A group may then be on both sides: see `concerns`."""
    return tuple(
        replace(record, group=record.group if name is None else name.strip() or record.group)
        for record, name in zip(records, names, strict=True)
    )


def with_folds(records: Sequence[Record], folds: Mapping[str, int]) -> tuple[Record, ...]:
    """The labelled pictures of every group in its fold; all others in none."""
    return tuple(replace(record, fold=folds.get(record.group) if record.mask else None) for record in records)


def changes(before: Sequence[Record], after: Sequence[Record]) -> tuple[int, dict[str, int]]:
    """(rows that differ, column -> how many differ in it), by the image's path; a row that is new or gone counts."""
    old = {record.image: record for record in before}
    columns: dict[str, int] = {}
    n_rows = len(old.keys() - {record.image for record in after})
    for record in after:
        other = old.get(record.image)
        names = [f.name for f in fields(Record) if other is None or getattr(other, f.name) != getattr(record, f.name)]
        n_rows += bool(names)
        for name in names if other is not None else ():
            columns[name] = columns.get(name, 0) + 1
    return n_rows, columns


def concerns(records: Sequence[Record]) -> list[Concern]:
    """What keeps this split from being saved or from telling the truth, errors first."""
    found = [Concern("error", text) for text in _refusals(records)]
    n = {side: sum(1 for r in records if r.mask and r.split == side) for side in ("train", "val")}
    with_masks = [group for group in groups(records) if group.n_labelled]
    used = n["train"] + n["val"]
    if len(with_masks) == 1:
        one = f"All pictures with a mask are one group, {with_masks[0].name}: no split of it is honest."
        found.append(Concern("warning", f"{one} Add another movie, or regroup if they are not one."))
    if n["train"] and not n["val"]:
        found.append(Concern("warning", "Val is empty: nothing is scored, and the last weights count as the best."))
    elif n["val"] and n["val"] < SMALL_VAL * used:
        text = f"Val holds {n['val']} of {used} pictures ({n['val'] / used:.1%}): its IoU will jump about."
        found.append(Concern("warning", text))
    elif used and n["train"] and n["val"] > LARGE_VAL * used:
        found.append(Concern("warning", f"Val holds {n['val'] / used:.0%} of the pictures: little to learn from."))
    in_val = [group.name for group in with_masks if group.side == "val"]
    if len(in_val) == 1 and len(with_masks) > 2:
        found.append(Concern("note", f"Val is one group, {in_val[0]}: its IoU tells of that one alone."))
    return found + _fold_concerns(records, with_masks)


def _refusals(records: Sequence[Record]) -> list[str]:
    both = groups_on_both_sides(records)
    lines = []
    if both:
        names = ", ".join(both[:3]) + (f" and {len(both) - 3} more" if len(both) > 3 else "")
        lines.append(f"On both sides: {names}. Put all pictures of a group in train or in val.")
    if not any(record.mask and record.split == "train" for record in records):
        lines.append("Train is empty: there would be nothing to learn from.")
    return lines


def _fold_concerns(records: Sequence[Record], with_masks: Sequence[Group]) -> list[Concern]:
    torn = [group.name for group in with_masks if len(group.folds) > 1]
    if torn:
        names = ", ".join(torn[:3]) + (" …" if len(torn) > 3 else "")
        return [Concern("warning", f"In more than one fold: {names}. That fold cannot be opened; make the folds anew.")]
    without = sum(1 for record in records if record.mask and record.fold is None)
    if without and any(group.folds for group in with_masks):
        return [Concern("note", f"{without} pictures with a mask are in no fold and are not used with one.")]
    return []
