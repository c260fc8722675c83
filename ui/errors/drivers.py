"""What drives it: how the error rate goes with size, density, focus and more, and what is behind a cloud of points."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from seglib.errors import driver_curve, drivers
from ui.errors import driver_crops, driver_plot
from ui.errors import scene as scenes
from ui.errors.related import Look, Related, related
from ui.errors.scene import Scene, Shown

CELLS, IMAGES = "Cells", "Images"
_OF, _NAME, _Y, _INVENTED = "errors_drivers_of", "errors_driver", "errors_driver_y", "errors_drivers_invented"


def draw(shown: Shown) -> None:
    cells = shown.measured.cells
    if not len(cells):
        _without_cells(shown)
        return
    _section(shown.scene, cells)


def _without_cells(shown: Shown) -> None:
    if not shown.measured.budgets["union"].any():
        st.info("Neither the masks nor the predictions have a cell here.", icon=":material/info:")
        return
    job = scenes.measuring(shown.scene)
    if (job.folder / "job.json").exists() and job.state().live:
        st.caption("The cells are being measured: the bar at the top of the page says how far it is.")
        return
    st.info(
        "These predictions were measured before cells were looked at one by one. Measure them again to see what goes "
        "with their mistakes.",
        icon=":material/info:",
    )
    st.button(
        "Measure them again",
        icon=":material/play_arrow:",
        key="errors_measure_cells",
        on_click=scenes.start,
        args=(shown.scene,),
    )


@st.fragment
def _section(scene: Scene, cells: pd.DataFrame) -> None:
    """A fragment: choosing a property or points draws nothing else anew."""
    of, invented, iou = _switches()
    key = f"{scene.predicted.stamp}|{scene.threshold}|{of}|{invented}|{len(scene.indices)}"
    about = related(key, of == CELLS, invented, cells, scene)
    noun = of.lower()
    if not about.found:
        n = len(about.table)
        st.info(
            f"{n} {noun if n != 1 else noun[:-1]} with a mistake or a cell: at least {drivers.LEAST} that differ, and "
            "one wrong pixel, are needed to say what goes with the mistakes.",
            icon=":material/info:",
        )
        return
    halves = st.grid(2, min_column_width=380, gap="medium")
    with halves.cell():
        look = _ranking(key, about, noun, iou)
    with halves.cell():
        rows = _scatter(look)
    driver_crops.draw(scene, look, rows)


def _switches() -> tuple[str, bool, bool]:
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        of = st.segmented_control("Points are", [CELLS, IMAGES], default=CELLS, required=True, key=_OF)
        y = st.segmented_control(
            "Show",
            ["Error rate", "IoU"],
            default="Error rate",
            required=True,
            key=_Y,
            help="Error rate of a cell: wrong pixels in its zone (nearer to it than to other cells) over its union, "
            "its pixels and the false ones in its zone. Of an image, and of a bin: wrong pixels over union, added up; "
            "that is 1 − IoU. The IoU of a cell is the best with a predicted cell.",
        )
        invented = True
        if of == CELLS:
            invented = st.toggle(
                "Invented cells too",
                value=True,
                key=_INVENTED,
                help="Predicted cells where the mask has none; their error rate is 1.",
            )
    return of, invented, y == "IoU"


# ---- which explains most


def _ranking(key: str, about: Related, noun: str, iou: bool) -> Look:
    names = [driver.name for driver in about.found]
    if st.session_state.get(_NAME) not in names:
        st.session_state[_NAME] = names[0]
    chosen = st.session_state[_NAME]
    st.markdown("**Where more is wrong than its share**")
    chart = f"errors_drivers_bars_{noun}"
    st.echarts_chart(
        driver_plot.ranking_bars(about.found, about.covariates, noun, chosen),
        height=34 * len(names) + 16,
        key=chart,
        on_select=partial(_clicked, chart, names),
        alt="Bars, one a property, as long as the share of wrong pixels in its worst quarter beyond that of all pixels",
    )
    st.selectbox("Look at", names, key=_NAME, format_func=lambda name: about.covariates[name].title)
    look = Look(key, about, noun, chosen, iou)
    st.markdown(_said(look))
    st.caption(f"{look.covariate.about} {_certainty(look)}")
    return look


def _clicked(chart: str, names: Sequence[str]) -> None:
    chosen = [i for series in st.session_state[chart].selection.selected for i in series["data_indices"]]
    if chosen and chosen[0] < len(names):
        st.session_state[_NAME] = names[chosen[0]]


def _said(look: Look) -> str:
    if look.driver.excess < 0.005:
        return f"Neither end of {look.covariate.title.lower()} has more wrong pixels than its share."
    return drivers.sentence(look.driver, look.covariate, look.noun)


def _certainty(look: Look) -> str:
    driver, units = look.driver, look.related.units
    rank = "" if driver.rank != driver.rank else f"Rank correlation with the error rate {driver.rank:+.2f} "
    text = f"{rank}(n = {driver.n:,} {look.noun}; those of one movie are not independent, so no p-value). "
    if look.related.drawn is None:
        return text + f"Too few groups ({len(units.members)}) or frames for an interval."
    of = f"{units.n} groups" if units.kind == "groups" else f"about {units.n} stretches of frames, within these movies"
    return text + f"Bars on the curve: 95 % interval over {of}. It goes together; that is no proof of a cause."


# ---- the cloud


def _scatter(look: Look) -> list[int]:
    """Draw it; the rows of the table whose points are selected."""
    figure = _figure(look.key, look.name, look.iou, look)
    state = st.plotly_chart(
        figure,
        key=f"errors_cloud_{abs(hash((look.key, look.name)))}",
        on_select="rerun",
        selection_mode=("points", "box", "lasso"),
        config={"displaylogo": False, "modeBarButtonsToRemove": ["autoScale2d", "toImage"]},
        alt=f"{'IoU' if look.iou else 'Error rate'} of {look.noun} against {look.covariate.title.lower()}",
    )
    n = int(np.isfinite(look.related.table[look.name]).sum())
    drawn = f"{driver_plot.MAX_POINTS:,} of {n:,} points, by lot" if n > driver_plot.MAX_POINTS else f"{n:,} points"
    left = len(look.related.table) - n
    without = f", {left:,} {look.noun} without a value are not drawn" if left else ""
    st.caption(f"{drawn}{without}. Drag a box or a lasso (bar at the top right) around points to see them below.")
    points = state["selection"]["points"] if state else []
    found = (point.get("customdata") for point in points)
    numbers = (value[0] if isinstance(value, list | tuple) else value for value in found)
    return [int(row) for row in dict.fromkeys(numbers) if row is not None and 0 <= row < len(look.related.table)]


@st.cache_resource(max_entries=16, show_spinner=False)
def _figure(key: str, name: str, iou: bool, _look: Look) -> go.Figure:
    table, covariate = _look.related.table, _look.covariate
    curve = driver_curve.curve(table, name, _look.related.drawn)
    lines = drivers.along_frames(table) if name == "frame" and _look.noun == "images" else None
    return driver_plot.cloud(table, name, covariate, curve, lines=lines, iou=iou)
