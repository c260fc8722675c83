"""The split in hand: what the file says, what the person made of it, and the way back. Kept for the session."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import streamlit as st

from seglib.data.dataset import Dataset
from seglib.data.records import Record, read_csv
from seglib.data.substitute import Saved, csv_of, save_split
from ui import registry

MOST_UNDOS = 100
_SAVED = "split_saved"  # what was written last, said once after the page has opened the new split


@dataclass
class Edited:
    """before: the rows as the file has them (or as the names gave them); now: as they would be written."""

    before: tuple[Record, ...]
    stamp: str
    now: tuple[Record, ...]
    past: list[tuple[Record, ...]] = field(default_factory=list)
    future: list[tuple[Record, ...]] = field(default_factory=list)

    @property
    def changed(self) -> bool:
        return self.now != self.before


def of(entry: registry.Entry, data: Dataset) -> Edited:
    """The draft of this data set. One without changes follows the file; one with changes stays, see `outdated`."""
    key, stamp = _key(entry), _stamp(entry, data)
    held = st.session_state.get(key)
    if not isinstance(held, Edited) or (held.stamp != stamp and not held.changed):
        held = st.session_state[key] = _fresh(entry, data, stamp)
    return held


def outdated(edited: Edited, entry: registry.Entry, data: Dataset) -> bool:
    """Whether the file was changed by somebody else since the draft was begun."""
    return edited.stamp != _stamp(entry, data)


def edit(edited: Edited, records: Sequence[Record]) -> None:
    """One step that can be undone; a step that changes nothing is none."""
    records = tuple(records)
    if records == edited.now:
        return
    edited.past = [*edited.past, edited.now][-MOST_UNDOS:]
    edited.now, edited.future = records, []


def undo(edited: Edited) -> None:
    if edited.past:
        edited.future.append(edited.now)
        edited.now = edited.past.pop()


def redo(edited: Edited) -> None:
    if edited.future:
        edited.past.append(edited.now)
        edited.now = edited.future.pop()


def start_over(entry: registry.Entry) -> None:
    """Forget the draft; the file is read again."""
    st.session_state.pop(_key(entry), None)


def write(entry: registry.Entry, edited: Edited) -> Saved:
    """Write the draft. Raises InputError where it cannot be; then nothing has changed."""
    saved = save_split(entry.path, edited.now)
    fold = entry.fold if any(record.fold == entry.fold and record.mask for record in edited.now) else None
    if entry.grouping or entry.split or entry.fold != fold:  # from now on the csv decides
        registry.add(entry.path, fold=fold)
    start_over(entry)
    st.session_state[_SAVED] = saved
    return saved


def just_saved() -> Saved | None:
    return st.session_state.pop(_SAVED, None)


def _key(entry: registry.Entry) -> str:
    return f"split_draft_{entry.name}"


def _fresh(entry: registry.Entry, data: Dataset, stamp: str) -> Edited:
    """From the file itself, not from `data`: there a chosen fold has overridden the column split."""
    csv = csv_of(entry.path)
    records = tuple(data.records if csv is None else read_csv(csv))
    return Edited(records, stamp, records)


def _stamp(entry: registry.Entry, data: Dataset) -> str:
    csv = csv_of(entry.path)
    if csv is None:
        return f"{entry.path}|{entry.grouping}|{entry.split}|{hash(tuple(record.image for record in data.records))}"
    return f"{csv}|{Path(csv).stat().st_mtime_ns}"
