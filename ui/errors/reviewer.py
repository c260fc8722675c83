"""Reviewer: the name that verdicts are signed with; the login name until another is typed, then remembered."""

from __future__ import annotations

import getpass

import streamlit as st

from seglib.places import cache_root
from seglib.runs.files import read_json, write_json

_KEY, _SHOWN, _FILE = "reviewer", "reviewer_box", "reviewer.json"
MOST = 60


def name() -> str:
    """Never empty."""
    if _KEY not in st.session_state:
        st.session_state[_KEY] = read_json(cache_root() / _FILE).get("name") or _login()
    return st.session_state[_KEY]


def draw() -> None:
    """The field in which it is changed."""
    st.session_state[_SHOWN] = name()
    st.text_input(
        "Your name", key=_SHOWN, max_chars=MOST, width=200, on_change=_typed, help="Stands beside every verdict."
    )


def _typed() -> None:
    typed = " ".join(st.session_state[_SHOWN].split())
    st.session_state[_KEY] = typed or _login()
    cache_root().mkdir(parents=True, exist_ok=True)
    write_json(cache_root() / _FILE, {"name": typed})


def _login() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container without a name for its user
        return "somebody"
