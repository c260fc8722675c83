"""The figures of a training in large print: best IoU, loss, step, time, speed, memory."""

from __future__ import annotations

import numpy as np
import streamlit as st

from seglib.data.splits import NOT_INDEPENDENT
from seglib.runs import curves
from seglib.runs.store import Run
from ui import progress
from ui.glossary import explain


def draw(run: Run) -> None:
    now, used_mb = run.progress(), memory_mb(run)
    with st.grid(6 if used_mb else 5, min_column_width=120, gap=("xsmall", "small")):
        missing = "no validation set" if has_no_validation(run) else None  # as small print: too long for a big number
        st.metric(
            "Best val IoU",
            _best(run),
            delta=missing,
            delta_color="off",
            delta_arrow="off",
            help=explain("pooled iou"),
        )
        st.metric("Loss", "–" if now.loss is None else f"{now.loss:.4f}", help=explain("loss"))
        st.metric("Step", f"{now.step} / {now.planned_steps}" if now.planned_steps else str(now.step))
        time_help = "Training and validation, over all resumes; start-up is not counted."
        st.metric("Time", progress.duration(now.elapsed_s), help=time_help)
        speed = "–" if now.samples_per_s is None else f"{now.samples_per_s:.3g} / s"
        st.metric("Samples", speed, help="Augmented crops a second, at the last step.")
        if used_mb:
            st.metric("Memory", f"{used_mb:,.0f} MB", help="Of the trainer with its workers; 1 MB = 10⁶ bytes.")
    if not run.independent:
        st.caption(f":material/info: {NOT_INDEPENDENT}: this IoU is higher than on pictures of another day.")


def _best(run: Run) -> str:
    iou = run.best_iou()
    return "–" if iou is None else f"{iou:.4f}"


def memory_mb(run: Run) -> float | None:
    """What the trainer used when it last said so; None for a run that never did."""
    used = curves.of(run).memory["process_bytes"]
    known = used[~np.isnan(used)]
    return float(known[-1]) / 1e6 if len(known) else None


def has_no_validation(run: Run) -> bool:
    """True once a validation has shown that there is no val image."""
    now = run.progress()
    return now.best_step is not None and now.best_iou is None
