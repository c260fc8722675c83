"""What a button of the live view does: one call, its refusal shown on the next draw."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import streamlit as st

from seglib.exceptions import InputError
from seglib.runs.store import Run
from ui.literal import literal

_ERROR = "train_run_error"


def act(action: Callable[..., Any], run: Run, **arguments: Any) -> None:
    """Callback of a button."""
    try:
        action(run, **arguments)
    except InputError as error:
        st.session_state[_ERROR] = str(error)


def refused() -> None:
    """The refusal of the last action, once."""
    if message := st.session_state.pop(_ERROR, None):
        st.error(literal(message), icon=":material/error:")
