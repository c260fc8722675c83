"""The recipe in hand: which one was loaded, what the sliders made of it; saved under a name, taken to training."""

from __future__ import annotations

from typing import Any

import streamlit as st

from seglib.augment.recipe import SHIPPED, Recipe, list_recipes, load_recipe, save_recipe
from seglib.exceptions import InputError
from seglib.settings import build, plain
from ui import navigation
from ui.glossary import explain

FIRST = "gentle"
FOR_TRAINING = "recipe_for_training"  # the Train page starts from the recipe of this name
_LOADED, _VALUES, _VERSION, _HEARD = "recipe_loaded", "recipe_values", "recipe_version", "recipe_heard"
_PICK, _NAME, _OVERWRITE = "recipe_pick", "recipe_name", "recipe_overwrite"
_SAVING, _PROBLEM = "recipe_saving", "recipe_problem"  # the dialog is open: "save" or "train"; a line to show once


def in_hand() -> dict[str, Any]:
    """The values the sliders stand at, as `settings.plain` gives them."""
    return st.session_state[_VALUES]


def loaded_name() -> str:
    """What the recipe in hand began as."""
    return st.session_state[_LOADED]


def loaded_values() -> dict[str, Any]:
    """The values that recipe has on disk; those in hand if it is gone from there."""
    try:
        return plain(load_recipe(loaded_name()))
    except InputError:
        return in_hand()


def version() -> int:
    """Counts the recipes that were loaded: the sliders take over `in_hand` when it changes."""
    return st.session_state[_VERSION]


def changed() -> bool:
    """Whether the sliders differ from the recipe that was loaded, as it stands on disk."""
    try:
        return build(Recipe, in_hand()) != load_recipe(st.session_state[_LOADED])
    except InputError:
        return True


def hear(preview_key: str) -> None:
    """Take over what the sliders of the live preview said since the last run. Call before anything is drawn."""
    if _VALUES not in st.session_state:
        _put(FIRST, plain(load_recipe(FIRST)))
    asked = st.query_params.pop("recipe", None)  # by the link on Train; sliders moved and not saved are kept
    if asked in list_recipes() and not changed():
        _put(asked, plain(load_recipe(asked)))
    said = st.session_state.get(preview_key)
    recipe = said and said.get("recipe")
    if recipe and recipe != st.session_state.get(_HEARD):
        st.session_state[_HEARD] = st.session_state[_VALUES] = dict(recipe)


def draw() -> None:
    """Choose, reset, save, train."""
    names = list_recipes()
    loaded = st.session_state[_LOADED]
    st.session_state[_PICK] = loaded if loaded in names else None
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        st.selectbox(
            "Recipe", names, key=_PICK, on_change=_picked, format_func=_titled, width=230, help=explain("recipe")
        )
        different = changed()
        st.button(
            "Reset",
            icon=":material/restart_alt:",
            key="recipe_reset",
            on_click=_picked,
            disabled=not different or loaded not in names,
            help=f"Put the sliders back to {loaded}.",
        )
        if st.button("Save as", icon=":material/save:", key="recipe_save", disabled=not different):
            _open("save")
        if different:
            st.badge("changed", color="orange", icon=":material/edit:", help=f"Not yet saved; it began as {loaded}.")
        st.space("stretch")
        if st.button(
            "Train with this recipe",
            icon=":material/model_training:",
            type="primary",
            key="recipe_train",
            help="Opens the Train page with it; a changed recipe is saved first.",
        ):
            _train(different)
    if problem := st.session_state.pop(_PROBLEM, None):
        st.error(problem)
    if st.session_state.get(_SAVING):
        _save_dialog()


def _titled(name: str) -> str:
    return name if name in SHIPPED else f"{name} (yours)"


def _put(name: str, values: dict[str, Any]) -> None:
    state = st.session_state
    state[_LOADED], state[_VALUES], state[_VERSION] = name, values, state.get(_VERSION, 0) + 1


def _picked() -> None:
    name = st.session_state[_PICK]
    try:
        _put(name, plain(load_recipe(name)))
    except InputError as error:
        st.session_state[_PROBLEM] = str(error)


def _train(different: bool) -> None:
    if different:
        _open("train")
    else:
        st.session_state[FOR_TRAINING] = st.session_state[_LOADED]
        navigation.go("train")


def _open(purpose: str) -> None:
    st.session_state.update({_SAVING: purpose, _NAME: _proposal(), _OVERWRITE: False})


def _close() -> None:
    st.session_state[_SAVING] = None


@st.dialog("Save this recipe", icon=":material/save:", on_dismiss=_close)
def _save_dialog() -> None:
    st.caption("A recipe is a small JSON file in `recipes/`; Train and the command line know it by this name.")
    name = st.text_input("Name", key=_NAME, max_chars=64).strip()
    taken = name in list_recipes() and name not in SHIPPED
    sure = taken and st.checkbox(f"Overwrite **{name}**, which exists already", key=_OVERWRITE)
    label = "Save" if st.session_state[_SAVING] == "save" else "Save and train"
    if not st.button(label, type="primary", key="recipe_confirm", disabled=taken and not sure):
        return
    try:
        save_recipe(build(Recipe, in_hand()), name, overwrite=bool(sure))
    except InputError as error:
        st.error(str(error))
        return
    st.session_state[_LOADED] = name
    then_train = st.session_state[_SAVING] == "train"
    _close()
    if then_train:
        _train(different=False)
    st.rerun()


def _proposal() -> str:
    """The recipe's own name if it is the person's, else the shipped one's with a number that is free."""
    loaded = st.session_state[_LOADED]
    if loaded not in SHIPPED:
        return loaded
    taken = set(list_recipes())
    return next(f"{loaded}-{i}" for i in range(2, len(taken) + 3) if f"{loaded}-{i}" not in taken)
