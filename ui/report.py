"""Make a report: a name, a button, how far it is, and the notebook, the page and the zip to take away."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import streamlit as st

from seglib.exceptions import InputError
from seglib.report import places, request
from seglib.report.request import Made
from seglib.runs import jobs
from seglib.runs.store import Run
from ui import progress
from ui.literal import literal

POLL_S = 1.5
_JOB, _ERROR = "report_job", "report_error"


def draw(runs: Sequence[Run], experiments: Sequence[Any] = (), *, key: str = "report") -> None:
    """One report of these runs and experiments. Several such parts on one page need a `key` each.

    The name is kept for each of them: another experiment never goes into the folder of the one before by itself.
    """
    if not runs and not experiments:
        st.caption("Choose runs to make a report of them.")
        return
    first = experiments[0].id if experiments else runs[0].id if len(runs) == 1 else "comparison"
    with st.container(horizontal=True, vertical_alignment="bottom"):
        name = st.text_input("Name", first[:60], key=f"{key}_name_{first}", max_chars=60, width=240)
        title = st.text_input(
            "Title", "", key=f"{key}_title_{first}", max_chars=120, placeholder="Segmenting yeast cells"
        )
    try:
        folder = places.folder_named(name.strip())
        asked = request.inputs(runs, experiments, folder, title.strip())
    except InputError as error:
        st.error(literal(error), icon=":material/error:")
        return
    st.caption(_where(folder.name, (folder / places.NOTEBOOK).exists()))
    _job_of(asked, f"{key}_{folder.name}")


def _where(name: str, exists: bool) -> str:
    again = (
        "There is one already: what you wrote in its notebook is kept, the rest is made anew."
        if exists
        else "Comments you write in the notebook there are kept when the report is made again."
    )
    return f"Goes into `{places.reports_root().name}/{name}/` beside the folder of the runs. {again}"


def _job_of(asked: dict[str, Any], key: str) -> None:
    """The job of these inputs, else the one started here last: the author's words may have changed the inputs since."""
    if message := st.session_state.pop(f"{key}{_ERROR}", None):
        st.error(literal(message), icon=":material/error:")
    job = jobs.find(request.KIND, asked)
    tried = (job.folder / "job.json").exists()
    if tried and job.state().live:
        st.fragment(run_every=POLL_S, key=f"{key}_watch")(_watch)(job, key)
        return
    made = request.made(job)
    if made is None and tried and job.state().name != "done":
        progress.draw(progress.of_job(job), key=f"{key}_job")
    _button(asked, "Make it again" if made else "Make a report", key)
    last = st.session_state.get(f"{key}{_JOB}")
    if made is None and last and last != job.id and not tried:
        made = request.made(jobs.Job(job.folder.parent / last))
    if made is not None:
        _downloads(made, key)


def _button(asked: dict[str, Any], label: str, key: str) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            label,
            icon=":material/description:",
            type="secondary" if label.endswith("again") else "primary",
            key=f"{key}_start",
            on_click=_start,
            args=(asked, key),
        )
        st.caption("One notebook with every output in it and one HTML file: about half a minute on a free machine.")


def _start(asked: dict[str, Any], key: str) -> None:
    try:
        job = jobs.start(request.KIND, asked, again=True)
    except (InputError, OSError) as error:
        st.session_state[f"{key}{_ERROR}"] = str(error)
        return
    st.session_state[f"{key}{_JOB}"] = job.id


def _watch(job: jobs.Job, key: str) -> None:
    """The bar with Cancel; the page is drawn anew when the job ends."""
    standing = progress.of_job(job)
    progress.draw(standing, key=f"{key}_job", cancel=job.cancel)
    if not standing.live:
        st.rerun()


def _downloads(made: Made, key: str) -> None:
    for note in made.notes:
        st.info(literal(note), icon=":material/info:")
    name = made.notebook.parent.name
    kinds = (
        (
            "Zip to hand in",
            made.zip,
            "application/zip",
            ":material/folder_zip:",
            "Notebook, page, figures, your_models.py",
        ),
        ("Notebook", made.notebook, "application/x-ipynb+json", ":material/book:", "Opens in Jupyter with all outputs"),
        ("HTML page", made.html, "text/html", ":material/html:", "Opens in any browser, without a network"),
    )
    with st.container(horizontal=True, vertical_alignment="center"):
        for label, file, mime, icon, about in kinds:
            st.download_button(
                f"{label} ({file.stat().st_size / 1e6:.1f} MB)",
                file.read_bytes,
                file_name=f"{name}{file.suffix}",
                mime=mime,
                icon=icon,
                key=f"{key}_{file.suffix[1:]}",
                on_click="ignore",
                help=about,
            )
