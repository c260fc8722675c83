"""What can be done with the runs picked in the list: watch, name, note, take settings, compare, bin and bring back."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import streamlit as st

from seglib.exceptions import InputError
from seglib.runs import bin as runs_bin
from seglib.runs.store import Run, checkpoints_root
from ui import clone, navigation, registry, state
from ui.literal import literal

_UNDO, _ERROR = "train_binned", "train_list_error"


def draw(picked: Sequence[Run], mine: Collection[str]) -> None:
    """Buttons for the picked runs. mine: ids of those that belong to the data set in view."""
    with st.container(horizontal=True, vertical_alignment="center", key="train_actions"):
        if len(picked) == 1:
            _one(picked[0], picked[0].id in mine)
        else:
            st.markdown(f"**{len(picked)} runs**", width="content")
            navigation.link("compare", "Compare", runs=",".join(run.id for run in picked))
        _bin_button(picked)
    if message := st.session_state.pop(_ERROR, None):
        st.error(literal(message), icon=":material/error:")


def _one(run: Run, mine: bool) -> None:
    st.markdown(f"**{literal(run.name)}**", width="content")
    if mine:
        st.button("Curves", icon=":material/show_chart:", key="train_watch", on_click=watch, args=(run,))
    else:
        _other_data(run)
    st.button(
        "Use its settings",
        icon=":material/content_copy:",
        key="train_clone_this",
        on_click=_clone,
        args=(run,),
        help="Shows first what differs from the form.",
    )
    with st.popover("Name and note", icon=":material/edit:", key="train_label"):
        _label_form(run)


def _bin_button(picked: Sequence[Run]) -> None:
    live = [run for run in picked if run.state().live]
    help = "Can be undone."
    if live:
        help = "Stop it first." if len(picked) == 1 else f"{len(live)} of them still train: stop them first."
    st.button(
        "Move to bin",
        icon=":material/delete:",
        key="train_bin",
        on_click=_to_bin,
        args=(list(picked),),
        disabled=bool(live),
        help=help,
    )


def _clone(run: Run) -> None:
    clone.open_(run)
    st.session_state["train_view_next"] = "New training"


def _other_data(run: Run) -> None:
    known = {entry.path.resolve(): name for name, entry in registry.entries().items()}
    name = known.get(run.data_path())
    label = f"Go to data set {name}" if name else "Its data is not open here"
    st.button(
        label,
        icon=":material/swap_horiz:",
        key="train_switch",
        on_click=_switch,
        args=(name, run),
        disabled=name is None,
        help=None if name else f"Open the folder {run.data_path()} in the sidebar first, from where it lies now.",
    )


def _label_form(run: Run) -> None:
    with st.form(f"train_label_{run.id}", border=False):
        name = st.text_input("Name", value=run.name, key=f"train_name_of_{run.id}", max_chars=120)
        note = st.text_area("Note", value=run.note, key=f"train_note_of_{run.id}", height=90)
        if st.form_submit_button("Save"):
            try:
                run.rename("" if name == run.id else name)
                run.write_note(note)
                st.rerun()
            except InputError as error:
                st.error(literal(error))


def watch(run: Run) -> None:
    """Bring a run into view, with its curves and its data set where that is known. Call it from a callback."""
    path = run.data_path()
    name = next((name for name, entry in registry.entries().items() if path in entry.places()), None)
    if name is not None and name != state.dataset_name() and path not in state.current_entry().places():
        state.choose_dataset(name)
    state.choose_run(run.id)
    st.session_state["train_view_next"] = "Curves"


def _switch(name: str, run: Run) -> None:
    state.choose_dataset(name)
    watch(run)


# -- the bin


def _to_bin(runs: Sequence[Run]) -> None:
    """All that can go; one line for each that cannot."""
    gone, refused = [], []
    for run in runs:
        name = run.name
        try:
            gone.append((runs_bin.move_to_bin(run).id, name))
        except InputError as error:
            refused.append(str(error))
        if st.session_state.get(state.RUN) == run.id:
            state.choose_run(None)
    if refused:
        st.session_state[_ERROR] = " ".join(refused)
    if gone:
        st.session_state[_UNDO] = gone


def _restore(folders: Sequence[str]) -> None:
    st.session_state.pop(_UNDO, None)
    refused = []
    for folder in folders:
        try:
            runs_bin.restore(folder)
        except InputError as error:
            refused.append(str(error))
    if refused:
        st.session_state[_ERROR] = " ".join(refused)


def undo_line() -> None:
    """What was moved to the bin last, and the way back; what could not be moved."""
    if _UNDO in st.session_state:
        gone = st.session_state[_UNDO]
        said = f"**{literal(gone[0][1])}** is" if len(gone) == 1 else f"**{len(gone)} runs** are"
        with st.container(horizontal=True, vertical_alignment="center", border=True, key="train_undo_line"):
            st.markdown(f":material/delete: {said} in the bin.", width="stretch")
            folders = [folder for folder, _ in gone]
            st.button("Undo", icon=":material/undo:", key="train_undo", on_click=_restore, args=(folders,))
    if message := st.session_state.pop(_ERROR, None):
        st.error(literal(message), icon=":material/error:")


def bin_popover() -> None:
    """What lies in the bin, each with its way back."""
    binned = runs_bin.binned(checkpoints_root())
    if not binned:
        return
    with st.popover(f"Bin ({len(binned)})", icon=":material/delete:", key="train_bin_list"):
        st.caption(f"Kept in {runs_bin.BIN}/ of the checkpoints folder until you delete them there.")
        for run in binned:
            with st.container(horizontal=True, vertical_alignment="center"):
                st.markdown(literal(run.name), width="stretch")
                st.button("Restore", key=f"train_restore_{run.id}", on_click=_restore, args=([run.id],))
