"""Two runs in figures: which two, in what they differ, the change of IoU with its interval, and what that allows."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from seglib.experiments import runs_table
from seglib.experiments.answers import BEST_OF_SEEN, Difference
from seglib.experiments.wording import claim, plain
from seglib.runs.predicted import STORED_THRESHOLD
from ui import state
from ui.errors import against_charts, beside, changed
from ui.errors.changed import Names
from ui.errors.scene import Scene
from ui.errors.words import number
from ui.literal import literal


def draw(scene: Scene, names: Names) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown(f"From **{literal(names.a)}** to **{literal(names.b)}**", width="content")
        st.button(
            "Swap",
            icon=":material/swap_horiz:",
            key="errors_swap",
            on_click=_swap,
            args=(scene,),
            help="The other one comes into view, this one stands beside it.",
        )
        st.caption(_differ(scene), width="stretch")


def _swap(scene: Scene) -> None:
    a, b = scene.predicted, scene.other
    if a.run.id == b.run.id:
        st.session_state["errors_which"] = b.which
        return
    state.choose_run(b.run.id)
    beside.put(a.run.id)


def _differ(scene: Scene) -> str:
    """In which settings, at most three of them named."""
    a, b = scene.predicted.run, scene.other.run
    if a.id == b.id:
        steps = [f"step {p.step}" for p in (scene.predicted, scene.other) if p.step is not None]
        return f"Two checkpoints of one training{': ' if steps else ''}{' and '.join(steps)}."
    keys = [key for key in runs_table.differing([a, b]) if key != "data.path"]
    one, other = runs_table.rows([a, b])
    parts = [
        f"{runs_table.label(key)} ({runs_table.value_text(one.get(key))} → {runs_table.value_text(other.get(key))})"
        for key in keys[:3]
    ]
    more = f" and {len(keys) - 3} more settings" if len(keys) > 3 else ""
    return f"They differ in: {literal(', '.join(parts))}{more}." if parts else "They have the same settings."


def headline(scene: Scene, table: pd.DataFrame, names: Names) -> None:
    found = changed.difference(scene, table, names)
    iou_a, iou_b = (table[f"tp_{name}"].sum() / table[f"union_{name}"].sum() for name in "ab")
    at = scene.threshold if "n_true" in table else STORED_THRESHOLD
    pooled = f"Pooled over the {len(table)} images that both have predicted, at threshold {at:.2f} for both."
    cells = st.grid(3, min_column_width=150, gap="small")
    with cells.cell():
        st.metric(f"IoU of {names.a}", number(iou_a), help=pooled)
    with cells.cell():
        st.metric(f"IoU of {names.b}", number(iou_b), help=pooled)
    with cells.cell():
        st.metric(
            "Change of IoU",
            against_charts.signed(iou_b - iou_a),
            _interval(found),
            delta_color="off",
            delta_arrow="off",
            help=pooled,
        )
    st.markdown(literal(claim(found)), help=f"A point is 0.01 of pooled IoU. {sentence(found.method)} {BEST_OF_SEEN}")


def sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def _interval(found: Difference) -> str:
    """Rounded as the sentence below rounds it, so that the two never seem to disagree."""
    if found.low is None or found.high is None:
        return "too few images for an interval"
    return f"95 %: {plain(found.low)} to {plain(found.high)} points"
