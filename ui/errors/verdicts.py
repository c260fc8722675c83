"""Verdicts: the list of what was said, by whom and when, and a way to take it back."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import streamlit as st

from seglib.errors import review
from seglib.errors.review import Review, Verdict
from seglib.exceptions import InputError
from ui import opened
from ui.errors import reviewer
from ui.errors.scene import Scene
from ui.errors.words import KINDS
from ui.literal import literal

WORDS = {
    "label_wrong": "Label is wrong",
    "ignore": "Ignore this area",
    "hard_negative": "Hard negative",
    "model_error": "Model error",
    "unsure": "Unsure",
}
_ERROR, _TABLE = "verdicts_error", "verdicts_table"


def read(data: Path) -> Review:
    """The file, read again when it has changed."""
    return _read(str(data), review.stamp(data))


@st.cache_resource(max_entries=4, show_spinner=False)
def _read(data: str, stamp: str) -> Review:
    return review.read(Path(data))


def draw(scene: Scene, standing: Sequence[Verdict]) -> None:
    """What stands on all images of the data set, the newest first."""
    if message := st.session_state.pop(_ERROR, None):
        st.error(literal(message), icon=":material/error:")
    if not standing:
        return
    with st.expander(f"Verdicts ({len(standing)})", icon=":material/rule:", key="triage_verdicts"):
        chosen = st.segmented_control(
            "Verdict", ["All", *_present(standing)], default="All", required=True, key="verdicts_filter"
        )
        listed = [v for v in reversed(standing) if chosen in ("All", WORDS[v.verdict])]
        table = [_row(verdict) for verdict in listed]
        event = st.dataframe(
            table,
            hide_index=True,
            key=f"{_TABLE}_{len(standing)}_{chosen}",
            on_select="rerun",
            selection_mode="multi-row",
            height=min(400, 36 * (len(table) + 1) + 2),
            alt="Every place that was judged, with who, when and why",
        )
        picked = [listed[number] for number in event.selection.rows if number < len(listed)]
        st.button(
            f"Take {len(picked)} back" if picked else "Take back",
            icon=":material/undo:",
            key="verdicts_take_back",
            disabled=not picked,
            on_click=_take_back,
            args=(scene.data.path, picked),
            help="Tick rows on the left. Each is taken back by one more line; what was said stays in the file.",
        )


def _present(standing: Sequence[Verdict]) -> list[str]:
    found = {verdict.verdict for verdict in standing}
    return [text for name, text in WORDS.items() if name in found]


def _row(verdict: Verdict) -> dict[str, object]:
    return {
        "verdict": WORDS[verdict.verdict],
        "image": opened.short_name(verdict.image),
        "place": KINDS[verdict.kind],
        "row": verdict.row,
        "col": verdict.col,
        "px": verdict.n_pixels,
        "why": verdict.why,
        "who": verdict.who,
        "when (UTC)": verdict.when[:19].replace("T", " "),
        "run": verdict.run,
    }


def _take_back(data: Path, picked: Sequence[Verdict]) -> None:
    try:
        review.append_all(data, [review.taken_back(verdict, reviewer.name()) for verdict in picked])
    except InputError as error:
        st.session_state[_ERROR] = str(error)
