"""The split editor: which groups train and which validate, with the consequence in sight; writes dataset.csv."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from seglib.data import draft
from seglib.data.dataset import Dataset
from seglib.data.records import CSV_NAME, Record
from seglib.data.substitute import csv_of, place_of, writable
from seglib.data.survey import Survey
from seglib.exceptions import InputError
from ui import registry, routes
from ui.components.group_board import group_board
from ui.data import split_draft, split_summary, split_tools
from ui.data.split_draft import Edited
from ui.literal import literal

BOARD = "split_board"
LOOKS = {
    "error": (st.error, ":material/block:"),
    "warning": (st.warning, ":material/warning:"),
    "note": (st.info, ":material/info:"),
}
_HEARD, _PROBLEM = "split_heard", "split_problem"
THUMB_PX = 104
MOST_PICTURED = 1000  # groups beyond which rows have no pictures: each asks the disk for its files' times


def show(name: str, entry: registry.Entry, data: Dataset, found: Survey | None) -> None:
    """The whole view. name: the data set's, for addresses; found: its survey, None while it is being made."""
    edited = split_draft.of(entry, data)
    _hear(edited, name)
    stale = edited.changed and split_draft.outdated(edited, entry, data)
    _said(entry, data, stale)
    concerns = draft.concerns(edited.now)
    tool = _head(entry, edited, ready=not stale and all(concern.severity != "error" for concern in concerns))
    split_tools.draw(tool, entry, edited, st.session_state.get(f"{BOARD}_{name}"))
    for concern in concerns:
        say, icon = LOOKS[concern.severity]
        say(concern.text, icon=icon)
    group_board(_rows(name, data, edited.now, found), key=f"{BOARD}_{name}")
    split_summary.draw(edited.now, found)


def _hear(edited: Edited, name: str) -> None:
    """Take over the clicks on the board since the last run, before anything is drawn."""
    said, key = st.session_state.get(f"{BOARD}_{name}"), f"{_HEARD}_{name}"
    clicks = list((said or {}).get("clicks") or ())
    ids = [click["id"] for click in clicks]
    heard = st.session_state.get(key)
    for click in clicks[ids.index(heard) + 1 if heard in ids else 0 :]:
        st.session_state[key] = click["id"]
        split_draft.edit(edited, draft.with_sides(edited.now, dict.fromkeys(click["groups"], click["side"])))


def _said(entry: registry.Entry, data: Dataset, stale: bool) -> None:
    """What was written, what went wrong, and what the editor is not about."""
    saved = split_draft.just_saved()
    if saved is not None:
        kept = f" What stood there before is kept as `{saved.backup.name}`." if saved.backup else ""
        where = f"`{CSV_NAME}`" if not saved.in_cache else f"`{saved.file}`, because the folder is read-only"
        st.success(f"Written: {where}.{kept}", icon=":material/check:")
    if problem := st.session_state.pop(_PROBLEM, None):
        st.error(literal(problem), icon=":material/error:")
    if stale:
        st.warning(
            f"{CSV_NAME} was changed by somebody else meanwhile. Start over to edit what stands there now.",
            icon=":material/sync_problem:",
        )
    if entry.fold is not None:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.info(f"Fold {entry.fold} is val now; the sides below do not count meanwhile.", icon=":material/layers:")
            st.button("Use the sides", key="split_no_fold", on_click=registry.add, args=(entry.path,))
    if not data.independent:
        st.info(
            "Val is the end of a movie that trains, chosen without a csv. A `dataset.csv` keeps every group on one "
            "side, so it cannot hold this; it stays as it is unless you write another split.",
            icon=":material/info:",
        )


def _head(entry: registry.Entry, edited: Edited, ready: bool) -> str:
    """The choice of a tool, which is returned, beside the way back and the button that writes."""
    new = csv_of(entry.path) is None
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        tool = split_tools.choose()
        st.space("stretch")
        for label, icon, action, steps in (
            ("Undo", "undo", split_draft.undo, edited.past),
            ("Redo", "redo", split_draft.redo, edited.future),
        ):
            key = f"split_{label.lower()}"
            look = {"key": key, "icon": f":material/{icon}:", "help": label}
            st.button("", **look, disabled=not steps, on_click=action, args=(edited,))
        st.button(
            "Start over", key="split_over", disabled=not edited.changed, on_click=split_draft.start_over, args=(entry,)
        )
        st.button(
            f"Write {CSV_NAME}",
            icon=":material/save:",
            type="primary",
            key="split_write",
            disabled=not ready or not (edited.changed or new),
            on_click=_write,
            args=(entry, edited),
        )
    st.caption(_consequence(entry, *draft.changes(edited.before, edited.now), new))
    return tool


def _consequence(entry: registry.Entry, n_rows: int, columns: dict[str, int], new: bool) -> str:
    """What writing would do, in one line."""
    where = "" if writable(entry.path) else f" The folder is read-only: it goes to `{place_of(entry.path)}`."
    if new:
        return f"There is no {CSV_NAME} yet: writing makes one, and from then on it decides.{where}"
    if not n_rows:
        return f"Nothing is changed. Nothing is written until you press the button.{where}"
    parts = ", ".join(f"{name} of {n:,}" for name, n in columns.items())
    rows = f"{n_rows:,} {'row differs' if n_rows == 1 else 'rows differ'}" + (f" ({parts})" if parts else "")
    return f"Not written yet: {rows}. The present file will be kept as `{CSV_NAME}.bak-<time>`.{where}"


def _write(entry: registry.Entry, edited: Edited) -> None:
    try:
        split_draft.write(entry, edited)
    except InputError as error:
        st.session_state[_PROBLEM] = str(error)


def _rows(name: str, data: Dataset, records: Sequence[Record], found: Survey | None) -> list[dict]:
    """The groups as the board wants them."""
    numbers = {record.image: index for index, record in enumerate(data.records)}
    figures = split_summary.of_images(found)
    groups = draft.groups(records)
    pictured = numbers if len(groups) <= MOST_PICTURED else {}
    return [_row(name, data, records, group, pictured, figures) for group in groups]


def _row(
    name: str, data: Dataset, records: Sequence[Record], group: draft.Group, numbers: dict[str, int], figures: dict
) -> dict:
    known = [numbers[records[i].image] for i in group.indices if records[i].image in numbers]
    shown = known[:: max(1, len(known) - 1)][:2]  # the first and the last
    images = [records[i].image for i in group.indices if records[i].mask]
    cells, foreground = split_summary.totals(images, figures)
    return {
        "name": group.name,
        "thumbs": [_thumb(name, data, index) for index in shown],
        "n": len(group.indices),
        "labelled": group.n_labelled,
        "used": group.n_used,
        "side": group.side,
        "frames": "" if group.frames is None else "–".join(str(f) for f in dict.fromkeys(group.frames)),
        "fold": " and ".join(map(str, group.folds)),
        "cells": cells,
        "foreground": foreground,
    }


def _thumb(name: str, data: Dataset, index: int) -> dict[str, str | None]:
    outlined = routes.thumb_url(name, data, index, THUMB_PX, outlined=True) if data.records[index].mask else None
    return {"plain": routes.thumb_url(name, data, index, THUMB_PX), "outlined": outlined}
