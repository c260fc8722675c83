"""Which looks are held against each other, and what comes back in them: at once where that is quick, else by a job."""

from __future__ import annotations

import streamlit as st

from seglib.runs import jobs, looks, predicted, recurring
from seglib.runs.recurring import Question, Recurring
from seglib.runs.store import Run
from ui import progress, state
from ui.errors import source
from ui.errors.scene import Scene
from ui.literal import literal

LOOKS = {"checkpoint": "Checkpoints of this run", "run": "Seeds and runs", "transform": "Flips, turns and blurs"}
_RUNS = "errors_back_runs"


def question(kind: str, scene: Scene, run: Run, head) -> Question | None:
    """What is asked; None where there is nothing to ask (yet), which was said."""
    which = scene.predicted.which
    if kind == "transform":
        made = _transforms(scene, run)
        return Question(kind, run, which, made=made.id) if made else None
    if scene.predicted.split != "val":
        st.info(
            "Checkpoints and runs are compared on the val images, because every validation keeps those. Switch "
            f"**Images** to val, or look at **{LOOKS['transform']}**.",
            icon=":material/info:",
        )
        return None
    asked = Question(kind, run, which, _others(run, head) if kind == "run" else ())
    if len(asked.tables()) < 2:
        what = "run with its mistakes stored" if kind == "run" else "validation with its mistakes stored"
        st.info(
            f"There is only one {what}: nothing can come back yet. Longer trainings and other runs make this list.",
            icon=":material/info:",
        )
        return None
    return asked


def _others(run: Run, head) -> tuple[Run, ...]:
    """The runs chosen beside the one in view: at first its seeds, else all of the data set."""
    others = [r for r in state.runs_of(state.current_entry()) if r.id != run.id and r.best_iou() is not None]
    if not others:
        return ()
    names = looks.names([*others, run])
    seeds = next(group for group in looks.seeds([run, *others]) if run in group)
    default = [r.id for r in seeds if r.id != run.id] or [r.id for r in others[:9]]
    with head:
        chosen = st.multiselect(
            f"Beside {literal(names[run.id])}",
            [r.id for r in others],
            default=default,
            format_func=names.get,
            key=f"{_RUNS}_{run.id}",
            help="Runs that differ in nothing but their seed are called by it. Mistakes that the best checkpoints of "
            "several runs share are seldom chance: look at the label.",
        )
    return tuple(r for r in others if r.id in chosen)


def _transforms(scene: Scene, run: Run) -> jobs.Job | None:
    """The job that is done; else its bar, or the button that starts it."""
    inputs = predicted.evaluate_inputs(run, scene.predicted.which, scene.predicted.split, scene.data.path)
    job = jobs.find("transforms", inputs)
    known = (job.folder / "job.json").exists()
    current = job.state() if known else None
    if current and current.name == "done" and (job.result / "images.parquet").exists():
        return job
    if current and current.live:
        st.caption(f"The network looks at {len(scene.rows)} pictures eleven times. You may leave the page; it goes on.")
        source.watch(job, "errors_transforms")
        return None
    if current:
        progress.draw(progress.of_job(job), key="errors_transforms")
    elif not run.has_checkpoint(scene.predicted.which):
        st.info("The run has no such weights on disk to predict with.", icon=":material/info:")
        return None
    st.caption(
        "The network sees each picture flipped and turned (all eight ways), a little brighter, darker and blurred. "
        "What is wrong every time is systematic; what is wrong in one or two is chance."
    )
    st.button(
        "Try again" if current else f"Predict {len(scene.rows)} pictures eleven times",
        icon=":material/play_arrow:",
        type="primary",
        key="errors_transforms_start",
        on_click=jobs.start,
        args=("transforms", inputs),
        kwargs={"again": True},
    )
    return None


def answer(asked: Question) -> Recurring | None:
    """Followed at once where that is quick; else by a job, whose bar is drawn meanwhile."""
    stamp = asked.stamp()
    if _n_regions(stamp, asked) <= recurring.AT_ONCE_REGIONS:
        return _at_once(stamp, asked)
    inputs = asked.inputs()
    job = jobs.find("recurrence", inputs)
    current = job.state() if (job.folder / "job.json").exists() else None
    if current is None:
        job = jobs.start("recurrence", inputs)
        current = job.state()
    if current.name == "done" and (job.result / "looks.json").exists():
        return _of_job(job.id, job)
    if current.live:
        st.caption(f"{_n_regions(stamp, asked):,} mistakes are followed from one to the next.")
        source.watch(job, "errors_recurrence")
        return None
    progress.draw(progress.of_job(job), key="errors_recurrence")
    st.button(
        "Follow the mistakes",
        icon=":material/play_arrow:",
        key="errors_recurrence_start",
        on_click=jobs.start,
        args=("recurrence", inputs),
        kwargs={"again": True},
    )
    return None


@st.cache_resource(max_entries=16, show_spinner=False)
def _n_regions(stamp: str, _question: Question) -> int:
    return _question.n_regions()


@st.cache_resource(max_entries=8, show_spinner="Following mistakes from one to the next …")
def _at_once(stamp: str, _question: Question) -> Recurring:
    return recurring.follow(_question.looks())


@st.cache_resource(max_entries=4, show_spinner=False)
def _of_job(identity: str, _job: jobs.Job) -> Recurring:
    return recurring.read(_job.result)
