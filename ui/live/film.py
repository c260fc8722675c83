"""The strip of validation predictions through a training: where a mistake goes away, and where it comes back."""

from __future__ import annotations

from typing import Any

import streamlit as st

from seglib.data.dataset import Dataset
from seglib.runs import film as films
from seglib.runs.store import Run
from ui import film_route, navigation, opened, routes, state
from ui.components.film import film as show
from ui.errors import scene
from ui.live import pictures

_HELP = (
    "The same few validation images at every validation, small, threshold 0.5. IoU is of the whole image at full size. "
    "Move the slider, or press ← →, to see a mistake go away or come back."
)


def draw(run: Run, data: Dataset | None, live: bool) -> None:
    """The film; for a run that kept no strips the pictures of one checkpoint; nothing without its data."""
    found = films.of(run) if data is not None else None
    images = rows(found, data, state.dataset_name()) if found is not None else []
    if not images:
        pictures.draw(run, data, live)
        return
    with st.container(border=True):
        n = len(found.frames)
        st.markdown(f"**Predictions through {n} validation{'s' if n > 1 else ''}**", help=_HELP)
        frames = [(frame.step, frame.stamp) for frame in found.frames]
        picked = show(film_route.film_root(run), images, frames, found.best, key=f"film_{run.id}").pick
        if picked is not None:
            scene.show(data.records[picked].image)
            navigation.go("errors", run=run.id)


def rows(found: films.Film, data: Dataset, name: str) -> list[dict[str, Any]]:
    """What the component wants of each image; none if one of them is not in the data set any more.

    name: the data set's, for the addresses.
    """
    numbers = {record.image: index for index, record in enumerate(data.records)}
    if any(image not in numbers for image in found.images):
        return []
    return [
        {
            "id": numbers[image],
            "caption": opened.short_name(image),
            "image": routes.thumb_url(name, data, numbers[image], film_route.SIDE_PX),
            "mask": film_route.cells_url(name, data, numbers[image]),
            "ious": [frame.ious[k] for frame in found.frames],
        }
        for k, image in enumerate(found.images)
    ]
