"""More votes on screen: folds, written into dataset.csv after asking, and the trainings on them, through the queue."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from seglib.data import draft, folds
from seglib.data.dataset import Dataset
from seglib.data.records import CSV_NAME, Record, read_csv
from seglib.data.substitute import Saved, csv_of, save_split
from seglib.exceptions import InputError
from seglib.runs import launcher, more_votes
from seglib.runs import queue as runs_queue
from seglib.runs.store import Run, checkpoints_root
from seglib.runs.votes import MIN_VOTES
from ui import progress, registry, state
from ui.literal import literal

REFRESH_S = 3.0
_ERROR, _SAVED, _K, _EACH, _WATCHED = (f"triage_{name}" for name in ("error", "saved", "k", "each", "watched"))


def draw(run: Run, data: Dataset, n_missing: int, n_all: int) -> None:
    """What is missing before every labelled image can be voted on, and the ways to get it."""
    if message := st.session_state.pop(_ERROR, None):
        st.error(literal(message), icon=":material/error:")
    _said_saved()
    runs = state.runs_of(state.current_entry())
    training = [one for one in runs if one.state().live or one.state().name == "queued"]
    if training:
        _watch(tuple(one.id for one in training))
    if not n_missing:
        return
    title = f"Train models that never saw the other {n_missing} of {n_all} images"
    with st.expander(title, icon=":material/model_training:", key="triage_more", expanded=n_missing == n_all):
        _ways(run, data, runs)


def _ways(run: Run, data: Dataset, runs: list[Run]) -> None:
    records = _records(data)
    known = more_votes.folds_of(records)
    st.markdown(
        f"A label is doubted only where at least {MIN_VOTES} models that never trained on its image speak against it. "
        "With folds every image is val once: a network trained on the other folds has not seen it."
    )
    if known:
        _train_folds(run, records, known, runs)
    else:
        _offer_folds(records)
    _train_seed(run, runs)


def _records(data: Dataset) -> tuple[Record, ...]:
    """From the file itself: where a fold is in view, `data` has its sides."""
    csv = csv_of(data.path)
    return tuple(data.records if csv is None else read_csv(csv))


# ---- folds


def _offer_folds(records: Sequence[Record]) -> None:
    sizes = {group: n for group, n in draft.sizes(records).items() if n}
    if len(sizes) < 2:
        st.info(
            "Folds need at least two groups with masks, and all pictures with a mask are one group here: every "
            "network trained on a part of it has seen frames of the same movie. Add a movie, or say on the Data page "
            "more finely which pictures belong together. Another seed below still judges the val images.",
            icon=":material/info:",
        )
        return
    most = min(len(sizes), folds.MOST_FOLDS)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.number_input(
            "Folds", 2, most, min(3, most), key=_K, width=110, help="Whole groups, about equal in pictures."
        )
        st.button(
            f"Write folds into {CSV_NAME}",
            icon=":material/layers:",
            key="triage_write_folds",
            on_click=_write_folds,
            args=(tuple(records),),
        )
    st.caption(
        f"The data set has no folds yet. Writing them adds a column fold to {CSV_NAME}; groups and split stay as they "
        f"are, and the file as it is now is kept as {CSV_NAME}.bak-… beside it. Nothing is written before you press."
    )


def _write_folds(records: tuple[Record, ...]) -> None:
    entry = state.current_entry()
    try:
        dealt = folds.deal(draft.sizes(records), int(st.session_state[_K]))
        saved = save_split(entry.path, draft.with_folds(records, dealt))
    except InputError as error:
        st.session_state[_ERROR] = str(error)
        return
    if entry.grouping or entry.split:  # from now on the csv decides
        registry.add(entry.path, fold=entry.fold)
    st.session_state[_SAVED] = saved


def _said_saved() -> None:
    saved: Saved | None = st.session_state.pop(_SAVED, None)
    if saved is not None:
        where = ", in the cache because the folder is read-only" if saved.in_cache else ""
        kept = f" What was there before is `{saved.backup.name}`." if saved.backup else ""
        st.success(f"Folds written into `{saved.file}`{where}.{kept}", icon=":material/check:")


# ---- trainings


def _train_folds(run: Run, records: Sequence[Record], known: list[int], runs: list[Run]) -> None:
    each = st.number_input(
        "Models for each fold", 1, 5, MIN_VOTES, key=_EACH, width=170, help=f"At least {MIN_VOTES} votes an image."
    )
    try:
        wanted = more_votes.missing_folds(run.config(), known, more_votes.fold_runs(runs), int(each))
    except InputError as error:
        st.error(literal(error))
        return
    n_without = sum(1 for record in records if record.mask and record.fold is None)
    if n_without:
        st.caption(f"{n_without} labelled pictures are in no fold; no model of a fold says anything about them.")
    if not wanted:
        st.caption(f"All {len(known)} folds have {each} models, or they are on their way.")
        return
    _button(run, wanted, f"Train {len(wanted)} models that never saw them", "triage_train_folds", "primary")


def _train_seed(run: Run, runs: list[Run]) -> None:
    try:
        wanted = [more_votes.another_seed(run.config(), runs)]
    except InputError:
        return
    _button(run, wanted, "Train this run once more with another seed", "triage_train_seed", "secondary")
    st.caption("The cheap way: it judges the same val images as this run, and no train image.")


def _button(run: Run, wanted: list[more_votes.Wanted], label: str, key: str, type_: str) -> None:
    minutes = len(wanted) * run.elapsed_s / 60
    st.button(
        label,
        icon=":material/playlist_add:",
        key=key,
        type=type_,
        on_click=_submit,
        args=(wanted,),
        help=f"Settings as in {literal(run.name)}, through the queue: about {progress.duration(60 * minutes)} in all, "
        "as long as this run took each.",
    )


def _submit(wanted: list[more_votes.Wanted]) -> None:
    try:
        made = runs_queue.submit_many(wanted, checkpoints_root())
    except InputError as error:
        st.session_state[_ERROR] = str(error)
        return
    st.toast(
        f"{len(made)} {'training is' if len(made) == 1 else 'trainings are'} in the queue.", icon=":material/queue:"
    )


@st.fragment(run_every=REFRESH_S, key="triage_trainings")
def _watch(ids: tuple[str, ...]) -> None:
    """The trainings of this data set that run or wait; the page is drawn anew when one ends."""
    root = checkpoints_root()
    runs_queue.advance(root, patience_s=0)
    found = [Run(root / one) for one in ids]
    live = [one for one in found if one.state().live]
    waiting = [one for one in found if one.state().name == "queued"]
    if len(live) + len(waiting) < len(found):
        st.rerun(scope="app")
    st.caption(f"{len(live)} training, {len(waiting)} waiting. This page follows when one has ended.")
    for one in live:
        st.markdown(f"**{literal(one.name)}**")
        progress.draw(progress.of_run(one), key=f"triage_run_{one.id}", cancel=lambda one=one: _stop(one), label="Stop")


def _stop(run: Run) -> None:
    try:
        launcher.stop(run)
    except InputError as error:
        st.session_state[_ERROR] = str(error)
