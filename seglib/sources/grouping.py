"""Grouping: which pictures belong together where only their names can tell; the rule of `seglib.data.splits`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from seglib.data.splits import group_of
from seglib.exceptions import InputError
from seglib.sources.source import Choices, Question

MEANINGS = {"name": "the name up to a frame number: frames of one movie", "file": "every picture on its own"}


def groups(
    names: Sequence[str], choices: Choices, path: Path, default: str | None = None
) -> tuple[list[str], list[str], list[Question]]:
    """(the group of each name, what was decided, what is open).

    `default` is the layout's own way; None = by name if that gives two groups or more, else the person is asked.
    """
    grouping = choices.grouping or default
    if grouping not in (None, *MEANINGS):
        raise InputError(f"grouping is {grouping!r}; allowed: {', '.join(MEANINGS)}.")
    found = [group_of(name, grouping or "name") for name in names]
    if grouping is None and len(set(found)) < 2 < len(found) + 1:
        text = f"the names of its {len(names):,} pictures form one group."
        return found, [], [Question("grouping", text, tuple(MEANINGS.items()))]
    how = grouping or "name"
    said = ", as said" if choices.grouping else ", the way of this layout" if default else ""
    return found, [f"groups by {how}{said}: {MEANINGS[how]}; {len(set(found)):,} groups"], []
