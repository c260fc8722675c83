"""Report: finished runs -> one notebook with every output in it, and one HTML file.

The names below are what the notebook's cells call; each shows one figure or one table. They are found when they are
asked for, so that a page can look at `seglib.report.places` without loading matplotlib.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_HOMES = {
    "seglib.report.study": ("open_study",),
    "seglib.report.about": ("runs_in_short", "made_with"),
    "seglib.report.data": ("data_in_figures", "data_in_pictures", "cell_sizes"),
    "seglib.report.settings": ("settings_that_differ", "all_other_settings"),
    "seglib.report.curves": ("curves_of_loss", "curves_of_iou"),
    "seglib.report.scores": ("iou_per_setup", "iou_per_run"),
    "seglib.report.answers": ("table_of_factor", "plot_of_factor", "answer_to_factor"),
    "seglib.report.predictions": ("best_images", "median_images", "worst_images", "setups_side_by_side"),
    "seglib.report.lost": ("where_the_iou_goes", "iou_lost_per_setup"),
    "seglib.report.mistakes": ("recurrent_mistakes", "mistakes_in_pictures"),
    "seglib.report.closing": ("how_to_repeat",),
    "seglib.report.making": ("build", "Report"),
}
_HOME = {name: module for module, names in _HOMES.items() for name in names}
__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)
