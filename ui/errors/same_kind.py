"""The same kind: mistakes of different images that look alike, named, counted and followed as they grow or shrink."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from seglib.errors.clusters import EXAMPLES, examples
from seglib.errors.colours import CLASS_COLOURS
from seglib.errors.growth import told
from seglib.exceptions import InputError
from seglib.runs.kinds import Grouping
from ui.errors import cluster_names, kinds
from ui.errors.budget import region_gallery
from ui.errors.kinds import Compared
from ui.errors.scene import Scene, Shown
from ui.errors.sparkline import sparkline
from ui.errors.words import kind_names
from ui.literal import literal

LARGE_SHARE = 0.02  # of the wrong pixels; smaller kinds wait behind a switch
PAGE = 24
_COLOURS = {"fp": CLASS_COLOURS["hallucinated_cell"], "fn": CLASS_COLOURS["missed_cell"]}
_HEADS = {"fp": "False positives", "fn": "Misses"}


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
    table = _told(found, compared)
    with st.container(horizontal=True, vertical_alignment="center", gap="medium"):
        marked = st.checkbox("Mark the mistakes", value=True, key="errors_clusters_marked")
        n_small = int((table.now_share < LARGE_SHARE).sum())
        small = n_small and st.toggle(
            f"Also the {n_small} below {LARGE_SHARE:.0%}",
            key="errors_clusters_small",
            value=n_small == len(table),
        )
        naming = cluster_names.allowed(shown.scene.data.path)
    for kind, head in _HEADS.items():
        part = table[(table.kind == kind) & ((table.now_share >= LARGE_SHARE) | bool(small))]
        if len(part):
            st.subheader(head, anchor=False)
        for row in part.itertuples():
            _cluster(shown.scene, found, compared, row.cluster, marked, naming)


def _told(found: Grouping, compared: Compared) -> pd.DataFrame:
    """The clusters, with what they are suggested to be called, and what they are in the prediction in view."""
    growth = _growth(compared.stamp, found)
    now = growth[growth.source == compared.in_view].set_index("cluster")
    rows = found.kinds.rows
    table = rows.assign(suggestion=kind_names(rows), now_share=rows.cluster.map(now.share).fillna(0.0))
    return table.sort_values("now_share", ascending=False, kind="stable")


@st.cache_resource(max_entries=8, show_spinner=False)
def _growth_of(stamp: tuple, _found: Grouping) -> pd.DataFrame:
    return kinds.sources(_found)


def _growth(stamp: tuple, found: Grouping) -> pd.DataFrame:
    return _growth_of((stamp, found.network, len(found.kinds.rows)), found)


@st.fragment
def _cluster(scene: Scene, found: Grouping, compared: Compared, cluster: int, marked: bool, naming: bool) -> None:
    """A fragment: naming a kind and turning its pages draw nothing else anew."""
    row = _told(found, compared).set_index("cluster").loc[cluster]
    members = found.kinds.members
    mine = members[members.cluster == cluster]
    named = cluster_names.known(scene.data.path, (*compared.stamp, found.network), members).get(cluster)
    with st.container(border=True):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            if naming:
                cluster_names.field(scene.data.path, members, cluster, named, row.suggestion)
            else:
                st.markdown(f"**{literal(named.name)}**" if named else f":gray[**{row.suggestion}**]", width="content")
            _standing(found, compared, cluster, row.kind)
        here = mine[mine.source == compared.in_view]
        _crops(scene, here if len(here) else mine, cluster, marked, gone=not len(here))


def _standing(found: Grouping, compared: Compared, cluster: int, kind: str) -> None:
    """How many there are, how they grew, and the switch to all of them."""
    growth = _growth(compared.stamp, found)
    growth = growth[growth.cluster == cluster]
    now = growth.iloc[-1]
    if compared.over:
        st.html(sparkline(growth["count"].tolist(), growth.source.tolist(), _COLOURS[kind]), width="content")
    st.caption(_line(growth, now), width="stretch")
    if now["count"] > EXAMPLES:
        st.toggle(f"Show all {now['count']:,}", key=f"errors_cluster_{cluster}_all")


def _line(growth: pd.DataFrame, now: pd.Series) -> str:
    """`31 · 14 % of the wrong pixels, 0.0042 of IoU · grew from 12 in step 60 to 31 in step 360`."""
    share = "" if now.share != now.share else f" · {now.share:.1%} of the wrong pixels, {now.iou:.4f} of IoU"
    grew = literal(told(growth["count"].tolist(), growth.source.tolist()))
    return f"{now['count']:,} mistakes{share}{' · ' + grew if grew else ''}"


def _crops(scene: Scene, mine: pd.DataFrame, cluster: int, marked: bool, gone: bool) -> None:
    """The most typical ones; all of them, by pages, where asked."""
    mine = mine[mine.image.isin(scene.indices)]
    key = f"errors_cluster_{cluster}"
    whole = st.session_state.get(f"{key}_all", False)
    if whole:
        ordered = mine.sort_values(["distance", "image", "region"], kind="stable")
        n_pages = -(-len(ordered) // PAGE)
        page = st.pagination(n_pages, key=f"{key}_page") if n_pages > 1 else 1
        chosen = ordered.iloc[(page - 1) * PAGE : page * PAGE]
    else:
        page, chosen = 0, examples(mine)
    ending = " · gone now" if gone else ""
    notes = [f"{n} px{ending}" for n in chosen.n_pixels]
    region_gallery(
        scene, chosen, key=f"{key}_{page}", marked=marked, notes=notes, size_px=120 if whole else 136, strip=not whole
    )
