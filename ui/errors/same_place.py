"""The same place: which mistakes come back there, checkpoint after checkpoint, run after run, flip after flip."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import streamlit as st

from seglib.errors.frames import once_a_track
from seglib.exceptions import InputError
from seglib.runs.predicted import STORED_THRESHOLD
from seglib.runs.recurring import MIN_PIXELS, Recurring
from ui.errors import course_charts, field_view, place_looks
from ui.errors.budget import region_gallery
from ui.errors.scene import Scene, Shown
from ui.literal import literal

SHOWN = 36
MANY = {"checkpoint": "checkpoints", "run": "runs", "transform": "transforms"}
KINDS = {"False positives": "fp", "Misses": "fn"}
RANKS = {"IoU won if fixed": "won", "Persistence": "persistence", "Age": "age"}
_LOOKS, _KIND, _RANK, _LEAST, _FRAMES = (f"errors_back_{x}" for x in ("looks", "kind", "rank", "least", "frames"))
_ABOUT_FRAMES = "A mistake that goes through the frames of one movie is one card, and its IoU that of all of them."


def draw(shown: Shown) -> None:
    """What is held against what, then the gallery with the charts of coming and going and the map of the field."""
    scene, run = shown.scene, shown.run
    head = st.container(horizontal=True, vertical_alignment="bottom", gap="medium")
    with head:
        kind = _switch("Held against each other", list(place_looks.LOOKS), _LOOKS, place_looks.LOOKS.get)
    try:
        asked = place_looks.question(kind, scene, run, head)
        found = place_looks.answer(asked) if asked else None
    except InputError as error:
        st.error(literal(error), icon=":material/error:")
        return
    if found is not None:
        _shown(scene, kind, found, head, asked.stamp())


def _switch(label: str, options: list[str], key: str, named=str, about: str | None = None) -> str:
    return st.segmented_control(
        label, options, default=options[0], required=True, key=key, format_func=named, help=about
    )


def _shown(scene: Scene, kind: str, found: Recurring, head, stamp: str) -> None:
    n = len(found.names)
    with head:
        which = _switch("Which", [*KINDS, "Both"], _KIND)
        ranks = [name for name in RANKS if kind == "checkpoint" or name != "Age"]  # runs come in no order
        rank = _switch("Ranked by", ranks, f"{_RANK}_{kind}")
        least = st.number_input(f"In at least … of {n}", 1, n, min(2, n), key=f"{_LEAST}_{kind}_{n}", width=130)
        movies = scene.scores.group.nunique() < len(scene.scores)
        together = movies and st.toggle("Frames of a movie as one", value=True, key=_FRAMES, help=_ABOUT_FRAMES)
    table = found.table
    table = table[table.image.isin(scene.indices) & (table.kind == KINDS.get(which, table.kind))]
    _summary(kind, found, table)
    halves = st.grid(2, min_column_width=420, gap="medium")
    spot = field_view.chosen(scene, found, which, stamp)
    again = spot.inside(table) if spot else table
    again = again[again.n_seen >= least]
    if together:
        again = once_a_track(again, again.track.to_numpy(), found.counts)
    with halves.cell():
        key = f"{kind}_{which}_{rank}_{least}_{spot.key if spot else 'all'}_{together}"
        _gallery(scene, kind, found, ranked(again, rank), key, spot.words if spot else "")
    with halves.cell():
        _chart(kind, found, table)
        field_view.draw(scene, found, which, stamp)


def _summary(kind: str, found: Recurring, table: pd.DataFrame) -> None:
    n, alive = len(found.names), table[table.alive.astype(bool)]
    again = alive[alive.n_seen > 1]
    always = alive[alive.persistence == 1]
    st.caption(
        f"{len(alive):,} places are wrong in **{literal(found.names[-1])}**, {len(again):,} of them in at least two of "
        f"the {n} {MANY[kind]}, {len(always):,} in all. Places: mistakes of one image whose IoU is at least 0.3 or "
        f"whose centres lie within a cell's radius. From {MIN_PIXELS} px on, at threshold {STORED_THRESHOLD:.2f}."
    )


def _gallery(scene: Scene, kind: str, found: Recurring, table: pd.DataFrame, key: str, place: str) -> None:
    """table: ranked. place: the spot it is confined to, in words."""
    if place:
        st.markdown(f":material/filter_alt: Only around **{place}**. Click the spot again for everything.")
    if not len(table):
        st.info("No such mistake came back at the same place.", icon=":material/check:")
        return
    top = table.head(SHOWN)
    notes = [note(row, kind, len(found.names)) for row in top.itertuples()]
    courses = [[int(px) for px in course] for course in top.course_pixels]
    with st.container(height=620, border=False):
        stored = replace(scene, threshold=STORED_THRESHOLD)
        region_gallery(stored, top, key=f"errors_back_{key}", notes=notes, size_px=150, courses=courses)
    told = f"The first {len(top)} of {len(table):,}. " if len(table) > len(top) else ""
    st.caption(
        f"{told}IoU if fixed: what the pooled IoU of the {found.n_images} images ({found.counts.iou:.4f}) would gain, "
        f"were this place alone put right{', in all its frames' if 'n_frames' in top else ''}. Bars: its size in each "
        f"of the {MANY[kind]}, in order; a dash = not wrong there."
    )


def ranked(table: pd.DataFrame, rank: str) -> pd.DataFrame:
    """The places by what RANKS says, those that are gone now last where IoU is to be won."""
    by = list(dict.fromkeys([RANKS[rank], "won", "persistence", "damage"]))
    return table.sort_values(by, ascending=False, na_position="last", kind="stable")


def note(row, kind: str, n_looks: int) -> str:
    """`9 of 10 · since step 120 · +0.0013 IoU if fixed · ~34 px, p 0.82`."""
    parts = [f"{row.n_seen} of {row.n_looks}" + (f" that saw it ({n_looks})" if row.n_looks < n_looks else "")]
    if kind == "checkpoint":
        parts.append(f"since {row.born}" if row.alive else f"gone after {row.last_seen}")
    elif not row.alive:
        parts.append("right in the one in view")
    if row.won == row.won:
        parts.append(f"+{row.won:.4f} IoU if fixed" if row.won >= 0.00005 else "+<0.0001 IoU if fixed")
    n_frames = getattr(row, "n_frames", 1)
    parts += [f"{n_frames} frames"] if n_frames > 1 else []
    sure = f", p {row.probability:.2f}" if row.probability == row.probability else ""
    parts.append(f"~{row.n_pixels:.0f} px{sure}")
    return " · ".join(parts)


def _chart(kind: str, found: Recurring, table: pd.DataFrame) -> None:
    n = len(found.names)
    if kind == "checkpoint":
        st.markdown("**Mistakes that come and go**")
        there = course_charts.seen(table, n)
        option, alt = course_charts.births_option(there, found.names), "Mistakes born, carried and gone per checkpoint"
        about = "Places per validation (step): carried over, born, and gone since the one before."
    else:
        st.markdown("**Systematic or chance**")
        union = found.counts.tp + found.counts.fp + found.counts.fn
        shares = course_charts.lost_by_persistence(table, n, union)
        option, alt = course_charts.persistence_option(shares), "IoU lost by the number of looks that agree"
        about = (
            f"Wrong pixels of **{literal(found.names[-1])}** over the pooled union, by how many of the {n} "
            f"{MANY[kind]} are wrong at the place: right = systematic, left = chance."
        )
    st.echarts_chart(option, height=210, key=f"errors_back_chart_{kind}", alt=alt)
    st.caption(about)
