"""How pictures without a dataset.csv belong together: every choice with its consequence, before it is applied."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from seglib.data.dataset import Dataset, open_dataset
from seglib.exceptions import InputError

# label, grouping, split, what it means
OPTIONS = (
    ("By name", "name", None, "Pictures whose names differ in a trailing number are frames of one movie."),
    ("Each file on its own", "file", None, "Right if no two pictures show the same cells."),
    ("Blocks of time", None, "blocks", "The first frames train, the last ones validate, a gap between them."),
)


@dataclass(frozen=True)
class Choice:
    """One way to split a folder, and what would come of it; `refused` is why it is not possible."""

    label: str
    grouping: str | None
    split: str | None
    meaning: str
    consequence: str
    refused: bool = False


def choices(folder: Path) -> list[Choice]:
    """Every option for a folder without a dataset.csv, with its consequence. Lists files, decodes none."""
    return [_tried(folder, *option) for option in OPTIONS]


def chosen(found: list[Choice], grouping: str | None, split: str | None) -> int:
    """Which of the choices is in force; nothing chosen means by name."""
    if split == "blocks":
        return next(i for i, choice in enumerate(found) if choice.split == "blocks")
    return next(i for i, choice in enumerate(found) if choice.grouping == (grouping or "name"))


def _tried(folder: Path, label: str, grouping: str | None, split: str | None, meaning: str) -> Choice:
    try:
        data = open_dataset(folder, grouping=grouping, split=split)
    except InputError as error:
        return Choice(label, grouping, split, meaning, str(error), refused=True)
    return Choice(label, grouping, split, meaning, consequence(data))


def consequence(data: Dataset) -> str:
    """`12 train, 3 val · 5 groups`, with what is wrong with it."""
    counts = data.counts()
    n_groups = len({record.group for record in data.records if record.mask})
    parts = [f"{counts['train']} train, {counts['val']} val"]
    if counts["unused"]:
        parts.append(f"{counts['unused']} in the gap")
    parts.append(f"{n_groups} {'group' if n_groups == 1 else 'groups'}")
    if not data.independent:
        parts.append("val is not independent: its IoU will flatter")
    if counts["train"] and not counts["val"]:
        parts.append("no validation set: best is simply the last step")
    return " · ".join(parts)
