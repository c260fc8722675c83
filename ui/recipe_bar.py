"""The row above the preview: choose a recipe, put it back, save it, more, take it to training."""

from __future__ import annotations

import streamlit as st

from seglib.augment.recipe import SHIPPED, list_recipes, save_recipe
from seglib.exceptions import InputError
from ui import navigation, recipe_dialogs
from ui.glossary import explain
from ui.literal import literal
from ui.recipe_hand import (
    FOR_TRAINING,
    changed,
    hear,
    in_hand,
    loaded_name,
    loaded_values,
    named,
    put,
    put_unsaved,
    recipe,
    saved_as,
    version,
)

__all__ = ["FOR_TRAINING", "draw", "hear", "in_hand", "loaded_name", "loaded_values", "recipe", "version"]

_PICK, _MORE, _PROBLEM, _DELETED = "recipe_pick", "recipe_more", "recipe_problem", "recipe_deleted"


def draw() -> None:
    """Draw the row, the dialog that is open, and what there is to say."""
    names, loaded, different = list_recipes(), loaded_name(), changed()
    st.session_state[_PICK] = loaded if named() else None
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        st.selectbox(
            "Recipe",
            names,
            key=_PICK,
            on_change=_picked,
            format_func=_titled,
            width=230,
            help=explain("recipe"),
            placeholder=loaded,
        )
        _reset_button()
        _save_button(different)
        _more_button(loaded)
        if different:
            help = f"Not yet saved; it began as {loaded}." if named() else "Not yet saved under a name."
            st.badge("changed" if named() else "not saved", color="orange", icon=":material/edit:", help=help)
        st.space("stretch")
        if st.button(
            "Train with this recipe",
            icon=":material/model_training:",
            type="primary",
            key="recipe_train",
            help="Opens the Train page with it; a changed recipe is saved first.",
        ):
            _train(different)
    _say()
    recipe_dialogs.show(_train)


def _reset_button() -> None:
    st.button(
        "Reset",
        icon=":material/restart_alt:",
        key="recipe_reset",
        on_click=_reset,
        disabled=in_hand() == loaded_values(),
        help=f"Put the sliders back to {loaded_name()}.",
    )


def _save_button(different: bool) -> None:
    """Over one's own recipe, or under a new name for one that ships or has none."""
    own = named() and loaded_name() not in SHIPPED
    help = f"Over {loaded_name()}; Save as is under More." if own else "Under a name of its own, in recipes/."
    label = "Save" if own else "Save as"
    if st.button(label, icon=":material/save:", key="recipe_save", disabled=not different, help=help):
        _save_over() if own else recipe_dialogs.open_("save")


def _more_button(loaded: str) -> None:
    own = named() and loaded not in SHIPPED
    options = [o for o in recipe_dialogs.OPTIONS if own or o not in (recipe_dialogs.RENAME, recipe_dialogs.DELETE)]
    picked = st.menu_button(
        "More", options, key=_MORE, icon=":material/more_horiz:", help="New, copy, rename, delete, import, past runs"
    )
    if picked == recipe_dialogs.DUPLICATE and named() and not changed():
        recipe_dialogs.duplicate()
    elif picked == recipe_dialogs.DUPLICATE:  # a copy of what is in hand, not of what is on disk
        recipe_dialogs.open_("save")
    elif picked:
        recipe_dialogs.open_(picked)


def _say() -> None:
    if problem := st.session_state.pop(_PROBLEM, None):
        st.error(literal(problem))
    recipe_dialogs.offer_undo()


def _titled(name: str) -> str:
    return name if name in SHIPPED else f"{name} (yours)"


def _picked() -> None:
    try:
        put(st.session_state[_PICK])
    except InputError as error:
        st.session_state[_PROBLEM] = str(error)


def _reset() -> None:
    values = loaded_values()
    if named():
        put(loaded_name())
    else:
        put_unsaved(loaded_name(), values)


def _save_over() -> None:
    try:
        save_recipe(recipe(), loaded_name(), overwrite=True)
        saved_as(loaded_name())
    except InputError as error:
        st.session_state[_PROBLEM] = str(error)
    st.rerun()


def _train(different: bool) -> None:
    if different:
        recipe_dialogs.open_("train")
    else:
        st.session_state[FOR_TRAINING] = loaded_name()
        navigation.go("train")
