"""The curves of a training: loss, IoU, and small beside them learning rate, speed and memory."""

from __future__ import annotations

import numpy as np
import streamlit as st

from seglib.runs.curves import Curves
from seglib.runs.store import Run
from ui import charts
from ui.glossary import explain


def draw(run: Run, now: Curves, live: bool) -> None:
    if not len(now.steps["step"]):
        if live:
            st.caption("The curves appear with the first step.")
        return
    halves = st.grid(2, min_column_width=340, gap="small")
    with halves.cell(), st.container(border=True):
        st.markdown("**Loss**", help=explain("loss") + " Each line of the grid halves it.")
        option = charts.loss_curve(now.steps["step"], now.steps["loss"])
        st.echarts_chart(option, height=300, key=f"loss_{run.id}", alt="Loss")
    with halves.cell(), st.container(border=True):
        _iou(run, now)
    _small(run, now)


def _iou(run: Run, now: Curves) -> None:
    sample = "Train: a fixed sample of train images, as many as there are val images."
    st.markdown("**IoU at each validation**", help=f"{explain('pooled iou')} {sample}")
    if now.validations:
        option = charts.iou_curve(now.validations)
        st.echarts_chart(option, height=300, key=f"iou_{run.id}", alt="Pooled IoU, train and val")
    else:
        st.caption("The first point comes with the first validation.")


def _small(run: Run, now: Curves) -> None:
    """Learning rate, speed and, where the run says it, memory."""
    shown = {
        "Learning rate": charts.rate_curve(now.steps["step"], now.steps["lr"]),
        "Samples per second": charts.speed_curve(now.steps["step"], now.steps["samples_per_s"]),
    }
    if not np.isnan(now.memory["process_bytes"]).all():
        shown["Memory, MB"] = charts.memory_curve(*now.memory.values())
    cells = st.grid(len(shown), min_column_width=220, gap="small")
    for name, option in shown.items():
        with cells.cell(), st.container(border=True):
            st.caption(name)
            st.echarts_chart(option, height=130, key=f"{name}_{run.id}", alt=name)
