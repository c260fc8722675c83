"""The list of runs: compare, choose, name, note, put in the bin and take out again."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from seglib.data.splits import NOT_INDEPENDENT
from seglib.exceptions import InputError
from seglib.runs import bin as runs_bin
from seglib.runs.store import Run, checkpoints_root
from ui import registry, state
from ui.literal import literal
from ui.live_training import has_no_validation

_UNDO, _ERROR = "train_binned", "train_list_error"
TABLE = "train_runs"


def table(runs: Sequence[Run], with_data: bool = False) -> pd.DataFrame:
    """One row a run: what was set, how it went."""
    return pd.DataFrame([_row(run, with_data) for run in runs])


def _row(run: Run, with_data: bool) -> dict[str, object]:
    settings, iou, now = run.settings(), run.best_iou(), run.progress()
    model, loss = settings.get("model", {}), settings.get("loss", {})
    mark = "" if run.independent else ", not independent"
    best = f"{iou:.4f}{mark}" if iou is not None else "no validation set" if has_no_validation(run) else "–"
    data = {"Data": run.data_path().name} if with_data else {}
    return {
        "Run": run.name,
        "State": str(run.state()),
        "Best val IoU": best,
        "Minutes": round(now.elapsed_s / 60, 1),
        "Steps": now.step,
        **data,
        "Network": f"{model.get('name', '?')} · depth {model.get('depth', '?')} · {model.get('channels', '?')} ch",
        "Norm": model.get("norm", "?"),
        "Loss": loss.get("name", "?"),
        "Note": run.note,
    }


def draw(runs: list[Run], current: Run | None) -> Run | None:
    """The table and what can be done with the run picked in it; the run picked, if any."""
    _undo_line()
    with st.container(horizontal=True, vertical_alignment="center", key="train_list_head"):
        st.header("Runs", anchor=False, width="stretch")
        everywhere = st.toggle("All data sets", key="train_everywhere", help="Also runs trained on other data.")
        _bin_popover()
    shown = sorted(state.all_runs() if everywhere else runs, key=lambda run: not run.state().live)  # live ones first
    if not shown:
        st.info("No run on this data set yet. Set one up above and press **Start training**.", icon=":material/info:")
        return None
    picked = st.dataframe(
        table(shown, everywhere),
        hide_index=True,
        key=TABLE,
        on_select="rerun",
        selection_mode="single-row",
        column_config={
            "Run": st.column_config.TextColumn(width="medium"),
            "Best val IoU": st.column_config.TextColumn(
                help=f"Pooled: pixels summed over all val images first. Not independent: {NOT_INDEPENDENT}."
            ),
            "Minutes": st.column_config.NumberColumn(help="Training and validation.", format="%.1f"),
            "Note": st.column_config.TextColumn(width="medium"),
        },
    ).selection.rows
    run = shown[picked[0]] if picked and picked[0] < len(shown) else None
    if run is None:
        st.caption("Click the left edge of a row to see its curves, rename it, use its settings or put it in the bin.")
    return run


def draw_actions(run: Run, mine: bool) -> None:
    """Buttons for the picked run. `mine`: it belongs to the data set in view."""
    with st.container(horizontal=True, vertical_alignment="center", key="train_actions"):
        st.markdown(f"**{run.name}**", width="content")
        if mine:
            st.button("Curves", icon=":material/show_chart:", key="train_watch", on_click=watch, args=(run,))
        else:
            _other_data(run)
        with st.popover("Name and note", icon=":material/edit:", key="train_label"):
            _label_form(run)
        live = run.state().live
        st.button(
            "Move to bin",
            icon=":material/delete:",
            key="train_bin",
            on_click=_to_bin,
            args=(run,),
            disabled=live,
            help="Stop it first." if live else "Can be undone.",
        )
    if message := st.session_state.pop(_ERROR, None):
        st.error(literal(message), icon=":material/error:")


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
    state.choose_run(run.id)
    st.session_state["train_view_next"] = "Curves"


def _switch(name: str, run: Run) -> None:
    state.choose_dataset(name)
    watch(run)


# -- the bin


def _to_bin(run: Run) -> None:
    name = run.name
    try:
        gone = runs_bin.move_to_bin(run)
    except InputError as error:
        st.session_state[_ERROR] = str(error)
        return
    st.session_state[_UNDO] = (gone.id, name)
    st.session_state.pop(TABLE, None)
    if st.session_state.get(state.RUN) == run.id:
        state.choose_run(None)


def _restore(folder: str) -> None:
    st.session_state.pop(_UNDO, None)
    try:
        runs_bin.restore(folder)
    except InputError as error:
        st.session_state[_ERROR] = str(error)


def _undo_line() -> None:
    if _UNDO not in st.session_state:
        return
    folder, name = st.session_state[_UNDO]
    with st.container(horizontal=True, vertical_alignment="center", border=True, key="train_undo_line"):
        st.markdown(f":material/delete: **{name}** is in the bin.", width="stretch")
        st.button("Undo", icon=":material/undo:", key="train_undo", on_click=_restore, args=(folder,))


def _bin_popover() -> None:
    binned = runs_bin.binned(checkpoints_root())
    if not binned:
        return
    with st.popover(f"Bin ({len(binned)})", icon=":material/delete:", key="train_bin_list"):
        st.caption(f"Kept in {runs_bin.BIN}/ of the checkpoints folder until you delete them there.")
        for run in binned:
            with st.container(horizontal=True, vertical_alignment="center"):
                st.markdown(run.name, width="stretch")
                st.button("Restore", key=f"train_restore_{run.id}", on_click=_restore, args=(run.id,))
