"""The pages and the links between them."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

_FOLDER = Path(__file__).resolve().parent.parent / "pages"

# name -> (title, icon, what the page is for)
PAGES = {
    "home": ("Home", ":material/home:", "Your data set, its runs, and what to do next."),
    "data": ("Data", ":material/image:", "Look at images and masks, their split, cell sizes and findings."),
    "augment": (
        "Augment",
        ":material/auto_fix_high:",
        "See what an augmentation does to a cell before training with it.",
    ),
    "train": ("Train", ":material/model_training:", "Set up a U-Net, start it, watch its curves."),
    "compare": ("Compare", ":material/balance:", "Runs side by side, and experiments that answer a question."),
    "errors": ("Errors", ":material/troubleshoot:", "Where the predictions are wrong, and which mistakes come back."),
    "predict": ("Predict", ":material/batch_prediction:", "Run a trained network on new pictures."),
}


def available() -> list[str]:
    """The pages whose file is there, in the order of the sidebar."""
    return [name for name in PAGES if (_FOLDER / f"{name}.py").is_file()]


def page(name: str) -> st.Page:
    """The st.Page of that name; paths are relative to ui/shell.py, home lies at `/`."""
    title, icon, about = PAGES[name]
    path = f"../pages/{name}.py"
    return st.Page(path, title=title, icon=icon, help=about, url_path=name, default=name == "home")


def link(name: str, label: str | None = None, **query: str) -> None:
    """A link to a page that keeps the data set and run in view; `query` adds to the URL."""
    if name not in available():
        return
    title, icon, _ = PAGES[name]
    st.page_link(page(name), label=label or title, icon=icon, query_params={**in_view(), **query})


def go(name: str, **query: str) -> None:
    """Open a page from a button; ends the script."""
    st.switch_page(page(name), query_params={**in_view(), **query})


def in_view() -> dict[str, str]:
    """?data=…&run=… as they stand now."""
    state = st.session_state
    return {key: value for key in ("data", "run") if (value := state.get(f"in_view_{key}"))}
