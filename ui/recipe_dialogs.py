"""The dialogs about recipes: save, new, rename, delete and bring back, from a past run, from and to a file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import PurePosixPath

import streamlit as st

from seglib.augment import recipe_files
from seglib.augment.recipe import SHIPPED, Recipe, list_recipes, recipe_json, save_recipe
from seglib.exceptions import InputError
from seglib.runs.store import Run
from seglib.settings import plain
from ui import state
from ui.literal import literal
from ui.recipe_hand import FIRST, loaded_name, named, put, put_unsaved, recipe, saved_as

NEW, SAVE_AS, DUPLICATE, RENAME, DELETE = "New", "Save as", "Duplicate", "Rename", "Delete"
BRING_BACK, OF_RUN, FROM_FILE, TO_FILE = "Bring back a deleted one", "Open that of a run", "Import", "Download"
OPTIONS = (NEW, SAVE_AS, DUPLICATE, RENAME, DELETE, BRING_BACK, OF_RUN, FROM_FILE, TO_FILE)
_OPEN, _NAME, _OVERWRITE, _DELETED = "recipe_dialog", "recipe_name", "recipe_overwrite", "recipe_deleted"


def open_(purpose: str) -> None:
    """Open a dialog in this run of the page: one of OPTIONS, `save`, or `train` (save, then train)."""
    proposal = loaded_name() if purpose == RENAME else _proposal(purpose)
    st.session_state.update({_OPEN: purpose, _NAME: proposal, _OVERWRITE: False})


def show(train: Callable[[bool], None]) -> None:
    """Draw the dialog that is open, if any. `train(different=False)` goes to the Train page."""
    purpose = st.session_state.get(_OPEN)
    if purpose in ("save", "train", SAVE_AS):
        _save(train)
    elif purpose:
        {NEW: _new, RENAME: _rename, DELETE: _delete, BRING_BACK: _bring_back, OF_RUN: _of_run}.get(purpose, _file)()


def _close() -> None:
    st.session_state[_OPEN] = None


def _done() -> None:
    _close()
    st.rerun()


def _proposal(purpose: str) -> str:
    """The recipe's own name if it is the person's, else that with a number which is free."""
    taken, loaded = list_recipes(), loaded_name()
    if purpose == NEW:
        return recipe_files.free_name("my-recipe", taken)
    if not named():
        return recipe_files.free_name("my-recipe", taken)
    return loaded if loaded not in SHIPPED and purpose != DUPLICATE else recipe_files.free_name(loaded, taken)


@st.dialog("Save this recipe", icon=":material/save:", on_dismiss=_close)
def _save(train: Callable[[bool], None]) -> None:
    st.caption("A recipe is a small JSON file in `recipes/`; Train and the command line know it by this name.")
    name = st.text_input("Name", key=_NAME, max_chars=64).strip()
    taken = name in list_recipes() and name not in SHIPPED
    sure = taken and st.checkbox(f"Overwrite **{name}**, which exists already", key=_OVERWRITE)
    then_train = st.session_state[_OPEN] == "train"
    label = "Save and train" if then_train else "Save"
    if not st.button(label, type="primary", key="recipe_confirm", disabled=taken and not sure):
        return
    try:
        save_recipe(recipe(), name, overwrite=bool(sure))
    except InputError as error:
        st.error(literal(error))
        return
    saved_as(name)
    _close()
    if then_train:
        train(False)
    st.rerun()


@st.dialog("New recipe", icon=":material/add:", on_dismiss=_close)
def _new() -> None:
    st.caption("It begins with nothing switched on; sliders that were moved and not saved are lost.")
    name = st.text_input("Name", key=_NAME, max_chars=64).strip()
    if st.button("Make it", type="primary", key="recipe_confirm") and _tried(lambda: save_recipe(Recipe(), name)):
        put(name)
        _done()


def duplicate() -> None:
    """A copy of the recipe under a free name, and that one in hand."""
    if _tried(lambda: put(recipe_files.duplicate_recipe(loaded_name()))):
        st.rerun()


@st.dialog("Rename", icon=":material/edit:", on_dismiss=_close)
def _rename() -> None:
    old = loaded_name()
    st.caption("Runs keep the whole recipe, not its name: none of them changes.")
    name = st.text_input("Name", key=_NAME, max_chars=64).strip()
    pressed = st.button("Rename", type="primary", key="recipe_confirm", disabled=name == old)
    if pressed and _tried(lambda: recipe_files.rename_recipe(old, name)):
        saved_as(name)
        _done()


@st.dialog("Delete this recipe?", icon=":material/delete:", on_dismiss=_close)
def _delete() -> None:
    name = loaded_name()
    st.markdown(f"**{name}** goes to the bin and can be brought back. Runs that were trained with it keep it.")
    if st.button("Delete", type="primary", key="recipe_confirm"):
        try:
            st.session_state[_DELETED] = recipe_files.delete_recipe(name)
        except InputError as error:
            st.error(literal(error))
            return
        put(FIRST)
        _done()


def offer_undo() -> None:
    """One line after a deletion, until the recipe is back or another one is deleted."""
    name = st.session_state.get(_DELETED)
    if name and name in recipe_files.binned_recipes():
        with st.container(horizontal=True, vertical_alignment="center"):
            st.caption(f":material/delete: **{name}** was deleted.")
            st.button("Bring it back", key="recipe_undelete", on_click=_restore, args=(name,), type="tertiary")


def _restore(name: str) -> None:
    if _tried(lambda: put(recipe_files.restore_recipe(name))):
        st.session_state[_DELETED] = None
        _close()


@st.dialog("Bring back a recipe", icon=":material/restore_from_trash:", on_dismiss=_close)
def _bring_back() -> None:
    names = recipe_files.binned_recipes()
    if not names:
        st.info("No recipe was deleted.", icon=":material/info:")
        return
    name = st.selectbox("Deleted recipes", names, key="recipe_binned")
    if st.button("Bring it back", type="primary", key="recipe_confirm"):
        _restore(name)
        st.rerun()


@st.dialog("Open the recipe of a run", icon=":material/history:", on_dismiss=_close)
def _of_run() -> None:
    st.caption("Every run keeps its whole recipe, whatever became of the file it was started from.")
    runs = {run.id: run for run in state.all_runs()}
    if not runs:
        st.info("There is no run yet: train one, and its recipe can be opened here.", icon=":material/info:")
        return
    picked = st.selectbox("Run", list(runs), key="recipe_run", format_func=lambda run_id: _run_label(runs[run_id]))
    pressed = st.button("Open", type="primary", key="recipe_confirm")
    # the folder's name, not the free text a run is called by: it stands in help texts
    if pressed and _tried(lambda: put_unsaved(f"as in {picked}", plain(runs[picked].config().recipe))):
        _done()


def _run_label(run: Run) -> str:
    iou = run.best_iou()
    return run.name if iou is None else f"{run.name} · IoU {iou:.3f}"


@st.dialog("A recipe as a file", icon=":material/file_open:", on_dismiss=_close)
def _file() -> None:
    if st.session_state[_OPEN] == TO_FILE:
        name = loaded_name() if named() else "recipe"
        st.caption("The values as the sliders stand, in the format of `recipes/`; `--recipe FILE` trains with it.")
        st.download_button(
            f"Download {name}.json", recipe_json(recipe()), f"{name}.json", "application/json", key="recipe_download"
        )
        return
    dropped = st.file_uploader("A recipe (JSON)", type="json", key="recipe_upload", max_upload_size=1)
    if dropped is None:
        return
    shown = "".join(c for c in PurePosixPath(dropped.name).stem if c.isalnum() or c in " -_")[:40] or "a file"
    if _tried(lambda: put_unsaved(f"from {shown}", plain(recipe_files.parse_recipe(dropped.getvalue(), "this file")))):
        _done()


def _tried(action: Callable[[], object]) -> bool:
    """Do it; a mistake becomes one line."""
    try:
        action()
    except InputError as error:
        st.error(literal(error))
        return False
    return True
