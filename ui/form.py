"""What the Train page's form holds: one dict of settings in the session, and what of it differs from the preset.

Values live here, not in the widgets: leaving the page and coming back changes nothing, and a preset or another run
fills them all at once. Keys of widgets are `train_set_` and the setting's path.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import streamlit as st

from seglib.augment.recipe import list_recipes, load_recipe
from seglib.exceptions import InputError
from seglib.settings import Spec, build, nest, plain
from seglib.training.config import PRESETS, Config, resolve
from seglib.training.differences import LIMITS, Difference, all_settings, between, flat, named_recipe
from ui import recipe_bar

VALUES, RECIPE, BROKEN, BASE = "train_values", "train_recipe", "train_broken", "train_base"
RECIPE_NAME = "train_recipe_name"
NORMALISATION = "normalisation_for_training"  # the Train page starts with this one, sent by the Data page
# Asked elsewhere: the data set in the sidebar, its split when its folder is opened, the limits in a row of their own.
ELSEWHERE = {"data.path", "data.grouping", "data.split", *LIMITS}
_OF_THE_DATA = {"data.path", "data.grouping", "data.split"}


@dataclass(frozen=True)
class Chosen:
    """The recipe chosen: a name in recipes/, or the values of a run's own that has no name here."""

    label: str
    values: Mapping[str, Any] | None = None

    def plain(self) -> dict[str, Any]:
        """Its values. Raises InputError for a recipe that is gone or broken."""
        return dict(self.values) if self.values is not None else plain(load_recipe(self.label))


def all_specs() -> list[Spec]:
    return [spec for path, spec in all_settings().items() if path not in ELSEWHERE]


def section(spec: Spec) -> str:
    return spec.path.partition(".")[0]


def only_with(spec: Spec) -> set[str]:
    """The losses a setting matters for: `focal: …` in its help means only with that one. Empty: it always matters."""
    losses, colon, _ = spec.help.partition(":")
    mine = spec.path.startswith("loss.") and spec.path != "loss.name" and colon
    return {name.strip() for name in losses.split(",")} if mine else set()


def concerns(spec: Spec, values: Mapping[str, Any]) -> bool:
    """Whether a setting matters for what is chosen."""
    if losses := only_with(spec):
        return values.get("loss.name") in losses
    if spec.path == "model.extra":
        return values.get("model.name") != "UNet" or bool(values.get("model.extra"))
    return True


def values() -> dict[str, Any]:
    """What the form holds, by dotted path, the recipe apart; at first the preset `quick`."""
    if VALUES not in st.session_state:
        fill_preset("quick")
    return st.session_state[VALUES]


def fill_preset(preset: str) -> None:
    """Start from a preset; from now on changes are counted from it. Call it before the widgets are drawn."""
    st.session_state[BASE] = preset
    fill(flat(plain(resolve(preset))))


def base() -> str:
    """The preset that changes are counted from."""
    return st.session_state.setdefault(BASE, "quick")


def fill(settings: Mapping[str, Any], recipe_label: str = "") -> None:
    """Put settings into the form, flat as `differences.flat` gives them; what is not among them stays.

    Call it from a callback, before the widgets are drawn. recipe_label: for a recipe without a name here.
    """
    if "recipe" in settings:
        name = named_recipe(settings["recipe"])
        chosen = Chosen(name) if name else Chosen(recipe_label or "of its own", settings["recipe"])
        st.session_state[RECIPE] = chosen
        st.session_state.pop(RECIPE_NAME, None)
    given = {key: value for key, value in settings.items() if key != "recipe" and key not in _OF_THE_DATA}
    st.session_state[VALUES] = {**st.session_state.get(VALUES, {}), **given}
    for path in given:
        st.session_state.pop(f"train_set_{path}", None)
    if "model.extra" in given:
        st.session_state.pop(BROKEN, None)


def snapshot() -> tuple[Any, ...]:
    """What `put_back` takes: everything the form holds now."""
    return dict(values()), st.session_state[RECIPE], base()


