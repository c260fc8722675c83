"""The first start: there is no data yet, so the demo data set is drawn, with a progress bar."""

from __future__ import annotations

import threading

import streamlit as st

from seglib.data.demo import make_demo
from seglib.exceptions import InputError
from ui import registry, state
from ui.literal import literal

_DRAWING = threading.Lock()  # two tabs opened at once: the second waits and finds it done
_TEXT = "First start: drawing the demo data set …"


def demo_if_missing() -> None:
    """Draw the demo data set if it is in view and not on disk; a page then opens as if it had always been there."""
    folder = registry.demo_folder()
    if state.dataset_name() != registry.DEMO or folder.exists():
        return
    bar = st.progress(0.0, text=_TEXT)
    try:
        with _DRAWING:
            if not folder.exists():
                make_demo(
                    folder, progress=lambda done, total: bar.progress(done / total, text=f"{_TEXT} {done} of {total}")
                )
    except (InputError, OSError) as error:
        st.error(f"The demo data set could not be drawn: {literal(error)}")
    bar.empty()
