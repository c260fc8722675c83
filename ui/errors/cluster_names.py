"""The field in which a kind of mistake gets its name, and the way back."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import streamlit as st

from seglib.errors import names, review
from seglib.errors.review import ClusterName
from seglib.exceptions import InputError
from ui import state
from ui.errors import reviewer
from ui.literal import literal

MOST = 60  # letters of a name
_ASKED, _ERROR = "triage_allowed", "errors_kinds_error"  # the first as in ui.errors.triage: asked once for both


def allowed(folder: Path) -> bool:
    """Whether names may be kept: asked once, until there is a file; what is said and asked is drawn."""
    if message := st.session_state.pop(_ERROR, None):
        st.error(literal(message), icon=":material/error:")
    if review.files(folder) or st.session_state.get(_ASKED) == str(folder):
        return True
    where = "in the cache, because that folder is read-only" if review.in_cache(folder) else "beside the images"
    st.button(
        "Give them names",
        icon=":material/edit:",
        key="errors_kinds_allow",
        on_click=_allow,
        help=f"Names are kept {where}, in {review.place(folder)}, one line each with who and when.",
    )
    return False


def _allow() -> None:
    st.session_state[_ASKED] = str(state.current_dataset().path)


def known(folder: Path, stamp: tuple, members: pd.DataFrame) -> dict[int, ClusterName]:
    """{cluster: the name it has}, kept until a word is added or the clusters are others."""
    return _known((str(folder), review.stamp(folder)), stamp, folder, members)


@st.cache_resource(max_entries=8, show_spinner=False)
def _known(words: tuple, stamp: tuple, _folder: Path, _members: pd.DataFrame) -> dict[int, ClusterName]:
    return names.matched(_members, review.read(_folder).names)


def field(folder: Path, kind: str, places: tuple, named: ClusterName | None, suggestion: str) -> None:
    """A text field with the name, and what is said of it: who gave it and when, with Undo. places: kept with it."""
    key = f"errors_kind_name_{kind}_{places[0]['image']}_{places[0]['row']}_{places[0]['col']}"
    shown = named.name if named else ""
    if st.session_state.get(f"{key}_was") != shown:
        st.session_state[key] = st.session_state[f"{key}_was"] = shown
    st.text_input(
        f"Name of: {suggestion}",
        key=key,
        max_chars=MOST,
        width=290,
        placeholder=suggestion,
        label_visibility="collapsed",
        on_change=_typed,
        args=(folder, key, kind, places),
    )
    if named:
        st.caption(f"named on {named.when[:10]} by {literal(named.who)}", width="content")
        st.button(
            "Undo",
            key=f"{key}_undo",
            type="tertiary",
            on_click=_undo,
            args=(folder, named),
            help="Take this name back; the one before it holds again.",
        )


def _typed(folder: Path, key: str, kind: str, places: tuple) -> None:
    name = " ".join(st.session_state[key].split())
    _write(folder, ClusterName(name, kind, reviewer.name(), review.now(), places))


def _undo(folder: Path, named: ClusterName) -> None:
    """The name before it for the same places, else none."""
    before = [n for n in review.read(folder).names if n.members == named.members and n.name != named.name]
    name = before[-1].name if before else ""
    _write(folder, ClusterName(name, named.kind, reviewer.name(), review.now(), named.members))


def _write(folder: Path, name: ClusterName) -> None:
    try:
        review.append_name(folder, name)
    except InputError as error:
        st.session_state[_ERROR] = str(error)
