"""Data: look at images and masks, their split, their cells, and what was found wrong with them."""

from collections.abc import Iterable

import streamlit as st

from seglib.data.checks import Report
from seglib.data.dataset import ChoiceNeeded, Dataset
from seglib.data.findings import Finding
from seglib.data.survey import Survey, differences, part_of, pictures_of, summary
from seglib.exceptions import InputError
from ui import browse, charts, choices, opened, picture, registry, routes, state, surveyed
from ui.components.gallery import gallery
from ui.glossary import explain

VIEWS = ("Images", "Statistics", "Findings")
SIZES = {"Small": (112, 96), "Medium": (176, 60), "Large": (300, 24)}
SIGNS = {
    "error": (":material/error:", "red"),
    "warning": (":material/warning:", "orange"),
    "note": (":material/info:", "blue"),
}
SAID = ("rgb_as_luminance", "masks_understood")  # findings that everybody should read, whatever the view
PLAIN = {"displayModeBar": False}


def main() -> None:
    st.title("Data")
    data = _opened_or_stop()
    name, entry = state.dataset_name(), state.current_entry()
    _forget_other_data(name)
    index = _asked_picture(data)
    if index is not None:
        _picture(name, entry, data, index)
        return
    _head(entry, data)
    found = surveyed.of(entry, data)
    if found is not None:
        _notes(finding.explanation for finding in found.report.findings if finding.code in SAID)
    with st.container(horizontal=True, vertical_alignment="center"):
        view = _view()
        if found is not None:
            _urgent(found.report)
    if view == "Images":
        _images(name, data, found)
    elif found is None:
        st.caption("The figures appear here as soon as every picture has been looked at.")
    elif view == "Statistics":
        _statistics(found, data)
    else:
        _findings(found.report, data)


def _view() -> str:
    return st.segmented_control(
        "View",
        VIEWS,
        key="view",
        default="Images",
        required=True,
        label_visibility="collapsed",
        bind="query-params",
    )


def _opened_or_stop() -> Dataset:
    """The data set; where a choice is needed it is asked for, where it is broken what is wrong is listed."""
    try:
        return state.current_dataset()
    except ChoiceNeeded:
        st.info("These pictures have no `dataset.csv`, and their names form one group. Say how they belong together.")
        _choose(state.current_entry())
    except InputError as error:
        st.error(str(error), icon=":material/folder_off:")
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
            st.subheader("What was found", anchor=False)
            _findings(report, None)


def _forget_other_data(name: str) -> None:
    """A picture, page and filter of another data set mean nothing here."""
    if st.session_state.setdefault("data_of", name) != name:
        st.session_state["data_of"] = name
        st.query_params.pop("image", None)
        for key in ("data_order", "data_finding", "data_group", "data_split", "data_text"):
            st.session_state.pop(key, None)


# ---- what stands above every view


def _head(entry: registry.Entry, data: Dataset) -> None:
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


def _notes(lines: Iterable[str]) -> None:
    for line in lines:
        st.caption(f":material/info: {_sentence(line)}")


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:].rstrip('.')}."


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


def _urgent(report: Report) -> None:
    """How many findings ask for attention, beside the views."""
    for severity in ("error", "warning"):
        n = report.count(severity)
        if n:
            icon, colour = SIGNS[severity]
            st.badge(f"{n} {severity}{'' if n == 1 else 's'} found", icon=icon, color=colour)


# ---- the grid


def _images(name: str, data: Dataset, found: Survey | None) -> None:
    chosen = _filtered(data, found)
    st.session_state["data_order"] = chosen
    if not chosen:
        st.info("No picture passes these filters. Clear the search, or choose **All**.", icon=":material/filter_alt:")
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        n, n_all = len(chosen), len(data.records)
        st.caption(f"{n:,} of {n_all:,} pictures. Click one to enlarge it.", width="stretch")
        sizes = list(SIZES)
        size = st.segmented_control(
            "Size", sizes, default="Medium", required=True, key="data_size", label_visibility="collapsed"
        )
    size_px, per_page = SIZES[size]
    page, pages = 1, browse.n_pages(chosen, per_page)
    above = st.container()
    if pages > 1:
        page = st.pagination(pages, key=f"data_page_{pages}")
    figures = {} if found is None else found.images.set_index("index").to_dict("index")
    items = [_item(name, data, i, size_px, figures.get(i)) for i in browse.page_of(chosen, page, per_page)]
    with above:
        picked = gallery(items, key=f"data_{name}", size_px=size_px).pick
    if picked is not None:
        _open(int(picked))
        st.rerun()


