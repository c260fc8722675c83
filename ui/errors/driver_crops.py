"""What is behind a cloud of points: the crops of the cells or images that are selected, and the way to each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from seglib.errors import drivers
from ui import crops, opened
from ui.components.gallery import gallery
from ui.errors import scene as scenes
from ui.errors.related import Look
from ui.errors.scene import Scene

SHOWN = 24


def draw(scene: Scene, look: Look, rows: list[int]) -> None:
    """rows: of the table, those that are selected; without any, the quarter that the sentence speaks of."""
    table = look.related.table
    chosen = table.loc[rows] if rows else drivers.at_the_end(table, look.driver)
    chosen = chosen.sort_values("wrong", ascending=False, kind="stable")
    what = "Selected" if rows else "Nothing is selected: the quarter of the sentence"
    wrong, union = int(chosen.wrong.sum()), int(chosen.union.sum())
    shown = chosen.head(SHOWN)
    part = f" The {len(shown)} with most wrong pixels:" if len(chosen) > len(shown) else ""
    noun = look.noun if len(chosen) != 1 else look.noun[:-1]
    st.markdown(
        f"**{what}, {len(chosen):,} {noun}**: {wrong:,} of {int(table.wrong.sum()):,} wrong px, pooled error rate "
        f"{wrong / max(union, 1):.3f}.{part}"
    )
    records = shown.to_dict("records")
    items = [_item(scene, number, row, look) for number, row in enumerate(records)]
    picked = gallery(
        items,
        key=f"errors_drivers_behind_{look.noun}",
        size_px=112,
        noun=(look.noun[:-1], look.noun),
        toggle="Mark the mistakes",
        smooth=True,
    ).pick
    if picked is not None and 0 <= int(picked) < len(shown):
        row = records[int(picked)]
        scenes.show(row["image"], _target(row) if look.noun == "cells" else None)
        st.rerun()


def _item(scene: Scene, number: int, row: Mapping[str, Any], look: Look) -> dict[str, Any]:
    index, place = scene.indices[row["image"]], scene.rows[row["image"]]
    plain, marked = (
        crops.crop_url(
            scene.name,
            scene.data,
            index,
            scene.predicted,
            place,
            row if look.noun == "cells" else None,
            threshold=scene.threshold,
            size_px=224,
            overlay=on,
        )
        for on in (False, True)
    )
    value = row[look.name]
    text = f"{value:,.0f}" if look.covariate.whole else f"{value:.3g}"
    return {
        "id": number,
        "thumb": plain,
        "outlined": marked,
        "caption": opened.short_name(row["image"]),
        "note": f"{row['wrong']} px, {100 * row['error']:.0f} % wrong · {look.covariate.title.lower()} {text}",
    }


def _target(row: Mapping[str, Any]) -> dict[str, Any]:
    """Where the viewer flies, and what it calls the place."""
    place = {name: int(row[name]) for name in ("row", "col", "height", "width")}
    name = f"cell {row['cell']}" if row["kind"] == "truth" else "invented cell"
    kind = "fp" if row["fp"] > row["fn"] else "fn"
    return {**place, "kind": kind, "class": "other", "label": f"{name}: {100 * row['error']:.0f} % wrong"}