def put_back(kept: tuple[Any, ...]) -> None:
    """Undo: the form as it was. Call it from a callback."""
    settings, recipe, preset = kept
    st.session_state[BASE] = preset
    fill(settings)
    st.session_state[RECIPE] = recipe
    st.session_state.pop(RECIPE_NAME, None)


def collect() -> None:
    """Take what the person has typed or chosen since the last drawing into the form. Call it before drawing."""
    held = values()
    for path, spec in all_settings().items():
        key = f"train_set_{path}"
        if key in st.session_state:
            held[path] = _parsed(spec, st.session_state[key]) if spec.kind == "mapping" else st.session_state[key]
    name = st.session_state.get(RECIPE_NAME)
    if name is not None and name != st.session_state[RECIPE].label:
        st.session_state[RECIPE] = Chosen(name)


def _parsed(spec: Spec, text: str) -> dict[str, Any]:
    """A mapping from JSON; what is wrong with it is kept under BROKEN and hinders the start."""
    st.session_state.pop(BROKEN, None)
    try:
        found = json.loads(text) if text.strip() else {}
        if not isinstance(found, dict):
            raise ValueError('it must be a mapping such as {"dilations": [1, 2, 4]}')
        return found
    except (ValueError, RecursionError) as error:
        st.session_state[BROKEN] = f"{spec.path} is not understood: {error}."
        return {}


def take_recipe() -> bool:
    """Take over the recipe that the Augment page sent along, once; whether there was one. Call before drawing."""
    name = st.session_state.pop(recipe_bar.FOR_TRAINING, None)
    if name is None:
        return False
    values()  # the preset first, so that the recipe stands over it
    st.session_state[RECIPE] = Chosen(name)
    st.session_state.pop(RECIPE_NAME, None)
    return True


def take_normalisation() -> bool:
    """Take over the normalisation that the Data page sent along, once; whether there was one. Call before drawing."""
    method = st.session_state.pop(NORMALISATION, None)
    if method is None:
        return False
    values()["data.normalisation"] = method
    st.session_state.pop("train_set_data.normalisation", None)
    return True


def config(data: Mapping[str, Any]) -> Config:
    """The config the form stands for, on the data set `data` (path, grouping, split). Raises InputError."""
    if st.session_state.get(BROKEN) and concerns(all_settings()["model.extra"], values()):
        raise InputError(st.session_state[BROKEN])
    nested = nest(values())
    nested["data"] = {**nested.get("data", {}), **data}
    return build(Config, {**nested, "recipe": st.session_state[RECIPE].plain()})


# -- what differs from the preset


@lru_cache(maxsize=len(PRESETS))
def _preset(name: str) -> dict[str, Any]:
    settings = flat(plain(resolve(name)))
    return {key: value for key, value in settings.items() if key != "recipe" and key not in _OF_THE_DATA}


def changes() -> list[Difference]:
    """What differs from the preset (`here`: the preset's value, `there`: the form's); the recipe by its label."""
    found = between(_preset(base()), values())
    chosen: Chosen = st.session_state[RECIPE]
    usual = PRESETS[base()]["recipe"]
    return [*found, Difference("recipe", usual, chosen.label)] if _other_recipe(chosen, usual) else found


def _other_recipe(chosen: Chosen, usual: str) -> bool:
    if chosen.label == usual and chosen.values is None:
        return False
    try:
        return chosen.plain() != plain(load_recipe(usual))
    except InputError:
        return True


def reset(path: str) -> None:
    """Put one setting, or the recipe, back to the preset's value. Call it from a callback."""
    if path == "recipe":
        st.session_state[RECIPE] = Chosen(PRESETS[base()]["recipe"])
        st.session_state.pop(RECIPE_NAME, None)
    else:
        fill({path: _preset(base())[path]})


def recipe_options() -> list[str]:
    """Names to choose from; first the recipe of a run that has no name here, while it is chosen."""
    names, label = list_recipes(), st.session_state[RECIPE].label
    return names if label in names else [label, *names]
