"""Against another run: what it fixes and breaks on the same images, how sure that is, and where to look."""

from __future__ import annotations

from functools import partial

import pandas as pd
import streamlit as st

from seglib.errors import compare
from seglib.errors.budget import CLASSES
from seglib.errors.colours import FATE_COLOURS
from seglib.errors.compare import Changes
from seglib.exceptions import InputError
from ui import delta, navigation, opened, progress
from ui.components.gallery import gallery
from ui.errors import against_charts, against_head, against_images, beside, changed, source
from ui.errors.changed import Names
from ui.errors.region_gallery import fly
from ui.errors.scene import Scene, Shown
from ui.errors.words import many, one
from ui.literal import literal

SHOWN = 24


def draw(shown: Shown) -> None:
    scene = shown.scene
    if scene.other is None:
        _nothing_beside(shown)
        return
    names = changed.names_of(scene)
    against_head.draw(scene, names)
    try:
        found = changed.of_all(scene) if changed.whole(scene) else None
        table = changed.of_changes(found) if isinstance(found, Changes) else changed.of_counts(scene)
    except InputError as error:
        st.error(literal(error), icon=":material/broken_image:")
        return
    if not table.union_a.sum() or not table.union_b.sum():
        st.info("Without a cell in mask or prediction there is no IoU to compare.", icon=":material/info:")
        return
    against_head.headline(scene, table, names)
    if isinstance(found, Changes):
        _pixels(scene, found, names, shown.image)
    else:
        _without_pixels(scene, found, names)
    against_images.draw(scene, table, names, shown.image)
    if isinstance(found, Changes):
        _galleries(scene, found, names)


def _nothing_beside(shown: Shown) -> None:
    others = beside.candidates(shown.run, shown.scene.predicted.split)
    if not others:
        st.info(
            "There is no other run on this data set to compare with yet. Train a second one, such as the same network "
            "with another loss or seed; this section then says what it fixes and what it breaks.",
            icon=":material/compare:",
        )
        navigation.link("train", "Train a network")
        return
    st.info(
        "Choose a run under **Beside**, at the top of the page: this section then says what it fixes and what it "
        "breaks, and how sure that is.",
        icon=":material/compare:",
    )
    best = others[0]
    label = f"Put {literal(best.name)} beside it"
    st.button(label, icon=":material/compare:", key="errors_beside_best", on_click=beside.put, args=(best.id,))


# ---- what changed, in pixels


def _pixels(scene: Scene, found: Changes, names: Names, image: str) -> None:
    pooled = found.pooled()
    halves = st.grid(2, min_column_width=400, gap="medium")
    with halves.cell():
        st.markdown("**What became of the wrong pixels**", help=_meaning(names))
        st.echarts_chart(against_charts.fate_bars(pooled), height=190, key="errors_fates", alt=_told(pooled, names))
        st.caption(_told(pooled, names))
        _map(scene, names, image)
    with halves.cell():
        _by_class(found.by_class(), pooled["iou_a"], pooled["iou_b"], names)


def _meaning(names: Names) -> str:
    a, b = literal(names.a), literal(names.b)
    return f"Fixed: wrong in {a}, right in {b}. Newly wrong: the other way round. Still wrong: in both."


def _told(pooled: dict, names: Names) -> str:
    """`fixed 7,895 px (1.5 % of the union), …`"""
    union = pooled["union_a"]
    parts = []
    for fate, words in against_charts.FATES.items():
        n = pooled[f"{fate}_fp"] + pooled[f"{fate}_fn"]
        parts.append(f"{words} {n:,} px ({n / union:.2%})" if union else f"{words} {n:,} px")
    told = against_head.sentence(", ".join(parts))
    return f"{told} of the {union:,} px that are cell in the mask or in {literal(names.a)}."


def _by_class(rows: list[dict], iou_a: float, iou_b: float, names: Names) -> None:
    st.markdown(
        "**Which kind of mistake got better**",
        help="What each kind takes from the IoU of the one less what it takes from that of the other, each as pixels "
        "over its own union: the steps add up to the change of IoU exactly.",
    )
    st.echarts_chart(
        against_charts.class_waterfall(rows, iou_a, iou_b, names),
        height=34 * (len(rows) + 2) + 60,
        key="errors_changes_by_class",
        alt="Waterfall from one IoU to the other, one bar for each kind of mistake",
    )
    with st.expander("In pixels", icon=":material/table_rows:"):
        table = pd.DataFrame(rows)
        table["class"] = [many(name) for name in table["class"]]
        heads = {"class": "Mistakes", "a": names.a, "b": names.b, "fixed": "fixed", "broken": "newly wrong"}
        columns = [name for name in heads if name in table]
        st.dataframe(table[columns].rename(columns=heads), hide_index=True, key="errors_changes_table")


