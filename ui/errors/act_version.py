"""A new version of the data set from verdicts: every change before and after, a tick for each, where it goes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import streamlit as st

from seglib.data.changes import WEIGHT_CAP, Change
from seglib.data.substitute import writable
from seglib.data.version import check_place, weights_after
from seglib.errors.corrections import Plan, on_val
from seglib.exceptions import InputError
from seglib.runs import acting, jobs
from ui import change_pictures, opened, registry, state
from ui.errors import act_job
from ui.errors.scene import Scene, Shown
from ui.literal import literal

PER_PAGE = 12
_LEFT_OUT, _FOLDER = "act_left_out", "act_folder"


def draw(shown: Shown, plan: Plan) -> None:
    scene = shown.scene
    left_out = _left_out(scene.data.path)
    changes = [change for change in plan.changes if change.id not in left_out]
    _explained(plan)
    _preview(scene, plan, left_out)
    _weights(scene, changes)
    others = [(change, reason) for change, reason in plan.left_out if change.action != "weight"]  # those were said
    for change, reason in others[:5]:
        st.caption(f":material/block: {literal(opened.short_name(change.image))}: {literal(reason)}.")
    if line := on_val(plan.n_val):
        st.caption(f":material/balance: {line}")
    job = act_job.last(scene.data.path, "version")
    if job is not None and act_job.draw(job, scene.data.path, shown.run):
        return
    _make(scene, plan, changes)


def _left_out(data: Path) -> set[str]:
    """Ids of the changes without a tick, of this data set."""
    kept = st.session_state.setdefault(_LEFT_OUT, {})
    return kept.setdefault(str(data), set())


def _explained(plan: Plan) -> None:
    counts = plan.counts()
    parts = {
        "filled": "A false positive with a wrong label is filled in: a thin rim or a hole joins its cell, else it is a "
        "new cell.",
        "erased": "A miss with a wrong label is erased; of a cell that it covers to nine tenths, the rest too.",
        "ignored": "An ignored area and 2 px around it are left out of every loss, count and error.",
    }
    st.caption(" ".join(text for name, text in parts.items() if counts[name]) + " The original stays as it is.")


def _preview(scene: Scene, plan: Plan, left_out: set[str]) -> None:
    """Each change with its place before and after; a dozen at a time."""
    changes, page = plan.changes, 1
    pages = -(-len(changes) // PER_PAGE)
    above = st.container()
    if pages > 1:
        page = st.pagination(pages, key=f"act_page_{pages}")
    index_of = {record.image: index for index, record in enumerate(scene.data.records)}
    with above, st.grid("auto", min_column_width=380, gap="small") as grid:
        for change in changes[(page - 1) * PER_PAGE : page * PER_PAGE]:
            of_image = [c for c in changes if (c.image == change.image and c.id not in left_out) or c == change]
            with grid.cell(), st.container(border=True):
                _one(scene, change, index_of[change.image], of_image, left_out)


def _one(scene: Scene, change: Change, index: int, of_image: Sequence[Change], left_out: set[str]) -> None:
    name = opened.short_name(change.image)
    key = f"act_take_{change.id}"
    st.session_state[key] = change.id not in left_out
    st.checkbox(
        f"{change_pictures.ACTIONS[change.action]} · {name}, row {change.row}, column {change.col}",
        key=key,
        on_change=_tick,
        args=(scene.data.path, change.id),
    )
    try:
        done = change_pictures.effect(scene.data, index, change, list(of_image))
    except InputError as error:
        st.error(literal(error), icon=":material/error:")
        return
    st.html(
        change_pictures.pair(scene.name, scene.data, index, change, f"{name}, {change_pictures.ACTIONS[change.action]}")
    )
    what = f"{done.what}, {done.changed_px:,} px" if done else "no pixel changes"
    by = f" · {change.who}" + (f": {change.why}" if change.why else "")
    st.caption(literal(what + by))


def _tick(data: Path, change_id: str) -> None:
    (set.discard if st.session_state[f"act_take_{change_id}"] else set.add)(_left_out(data), change_id)


def _weights(scene: Scene, changes: Sequence[Change]) -> None:
    weights = weights_after(scene.data, changes)
    if not weights:
        return
    st.caption(
        f"Sampling weight of a train image = the one before × (1 + its hard negatives), at most × {WEIGHT_CAP:g}: how "
        "often it is drawn beside the others."
    )
    rows = [
        {"image": image, "weight before": before, "weight after": after} for image, (before, after) in weights.items()
    ]
    st.dataframe(rows, hide_index=True, key="act_weights", height=min(220, 36 * (len(rows) + 1) + 2))


def _make(scene: Scene, plan: Plan, changes: Sequence[Change]) -> None:
    """Where it goes, and the button."""
    folder = st.text_input(
        "Folder of the new version",
        value=str(free_folder(scene.data.path)),
        key=f"{_FOLDER}_{scene.name}",
        help="A new folder. Images are linked where the disk allows it, so that they take no room twice; masks are "
        "files of their own. Nothing is overwritten.",
    )
    _, problem = checked(scene.data.path, folder)
    if problem:
        st.error(literal(problem), icon=":material/folder_off:")
    n = len(changes)
    st.button(
        f"Make the version with {n} {'change' if n == 1 else 'changes'}",
        type="primary",
        icon=":material/save_as:",
        key="act_make",
        disabled=bool(problem) or not changes,
        on_click=_start,
        args=(scene, plan),
    )


def free_folder(data: Path) -> Path:
    """`<folder>-v2` beside the original, or the next number that is free; the version of a version goes on counting.

    Beside the demo data where nothing can be written beside the original.
    """
    stem, number = data.name, 2
    place = data.parent if writable(data.parent) else registry.demo_folder().parent
    head, _, tail = stem.rpartition("-v")
    if head and tail.isdigit():
        stem, number = head, int(tail) + 1
    names = (place / f"{stem}-v{i}" for i in range(number, number + 1000))
    return next(folder for folder in names if not folder.exists())


def checked(data: Path, folder: str) -> tuple[Path | None, str]:
    """The path, and why it cannot be taken ('' if it can)."""
    if not folder.strip():
        return None, "Name a folder."
    target = Path(folder.strip()).expanduser()
    if not target.is_absolute():
        return None, "Give the whole path of the folder."
    try:
        check_place(data, target)
    except (InputError, OSError) as error:
        return None, str(error)
    return target, ""


def _start(scene: Scene, plan: Plan) -> None:
    """With the ticks and the folder of now: a click may come before the page was drawn with them."""
    key, left_out = f"{_FOLDER}_{scene.name}", _left_out(scene.data.path)
    folder, problem = checked(scene.data.path, st.session_state[key])
    if folder is None or problem:
        st.toast(literal(problem))
        return
    asked = [change for change in plan.asked if change.id not in left_out]
    entry: registry.Entry = state.current_entry()
    choices = {"grouping": entry.grouping, "split": entry.split, "fold": entry.fold}
    job = jobs.start("version", acting.version_inputs(scene.data, choices, asked, folder), again=True)
    act_job.remember(scene.data.path, "version", job)
    st.session_state.pop(key, None)
