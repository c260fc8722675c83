"""The shell every page sits in: page config, navigation, the choice of data set and run. Run by app.py."""

import sys
from pathlib import Path

import streamlit as st

ROOT = Path(__file__).resolve().parent.parent
if str(ROOT) not in sys.path:  # a test or another launcher may start this file directly
    sys.path.insert(0, str(ROOT))

from seglib.runs import queue  # noqa: E402
from ui import first_start, navigation, sidebar, state  # noqa: E402


def main() -> None:
    st.set_page_config(page_title="Yeast segmentation", page_icon=str(ROOT / "ui" / "favicon.png"), layout="wide")
    page = st.navigation([navigation.page(name) for name in navigation.available()], position="sidebar")
    state.follow_url()
    first_start.demo_if_missing()
    queue.advance(patience_s=0)  # whatever ended while nobody was there: the next one begins
    sidebar.draw()
    state.write_url()
    page.run()


main()