def _filtered(data: Dataset, found: Survey | None) -> list[int]:
    """The filters in one row, and the numbers of the pictures that pass them."""
    parts, groups = browse.parts(data), browse.groups(data)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        split = "all"
        if len(parts) > 1:
            labels = {"all": "All", **{part: f"{part} {n:,}" for part, n in parts.items()}}
            split = st.segmented_control(
                "Part", list(labels), default="all", required=True, format_func=labels.get, key="data_split"
            )
        text = st.text_input("Search", key="data_text", placeholder="part of a name", width=150)
        group = None
        if 1 < len(groups) < len(data.records):
            group = st.selectbox(
                "Group", groups, index=None, placeholder="all", key="data_group", width=150, help=explain("group")
            )
        sorts = list(browse.SORTS) if found is not None else list(browse.SORTS)[:1]
        sort = st.selectbox("Sort", sorts, key="data_sort", width=190)
    only = _only(data, found)
    matching = browse.matching(data, None if split == "all" else split, group, text, only)
    return browse.ordered(matching, sort, None if found is None else found.images)


def _only(data: Dataset, found: Survey | None) -> list[int] | None:
    """The pictures of the finding that was chosen, with a way back to all."""
    finding = st.session_state.get("data_finding")
    if finding is None or found is None or finding not in found.report.findings:
        return None
    st.button(
        f"Only: {finding.explanation}",
        icon=":material/close:",
        key="data_finding_off",
        help="Show all pictures again",
        on_click=st.session_state.pop,
        args=("data_finding", None),
    )
    return pictures_of(finding, data)


def _item(name: str, data: Dataset, index: int, size_px: int, figures: dict | None) -> dict:
    record, pixels = data.records[index], 192 if size_px < 192 else 384
    note = ""
    if figures and record.mask:
        n = figures["n_cells"]
        note = f"{n} {'cell' if n == 1 else 'cells'} · {figures['foreground']:.0%} foreground"
    return {
        "id": index,
        "thumb": routes.thumb_url(name, data, index, pixels),
        "outlined": routes.thumb_url(name, data, index, pixels, outlined=True) if record.mask else None,
        "caption": opened.short_name(record.image),
        "badge": part_of(data, index),
        "note": note if size_px > 120 else "",
    }


# ---- one picture


def _asked_picture(data: Dataset) -> int | None:
    """The number behind ?image=, if there is such a picture."""
    text = st.query_params.get("image", "")
    if not text:
        return None
    if not text.isdecimal() or len(text) > 9 or int(text) >= len(data.records):
        st.warning(f"There is no picture {text[:20]!r}; this data set has {len(data.records)}, numbered from 0.")
        return None
    return int(text)


def _open(index: int | None) -> None:
    if index is None:
        st.query_params.pop("image", None)
    else:
        st.query_params["image"] = str(index)


def _picture(name: str, entry: registry.Entry, data: Dataset, index: int) -> None:
    order = st.session_state.get("data_order") or []
    order = order if index in order else list(range(len(data.records)))
    before, after = browse.beside(order, index)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button("All images", icon=":material/grid_view:", key="picture_back", on_click=_open, args=(None,))
        _step("Previous", "Left", before)
        _step("Next", "Right", after)
        st.markdown(f"**{opened.short_name(data.records[index].image)}**", width="content")
        st.badge(part_of(data, index), color="gray")
        st.caption(f"{order.index(index) + 1:,} of {len(order):,}", width="content")
    below = st.container()
    found = surveyed.of(entry, data)
    with below:
        picture.show(name, data, index, found)


def _step(label: str, shortcut: str, index: int | None) -> None:
    key = f"picture_{label.lower()}"
    st.button(label, key=key, shortcut=shortcut, disabled=index is None, on_click=_open, args=(index,))


# ---- statistics


