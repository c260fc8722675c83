"""The same place: which mistakes come back there, checkpoint after checkpoint or run after run."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from seglib.errors.recurrence import recurrent
from seglib.exceptions import InputError
from seglib.runs import validation
from seglib.runs.store import Run
from ui import state
from ui.errors.budget import region_gallery
from ui.errors.scene import Scene, Shown
from ui.literal import literal

MIN_PIXELS = 4  # smaller crumbs come and go with every step
CHECKPOINTS = 10
SHOWN = 35


def tables_of_run(run: Run, which: str, most: int = CHECKPOINTS) -> list[tuple[str, pd.DataFrame]]:
    """(step, regions) of the last validations up to that of the checkpoint, in order of time."""
    last = validation.step_of(run, which)
    found = []
    for step in reversed([s for s in validation.validation_steps(run) if s <= last]):
        table = validation.regions(run, step) if len(found) < most else None
        if table is not None:
            found.append((f"step {step}", table))
    return found[::-1]


def tables_of_runs(runs: list[Run]) -> list[tuple[str, pd.DataFrame]]:
    """(run, regions of its best checkpoint), the newest last; runs without them are left out."""
    found = []
    for run in runs:
        try:
            table = validation.regions(run, "best")
        except InputError:
            table = None
        if table is not None:
            found.append((run.id, table))
    return found


def draw(shown: Shown) -> None:
    """The gallery of mistakes that return at one place, the most damage first."""
    scene, run = shown.scene, shown.run
    if scene.predicted.split != "val":
        st.info(
            "Mistakes are followed on the val images, because every validation keeps those. Switch **Images** to val.",
            icon=":material/info:",
        )
        return
    others = [r for r in state.runs_of(state.current_entry()) if r.id != run.id and r.best_iou() is not None]
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        kind = st.segmented_control(
            "Which", ["All", "False positives", "Misses"], default="All", required=True, key="errors_back_kind"
        )
        chosen = []
        if others:
            names = {r.id: r.name for r in others}
            chosen = st.multiselect(
                "Across other runs",
                list(names),
                format_func=names.get,
                key="errors_back_runs",
                placeholder="only this run's checkpoints",
                help="Mistakes that the best checkpoints of several runs share are seldom chance: look at the label.",
            )
    try:
        tables = (
            tables_of_runs([r for r in others if r.id in chosen] + [run])
            if chosen
            else tables_of_run(run, scene.predicted.which)
        )
    except InputError as error:
        st.error(literal(error))
        return
    if len(tables) < 2:
        what = "run with its mistakes stored" if chosen else "validation with its mistakes stored"
        st.info(
            f"There is only one {what}: nothing can come back yet. Longer trainings and other runs make this list.",
            icon=":material/info:",
        )
        return
    _same_place_gallery(scene, tables, kind, bool(chosen))


def _same_place_gallery(scene: Scene, tables: list[tuple[str, pd.DataFrame]], kind: str, across_runs: bool) -> None:
    stamp = (
        scene.predicted.run.id,
        scene.predicted.stamp,
        *((name, len(table), int(table.n_pixels.sum())) for name, table in tables),
    )
    found = _recurrent(stamp, tables)
    found = found[(found.n_seen > 1) & found.image.isin(scene.indices)]
    wanted = {"False positives": "fp", "Misses": "fn"}.get(kind)
    found = found[found.kind == wanted] if wanted else found
    what = "runs" if across_runs else "checkpoints"
    alive = int(found.alive.sum())
    span = f"{tables[0][0]} … {tables[-1][0]}"
    st.caption(
        f"{len(found):,} places were wrong in at least two of {len(tables)} {what} ({span}), {alive:,} still are. "
        f"Ranked by damage: share of the {what} times mean size (~). At threshold 0.50, from {MIN_PIXELS} px on."
    )
    if not len(found):
        st.info("No mistake came back at the same place.", icon=":material/check:")
        return
    shown = found.head(SHOWN)
    notes = [
        f"{row.n_seen} of {len(tables)} · ~{row.n_pixels:.0f} px{'' if row.alive else ' · gone now'}"
        for row in shown.itertuples()
    ]
    region_gallery(scene, shown, key=f"errors_back_{what}_{kind}", notes=notes, size_px=120)


def _recurrent(stamp: tuple, tables: list[tuple[str, pd.DataFrame]]) -> pd.DataFrame:
    kept = _slot(stamp)
    if "table" not in kept:
        text = "Following mistakes from one to the next …"
        bar = st.progress(0.0, text=text)
        large = [t[t.n_pixels >= MIN_PIXELS] for _, t in tables]
        names = [name for name, _ in tables]
        kept["table"] = recurrent(large, names, lambda share: bar.progress(share, text=text))
        bar.empty()
    return kept["table"]


@st.cache_resource(max_entries=8, show_spinner=False)
def _slot(stamp: tuple) -> dict[str, pd.DataFrame]:
    """A place to keep a table in; what a cached function does itself may not draw a bar."""
    return {}
