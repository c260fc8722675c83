"""What kinds of mistakes are grouped over: checkpoints or runs, from their tables at once or as the job left them."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd
import streamlit as st

from seglib.exceptions import InputError
from seglib.metrics import Counts
from seglib.runs import jobs, kinds, looks, validation
from seglib.runs.kinds import Grouping
from seglib.runs.looks import Look
from seglib.runs.predicted import STORED_THRESHOLD
from seglib.runs.store import Run
from ui import progress, state
from ui.errors import source
from ui.errors.scene import Scene, Shown
from ui.literal import literal

CHECKPOINTS, RUNS = "Checkpoints of this run", "Runs"
_MOST_RUNS = 5  # chosen by themselves
_JOB, _OVER = "errors_kinds_job", "errors_kinds_over"


@dataclass(frozen=True)
class Compared:
    """looks: in order of time, the one in view last. over: CHECKPOINTS, RUNS or '' for one alone. stamp: changes when
    a table does. stored: whether all of them lie on disk, so that a job can describe them."""

    looks: tuple[Look, ...]
    over: str
    stamp: tuple
    stored: bool

    @property
    def in_view(self) -> str:
        return self.looks[-1].name


def choose(shown: Shown) -> Compared:
    """The switch between checkpoints and runs, and what it stands for. Raises InputError for tables that cannot be
    read."""
    scene, run = shown.scene, shown.run
    if scene.predicted.split != "val" or scene.threshold != STORED_THRESHOLD:
        return _alone(shown)
    others = [r for r in state.runs_of(state.current_entry()) if r.id != run.id and r.best_iou() is not None]
    which = scene.predicted.which
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        options = [CHECKPOINTS, *([RUNS] if others else [])]
        if st.session_state.get(_OVER) not in options:  # another data set may have one run alone
            st.session_state.pop(_OVER, None)
        over = st.segmented_control("Grown over", options, default=CHECKPOINTS, required=True, key=_OVER)
        if over == RUNS:
            named = {r.id: r.name for r in others}
            chosen = st.multiselect(
                "Before this run",
                list(named),
                default=list(named)[:_MOST_RUNS],
                format_func=named.get,
                key=f"errors_kinds_runs_{run.id}",
                placeholder="choose runs to compare with",
            )
            earlier = sorted((r for r in others if r.id in chosen), key=_made)
            found = _runs((which, *((r.id, r.name, _stamp(r, which)) for r in (*earlier, run))), (*earlier, run), which)
        else:
            steps = tuple((s, _written(run, s)) for s in validation.validation_steps(run))
            found = _checkpoints((str(run.folder), which, steps), run, which)
    if not found or (found[-1].run_id, found[-1].step) != (run.id, scene.predicted.step):
        return _alone(shown)
    stamp = tuple((look.run_id, look.step, _written(Run(run.folder.parent / look.run_id), look.step)) for look in found)
    return Compared(found, over if len(found) > 1 else "", stamp, True)


def _alone(shown: Shown) -> Compared:
    """The prediction in view at the threshold in view."""
    scene, measured = shown.scene, shown.measured
    wrong = measured.regions.groupby("kind").n_pixels.sum()
    fp, fn = int(wrong.get("fp", 0)), int(wrong.get("fn", 0))
    counts = Counts(int(measured.budgets["union"].sum()) - fp - fn, fp, fn, 0)
    images = frozenset(measured.budgets.image)
    look = Look("here", shown.run.id, scene.predicted.step, "checkpoint", measured.regions, images, counts)
    return Compared((look,), "", (scene.predicted.stamp, scene.threshold, len(measured.regions)), False)


def _made(run: Run) -> float:
    return (run.folder / "config.json").stat().st_mtime


def _stamp(run: Run, which: str) -> tuple:
    try:
        step = validation.step_of(run, which)
    except InputError:
        return ()
    return step, _written(run, step)


def _written(run: Run, step: int | None) -> int:
    file = validation.folder_of(run, step or 0) / "regions.parquet"
    return file.stat().st_mtime_ns if file.exists() else 0


@st.cache_resource(max_entries=4, show_spinner=False)
def _checkpoints(stamp: tuple, _run: Run, which: str) -> tuple[Look, ...]:
    return tuple(looks.of_run(_run, which))


@st.cache_resource(max_entries=4, show_spinner=False)
def _runs(stamp: tuple, _runs: tuple[Run, ...], which: str) -> tuple[Look, ...]:
    return tuple(looks.of_runs(_runs, which))


# ---- grouped


@st.cache_resource(max_entries=4, show_spinner="Grouping mistakes that look alike …")
def _at_once(stamp: tuple, _looks: tuple[Look, ...]) -> Grouping:
    return kinds.from_tables(_looks)


@st.cache_resource(max_entries=4, show_spinner=False)
def _of_job(identity: str, _job: jobs.Job) -> Grouping:
    return kinds.of_job(_job)


def grouping(shown: Shown, compared: Compared) -> Grouping:
    """By the job's result where there is one, else by the tables at once; says which, and offers the job."""
    scene = shown.scene
    if not compared.stored:
        st.caption(_by_tables(scene))
        return _at_once(compared.stamp, compared.looks)
    inputs = kinds.inputs(shown.run, compared.looks, shown.run.folder.parent, scene.data.path)
    job = jobs.find("kinds", inputs)
    known = (job.folder / "job.json").exists()
    standing = job.state() if known else None
    if standing and standing.name == "done" and (job.result / kinds.ABOUT).exists():
        found = _of_job(job.id, job)
        st.caption(_by_job(found, shown.run))
        return found
    st.caption(_by_tables(scene))
    if standing and standing.live:
        source.watch(job, _JOB)
    else:
        if standing:
            progress.draw(progress.of_job(job), key=_JOB)
        _offer(shown.run, inputs)
    return _at_once(compared.stamp, compared.looks)


def _by_tables(scene: Scene) -> str:
    return (
        "Mistakes of all images grouped by size, shape, contrast, what they touch and how sure the network was. Shares "
        f"are of all wrong pixels, at threshold {scene.threshold:.2f}; names in grey are suggestions to type over."
    )


def _by_job(found: Grouping, run: Run) -> str:
    seen = f"and by what the network of **{literal(run.name)}** sees in them" if found.network else ""
    why = "" if found.network else f" Without the network: {literal(found.reason)}"
    return (
        f"Mistakes of all images grouped by size, shape, what they touch, their look in the picture {seen}. Shares are "
        f"of all wrong pixels, at threshold {STORED_THRESHOLD:.2f}; names in grey are suggestions to type over.{why}"
    )


def _offer(run: Run, inputs: dict) -> None:
    st.button(
        "Group them by their look too",
        icon=":material/visibility:",
        key="errors_kinds_start",
        on_click=_start,
        args=(inputs,),
        help=(
            f"Looks at every picture, and lets the network of {literal(run.name)} look at it: its maps before the last "
            "layer say what it sees in a place. All checkpoints and runs are described by that one network. Tells "
            "apart what has the same size and shape."
        ),
    )


def _start(inputs: dict) -> None:
    jobs.start("kinds", inputs, again=True)


def sources(found: Grouping) -> pd.DataFrame:
    """How each cluster grew: see `seglib.errors.growth`."""
    from seglib.errors.growth import growth

    return growth(found.kinds.members, found.totals)
