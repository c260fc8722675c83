"""The card "Pre-flight": what a training would do with these settings, checked in a worker before it starts.

`draw` is called by the Train page. It keeps nobody from starting; `verdict` and `expected` tell what was found.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

import streamlit as st

from seglib.data.dataset import Dataset
from seglib.exceptions import InputError
from seglib.experiments import preflight
from seglib.experiments.preflight import AMBER, GREEN, RED, Found, Item
from seglib.runs import jobs
from seglib.runs.estimate import Estimate
from seglib.training.config import Config
from ui import opened, progress, routes
from ui.components.gallery import gallery
from ui.literal import literal
from ui.preflight_curve import overfit_curve

SHOWN = "preflight_shown"  # id of the job last started or shown, so that it stays in sight when the form changes
LIGHTS = {
    RED: ":red-badge[:material/dangerous: red]",
    AMBER: ":orange-badge[:material/warning: amber]",
    GREEN: ":green-badge[:material/check_circle: green]",
}
SAMPLE_PX, CURVE_PX = 118, 170
ABOUT = (
    "One real batch, the real network and some real steps in a process of its own: memory, time, whether it can learn. "
    "Nothing is kept of that training."
)


def draw(config: Config | None, data: Dataset | None) -> None:
    """The button, or the check as far as it is; nothing while the form or the data set is not understood."""
    if config is None or data is None:
        return
    with st.container(key="preflight", gap="small"):
        job = _job(config, data)
        state = job.state().name if _exists(job) else None
        if state in ("starting", "running", "stopping"):
            _remember(job)
            _watch(job.id)
        elif state == "done":
            _remember(job)
            found = preflight.read(job.result)
            _head(found, config, job)
            _results(found, job)
        else:
            _not_checked(config, job if state else None)


def verdict(config: Config, data: Dataset) -> str | None:
    """The worst level of a finished check of these very settings: 'red', 'amber' or 'green'; None without one."""
    found = _found(config, data)
    return found.worst if found else None


def expected(config: Config, data: Dataset) -> Estimate | None:
    """How long the training takes by the times measured in a finished check of these settings; None without one."""
    found = _found(config, data)
    return preflight.expected(found, config) if found else None


def _found(config: Config, data: Dataset) -> Found | None:
    job = _job(config, data)
    found = preflight.read(job.result) if _exists(job) else None
    return found if found is not None and found.done else None


def _job(config: Config, data: Dataset) -> jobs.Job:
    return preflight.find(config, _stamp(data, opened.tag(data, 0) if data.records else "", len(data.records)))


@st.cache_data(ttl=5, max_entries=8, show_spinner=False)
def _stamp(_data: Dataset, tag: str, n: int) -> str:
    """Asked of the disk every 5 s at most: there may be thousands of pictures."""
    return preflight.files_stamp(_data)


def _exists(job: jobs.Job) -> bool:
    return (job.folder / "job.json").exists()


def _remember(job: jobs.Job) -> None:
    st.session_state[SHOWN] = job.id


# -- before and meanwhile


def _not_checked(config: Config, tried: jobs.Job | None) -> None:
    """No finished check of these settings: the button, and what was found of others."""
    if tried is not None:
        progress.draw(progress.of_job(tried), key="preflight_job")
    older = _older()
    label = "Check these settings" if older else "Check again" if tried else "Check before starting"
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown("**Pre-flight**", help=ABOUT, width="content")
        _button(label, config)
    if older is None:
        return
    if older.state().live:
        st.caption(":material/history: A check of other settings is running.")
        _watch(older.id)
        return
    found = preflight.read(older.result)
    with st.expander(f"Of other settings: {_counted(found)}", icon=":material/history:", key="preflight_older"):
        st.caption("The form has changed since: these figures may not hold.")
        _results(found, older)


def _older() -> jobs.Job | None:
    """The check that was in sight before the form changed, if it still says something."""
    shown = st.session_state.get(SHOWN)
    job = jobs.Job(jobs.cache_root() / "jobs" / shown) if shown else None
    if job is None or not _exists(job):
        return None
    state = job.state()
    return job if state.live or state.name == "done" else None


def _button(label: str, config: Config, *, again: bool = False) -> None:
    st.button(
        label,
        icon=":material/fact_check:",
        key="preflight_start",
        on_click=_start,
        args=(config, again),
        help=ABOUT,
        type="tertiary" if again else "secondary",
    )


def _start(config: Config, again: bool) -> None:
    """Start it with the files as they are now; a check of other settings that still works makes room."""
    _stamp.clear()
    older = _older()
    try:
        job = preflight.start(config, again=again)
    except (InputError, OSError) as error:
        st.session_state["train_error"] = str(error)
        return
    if older is not None and older.id != job.id:
        older.cancel()
    _remember(job)


@st.fragment(run_every=0.7)
def _watch(job_id: str) -> None:
    """The bar with Cancel, and the items as they come; the page is drawn anew when the job ends."""
    job = jobs.Job(jobs.cache_root() / "jobs" / job_id)
    standing = progress.of_job(job)
    st.markdown("**Pre-flight**", help=ABOUT)
    progress.draw(standing, key="preflight_job", cancel=job.cancel)
    _results(preflight.read(job.result), job)
    if not standing.live:
        st.rerun()


# -- what was found


def _head(found: Found, config: Config, job: jobs.Job) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"**Pre-flight** {LIGHTS[found.worst]} {_counted(found)}", help=ABOUT, width="stretch")
        _button("Measure again", config, again=True)
    when = time.strftime("%H:%M", time.localtime(job.state().since))
    if found.took_s is not None:
        st.caption(f"Of these settings, at {when}, in {progress.duration(found.took_s)}.")


def _counted(found: Found) -> str:
    """`1 red, 2 amber, 12 green`."""
    return ", ".join(f"{len(found.of(level))} {level}" for level in (RED, AMBER, GREEN) if found.of(level))


def _results(found: Found, job: jobs.Job) -> None:
    """Reds, then ambers, the greens folded; the curve and the samples."""
    for item in preflight.ordered(found.items):
        if item.level != GREEN:
            _item(item, found, job)
    if found.samples:
        st.caption("The first batch, as the network will see it")
        _samples(found.samples, job)
    if fine := found.of(GREEN):
        label = f"{len(fine)} {'check is' if len(fine) == 1 else 'checks are'} fine"
        with st.expander(label, icon=":material/check_circle:", key=f"preflight_fine_{job.id[:12]}"):
            for item in fine:
                _item(item, found, job)


def _item(item: Item, found: Found, job: jobs.Job) -> None:
    """The line, and under the one about learning by heart its curve."""
    st.markdown(line(item))
    if item.code == "overfit" and found.overfit.get("losses"):
        key = f"preflight_curve_{job.id[:12]}"
        st.echarts_chart(overfit_curve(found.overfit), height=CURVE_PX, key=key, alt="Loss of one batch, step by step")


def line(item: Item) -> str:
    """Light, title, value; then why; then what to do."""
    remedy = f"  \n:material/build: {literal(item.remedy)}" if item.remedy else ""
    head = f"{LIGHTS[item.level]} **{literal(item.title)}** · {literal(item.value)}"
    return f"{head}  \n{literal(item.explanation)}{remedy}"


def _samples(samples: Iterable[dict[str, Any]], job: jobs.Job) -> None:
    items = [
        {
            "id": number,
            "thumb": routes.result_url(job, sample["plain"]),
            "outlined": routes.result_url(job, sample["outlined"]),
            "caption": opened.short_name(sample["name"]),
            "note": sample["note"],
        }
        for number, sample in enumerate(samples)
    ]
    gallery(
        items,
        key=f"preflight_samples_{job.id[:12]}",
        size_px=SAMPLE_PX,
        strip=True,
        smooth=True,
        noun=("sample", "samples"),
        toggle="Mask outlines",
    )
