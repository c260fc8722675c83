"""What stands beside the run in view: another run's predictions of the same images, or its own other checkpoint's.

In the URL as `&beside=ID`, ID being a run's, or `@checkpoint`; both are then looked at with one checkpoint switch and
at one threshold.
"""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from seglib.data.dataset import Dataset
from seglib.exceptions import InputError
from seglib.runs import predicted, validation
from seglib.runs.predicted import Predicted
from seglib.runs.store import Run
from ui import sidebar, state
from ui.errors import scene, source
from ui.literal import literal

BESIDE, _BOX = "errors_beside", "errors_beside_box"
CHECKPOINT = "@checkpoint"  # no run can be called so
ALONE, NOTHING = "", "nothing"  # Streamlit shows None as a choice not yet made


def choose(run: Run, chosen: Predicted, data: Dataset, head: DeltaGenerator) -> Predicted | None:
    """Draw the box in `head`; what it stands for, None where nothing is chosen or nothing can be shown, which was
    said. Whatever is wrong with the other run, this one is still shown."""
    runs = candidates(run, chosen.split)
    options = _options(run, chosen, runs)
    asked = _asked()
    st.session_state[_BOX] = asked if asked in options else ALONE
    with head:
        st.selectbox(
            "Beside",
            list(options),
            format_func=options.get,
            key=_BOX,
            on_change=_picked,
            width=210,
            help="Another run of this data set, or this run's other checkpoint: its prediction stands beside this one "
            "under the same camera, and *Against another run* says where they differ.",
        )
    if asked is None:
        return None
    if asked not in options:
        st.warning(_why_not(asked, run, chosen.split), icon=":material/compare:")
        return None
    try:
        found = _predictions(run, chosen, asked, runs, data)
        return found if found is None or _in_common(chosen, found) else None
    except InputError as error:
        st.warning(f"Nothing stands beside this run: {literal(error)}", icon=":material/compare:")
        return None


def candidates(run: Run, split: str) -> list[Run]:
    """The other runs of the data set in view that have, or can make, predictions of the split; the best first."""
    others = (other for other in state.runs_of(state.current_entry()) if other.id != run.id)
    if split == "val":
        return [other for other in others if other.best_iou() is not None]
    return [other for other in others if other.has_checkpoint("best")]


def put(asked: str | None) -> None:
    """Put that beside the run in view, in the URL too; None takes it away."""
    st.session_state[BESIDE] = asked
    if asked:
        st.query_params["beside"] = asked
    else:
        st.query_params.pop("beside", None)


def _options(run: Run, chosen: Predicted, runs: Sequence[Run]) -> dict[str, str]:
    """What can be chosen -> what it is called."""
    options = {ALONE: NOTHING} | sidebar.labels_of(list(runs))
    if _differ(run, chosen):
        options[CHECKPOINT] = f"this run's {_turned(chosen.which)} checkpoint"
    return options


def _differ(run: Run, chosen: Predicted) -> bool:
    """Whether the run's last checkpoint is another than its best."""
    if chosen.split != "val":
        return run.has_checkpoint(_turned(chosen.which))
    try:
        return validation.step_of(run, "best") != validation.step_of(run, "last")
    except InputError:
        return False


def _turned(which: str) -> str:
    return {"best": "last", "last": "best"}[which]


def _asked() -> str | None:
    """By the URL; moving to another page drops it from there, this brings it back."""
    if by_url := st.query_params.get("beside"):
        st.session_state[BESIDE] = by_url
    elif st.session_state.get(BESIDE):
        st.query_params["beside"] = st.session_state[BESIDE]
    return st.session_state.get(BESIDE)


def _picked() -> None:
    put(st.session_state[_BOX])


def _why_not(asked: str, run: Run, split: str) -> str:
    shown = f"`{asked[:40].replace('`', '')}`"
    if asked == run.id:
        return f"Run {shown} is the one in view: choose another one beside it."
    if asked == CHECKPOINT:
        return "The last checkpoint of this run is its best one: there is nothing to put beside it."
    if any(other.id == asked for other in state.runs_of(state.current_entry())):
        return f"Run {shown} has no prediction of the {split} images yet: nothing stands beside this one."
    return f"There is no run {shown} on this data set to put beside this one. Choose one under **Beside**."


def _predictions(run: Run, chosen: Predicted, asked: str, runs: Sequence[Run], data: Dataset) -> Predicted | None:
    """Where its probabilities are gone, what the training has kept: counts and regions still say how far apart the two
    are."""
    of, which = run, _turned(chosen.which)
    if asked != CHECKPOINT:
        of = next(r for r in runs if r.id == asked)
        which = chosen.which if chosen.split == "val" or of.has_checkpoint(chosen.which) else "best"
    if chosen.split != "val":
        return source.of_split(of, which, chosen.split, data, "errors_beside")
    kept = predicted.of_validation(of, which)
    return (source.of_split(of, which, "val", data, "errors_beside") or kept) if len(kept.scores()) else kept


def _in_common(chosen: Predicted, other: Predicted) -> bool:
    """Whether they share images; says where not all are shared."""
    mine, theirs = (set(scene.scores_of(p).image) for p in (chosen, other))
    shared, name = mine & theirs, f"**{literal(other.run.name)}**"
    if not shared:
        why = "it had others to validate on" if theirs else "it has no validation set"
        st.warning(
            f"{name} has predicted none of these {len(mine)} {chosen.split} images: {why}.", icon=":material/compare:"
        )
    elif len(shared) < len(mine):
        st.caption(
            f":material/compare: {name} has predicted {len(shared)} of these {len(mine)} {chosen.split} images; the "
            "two are compared on those alone."
        )
    return bool(shared)
