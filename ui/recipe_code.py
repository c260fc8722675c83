"""The recipe as code: Python that draws the sample shown, and the command line that trains with it."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from seglib.augment.recipe import Recipe
from seglib.data.dataset import Dataset
from seglib.exceptions import InputError
from seglib.runs.store import portable
from seglib.training.command import train_command
from seglib.training.config import Config, DataConfig, resolve
from seglib.training.script import sample_script
from ui import opened, recipe_bar, registry, state
from ui.literal import literal

PRESET = "quick"


def draw(data: Dataset, index: int) -> None:
    """Folded away; both follow the sliders when they are let go."""
    with st.expander("As code", icon=":material/code:", key="recipe_code"):
        try:
            recipe = recipe_bar.recipe()
            where = _where(state.current_entry())
        except InputError as error:
            st.error(literal(error))
            return
        seed, picture = st.session_state.get("augment_seed", 0), opened.short_name(data.records[index].image)
        st.caption(
            f"In Python: sample 1 of seed {seed} of {picture}, as the network’s view shows it with a crop of "
            f"{where.crop_px} px and {where.normalisation}. Run it in the folder of this program."
        )
        st.code(sample_script(recipe, where, index, seed), "python")
        st.caption(f"A training with it, everything else as in the preset {PRESET}:")
        st.code(command(recipe, where), "bash", wrap_lines=True)


def _where(entry: registry.Entry) -> DataConfig:
    return DataConfig(portable(entry.path), entry.grouping, entry.split, entry.fold)


def command(recipe: Recipe, where: DataConfig) -> str:
    """By name if the recipe is saved under one, else value by value."""
    base: Config = resolve(PRESET)
    chosen = replace(base.data, path=where.path, grouping=where.grouping, split=where.split, fold=where.fold)
    return train_command(replace(base, recipe=recipe, data=chosen), PRESET, "my-run")
