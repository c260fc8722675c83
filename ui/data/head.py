"""What stands above every view of the Data page: counts, notes, and how pictures belong together."""

from __future__ import annotations

from collections.abc import Iterable

import streamlit as st

from seglib.data.checks import Report
from seglib.data.dataset import ChoiceNeeded, Dataset
from seglib.exceptions import InputError
from ui import change_pictures, choices, registry, state, surveyed
from ui.data import findings
from ui.data.words import sentence
from ui.errors import act_back
from ui.glossary import explain
from ui.literal import literal

SAID = ("rgb_as_luminance", "masks_understood")  # findings that everybody should read, whatever the view


def opened_or_stop() -> Dataset:
    """The data set; where a choice is needed it is asked for, where it is broken what is wrong is listed."""
    try:
        return state.current_dataset()
    except ChoiceNeeded:
        st.info("These pictures have no `dataset.csv`, and their names form one group. Say how they belong together.")
        _choose(state.current_entry())
    except InputError as error:
        st.error(literal(error), icon=":material/folder_off:")
        st.caption("Choose another data set in the sidebar, or press **Open a folder** there.")
        _broken()
    st.stop()


def _broken() -> None:
    """Findings of a folder that is there but does not open."""
    try:
        entry = state.current_entry()
    except InputError:
        return
    if entry.path.is_dir():
        report = surveyed.findings_of_broken(entry)
        if report is not None and report.findings:
            st.header("What was found", anchor=False)
            findings.listed(report, entry.name, None)


def show(entry: registry.Entry, data: Dataset) -> None:
    counts = data.counts()
    with st.container(horizontal=True, gap="large", vertical_alignment="center"):
        for split in ("train", "val", "unlabelled"):
            st.metric(split, f"{counts[split]:,}", help=explain(split), width="content")
        if counts["unused"]:
            st.metric("unused", f"{counts['unused']:,}", help=explain("unused"), width="content")
        if not data.has_csv:
            with st.popover("How they belong together", icon=":material/account_tree:"):
                _choose(entry)
    _notes(data.notes)
    _changes(entry, data)


def _changes(entry: registry.Entry, data: Dataset) -> None:
    """What a version of a data set changes, and the way back, where it is one."""
    version = change_pictures.version_of(data)
    if version is None or not version.done:
        return
    fold = st.expander("Changes of this version", icon=":material/difference:", key="data_changes", on_change="rerun")
    if fold.open:
        with fold:
            st.caption(f"Made from `{literal(version.source.get('path', '?'))}`, which stays as it is.")
            act_back.draw(entry.name, data, None, version)


def said(report: Report) -> None:
    """The findings that stand above every view."""
    _notes(finding.explanation for finding in report.findings if finding.code in SAID)


def _notes(lines: Iterable[str]) -> None:
    for line in lines:
        st.caption(f":material/info: {sentence(line)}")


def _choose(entry: registry.Entry) -> None:
    """How pictures belong together: each choice with its consequence, applied by a button."""
    found = choices.choices(entry.path)
    now = choices.chosen(found, entry.grouping, entry.split)
    picked = st.radio(
        "Pictures that belong together stay on one side of train and val",
        range(len(found)),
        index=now,
        format_func=lambda i: f"**{found[i].label}** — {found[i].meaning}",
        captions=[choice.consequence for choice in found],
        key=f"belong_{entry.name}",
    )
    st.button(
        "Use this split",
        type="primary",
        disabled=found[picked].refused,
        key="belong_apply",
        on_click=registry.add,
        args=(entry.path, found[picked].grouping, found[picked].split),
    )


def urgent(report: Report) -> None:
    """How many findings ask for attention, beside the views."""
    for severity in ("error", "warning"):
        n = report.count(severity)
        if n:
            icon, colour = findings.SIGNS[severity]
            st.badge(f"{n} {severity}{'' if n == 1 else 's'} found", icon=icon, color=colour)
