"""Settings of another run, of any data set: what differs is shown first, then all or some of it is taken; undo."""

from __future__ import annotations

from collections.abc import Collection

import streamlit as st

from seglib.exceptions import InputError
from seglib.runs.store import Run
from seglib.settings import flatten
from seglib.training.differences import Difference, Stored, between, recipe_lines, stored, words
from ui import form, form_sections, state
from ui.literal import literal

_OPEN, _RUN, _TAKE, _UNDO = "clone_open", "train_clone", "clone_take_", "clone_undo"
SECTIONS = {
    "model": "Network",
    "loss": "Loss",
    "optimizer": "Optimiser",
    "training": "Training",
    "data": "Images and crops",
    "recipe": "Augmentation",
}
_WIDTHS = [5, 3, 3]


def button(runs: list[Run]) -> None:
    """Opens the dialog; nothing where there is no run at all."""
    if runs:
        st.button(
            "From a run",
            icon=":material/content_copy:",
            key="train_clone_open",
            on_click=open_,
            help="Take over settings of a run, of this or another data set; shows first what differs.",
        )


def open_(run: Run | None = None) -> None:
    """Open the dialog in this run of the page, with `run` chosen. Call it from a callback."""
    st.session_state[_OPEN] = True
    _forget_choices()
    if run is not None:
        st.session_state[_RUN] = run.id


def draw(hidden: Collection[str] = ()) -> None:
    """The dialog while it is open. hidden: settings that mean nothing for the data set in view, such as its folds."""
    if st.session_state.get(_OPEN):
        _dialog(frozenset(hidden))


def undo_line() -> None:
    """After taking something over: what, and the way back."""
    if _UNDO not in st.session_state:
        return
    said, kept = st.session_state[_UNDO]
    with st.container(horizontal=True, vertical_alignment="center", key="clone_undo_line"):
        st.markdown(f":material/content_copy: {said}", width="stretch")
        st.button("Undo", icon=":material/undo:", key="clone_undo_button", on_click=_undo, args=(kept,))


def forget_undo() -> None:
    """A preset was chosen since: taking back the older step would surprise."""
    st.session_state.pop(_UNDO, None)


def _undo(kept: tuple) -> None:
    form.put_back(kept)
    forget_undo()


def _close() -> None:
    st.session_state[_OPEN] = False


@st.dialog("Settings of another run", width="large", icon=":material/content_copy:", on_dismiss=_close)
def _dialog(hidden: frozenset[str]) -> None:
    if not st.session_state.get(_OPEN):  # closed by its own button, which redraws the dialog alone
        st.rerun()
    runs = {run.id: run for run in state.all_runs()}
    labels = {run_id: _label(run) for run_id, run in runs.items()}
    if st.session_state.get(_RUN) not in runs:
        st.session_state[_RUN] = None
    st.selectbox(
        "Run",
        list(runs),
        key=_RUN,
        format_func=lambda run_id: labels.get(run_id, run_id),
        on_change=_forget_choices,
        placeholder="name · best val IoU · data set",
        help="Newest first. Type to search by name or data set.",
    )
    if (run := runs.get(st.session_state[_RUN])) is None:
        st.caption("Choose a run: what its settings change in the form is shown here before anything is taken over.")
        return
    found = _understood(run, hidden)
    differences = between(_here(), found.values)
    _left_out(found)
    if not differences:
        st.info("The form holds these settings already.", icon=":material/check:")
        return
    picked = _table(differences)
    _buttons(run, found, differences, picked)


def _label(run: Run) -> str:
    """Names may be the same; then the folder tells them apart."""
    iou = run.best_iou()
    mark = "" if run.independent else " (not independent)"
    score = f"IoU {iou:.4f}{mark}" if iou is not None else str(run.state())
    own = "" if run.name == run.id else f" · {run.id}"
    return f"{run.name} · {score} · {run.data_path().name}{own}"


