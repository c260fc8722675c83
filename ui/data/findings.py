"""What was found wrong with the data set, with the way to the pictures it is about."""

from __future__ import annotations

import streamlit as st

from seglib.data.checks import Report
from seglib.data.dataset import Dataset
from seglib.data.findings import Finding
from seglib.data.survey import Survey, pictures_of
from ui import opened, registry, surveyed
from ui.data import enlarged
from ui.data.words import sentence

SIGNS = {
    "error": (":material/error:", "red"),
    "warning": (":material/warning:", "orange"),
    "note": (":material/info:", "blue"),
}


def show(name: str, entry: registry.Entry, data: Dataset, found: Survey | None) -> None:
    if found is None:
        surveyed.say_not_yet()
    else:
        listed(found.report, data)


def listed(report: Report, data: Dataset | None) -> None:
    st.caption(
        f"{report.n_images:,} pictures looked at: {report.n_pairs:,} with a mask, {report.n_unlabelled:,} without."
    )
    if not report.findings:
        st.success("Nothing to say against this data set.", icon=":material/check:")
    for number, finding in enumerate(report.findings):
        with st.container(border=True):
            _finding(number, finding, data)


def _finding(number: int, finding: Finding, data: Dataset | None, most: int = 6) -> None:
    icon, colour = SIGNS[finding.severity]
    with st.container(horizontal=True, vertical_alignment="center"):
        st.badge(finding.severity, icon=icon, color=colour)
        st.markdown(f"**{_title(finding.code)}**")
    st.markdown(sentence(finding.explanation))
    st.caption(f":material/build: {finding.remedy}")
    if data is None:
        if finding.files:
            st.caption(", ".join(finding.files[:most]) + (" …" if len(finding.files) > most else ""))
        return
    indices = pictures_of(finding, data)
    if not indices:
        return
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        for index in indices[:most]:
            label = opened.short_name(data.records[index].image)
            key, icon = f"finding_{number}_{index}", ":material/image:"
            st.button(label, key=key, icon=icon, type="tertiary", on_click=enlarged.open_picture, args=(index,))
        if len(indices) > most:
            label = f"All {len(indices):,} in the grid"
            st.button(label, key=f"finding_{number}_all", type="tertiary", on_click=_only_these, args=(finding,))


def _title(code: str) -> str:
    words = code.replace("_", " ").replace("rgb", "RGB")
    return words[:1].upper() + words[1:]


def _only_these(finding: Finding) -> None:
    st.session_state["data_finding"] = finding
    st.session_state["view"] = "Images"
