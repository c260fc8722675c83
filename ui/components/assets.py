"""The files of a component, read once: pixels.js, shared by all, further scripts, its own .html, .css and .js."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

_HERE = Path(__file__).parent


def register(name: str, *scripts: str):
    """Register the component `name` from its files beside this one; call once, when its module is imported.

    scripts: names of further .js files that come before its own.
    """
    return st.components.v2.component(
        f"seglib_{name}",
        html=_text(f"{name}.html"),
        css=_text("shared.css") + _text(f"{name}.css"),
        js="".join(_text(f"{script}.js") for script in ("pixels", *scripts, name)),
    )


def _text(file: str) -> str:
    return (_HERE / file).read_text(encoding="utf-8")


def ignore() -> None:
    """Passed as on_…_change so that the result always has that attribute."""
