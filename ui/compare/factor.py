"""One factor of an experiment: what may be said, the plots, the table; every number as seglib gives it."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from seglib.experiments import answers
from seglib.experiments.answers import FactorAnswer, Level
from seglib.experiments.opened import Experiment
from ui.compare import factor_plots
from ui.literal import literal

MIN_SEEDS = 5  # from so many on an interval over seeds is given


def draw(answer: FactorAnswer, target: float) -> None:
    """The sentences first: they are the answer, the rest is what they rest on."""
    st.header(literal(answer.label[:1].upper() + answer.label[1:]), anchor=False)
    for sentence in answer.sentences:
        st.markdown(f":material/chat: {literal(sentence)}")
    n_done = sum(iou is not None for level in answer.levels for _, _, iou in level.points)
    if not answer.sentences:
        st.caption(_why_nothing(answer, n_done))
    if n_done:
        _plots(answer, target)
        _table(answer)
    if answer.notes:
        with st.expander("How this was worked out", icon=":material/function:", key=f"notes_{answer.key}"):
            for note in answer.notes:
                st.caption(literal(note))


def _why_nothing(answer: FactorAnswer, n_done: int) -> str:
    if not n_done:
        return "No run has been validated yet: the answer fills up as runs end."
    if len(answer.levels) < 2:
        return "One value alone: there is nothing to compare it with."
    return "No pair yet: two runs that differ in this alone and have the same seed. It comes as more runs end."


def _plots(answer: FactorAnswer, target: float) -> None:
    n_cells = 2 if answer.differences else 1
    cells = st.grid(n_cells, min_column_width=340, gap="small")
    with cells.cell(), st.container(border=True):
        st.markdown(
            "**Best val IoU of every run**", help="Pooled over all val images. A point is a run; the line is the mean."
        )
        st.echarts_chart(
            factor_plots.levels(answer, target),
            height=factor_plots.height_px(len(answer.levels)),
            key=f"levels_{answer.key}",
            alt=f"Best val IoU of every run by {answer.label}; the table below has the means",
        )
    if not answer.differences:
        return
    with cells.cell(), st.container(border=True):
        st.markdown("**Paired differences**", help=_about_differences(answer))
        st.echarts_chart(
            factor_plots.differences(answer),
            height=factor_plots.height_px(len(answer.differences)),
            key=f"differences_{answer.key}",
            alt=" ".join(answer.sentences),
        )


def _about_differences(answer: FactorAnswer) -> str:
    n_seeds = max(d.n_seeds for d in answer.differences)
    seeds = (
        f"With {n_seeds} seeds, fewer than {MIN_SEEDS}, seeds are points and get no interval."
        if n_seeds < MIN_SEEDS
        else "The sentences give the interval over seeds too."
    )
    return (
        "Runs that differ in this alone, pair by pair, in points (hundredths of pooled IoU). Interval: bootstrap over "
        f"the val images, {answer.differences[0].scope}. Right of zero: the first one is ahead. {seeds}"
    )


def _table(answer: FactorAnswer) -> None:
    number = st.column_config.NumberColumn
    st.dataframe(
        table(answer.levels, answer.label[:1].upper() + answer.label[1:]),
        hide_index=True,
        key=f"table_{answer.key}",
        placeholder="–",
        height="content",
        column_config={
            "Mean": number("Mean best val IoU", format="%.4f", help="Pooled val IoU at the best step, mean over runs."),
            "Lowest": number(format="%.4f", help="Best val IoU of the worst run."),
            "Highest": number(format="%.4f", help="Best val IoU of the best run."),
            "Last val": number("Last val IoU", format="%.4f", help="Mean over runs, at the last validation."),
            "Best train": number(
                "Best train IoU", format="%.4f", help="All train images, best weights; mean over runs."
            ),
            "Last train": number(
                "Last train IoU", format="%.4f", help="A fixed sample of train images, last validation; mean over runs."
            ),
            "Minutes": number(format="%.1f", help="Training and validation, mean over runs."),
        },
        alt=f"{answer.label}: mean and spread over runs",
    )


def table(levels: tuple[Level, ...], heading: str) -> pd.DataFrame:
    """One row a level: mean and spread over its runs, and how many of them there are yet."""
    return pd.DataFrame([_row(level, heading) for level in levels])


def _row(level: Level, heading: str) -> dict[str, Any]:
    done = sum(iou is not None for _, _, iou in level.points)
    return {
        heading: level.label,
        "Mean": level.mean,
        "Lowest": level.low,
        "Highest": level.high,
        "Last val": level.last_val,
        "Best train": level.best_train,
        "Last train": level.last_train,
        "Minutes": level.minutes,
        "Runs": f"{done} of {len(level.runs)}",
    }


def answers_of(experiment: Experiment) -> tuple[FactorAnswer, ...]:
    """What its runs say now; worked out anew only when a run has a new validation."""
    runs = [(run.id, run.progress().last_validation_step, run.state().live) for run in experiment.runs()]
    return _answers(str(experiment.folder), stamp(experiment), tuple(runs))


def stamp(experiment: Experiment) -> tuple[int, ...]:
    """Changes whenever its design or its trials do."""
    files = (experiment.folder / name for name in ("experiment.json", "trials.json"))
    return tuple(file.stat().st_mtime_ns if file.exists() else 0 for file in files)


@st.cache_data(max_entries=64, show_spinner="Comparing …")
def _answers(folder: str, stamp: tuple[int, ...], runs: tuple) -> tuple[FactorAnswer, ...]:
    return answers.answer(Experiment(folder))
