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
from ui.errors import against, beside, budget, headline, images, lost, picture, same_kind, same_place, scene, source
from ui.literal import literal

# name -> what draws it from scene.Shown
SECTIONS = {
    "Where the IoU goes": budget.draw,
    "Same place": same_place.draw,
    "Same kind": same_kind.draw,
    "Against another run": against.draw,
}
WITHOUT_MEASURED = {"Same place", "Against another run"}  # needs no regions of all images at the threshold in view


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
    image, table = images.choose(view, scores)
    of_image = picture.draw(view, image, table.image.tolist())
    section = st.segmented_control(
        "Look into",
        list(SECTIONS),
        default=next(iter(SECTIONS)),
        required=True,
        key="errors_section",
        label_visibility="collapsed",
    )
    if known is None and section not in WITHOUT_MEASURED:
        _measuring(view, measured)
        return
    SECTIONS[section](scene.Shown(view, run, known, image, of_image))


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
