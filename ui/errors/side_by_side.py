"""Budgets side by side: groups, images or runs as stacked bars of one scale, and the crops behind a part of a bar."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import pandas as pd
import streamlit as st

from seglib.errors.budget import CLASSES
from seglib.exceptions import InputError
from seglib.runs import predicted, validation
from seglib.runs.predicted import STORED_THRESHOLD, Predicted
from seglib.runs.store import Run
from ui import opened, state
from ui.errors import ceiling
from ui.errors import scene as scenes
from ui.errors.region_gallery import largest_of_class
from ui.errors.scene import Scene, Shown
from ui.errors.waterfall import stacked
from ui.errors.words import many, meaning, one

GROUPS, IMAGES, RUNS = "Groups", "Images", "Runs"
MOST = 20  # bars at a time
FIRST_RUNS = 4  # other runs chosen before anybody chooses
_RUNS, _PICK = "errors_budget_runs", "errors_bar"


@dataclass(frozen=True)
class Bar:
    """name: what tells it apart. label: what stands beside it. images: whose regions are behind it; None: of all.
    run: whose they are; None: the run in view."""

    name: str
    label: str
    budget: Mapping[str, int]
    images: tuple[str, ...] | None = None
    run: Run | None = None


def choose(shown: Shown, grouped: bool) -> str:
    options = [*([GROUPS] if grouped else []), IMAGES, RUNS]
    return st.segmented_control("Bars", options, default=options[0], required=True, key="errors_bars")


def draw(shown: Shown, what: str, moved: Mapping[str, int] | None) -> None:
    """moved: the ceiling of all images, if it is known."""
    bars, told = {GROUPS: _groups, IMAGES: _images, RUNS: _runs}[what](shown)
    bars = [bar for bar in bars if bar.budget["union"]]
    if not bars:
        st.info("Neither masks nor predictions have a cell here: there is no IoU to lose.", icon=":material/info:")
        return
    halves = st.grid(2, min_column_width=400, gap="medium")
    with halves.cell():
        bar, name = _picked(what, bars)
        _chart(what, bars, (bars.index(bar), name), ceiling.marks(moved))
        st.caption(
            f"{told} Each bar is 1 − IoU, its parts are pixels of a kind over the pixels that are cell in mask or "
            "prediction, both added up over the images. Dashed: the ceiling of all images."
        )
    with halves.cell():
        st.markdown(f"**{many(name)}**")
        share = bar.budget[name] / bar.budget["union"]
        st.caption(f"{bar.label}: {share:.4f} of IoU. {meaning(name)}".replace("$", "\\$"))
        _crops(shown, what, bar, name)


def _picked(what: str, bars: Sequence[Bar]) -> tuple[Bar, str]:
    """The bar and class that were clicked; else the largest part of the first bar."""
    kept = st.session_state.get(_PICK, {}).get(what)
    for bar in bars:
        if kept and bar.name == kept[0] and bar.budget[kept[1]]:
            return bar, kept[1]
    return bars[0], max(CLASSES, key=lambda name: bars[0].budget[name])


def _chart(what: str, bars: Sequence[Bar], chosen: tuple[int, str], marks: list) -> None:
    key = f"errors_stacked_{what}"
    st.echarts_chart(
        stacked([(bar.label, bar.budget) for bar in bars], chosen, marks),
        height=max(180, 28 * len(bars) + 100),
        key=key,
        on_select=partial(_clicked, key, what, [bar.name for bar in bars]),
        alt=f"Stacked bars of the lost IoU, one bar for each of {len(bars)} {what.lower()}, one part a kind of mistake",
    )


def _clicked(key: str, what: str, names: list[str]) -> None:
    """A click on a part of a bar chooses both; a second one chooses nothing."""
    for series in st.session_state[key].selection.selected:
        at = series["data_indices"][0]
        if series["series_id"] in CLASSES and at < len(names):
            kept = st.session_state.get(_PICK, {})
            st.session_state[_PICK] = {**kept, what: (names[at], series["series_id"])}


def _crops(shown: Shown, what: str, bar: Bar, name: str) -> None:
    scene, regions = shown.scene, shown.measured.regions
    if bar.run is not None and bar.run.id != shown.run.id:
        other = predicted.of_validation(bar.run, "best")
        regions = _regions_of(other.stamp, other)
        if regions is None or other.missing(len(other.scores())):
            st.caption(f"Run {bar.run.name} does not keep what its crops are made of; its numbers are those it stored.")
            return
        scene = _scene_of(scene, other)
    if bar.images is not None:
        regions = regions[regions.image.isin(bar.images)]
    if not (regions["class"] == name).any():
        st.caption(f"No {one(name)} to show.")
        return
    largest_of_class(scene, regions, name, f"errors_bar_{what}_{bar.name}_{name}")


# ---- what the bars are


def _lost(table: pd.DataFrame) -> pd.Series:
    return table[[*CLASSES]].sum(axis=1) / table["union"].where(table["union"] > 0)


def _groups(shown: Shown) -> tuple[list[Bar], str]:
    budgets = shown.measured.budgets
    sums = budgets.groupby("group", sort=True)[[*CLASSES, "union"]].sum()
    worst = sums.loc[_lost(sums).sort_values(ascending=False, kind="stable").index[:MOST]]
    images = budgets.groupby("group").image.agg(tuple)
    bars = [Bar(name, str(name), worst.loc[name].to_dict(), images[name]) for name in worst.index]
    return bars, _most(len(bars), len(sums), "groups")


def _images(shown: Shown) -> tuple[list[Bar], str]:
    budgets = shown.measured.budgets
    order = _lost(budgets).sort_values(ascending=False, kind="stable").index[:MOST]
    bars = [
        Bar(row["image"], opened.short_name(row["image"]), row, (row["image"],))
        for row in budgets.loc[order].to_dict("records")
    ]
    return bars, _most(len(bars), len(budgets), "images")


def _most(n: int, n_all: int, noun: str) -> str:
    return f"The {n} {noun} of {n_all:,} that lose most." if n < n_all else f"All {n} {noun}, the worst first."


def _runs(shown: Shown) -> tuple[list[Bar], str]:
    """The run in view and others of this data set, on the val images that all of them have predicted."""
    others = {}
    for run in state.runs_of(state.current_entry()):
        if run.id != shown.run.id and run.best_iou() is not None:
            others[run.id] = run
    default = [] if _RUNS in st.session_state else list(others)[:FIRST_RUNS]
    chosen = st.multiselect(
        "Other runs",
        list(others),
        default=default or None,
        format_func=lambda identity: others[identity].name,
        key=_RUNS,
        placeholder="none chosen" if others else "no other run on this data set",
        disabled=not others,
    )
    tables = {shown.run.id: _budgets_of(shown.run), **{identity: _budgets_of(others[identity]) for identity in chosen}}
    known = {identity: table for identity, table in tables.items() if table is not None and len(table)}
    common = set.intersection(*(set(table.image) for table in known.values())) if known else set()
    bars = []
    for identity, table in known.items():
        run = others.get(identity, shown.run)
        sums = table[table.image.isin(common)][[*CLASSES, "union"]].sum().to_dict()
        bars.append(Bar(run.id, run.name, sums, tuple(sorted(common)), run))
    without = len(tables) - len(known)
    gone = f" {without} without a budget on disk left out." if without else ""
    return bars, (
        f"Best checkpoint of each run on the {len(common)} val images that all have, at threshold "
        f"{STORED_THRESHOLD:.2f}.{gone}"
    )


def _budgets_of(run: Run) -> pd.DataFrame | None:
    try:
        source = predicted.of_validation(run, "best")
    except InputError:
        return None
    return _kept_budgets(source.stamp, run)


@st.cache_resource(max_entries=64, show_spinner=False)
def _kept_budgets(stamp: str, _run: Run) -> pd.DataFrame | None:
    return validation.budgets(_run, "best")


@st.cache_resource(max_entries=4, show_spinner=False)
def _regions_of(stamp: str, _source: Predicted) -> pd.DataFrame | None:
    stored = _source.stored()
    return None if stored is None else stored.regions


def _scene_of(scene: Scene, other: Predicted) -> Scene:
    """The scene that crops of another run are cut from; the viewer keeps its own."""
    theirs = scenes.scene(scene.name, scene.data, other)
    return replace(theirs, threshold=STORED_THRESHOLD)
