"""Findings: what facts about pictures say about a data set, in words a person can act on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from seglib.data import image_rules, mask_rules
from seglib.data.facts import Facts
from seglib.data.records import Record, groups_on_both_sides
from seglib.data.report import SEVERITIES, Finding
from seglib.data.rules import Table
from seglib.data.splits import NOT_INDEPENDENT

__all__ = ["Finding", "findings"]

ONE_GROUP_REMEDY = (
    "Add a second movie or field of view, best from another day. Without, choose what belongs together: "
    "data.grouping=name, data.grouping=file, or data.split=blocks (first part train, last part val, not independent)."
)


def findings(records: Sequence[Record], facts: Sequence[Facts], independent: bool = True) -> list[Finding]:
    """All findings about the pictures that could be read, errors first."""
    table = [(records[fact.index], fact) for fact in facts]
    found = [*_of_splits(records, independent), *_duplicates(table)]
    for rule in (*image_rules.RULES, *mask_rules.RULES):
        found += rule(table)
    return sorted(found, key=lambda finding: SEVERITIES.index(finding.severity))


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
