"""The recipe in hand on the Augment page: what it was loaded from, and what the sliders made of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from seglib.augment.recipe import Recipe, list_recipes, load_recipe
from seglib.exceptions import InputError
from seglib.settings import build, plain

FIRST = "gentle"
FOR_TRAINING = "recipe_for_training"  # the Train page starts from the recipe of this name
_LOADED, _VALUES, _VERSION, _HEARD = "recipe_loaded", "recipe_values", "recipe_version", "recipe_heard"
_UNSAVED = "recipe_unsaved"  # values of a run's or a file's recipe, which has no name here


def in_hand() -> dict[str, Any]:
    """The values the sliders stand at, as `settings.plain` gives them."""
    return st.session_state[_VALUES]


def recipe() -> Recipe:
    """The same as a Recipe. Raises InputError if the browser sent what is none."""
    return build(Recipe, in_hand())


def version() -> int:
    """Counts the recipes that were loaded: the sliders take over `in_hand` when it changes."""
    return st.session_state[_VERSION]


def loaded_name() -> str:
    """What the recipe in hand began as: a name in recipes/, or words such as `as in my-run`."""
    return st.session_state[_LOADED]


def loaded_values() -> dict[str, Any]:
    """The values that recipe has on disk; those in hand if it is gone from there."""
    if (values := st.session_state.get(_UNSAVED)) is not None:
        return values
    try:
        return plain(load_recipe(loaded_name()))
    except InputError:
        return in_hand()


def named() -> bool:
    """Whether it began as a recipe that is on disk."""
    return st.session_state.get(_UNSAVED) is None and loaded_name() in list_recipes()


def changed() -> bool:
    """Whether what is in hand is nowhere on disk under the name it was loaded from."""
    try:
        return recipe() != load_recipe(loaded_name())
    except InputError:  # also for the words that a run's or a file's recipe is called by
        return True


def put(name: str) -> None:
    """Load a recipe by its name. Raises InputError."""
    _take(name, plain(load_recipe(name)), None)


def put_unsaved(label: str, values: Mapping[str, Any]) -> None:
    """Take over the recipe of a run or of a file, which has no name here yet."""
    _take(label, dict(values), dict(values))


def change(values: Mapping[str, Any]) -> None:
    """Put the sliders where `values` says, as if moved by hand: it stays the recipe it was loaded as, changed."""
    _take(loaded_name(), dict(values), st.session_state.get(_UNSAVED))


def saved_as(name: str) -> None:
    """What is in hand stands on disk under this name now; the sliders stay."""
    st.session_state[_LOADED], st.session_state[_UNSAVED] = name, None


def hear(preview_key: str) -> None:
    """Take over what the sliders of the live preview said since the last run. Call before anything is drawn."""
    if _VALUES not in st.session_state:
        put(FIRST)
    asked = st.query_params.pop("recipe", None)  # by the link on Train; sliders moved and not saved are kept
    if asked in list_recipes() and not changed():
        put(asked)
    said = st.session_state.get(preview_key)
    heard = said and said.get("recipe")
    if heard and heard != st.session_state.get(_HEARD):
        st.session_state[_HEARD] = st.session_state[_VALUES] = dict(heard)


def _take(name: str, values: dict[str, Any], unsaved: dict[str, Any] | None) -> None:
    state = st.session_state
    state[_LOADED], state[_VALUES], state[_UNSAVED] = name, values, unsaved
    state[_VERSION] = state.get(_VERSION, 0) + 1