def _without_pixels(scene: Scene, job, names: Names) -> None:
    """Where pixels cannot be compared, or are not yet: what the counts at 0.5 say, and the way on."""
    budgets = changed.budgets_of(scene)
    if job is not None:
        _job(scene, job)
    else:
        st.caption(
            ":material/info: The probabilities of both are needed to say which pixels were fixed; what both have kept "
            "of their validation, at threshold 0.50, says this much."
        )
    if budgets is not None:
        ious = [1 - sum(of[name] for name in CLASSES) / of["union"] for of in budgets]
        _by_class(compare.by_class(*budgets), *ious, names)


def _job(scene: Scene, job) -> None:
    """Opening the section asks for it once; after Cancel or a failure a button does."""
    if not (job.folder / "job.json").exists():
        changed.start(scene)
    if job.state().live:
        st.caption("Comparing the two pixel by pixel; what the counts say stands below. You may leave the page.")
        source.watch(job, "errors_changes")
        return
    progress.draw(progress.of_job(job), key="errors_changes")
    st.button(
        "Compare them pixel by pixel",
        icon=":material/play_arrow:",
        key="errors_changes_start",
        on_click=changed.start,
        args=(scene,),
    )


# ---- pictures


def _map(scene: Scene, names: Names, image: str) -> None:
    """The image in view with what changed in it."""
    if image not in scene.other_rows:
        st.caption(f"{literal(names.b)} has not predicted the image in view.")
        return
    st.markdown(f"**{literal(opened.short_name(image))}, the image in view**", help=_meaning(names))
    items = [_item(scene, image, None, number="whole", size_px=720, fit=True)]
    gallery(items, key="errors_delta_map", size_px=330, toggle="Mark what changed", smooth=False)
    st.html(legend())


def legend() -> str:
    """HTML: the fates in their colours, in words too; nothing in it comes from outside."""
    return " &ensp; ".join(
        f'<span aria-hidden="true" style="color:{FATE_COLOURS[fate]}">■</span> {words}'
        for fate, words in against_charts.FATES.items()
    )


def _item(scene: Scene, image: str, box, *, number, size_px: int = 240, note: str = "", fit: bool = False) -> dict:
    index = scene.indices[image]
    a, b = (scene.predicted, scene.rows[image]), (scene.other, scene.other_rows[image])
    plain, marked = (
        delta.delta_url(
            scene.name, scene.data, index, a, b, box, threshold=scene.threshold, size_px=size_px, overlay=on, fit=fit
        )
        for on in (False, True)
    )
    return {"id": number, "thumb": plain, "outlined": marked, "caption": opened.short_name(image), "note": note}


def _galleries(scene: Scene, found: Changes, names: Names) -> None:
    halves = st.grid(2, min_column_width=400, gap="medium")
    for title, table, about, key in (
        ("Fixed", found.wins, f"wrong in {names.a}, right in {names.b}", "wins"),
        ("Newly wrong", found.losses, f"right in {names.a}, wrong in {names.b}", "losses"),
    ):
        with halves.cell():
            st.markdown(f"**{title}**: {literal(about)}")
            _gallery(scene, table, key)


def _gallery(scene: Scene, table: pd.DataFrame, key: str) -> None:
    table = table[table.image.isin(scene.other_rows) & table.image.isin(scene.indices)]
    if not len(table):
        st.caption("Nothing.")
        return
    rows = table.nlargest(SHOWN, "n_pixels").to_dict("records")
    items = [
        _item(scene, row["image"], row, number=i, note=f"{row['n_pixels']} px · {one(row['class'])}")
        for i, row in enumerate(rows)
    ]
    with st.container(height=400, border=False):
        gallery(
            items,
            key=f"errors_{key}",
            size_px=104,
            noun=("place", "places"),
            toggle="Mark what changed",
            smooth=True,
            on_pick=partial(fly, rows),
        )
    if len(table) > len(rows):
        st.caption(f"The {len(rows)} largest of {len(table):,}. Click one to fly there.")
