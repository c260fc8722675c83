"""What was found wrong with the data set, with the pictures it is about and the whole report to take away."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import asdict

import streamlit as st

from seglib.data.dataset import Dataset
from seglib.data.findings import Finding
from seglib.data.report import Report
from seglib.data.survey import Survey, pictures_of
from ui import registry, surveyed
from ui.data import filters, grid
from ui.data.words import sentence

SIGNS = {
    "error": (":material/error:", "red"),
    "warning": (":material/warning:", "orange"),
    "note": (":material/info:", "blue"),
}
SHOWN, NAMED, SIZE_PX = 12, 6, 144


def show(name: str, entry: registry.Entry, data: Dataset, found: Survey | None) -> None:
    if found is None:
        surveyed.say_not_yet()
    else:
        listed(found.report, name, data)


def listed(report: Report, name: str, data: Dataset | None) -> None:
    """Every finding; without `data` (a folder that does not open) files are named, for there are no pictures."""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(
            f"{report.n_images:,} pictures looked at: {report.n_pairs:,} with a mask, {report.n_unlabelled:,} without.",
            width="stretch",
        )
        if report.findings:
            _downloads(report, name)
    if not report.findings:
        st.success("Nothing to say against this data set.", icon=":material/check:")
    for number, finding in enumerate(report.findings):
        with st.container(border=True):
            _finding(number, finding, name, data)


def _downloads(report: Report, name: str) -> None:
    for kind, made, mime in (("CSV", as_csv, "text/csv"), ("JSON", as_json, "application/json")):
        st.download_button(
            f"Report as {kind}",
            lambda made=made: made(report),
            f"{name}-findings.{kind.lower()}",
            mime,
            icon=":material/download:",
            key=f"report_{kind}",
            on_click="ignore",
        )


def as_json(report: Report) -> str:
    """As `python -m seglib check --json` prints it."""
    return json.dumps(asdict(report), indent=2)


def as_csv(report: Report) -> str:
    """One line a finding and file: severity, code, file, explanation, remedy; one without file for what names none."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["severity", "code", "file", "explanation", "remedy"])
    for finding in report.findings:
        for file in finding.files or ("",):
            cells = (finding.severity, finding.code, file, finding.explanation, finding.remedy)
            writer.writerow([_inert(cell) for cell in cells])
    return text.getvalue()


def _inert(cell: str) -> str:
    """A file called `=…` must not become a formula when a spreadsheet opens the report."""
    return f"'{cell}" if cell[:1] in ("=", "+", "-", "@", "\t", "\r") else cell


def _finding(number: int, finding: Finding, name: str, data: Dataset | None) -> None:
    icon, colour = SIGNS[finding.severity]
    indices = pictures_of(finding, data) if data is not None else []
    with st.container(horizontal=True, vertical_alignment="center"):
        st.badge(finding.severity, icon=icon, color=colour)
        st.markdown(f"**{title(finding.code)}**", width="stretch")
        if indices:
            label = "Show it in the grid" if len(indices) == 1 else f"All {len(indices):,} in the grid"
            st.button(
                label,
                key=f"finding_{number}_all",
                icon=":material/grid_view:",
                type="tertiary",
                on_click=filters.show_only,
                args=(sentence(finding.explanation), indices),
            )
    st.markdown(sentence(finding.explanation))
    st.caption(f":material/build: {finding.remedy}")
    if indices:
        grid.strip(name, data, indices[:SHOWN], f"finding_{number}", SIZE_PX)
    elif finding.files:
        st.caption(", ".join(finding.files[:NAMED]) + (" …" if len(finding.files) > NAMED else ""))


def title(code: str) -> str:
    words = code.replace("_", " ").replace("rgb", "RGB")
    return words[:1].upper() + words[1:]
