"""Errors: where the predictions of a run are wrong, image beside truth, and which mistakes come back."""

from collections.abc import Callable
from functools import partial

import streamlit as st

from seglib.data.splits import NOT_INDEPENDENT
from seglib.errors.report import Measured
from seglib.exceptions import InputError
from seglib.runs import predicted
from seglib.runs.store import Run
from ui import progress, state
from ui.errors import (
    against,
    beside,
    budget,
    drivers,
    headline,
    images,
    lost,
    picture,
    same_kind,
    same_place,
    scene,
    source,
    triage,
)
from ui.errors.words import slug
from ui.literal import literal

# name -> what draws it from scene.Shown
SECTIONS = {
    "Where the IoU goes": budget.draw,
    "What drives it": drivers.draw,
    "Same place": same_place.draw,
    "Same kind": same_kind.draw,
    "Label or model?": triage.draw,
    "Against another run": against.draw,
}
_SECTION, _LOOK = "errors_section", "errors_look"
WITHOUT_MEASURED = {
    "Same place",
    "Label or model?",
    "Against another run",
}  # need no regions


def main() -> None:
    head = st.container(horizontal=True, vertical_alignment="bottom", gap="medium")
    head.title("Errors", width="stretch")
    data = lost.data_or_stop()
    run = state.current_run()
    if run is None:
        lost.without_run()
        return
    try:
        chosen = source.choose(run, data, head)
        if chosen is not None:
            other = beside.choose(run, chosen, data, head)
            _page(run, scene.scene(state.dataset_name(), data, chosen, other))
    except InputError as error:
        st.error(literal(error), icon=":material/error:")
    lost.other_runs()


def _page(run: Run, view: scene.Scene) -> None:
    if run.state().live:
        source.training(run, view.predicted.step)
    measured = scene.of_all(view)
    known = measured if isinstance(measured, Measured) else None
    scores = scene.scores_in_view(view, known)
    at = view.threshold if known or view.threshold == predicted.STORED_THRESHOLD else predicted.STORED_THRESHOLD
    own, other = headline.of_measured(scores, known), headline.of_other_split(view.predicted, view.data)
    count = _counting(view) if known and not known.complete else None
    headline.draw(view.predicted.split, own, other, at, view.data.counts(), count)
    if not run.independent:
        st.caption(f":material/info: Train and val are {NOT_INDEPENDENT}: the IoU flatters.")
    if view.gone:
        st.warning(
            f"{len(view.gone)} images are not in the data set any more, such as {view.gone[0]}.",
            icon=":material/image_not_supported:",
        )
    if not view.indices:
        lost.nothing_left(run)
        return
    image, table = images.choose(view, scores, known)
    of_image = picture.draw(view, image, table.image.tolist())
    section = _section()
    if known is None and section not in WITHOUT_MEASURED:
        _measuring(view, measured)
        return
    SECTIONS[section](scene.Shown(view, run, known, image, of_image))


def _section() -> str:
    """The section that is open: by the URL (`&look=`), so that a reload comes back to it; else the one seen last."""
    names = {slug(name): name for name in SECTIONS}
    asked = st.query_params.get("look") or st.session_state.get(_LOOK)
    st.session_state[_SECTION] = names.get(asked, next(iter(SECTIONS)))
    if asked and asked not in names:
        st.caption(f":material/info: There is no section `{asked[:40].replace('`', '')}` here.")
    elif asked:
        _open(asked)
    return st.segmented_control(
        "Look into",
        list(SECTIONS),
        required=True,
        key=_SECTION,
        on_change=lambda: _open(slug(st.session_state[_SECTION])),
        label_visibility="collapsed",
    )


def _open(look: str) -> None:
    st.session_state[_LOOK] = look
    if st.query_params.get("look") != look:
        st.query_params["look"] = look


def _counting(view: scene.Scene) -> Callable[[], None] | None:
    """What counts the cells of a run of before; None while that goes on, which is shown."""
    job = scene.measuring(view)
    if (job.folder / "job.json").exists():
        if job.state().live:
            source.watch(job, "errors_count_job")
            return None
        if job.state().name != "done":
            progress.draw(progress.of_job(job), key="errors_count_job")
    return partial(scene.start, view)


def _measuring(view: scene.Scene, job) -> None:
    """The wrong regions of a large set at this threshold are still being found, or not asked for yet."""
    known = (job.folder / "job.json").exists()
    if known and job.state().live:
        st.caption(
            f"Finding the wrong regions of all images at threshold {view.threshold:.2f}; the image above is ready."
        )
        source.watch(job, "errors_measure")
        return
    if known:
        progress.draw(progress.of_job(job), key="errors_measure")
    st.button(
        f"Find the wrong regions of all images at threshold {view.threshold:.2f}",
        icon=":material/play_arrow:",
        key="errors_measure_start",
        on_click=scene.start,
        args=(view,),
    )


main()