def _statistics(found: Survey, data: Dataset) -> None:
    table = summary(found)
    for line in differences(table):
        st.warning(f"Train and val differ: {line}.", icon=":material/compare_arrows:")
    n, n_all = len(found.images), len(data.records)
    st.caption(f"Of {'all' if n == n_all else f'the {n:,} readable of'} {n_all:,} pictures.")
    st.dataframe(table, hide_index=True, column_config=_columns(found), key="statistics_table")
    halves = st.grid(2, min_column_width=300, gap="large")
    left, right = halves.cell(), halves.cell()
    whole = found.cells[~found.cells["cut"].astype(bool)]
    masked = found.images[found.images["split"] != "unlabelled"]
    bins = max(8, min(40, round(2 * len(masked) ** 0.5)))  # of one value a picture
    with left:
        text = f"Up to {found.n_grey:,} pixels drawn from each picture, so every picture counts the same."
        unit = f" (0 to {found.grey_unit:,})" if found.grey_unit > 1 else ""
        figure = charts.histogram_of_counts(found.grey, found.edges, f"Grey value{unit}")
        _chart("Grey values", text, figure, "grey")
        figure = charts.histogram(_by_split(masked, "foreground"), "Share of cell pixels in a picture", bins)
        _chart("Foreground", "One value a picture; an empty mask counts as 0.", figure, "foreground")
    with right:
        text = (
            explain("equivalent diameter") + f" {len(found.cells) - len(whole):,} cells cut by the border are left out."
        )
        figure = charts.histogram(_by_split(whole, "diameter_px"), "Equivalent diameter (px)")
        _chart("Cell size", text, figure, "diameter")
        figure = charts.histogram(_by_split(masked, "n_cells"), "Cells in a picture", bins)
        _chart("Cells in a picture", "One value a picture; an empty mask counts as 0.", figure, "cells")


def _by_split(table, column: str) -> dict:
    return {split: rows[column].astype(float) for split, rows in table.groupby("split", sort=False)}


def _chart(title: str, text: str, figure, key: str) -> None:
    st.markdown(f"**{title}**", help=text)
    if figure.data:
        st.plotly_chart(picture.legible(figure), key=f"statistics_{key}", config=PLAIN)
    else:
        st.caption("Nothing to show: no picture has a mask with whole cells.")


def _columns(found: Survey) -> dict:
    number, cut = st.column_config.NumberColumn, "Cells cut by the border of the picture are left out."
    return {
        "split": st.column_config.TextColumn("Part"),
        "images": number("Images", format="localized"),
        "cells": number("Cells", format="localized", help="All, those cut by the border too."),
        "cells_per_image": number("Cells an image", format="%.1f", help="Mean; an empty mask counts as 0."),
        "foreground_pooled": number("Foreground, pooled", format="percent", help="All pixels of the part together."),
        "foreground_mean": number(
            "Foreground, mean", format="percent", help="Mean of the images' own; an empty mask counts as 0."
        ),
        "diameter_p10": number("Diameter 10 %", format="%.1f px", help=f"A tenth of the cells is smaller. {cut}"),
        "diameter_median": number("Median diameter", format="%.1f px", help=f"{explain('equivalent diameter')} {cut}"),
        "diameter_p90": number("Diameter 90 %", format="%.1f px", help=f"A tenth of the cells is larger. {cut}"),
        "median_grey": number("Median grey", format="%.4g", help="Median over the images of their own median."),
    }


# ---- findings


def _findings(report: Report, data: Dataset | None) -> None:
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
    st.markdown(_sentence(finding.explanation))
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
            key = f"finding_{number}_{index}"
            st.button(label, key=key, icon=":material/image:", type="tertiary", on_click=_open, args=(index,))
        if len(indices) > most:
            label = f"All {len(indices):,} in the grid"
            st.button(label, key=f"finding_{number}_all", type="tertiary", on_click=_only_these, args=(finding,))


def _title(code: str) -> str:
    words = code.replace("_", " ").replace("rgb", "RGB")
    return words[:1].upper() + words[1:]


def _only_these(finding: Finding) -> None:
    st.session_state["data_finding"] = finding
    st.session_state["view"] = "Images"


main()
