"""A few validation images with mask and prediction of one checkpoint: what a run shows that kept no others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import streamlit as st

from seglib.data.dataset import Dataset
from seglib.exceptions import InputError
from seglib.runs import validation
from seglib.runs.store import Run
from ui import navigation, opened, routes, state
from ui.components.gallery import gallery
from ui.errors import scene

SHOWN = 6


def draw(run: Run, data: Dataset | None, live: bool) -> None:
    """The last checkpoint while it trains, the best one after; a click opens the errors of that image."""
    which = "last" if live else "best"
    items = strip_items(run, data, state.dataset_name(), which) if data is not None else []
    if not items:
        return
    with st.container(border=True):
        step = validation.step_of(run, which)
        st.markdown(
            f"**{len(items)} of {len(_rows(run, step))} validation images, {which} checkpoint** "
            f"(step {step}) · :green[green: your mask] · "
            ":orange[orange: the prediction]",
            help="Threshold 0.5. IoU of each image by itself. Click one for its mistakes.",
        )
        picked = gallery(items, key=f"strip_{run.id}", size_px=150, strip=True, toggle="Mask and prediction").pick
        if picked is not None:
            scene.show(data.records[picked].image)
            navigation.go("errors", run=run.id)


def strip_items(run: Run, data: Dataset, name: str, which: str) -> list[dict[str, Any]]:
    """Gallery items of up to SHOWN images, spread over the val set; empty before the first validation.

    name: the data set's, for the addresses.
    """
    try:
        rows = _rows(run, validation.step_of(run, which))
    except InputError:
        return []
    numbers = {record.image: index for index, record in enumerate(data.records)}
    some = range(0, len(rows), max(1, -(-len(rows) // SHOWN)))
    items = []
    for number in some:
        image, iou = rows[number]
        if image not in numbers:
            continue  # the data set has changed since
        outlined = routes.compared_url(name, data, numbers[image], run.id, which, number)
        if outlined:
            thumb = routes.thumb_url(name, data, numbers[image], 256)
            note = "no cell in mask or prediction" if iou is None else f"IoU {iou:.3f}"
            caption = opened.short_name(image)
            items.append({"id": numbers[image], "thumb": thumb, "outlined": outlined, "caption": caption, "note": note})
    return items


def _rows(run: Run, step: int) -> list[tuple[str, float | None]]:
    written = validation.folder_of(run, step)
    return _scores(str(run.folder), step, written.stat().st_mtime_ns if written.exists() else 0)


@st.cache_data(max_entries=64, show_spinner=False)
def _scores(folder: str, step: int, stamp: int) -> list[tuple[str, float | None]]:
    """(image, its IoU or None where undefined) of each validation image; `stamp` tells two runs of one name apart."""
    table = validation.scores(Run(Path(folder)), step)
    unions = table["tp"] + table["fp"] + table["fn"]
    return [
        (str(image), float(tp / union) if union else None)
        for image, tp, union in zip(table["image"], table["tp"], unions)
    ]
