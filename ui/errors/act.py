"""Act on the verdicts: a new version of the data set, changes taken back, and what can be taken elsewhere."""

from __future__ import annotations

from glob import escape
from pathlib import Path

import streamlit as st

from seglib.data import lineage
from seglib.errors.corrections import not_used, sentence
from seglib.exceptions import InputError
from ui import change_pictures
from ui.errors import act_back, act_export, act_job, act_version
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
        _made_before(data.path)
        version = change_pictures.version_of(data)
        ways = [VERSION] if plan.changes else []
        ways += [BACK] if version is not None and version.done else []
        ways.append(EXPORT)
        way = st.segmented_control("What to do", ways, key="act_way", label_visibility="collapsed")
        if way == VERSION:
            act_version.draw(shown, plan)
        elif way == BACK:
            act_back.draw(shown.scene.name, data, shown.run, version)
        elif way == EXPORT:
            act_export.draw(shown)


def _made_before(data: Path) -> None:
    """Versions that lie beside the data set, also those whose making nobody waited for: each opened by a click."""
    found = [folder for folder in sorted(data.parent.glob(f"{escape(data.name)}-v*")) if _is_of(folder, data)]
    if found:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.caption("Made from this data set:", width="content")
            for folder in found[-6:]:
                if st.button(folder.name, icon=":material/database:", type="tertiary", key=f"act_open_{folder.name}"):
                    act_job.look_at(act_job.registered(folder))


def _is_of(folder: Path, data: Path) -> bool:
    content = lineage.manifest(folder)
    return bool(content) and content["source"].get("path") == str(data.resolve())
