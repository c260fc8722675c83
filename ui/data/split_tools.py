"""What changes many groups at once: a proposal, folds, and an earlier file brought back."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import streamlit as st

from seglib.data import draft, folds
from seglib.data.records import CSV_NAME, Record, read_csv
from seglib.data.substitute import backups, csv_of
from seglib.exceptions import InputError
from ui import registry
from ui.data import split_draft, split_regroup
from ui.data.split_draft import Edited
from ui.literal import literal

NONE, PROPOSE, FOLDS, REGROUP, RESTORE = "By click", "Propose", "Folds", "Regroup", "Restore a backup"
_PROBLEM = "split_tool_problem"


def choose() -> str:
    return st.segmented_control(
        "Change the split",
        [NONE, PROPOSE, FOLDS, REGROUP, RESTORE],
        key="split_tool",
        default=NONE,
        required=True,
        label_visibility="collapsed",
    )


def draw(tool: str, entry: registry.Entry, edited: Edited, board: Mapping[str, Any] | None) -> None:
    """The tool that was chosen. board: what the group board said, for the groups ticked there."""
    if tool == NONE:
        return
    with st.container(border=True):
        if tool == PROPOSE:
            _propose(edited)
        elif tool == FOLDS:
            _folds(entry, edited)
        elif tool == REGROUP:
            split_regroup.draw(edited, _ticked(board, edited))
        else:
            _restore(entry, edited)
    if problem := st.session_state.pop(_PROBLEM, None):
        st.error(literal(problem), icon=":material/error:")


def _ticked(board: Mapping[str, Any] | None, edited: Edited) -> list[str]:
    known = {record.group for record in edited.now}
    return [name for name in (board or {}).get("selected") or () if name in known]


def _seed(key: str) -> None:
    st.number_input("Seed", 0, 2**31 - 1, 0, key=key, width=110, help="Another number, another draw.")


# ---- a proposal


def _propose(edited: Edited) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.slider("Share of the pictures for val", 5, 50, 20, 5, format="%d %%", key="split_share", width=260)
        _seed("split_seed")
        st.button("Propose", icon=":material/casino:", key="split_propose", on_click=_proposed, args=(edited,))
    st.caption("Whole groups are drawn until val holds about that share. Every group with a mask gets a side.")


def _proposed(edited: Edited) -> None:
    """What stands in the fields now: a number typed just before the click has not been drawn yet."""
    share, seed = st.session_state["split_share"] / 100, int(st.session_state["split_seed"])
    try:
        val = folds.propose_val(draft.sizes(edited.now), share, seed)
    except InputError as error:
        st.session_state[_PROBLEM] = str(error)
        return
    sides = {group.name: "val" if group.name in val else "train" for group in draft.groups(edited.now)}
    split_draft.edit(edited, draft.with_sides(edited.now, sides))


# ---- folds


def _folds(entry: registry.Entry, edited: Edited) -> None:
    st.caption(
        "Each group goes into one fold, folds of about as many pictures. Train once for every fold, with that fold as "
        "val: then every picture has been scored by a network that has not seen it."
    )
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.number_input("Folds", 2, folds.MOST_FOLDS, 5, key="split_k", width=110)
        _seed("split_fold_seed")
        st.button("Make folds", icon=":material/layers:", key="split_deal", on_click=_dealt, args=(edited,))
        has = any(record.fold is not None for record in edited.now)
        clear = draft.with_folds(edited.now, {})
        st.button("No folds", key="split_no_folds", disabled=not has, on_click=split_draft.edit, args=(edited, clear))
    if has:
        st.dataframe(_fold_table(edited.now), hide_index=True, width="content", alt="Pictures and groups of each fold")
    _choose_fold(entry, edited)


def _dealt(edited: Edited) -> None:
    k, seed = int(st.session_state["split_k"]), int(st.session_state["split_fold_seed"])
    try:
        dealt = folds.deal(draft.sizes(edited.now), k, seed)
    except InputError as error:
        st.session_state[_PROBLEM] = str(error)
        return
    split_draft.edit(edited, draft.with_folds(edited.now, dealt))


def _fold_table(records: Sequence[Record]) -> list[dict[str, Any]]:
    found = sorted({record.fold for record in records if record.fold is not None})
    members = {fold: [record for record in records if record.fold == fold and record.mask] for fold in found}
    return [
        {"fold": fold, "pictures": len(rows), "groups": ", ".join(dict.fromkeys(record.group for record in rows))}
        for fold, rows in members.items()
    ]


def _choose_fold(entry: registry.Entry, edited: Edited) -> None:
    """Which fold the app looks at; only what is written can be chosen."""
    written = sorted({record.fold for record in edited.before if record.fold is not None and record.mask})
    if not written or csv_of(entry.path) is None:
        st.caption(f"A fold can be chosen as val once it stands in {CSV_NAME}.")
        return
    options = [None, *written]
    key = f"split_fold_{entry.name}"
    st.session_state[key] = entry.fold if entry.fold in written else None
    st.segmented_control(
        "Val is",
        options,
        key=key,
        required=True,
        format_func=lambda fold: "the side val" if fold is None else f"fold {fold}",
        on_change=_fold_chosen,
        args=(entry, key),
        help="For the whole app; on the command line `--set data.fold=…`.",
    )


def _fold_chosen(entry: registry.Entry, key: str) -> None:
    registry.add(entry.path, fold=st.session_state[key])


# ---- backups


def _restore(entry: registry.Entry, edited: Edited) -> None:
    found = backups(entry.path)
    if not found:
        st.caption(f"There is none yet: the first is made when {CSV_NAME} is written over.")
        return
    st.caption("Brings an earlier file into the editor; nothing is written until you press the button above.")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        chosen = st.selectbox("Backup", found, key="split_backup", format_func=_titled, width=420)
        st.button("Bring it back", icon=":material/history:", key="split_restore", on_click=_restored, args=(edited,))
    try:
        records = _backup(str(chosen), chosen.stat().st_mtime_ns)
    except (InputError, OSError) as error:
        st.error(literal(error), icon=":material/error:")
        return
    n_rows, columns = draft.changes(edited.now, records)
    n = {side: sum(1 for r in records if r.mask and r.split == side) for side in ("train", "val")}
    differing = ", ".join(f"{name} of {number:,}" for name, number in columns.items()) or "nothing"
    st.caption(
        f"{len(records):,} rows, {n['train']:,} train, {n['val']:,} val. "
        f"Against the draft {n_rows:,} rows differ: {differing}."
    )


def _titled(file: Path) -> str:
    when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(file.stat().st_mtime)) if file.is_file() else "gone"
    return f"{when} · {file.name}"


@st.cache_data(max_entries=16, show_spinner=False)
def _backup(file: str, stamp: int) -> tuple[Record, ...]:
    return tuple(read_csv(Path(file)))


def _restored(edited: Edited) -> None:
    try:
        split_draft.edit(edited, read_csv(st.session_state["split_backup"]))
    except InputError as error:
        st.session_state[_PROBLEM] = str(error)