def _here() -> dict:
    """The form's settings, flat; without a readable recipe, all of the other's differs."""
    try:
        recipe = st.session_state[form.RECIPE].plain()
    except InputError:
        recipe = {}
    return {**form.values(), "recipe": recipe}


def _understood(run: Run, hidden: Collection[str]) -> Stored:
    """The run's settings as this version and this data set can use them."""
    settings = run.settings()
    found = stored(settings)
    given = flatten(settings)
    lines = [
        f"{path} is {given[path]}: the data set in view has no such thing."
        for path in sorted(hidden)
        if given.get(path) is not None
    ]
    lines += [] if settings else [f"config.json of run {run.id} cannot be read: what is shown are the defaults."]
    return Stored({k: v for k, v in found.values.items() if k not in hidden}, (*found.left_out, *lines))


def _left_out(found: Stored) -> None:
    if found.left_out:
        lines = "\n".join(f"- {literal(line)}" for line in found.left_out)
        st.warning(f"**Left out**, because it means nothing here:\n\n{lines}", icon=":material/rule:")


def _table(differences: list[Difference]) -> list[Difference]:
    """`take? setting | now in the form | in that run`, by section; the differences that are ticked."""
    head = st.columns(_WIDTHS)
    for column, text in zip(head, ("Setting", "Now in the form", "In that run")):
        column.caption(text)
    picked = []
    for name, title in SECTIONS.items():
        mine = [difference for difference in differences if difference.section == name]
        if mine and name != "recipe":
            st.markdown(f"**{title}**")
        picked += [difference for difference in mine if _row(difference)]
    return picked


def _row(difference: Difference) -> bool:
    path = difference.path
    cells = st.columns(_WIDTHS, vertical_alignment="center")
    key = f"{_TAKE}{path}"
    st.session_state.setdefault(key, True)
    with cells[0]:
        ticked = st.checkbox(form_sections.name_of(path), key=key)
    here, there = difference.here, difference.there
    with cells[1]:
        st.markdown(literal(st.session_state[form.RECIPE].label if path == "recipe" else words(path, here)))
    with cells[2]:
        st.markdown(f"**{literal(words(path, there))}**")
    if path == "recipe":
        st.markdown("\n".join(f"- {literal(line)}" for line in recipe_lines(here, there)))
    return ticked


def _buttons(run: Run, found: Stored, differences: list[Difference], picked: list[Difference]) -> None:
    n, every = len(picked), len(picked) == len(differences)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            f"Take {'all ' if every and n > 1 else ''}{n} {'setting' if n == 1 else 'settings'}",
            type="primary",
            icon=":material/content_copy:",
            key="clone_confirm",
            disabled=not picked,
            on_click=_take,
            args=(run, found, [d.path for d in picked]),
        )
        if len(differences) > 1:
            st.button(
                "Untick all" if every else "Tick all",
                key="clone_tick",
                on_click=_tick,
                args=([d.path for d in differences], not every),
            )
    if any(d.path == "model.name" for d in picked):
        st.caption("Another network: a class of your own must still be in your_models.py.")


def _take(run: Run, found: Stored, paths: list[str]) -> None:
    kept = form.snapshot()
    form.fill({path: found.values[path] for path in paths}, recipe_label=f"as in {run.name}")
    n = len(paths)
    said = f"{n} {'setting' if n == 1 else 'settings'} of **{literal(run.name)}** taken over."
    st.session_state[_UNDO] = (said, kept)
    _close()


def take_all(run: Run, without: Collection[str] = ()) -> None:
    """Fill the form with all settings of `run` but those in `without`; the Train page says so and can undo it."""
    form.values()  # a form never seen yet begins with its preset
    found = _understood(run, without)
    _take(run, found, list(found.values))


def _tick(paths: list[str], value: bool) -> None:
    for path in paths:
        st.session_state[f"{_TAKE}{path}"] = value


def _forget_choices() -> None:
    for key in [key for key in st.session_state if isinstance(key, str) and key.startswith(_TAKE)]:
        del st.session_state[key]
