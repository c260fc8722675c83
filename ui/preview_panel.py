"""The preview of the Augment page: which image, how it is cut, and the component that draws its samples."""

from __future__ import annotations

import streamlit as st

from seglib.augment.fixed import Fixed
from seglib.augment.recipe import Recipe
from seglib.data.dataset import Dataset
from seglib.data.normalise import NORMALISATION_NAMES
from seglib.settings import plain, specs
from seglib.training.config import DataConfig
from ui import opened, preview_route, recipe_bar, state
from ui.components.live_preview import live_preview

PREVIEW, IMAGE = "augment_preview", "augment_image"
CROPS = (64, 128, 192, 256, 384, 512, 768, 1024)
DEFAULTS = DataConfig()
# Exact values that a slider or a switch can show; the seeds of fields and grain have a button
EXACT = [spec for spec in specs(Fixed) if spec.kind != "str" or spec.choices]
GREY = ("brightness", "contrast", "gamma", "blur_sigma_px", "noise", "background", "background_width")


def draw(data: Dataset) -> int:
    """Draw it; the number of the image shown."""
    name = state.dataset_name()
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        index = _image(name, data)
    if not data.records[index].mask:
        st.info("This image has no mask: it shows how pixels move, but no outlines.", icon=":material/info:")
    seen = live_preview(
        preview_route.url(name, data, index),
        specs(Recipe),
        recipe_bar.in_hand(),
        key=PREVIEW,
        version=recipe_bar.version(),
        label=recipe_bar.loaded_name(),
        loaded=recipe_bar.loaded_values(),
        fixed_specs=EXACT,
        fixed_groups={spec.path: "grey_values" if spec.path in GREY else "shape_and_place" for spec in EXACT},
        fixed=plain(Fixed()),
        seed=st.session_state.get("augment_seed", 0),
        crops=CROPS,
        normalisations=NORMALISATION_NAMES,
        start={"crop": DEFAULTS.crop_px, "normalisation": DEFAULTS.normalisation},
    )
    if seen.seed is not None:
        st.session_state["augment_seed"] = int(seen.seed)
    return index


def _image(name: str, data: Dataset) -> int:
    """Number of the image shown: one of the train images, or of all where there are none."""
    offered = data.indices("train") or data.indices("val") or list(range(len(data.records)))
    key = f"{IMAGE}_{name}"
    asked = st.query_params.get("image", "")
    if key not in st.session_state and asked in map(str, offered):
        st.session_state[key] = int(asked)
    if st.session_state.get(key) not in offered:
        st.session_state[key] = offered[0]
    kind = "train images" if data.indices("train") else "images: none is labelled for training"
    st.selectbox(
        "Image",
        offered,
        key=key,
        format_func=lambda i: opened.short_name(data.records[i].image),
        help=f"{len(offered)} {kind}.",
        width=230,
        persist_state="session",
    )
    for step, icon, label in ((-1, "chevron_left", "Previous image"), (1, "chevron_right", "Next image")):
        st.button(
            "",
            icon=f":material/{icon}:",
            key=f"augment_step_{step}",
            help=label,
            on_click=_step,
            args=(key, offered, step),
        )
    return st.session_state[key]


def _step(key: str, offered: list[int], step: int) -> None:
    place = offered.index(st.session_state[key]) if st.session_state[key] in offered else 0
    st.session_state[key] = offered[(place + step) % len(offered)]
