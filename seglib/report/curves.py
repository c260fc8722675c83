"""Curves: train loss, and train and val IoU, of all runs; one colour a set-up, one line a seed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter

from seglib.report.history import Score, running_mean
from seglib.report.shown import Plot, Words, as_plot, note
from seglib.report.study import Study
from seglib.report.style import drawing, figure, legend_below, look

POINTS = 600  # of a line; more cannot be seen
EARLY = 0.2  # of the steps, which the scale of the IoU need not show


def curves_of_loss(study: Study) -> Plot | Words:
    """Train loss, smoothed. One panel for each loss function: values of different losses do not compare."""
    kinds = {run: str(study.settings[run.id].get("loss.name", "loss")) for run in study.runs if study.history(run).loss}
    if not kinds:
        return note("No run has made a step yet: there is no loss to draw.")
    panels = list(dict.fromkeys(kinds.values()))
    with drawing():
        fig = figure(9, 3.4 if len(panels) < 4 else 3.0 * ((len(panels) + 2) // 3))
        axes = fig.subplots(-(-len(panels) // 3), min(3, len(panels)), squeeze=False).ravel()
        for axis, kind in zip(axes, panels):
            _panel_of_loss(study, axis, [run for run in kinds if kinds[run] == kind])
            axis.set(title=f"loss: {kind}", xlabel="step", ylabel="train loss")
            axis.xaxis.set_major_locator(MaxNLocator(integer=True))
        for axis in axes[len(panels) :]:
            axis.set_visible(False)
        _legend(study, fig)
        caption = (
            "Train loss of the batches over the steps, smoothed (running mean), at its own scale for each loss "
            "function: the values of two losses do not compare. One colour a set-up, one line a seed."
        )
        return as_plot(fig, f"Curves of train loss of {study!r}.", caption)


def _panel_of_loss(study: Study, axis: Any, runs: Sequence[Any]) -> None:
    lowest = None
    for run in runs:
        loss = study.history(run).loss
        smooth = list(zip((step for step, _ in loss), running_mean([value for _, value in loss])))
        every = max(1, len(smooth) // POINTS)
        points = [*smooth[::every], smooth[-1]]
        axis.plot(*zip(*points), linewidth=1.2, **_look(study, run))
        least = min(value for _, value in points)
        lowest = least if lowest is None else min(lowest, least)
    if lowest is not None and lowest > 0 and max(line.get_ydata().max() for line in axis.lines) > 8 * lowest:
        axis.set_yscale("log")
        axis.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        axis.yaxis.set_major_formatter(lambda value, _: f"{value:g}")  # matplotlib's own is a formula
        axis.yaxis.set_minor_formatter(NullFormatter())


def curves_of_iou(study: Study) -> Plot | Words:
    """Pooled IoU on val and on the train sample at every validation, on one scale; the target as a line."""
    val, train = ({run: _points(getattr(study.history(run), side)) for run in study.runs} for side in ("val", "train"))
    if not any(val.values()) and not any(train.values()):
        return note("No run was validated: there is no IoU to draw.")
    low, high = _range([*val.values(), *train.values()])
    with drawing():
        fig = figure(9, 3.8)
        axes = fig.subplots(1, 2, sharey=True)
        for axis, curves, title in zip(axes, (val, train), ("validation", "train (a fixed sample as large as val)")):
            for run, points in curves.items():
                if points:
                    mark = {"marker": "o", "markersize": 2.5} if len(points) < 40 else {}
                    axis.plot(*zip(*points), linewidth=1.2, **mark, **_look(study, run))
            axis.axhline(study.target, color="#555555", linewidth=0.8)
            axis.annotate(f"target {study.target:g}", (0.01, study.target), xycoords=("axes fraction", "data"),
                          ha="left", va="bottom", fontsize=7, color="#555555")  # fmt: skip
            axis.set(title=title, xlabel="step", ylim=(max(0.0, low - 0.02), min(1.0, max(high, study.target) + 0.02)))
            axis.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes[0].set_ylabel("pooled IoU")
        if not any(val.values()):
            axes[0].text(0.5, 0.5, "no validation set", transform=axes[0].transAxes, ha="center")
        _legend(study, fig)
        caption = (
            "Pooled IoU at every validation, threshold 0.5. Left: all val images. Right: a fixed sample of train "
            "images. Both panels have one scale, so that the gap between train and val can be read off; it leaves out "
            "what is lower than anything after the first fifth of the steps."
        )
        return as_plot(fig, f"Curves of val and train IoU of {study!r}.", caption)


def _range(curves: Sequence[list[tuple[int, float]]]) -> tuple[float, float]:
    """Lowest and highest IoU, the first fifth of each run's steps aside: it would press all the rest together."""
    late = [y for points in curves if points for step, y in points if step >= EARLY * points[-1][0]]
    return min(late), max(late)


def _points(scores: Sequence[Score]) -> list[tuple[int, float]]:
    return [(score.step, score.pooled) for score in scores if score.pooled is not None]


def _look(study: Study, run: Any) -> dict[str, Any]:
    return look(study.setups.index(study.setup_of(run)))


def _legend(study: Study, fig: Any) -> None:
    handles = [Line2D([], [], linewidth=2, **look(number)) for number in range(len(study.setups))]
    legend_below(fig, handles, [setup.label for setup in study.setups])
