"""Export: wrong regions and verdicts as tables, crops and label TIFFs, packed by a job."""

from __future__ import annotations

import streamlit as st

from seglib.errors.export import MOST_CROPS
from seglib.exceptions import InputError
from seglib.runs import acting, jobs
from seglib.runs.files import read_json
from ui import progress
from ui.errors import act_job
from ui.errors.scene import Scene, Shown
from ui.literal import literal

CROPS = {
    "verdicts": "those with a verdict",
    "largest": f"the {MOST_CROPS} largest and those with a verdict",
    "all": "all",
    "none": "none",
}


def draw(shown: Shown) -> None:
    scene = shown.scene
    source = scene.predicted
    st.caption(
        f"Wrong regions of the {source.split} images at threshold {scene.threshold:.2f} and every verdict as CSV, with "
        "crops as PNG; label TIFFs open in napari and Fiji, their region numbers are those of the CSV."
    )
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.selectbox("Crops of regions", list(CROPS), key="act_crops", format_func=CROPS.get, width=320)
        st.toggle("Label TIFFs", key="act_labels", help="Truth, prediction, errors and regions of each image.")
        st.button("Pack", icon=":material/folder_zip:", key="act_pack", on_click=_start, args=(scene,))
    job = act_job.last(scene.data.path, "export")
    if job is None:
        return
    standing = progress.of_job(job)
    if standing.live:
        _watch(job)
    elif standing.state != "done":
        progress.draw(standing, key="act_export_job")
    elif (job.result / acting.ZIP).is_file():
        _download(shown, job)


def _start(scene: Scene) -> None:
    """With what is chosen now: a click may come before the page was drawn with it."""
    crops, labels = st.session_state["act_crops"], st.session_state["act_labels"]
    try:
        inputs = acting.export_inputs(scene.predicted, scene.threshold, scene.data.path, crops, labels)
        act_job.remember(scene.data.path, "export", jobs.start("export", inputs, again=True))
    except InputError as error:
        st.toast(literal(error))


@st.fragment(run_every=0.7)
def _watch(job: jobs.Job) -> None:
    standing = progress.of_job(job)
    progress.draw(standing, key="act_export_job", cancel=job.cancel)
    if not standing.live:
        st.rerun()


def _download(shown: Shown, job: jobs.Job) -> None:
    file, told = job.result / acting.ZIP, read_json(job.result / acting.EXPORTED)
    tiffs = f", {told['n_tiffs']:,} TIFFs" if told.get("n_tiffs") else ""
    n_regions, n_images, n_verdicts, n_crops = (
        told.get(f"n_{name}", 0) for name in ("regions", "images", "verdicts", "crops")
    )
    st.caption(
        f"{n_regions:,} wrong regions of {n_images:,} images at threshold {job.inputs['threshold']:.2f}, "
        f"{n_verdicts:,} verdicts, {n_crops:,} crops{tiffs}."
    )
    st.download_button(
        f"Download ({file.stat().st_size / 1e6:.1f} MB)",
        file.read_bytes,
        file_name=f"{shown.run.id}-errors.zip",
        mime="application/zip",
        icon=":material/download:",
        key="act_download",
        on_click="ignore",
    )
