"""Act on the verdicts: a new version of the data set, changes taken back, and what can be taken elsewhere."""

from __future__ import annotations

import streamlit as st

from seglib.errors.corrections import not_used, sentence
from seglib.exceptions import InputError
from ui import change_pictures
from ui.errors import act_back, act_export, act_version
from ui.errors.scene import Shown
from ui.literal import literal

VERSION, BACK, EXPORT = "New version of the data set", "Take changes back", "Export"


@st.fragment
def draw(shown: Shown) -> None:
    """A fragment: ticking a change draws nothing else anew. Only what is chosen is drawn."""
    data = shown.scene.data
    with st.container(border=True, key="act"):
        st.subheader("Act on the verdicts", anchor=False)
        try:
            plan = change_pictures.planned(data)
        except InputError as error:
            st.error(literal(error), icon=":material/error:")
            return
        counts = plan.counts()
        st.markdown(f"**{sentence(counts)}**")
        if line := not_used(counts):
            st.warning(line, icon=":material/info:")
        version = change_pictures.version_of(data)
        ways = [VERSION] if plan.changes else []
        ways += [BACK] if version is not None and version.done else []
        ways.append(EXPORT)
        way = st.segmented_control("What to do", ways, key="act_way", label_visibility="collapsed")
        if way == VERSION:
            act_version.draw(shown, plan)
        elif way == BACK:
            act_back.draw(shown, version)
        elif way == EXPORT:
            act_export.draw(shown)
