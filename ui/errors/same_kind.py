"""The same kind: mistakes of different images that look alike."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from seglib.errors.clusters import clusters
from seglib.errors.report import Measured
from ui.errors.budget import region_gallery
from ui.errors.scene import Shown
from ui.errors.words import KINDS, suggested


def draw(shown: Shown) -> None:
    """One row of crops for each kind of mistake that looks alike."""
    scene, measured = shown.scene, shown.measured
    found = _clusters((scene.predicted.stamp, scene.threshold, len(measured.regions)), measured)
    if not len(found):
        st.info("Too few mistakes of four pixels or more to group.", icon=":material/check:")
        return
    st.caption(
        "Mistakes of all images grouped by size, shape, contrast, what they touch and how sure the network was; the "
        f"names are suggestions. Share: of all wrong pixels, at threshold {scene.threshold:.2f}."
    )
    marked = st.checkbox("Mark the mistakes", value=True, key="errors_clusters_marked")
    regions = measured.regions.set_index(["image", "region"])
    for row in found.to_dict("records"):
        with st.container(border=True):
            _cluster_head(row)
            examples = regions.loc[[(e["image"], e["region"]) for e in row["examples"]]].reset_index()
            notes = [f"{n_pixels} px" for n_pixels in examples.n_pixels]
            key = f"errors_cluster_{row['cluster']}"
            region_gallery(scene, examples, key=key, marked=marked, notes=notes, size_px=136, strip=True)


def _cluster_head(row: dict) -> None:
    images = "image" if row["n_images"] == 1 else "images"
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown(f"**{suggested(row['name'])}**", width="content")
        st.badge(KINDS[row["kind"]], color="orange" if row["kind"] == "fp" else "blue")
        st.caption(
            f"{row['count']} in {row['n_images']} {images} · {row['share']:.0%} of the wrong pixels", width="stretch"
        )


@st.cache_resource(max_entries=8, show_spinner="Grouping mistakes that look alike …")
def _clusters(stamp: tuple, _measured: Measured) -> pd.DataFrame:
    return clusters(_measured.regions)
