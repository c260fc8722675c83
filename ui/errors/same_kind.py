"""The same kind: mistakes of different images that look alike, named, counted and followed as they grow or shrink."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd
import streamlit as st

from seglib.errors import names
from seglib.errors.clusters import EXAMPLES, examples
from seglib.errors.colours import CLASS_COLOURS
from seglib.errors.growth import told
from seglib.exceptions import InputError
from seglib.runs.kinds import Grouping
from ui.errors import cluster_names, kinds
from ui.errors.budget import region_gallery
from ui.errors.scene import Scene, Shown
from ui.errors.sparkline import sparkline
from ui.errors.words import kind_names
from ui.literal import literal

LARGE_SHARE = 0.02  # of the wrong pixels; smaller kinds wait behind a switch
PAGE = 24
_COLOURS = {"fp": CLASS_COLOURS["hallucinated_cell"], "fn": CLASS_COLOURS["missed_cell"]}
_HEADS = {"fp": "False positives", "fn": "Misses"}


@dataclass(frozen=True)
class _Row:
    """One cluster as it is drawn. growth: one line a checkpoint or run, that in view the last. members: those in view,
    the most typical first; all there ever were where it is gone. places: what is kept with a name."""

    cluster: int
    kind: str
    suggestion: str
    growth: pd.DataFrame
    members: pd.DataFrame
    typical: pd.DataFrame
    gone: bool
    places: tuple

    @property
    def share(self) -> float:
        share = float(self.growth.share.iloc[-1])
        return share if share == share else 0.0


def draw(shown: Shown) -> None:
    """One row of crops for each kind of mistake that looks alike, false positives first."""
    try:
        compared = kinds.choose(shown)
        found = kinds.grouping(shown, compared)
    except InputError as error:
        st.error(literal(error), icon=":material/error:")
        return
    if not len(found.kinds.rows):
        st.info("Too few mistakes of four pixels or more to group.", icon=":material/check:")
        return
    stamp = (compared.stamp, compared.over, found.network, len(found.kinds.members))
    rows = _rows(stamp, found, compared.in_view)
    with st.container(horizontal=True, vertical_alignment="center", gap="medium"):
        marked = st.checkbox("Mark the mistakes", value=True, key="errors_clusters_marked")
        n_small = sum(row.share < LARGE_SHARE for row in rows)
        small = n_small and st.toggle(
            f"Also the {n_small} below {LARGE_SHARE:.0%}", key="errors_clusters_small", value=n_small == len(rows)
        )
        naming = cluster_names.allowed(shown.scene.data.path)
    for kind, head in _HEADS.items():
        part = [row for row in rows if row.kind == kind and (small or row.share >= LARGE_SHARE)]
        if part:
            st.subheader(head, anchor=False)
        for row in part:
            _cluster(shown.scene, found, row, stamp, marked, naming)
    odd = int(((found.kinds.members.cluster == 0) & (found.kinds.members.source == compared.in_view)).sum())
    if odd:
        st.caption(f"{odd:,} {'mistake is' if odd == 1 else 'mistakes are'} like no other and in none of these.")


@st.cache_resource(max_entries=4, show_spinner=False)
def _rows(stamp: tuple, _found: Grouping, in_view: str) -> list[_Row]:
    """The clusters, those with most wrong pixels in view first."""
    growth = dict(list(kinds.sources(_found).groupby("cluster")))
    parts = dict(list(_found.kinds.members.groupby("cluster")))
    table, rows = _found.kinds.rows, []
    for cluster, kind, suggestion in zip(table.cluster, table.kind, kind_names(table)):
        mine = parts[cluster].sort_values(["distance", "image", "region"], kind="stable", ignore_index=True)
        here = mine[mine.source == in_view]
        members = here if len(here) else mine
        places = names.places(mine, cluster)
        rows.append(_Row(cluster, kind, suggestion, growth[cluster], members, examples(members), not len(here), places))
    return sorted(rows, key=lambda row: -row.share)


@st.fragment
def _cluster(scene: Scene, found: Grouping, row: _Row, stamp: tuple, marked: bool, naming: bool) -> None:
    """A fragment: naming a kind and turning its pages draw nothing else anew."""
    named = cluster_names.known(scene.data.path, stamp, found.kinds.members).get(row.cluster)
    with st.container(border=True):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            if naming:
                cluster_names.field(scene.data.path, row.kind, row.places, named, row.suggestion)
            else:
                st.markdown(f"**{literal(named.name)}**" if named else f":gray[**{row.suggestion}**]", width="content")
            _standing(row)
        _crops(scene, row, marked)


def _standing(row: _Row) -> None:
    """How many there are, how they grew, and the switch to all of them."""
    counts, sources = row.growth["count"].tolist(), row.growth.source.tolist()
    if len(counts) > 1:
        st.html(sparkline(counts, sources, _COLOURS[row.kind]), width="content")
    st.caption(_line(row.growth.iloc[-1], literal(told(counts, sources))), width="stretch")
    if counts[-1] > EXAMPLES:
        st.toggle(f"Show all {counts[-1]:,}", key=f"errors_cluster_{row.cluster}_all")


def _line(now: pd.Series, grew: str) -> str:
    """`31 mistakes · 14.0% of the wrong pixels, 0.0042 of IoU · grew from 12 in step 60 to 31 in step 360`."""
    share = "" if now.share != now.share else f" · {now.share:.1%} of the wrong pixels, {now.iou:.4f} of IoU"
    n = now["count"]
    return f"{n:,} {'mistake' if n == 1 else 'mistakes'}{share}{' · ' + grew if grew else ''}"


def _crops(scene: Scene, row: _Row, marked: bool) -> None:
    """The most typical ones; all of them, by pages, where asked."""
    key = f"errors_cluster_{row.cluster}"
    whole = not row.gone and st.session_state.get(f"{key}_all", False)
    page, chosen = 0, row.typical
    if whole:
        n_pages = -(-len(row.members) // PAGE)
        page = st.pagination(n_pages, key=f"{key}_page") if n_pages > 1 else 1
        chosen = row.members.iloc[(page - 1) * PAGE : page * PAGE]
    chosen = chosen[chosen.image.isin(scene.indices)]
    ending = " · gone now" if row.gone else ""
    notes = [f"{n} px{ending}" for n in chosen.n_pixels]
    region_gallery(
        scene,
        chosen,
        key=f"{key}_{page}",
        marked=marked,
        notes=notes,
        size_px=120 if whole else 136,
        strip=not whole,
        in_fragment=True,
    )
