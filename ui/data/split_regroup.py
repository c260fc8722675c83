"""Which pictures belong together, answered anew: by name, by picture, by a pattern or by hand, with a preview."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from seglib.data import draft, grouping
from seglib.data.records import Record
from seglib.exceptions import InputError
from ui.data import split_draft
from ui.data.split_draft import Edited
from ui.glossary import explain
from ui.literal import literal

BY_NAME, BY_FILE, PATTERN, HAND = "By name", "Each picture", "By a pattern", "By hand"
MEANINGS = {
    BY_NAME: "The name up to its last number: the frames of a movie are one group.",
    BY_FILE: "Right if no two pictures show the same cells.",
    PATTERN: "A regular expression; its (…) parts, or all it finds in the path, name the group.",
    HAND: "Tick groups on the board and join them, or type a group beside a picture.",
}


def draw(edited: Edited, ticked: list[str]) -> None:
    """The ways to regroup, each with the groups that would come of it. ticked: groups ticked on the board."""
    st.markdown("Which pictures belong together", help=explain("group"))
    way = st.segmented_control(
        "Way", list(MEANINGS), key="split_way", default=BY_NAME, required=True, label_visibility="collapsed"
    )
    st.caption(MEANINGS[way])
    images = tuple(record.image for record in edited.now)
    try:
        if way == HAND:
            _by_hand(edited, ticked)
            return
        names = _named(way, images)
    except InputError as error:
        st.error(literal(error), icon=":material/error:")
        return
    if names is not None:
        _preview(edited, names)


def _named(way: str, images: tuple[str, ...]) -> list[str | None] | None:
    if way == PATTERN:
        pattern = st.text_input("Pattern", key="split_pattern", placeholder=r"(.*)_t\d+", max_chars=200, width=340)
        st.caption(f"Tried on paths such as `{images[0].rpartition('.')[0]}`.")
        return _found(images, pattern) if pattern else None
    return grouping.by_name(images) if way == BY_NAME else grouping.by_file(images)


@st.cache_data(max_entries=32, show_spinner="Trying the pattern …")
def _found(images: tuple[str, ...], pattern: str) -> list[str | None]:
    return grouping.by_pattern(images, pattern)


def _preview(edited: Edited, names: Sequence[str | None]) -> None:
    """The groups that would come of it, before anything is changed."""
    would = draft.with_groups(edited.now, names)
    missed = [record.image for record, name in zip(edited.now, names) if name is None]
    if missed:
        st.warning(
            f"Nothing found in {len(missed):,} of {len(names):,} paths, such as {missed[0]}; these keep their group.",
            icon=":material/search_off:",
        )
    rows = [
        {
            "group": group.name,
            "pictures": len(group.indices),
            "side": group.side or "not used",
            "first": _first(would, group),
        }
        for group in draft.groups(would)
    ]
    before = len({record.group for record in edited.now})
    st.markdown(f"**{len(rows):,}** {'group' if len(rows) == 1 else 'groups'} instead of {before:,}")
    st.dataframe(rows, hide_index=True, height=min(38 + 35 * len(rows), 250), alt="Groups that would result")
    st.button(
        "Use these groups",
        icon=":material/check:",
        key="split_regroup",
        disabled=would == edited.now,
        on_click=split_draft.edit,
        args=(edited, would),
        help="They are like this already." if would == edited.now else "Changes the draft; can be undone.",
    )


def _first(records: Sequence[Record], group: draft.Group) -> str:
    images = [records[i].image for i in group.indices[:3]]
    return ", ".join(images) + (" …" if len(group.indices) > 3 else "")


def _by_hand(edited: Edited, ticked: list[str]) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        proposed = ticked[0] if ticked else ""
        hint = proposed or "tick two groups"
        st.text_input("Join the ticked groups as", placeholder=hint, key="split_join_name")
        st.button(
            f"Join {len(ticked)} groups" if len(ticked) > 1 else "Join",
            icon=":material/merge:",
            key="split_join",
            disabled=len(ticked) < 2,
            on_click=_joined,
            args=(edited, ticked),
        )
    part = st.text_input("Pictures", key="split_hand_find", placeholder="part of a name", width=260).strip().lower()
    rows = [(i, record) for i, record in enumerate(edited.now) if part in record.image.lower()]
    table = [{"number": i, "picture": record.image, "group": record.group} for i, record in rows]
    key = f"split_hand_{len(edited.past)}_{len(edited.future)}_{part}"
    given = st.data_editor(
        table,
        key=key,
        hide_index=True,
        disabled=("picture",),
        height=280,
        column_config={
            "number": None,
            "picture": "Picture",
            "group": st.column_config.TextColumn("Group", max_chars=120),
        },
        alt="The group of each picture, to be edited",
    )
    names: list[str | None] = [None] * len(edited.now)
    for row in given:
        names[row["number"]] = row["group"]
    would = draft.with_groups(edited.now, names)
    n = draft.changes(edited.now, would)[0]
    label = f"Move {n} {'picture' if n == 1 else 'pictures'}" if n else "Move"
    if st.button(label, key="split_hand", icon=":material/check:", disabled=not n):
        split_draft.edit(edited, would)
        st.rerun()


def _joined(edited: Edited, ticked: Sequence[str]) -> None:
    name = st.session_state["split_join_name"].strip() or ticked[0]
    names = [name if record.group in ticked else None for record in edited.now]
    split_draft.edit(edited, draft.with_groups(edited.now, names))
