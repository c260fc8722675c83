"""Predict: run a trained network on new pictures, look at the masks, take them along."""

from functools import partial
from pathlib import Path

import pandas as pd
import streamlit as st

from seglib.data.dataset import ChoiceNeeded, Dataset
from seglib.data.readers import IMAGE_SUFFIXES
from seglib.data.splits import NOT_INDEPENDENT
from seglib.exceptions import InputError
from seglib.predict import outputs
from seglib.runs.store import Run
from ui import navigation, predictions, progress, routes, state, uploads
from ui.components.synced_viewer import synced_viewer
from ui.glossary import explain
from ui.literal import literal
from ui.predictions import Task
from ui.uploads import Picture

DROPPED, UNLABELLED = "Your pictures", "Unlabelled pictures of the data set"


def main() -> None:
    st.title("Predict")
    runs, data = _runs(), _data()
    if not runs:
        _no_run()
        return
    with st.container(border=True):
        run, checkpoint = _pick_run(runs)
        pictures = _pick_pictures(data)
        _start(run, checkpoint, pictures)
    _results()


def _runs() -> list[Run]:
    """Runs with weights: those of this data set, then the others; of both the best first, those never scored last."""
    try:
        mine = state.runs_of(state.current_entry())
    except InputError:
        mine = []
    others = [run for run in state.all_runs() if run not in mine]
    return predictions.usable([*mine, *state.best_first(others)])


def _data() -> Dataset | None:
    """The data set in view if it opens; dropped pictures need none."""
    try:
        return state.current_dataset()
    except ChoiceNeeded:
        st.caption(":material/account_tree: The data set in view waits for a choice on the Data page.")
    except InputError as error:
        st.caption(f":material/folder_off: The data set in view does not open, drop pictures instead. {error}")
    return None


def _no_run() -> None:
    st.info(
        "No trained network yet. Train one, which takes a few minutes; then drop pictures here to get their masks.",
        icon=":material/model_training:",
    )
    navigation.link("train", "Train a network")


# ---- what to predict, with what


def _pick_run(runs: list[Run]) -> tuple[Run, str]:
    by_id = {run.id: run for run in runs}
    in_view = st.session_state.get(state.RUN)
    if st.session_state.setdefault("predict_in_view", in_view) != in_view:  # another was chosen in the sidebar
        st.session_state["predict_in_view"] = in_view
        st.session_state.pop("predict_run", None)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        chosen = st.selectbox(
            "Run",
            list(by_id),
            index=list(by_id).index(in_view) if in_view in by_id else 0,
            format_func=lambda i: _run_label(by_id[i]),
            key="predict_run",
            help="The network that draws the masks. The one in view first; runs trained on other data work too.",
            width=560,
        )
        run = by_id[chosen]
        weights = predictions.weights_of(run)
        checkpoint = weights[0]
        if len(weights) > 1:
            checkpoint = st.segmented_control(
                "Checkpoint",
                weights,
                default=weights[0],
                required=True,
                key="predict_checkpoint",
                help=explain("checkpoint"),
            )
    return run, checkpoint


def _run_label(run: Run) -> str:
    iou = run.best_iou()
    mark = "" if run.independent else ", not independent"
    score = f"val IoU {iou:.3f}{mark}" if iou is not None else "no validation"
    return f"{run.name} · {score} · trained on {run.data_path().name}"


def _pick_pictures(data: Dataset | None) -> list[Picture]:
    n = len(data.unlabelled()) if data is not None else 0
    source = DROPPED
    if n:
        labels = {UNLABELLED: f"{n:,} unlabelled of {state.dataset_name()}", DROPPED: DROPPED}
        source = st.segmented_control(
            "Pictures", list(labels), default=UNLABELLED, required=True, format_func=labels.get, key="predict_source"
        )
    if source == UNLABELLED:
        return predictions.unlabelled(data)
    return _dropped()


def _dropped() -> list[Picture]:
    files = st.file_uploader(
        "Drop pictures here",
        type=[suffix[1:] for suffix in IMAGE_SUFFIXES],
        accept_multiple_files=True,
        key="predict_files",
        help="They stay on this machine, in the cache folder. Use pictures as the network was trained on: same "
        "microscope, same magnification.",
    )
    read, problems = _read(files or [])
    for problem in problems:
        st.error(f"{literal(problem)} It is left out.", icon=":material/broken_image:")
    names = uploads.unique_names(given for given, *_ in read)
    for (given, *_), name in zip(read, names):
        if given != name:
            st.caption(f"`{uploads.shown_name(given)}` is called `{name}` in the results.")
    return [Picture(name, path, shape) for name, (_, path, shape) in zip(names, read)]


def _read(files: list) -> tuple[list[tuple[str, Path, tuple[int, int]]], list[str]]:
    """(name given, file kept, shape) of what can be read, and a line for each of what cannot; each is read once."""
    known = st.session_state.setdefault("predict_kept", {})
    new = [file for file in files if file.file_id not in known]
    bar = st.progress(0.0, text="Reading …") if len(new) > 3 else None
    for number, file in enumerate(new):
        if bar:
            bar.progress(number / len(new), text=f"Reading {number + 1} of {len(new)}")
        try:
            path = uploads.keep(file.getvalue(), file.name)
            known[file.file_id] = (file.name, path, uploads.checked(path, file.name))
        except (InputError, OSError) as error:
            known[file.file_id] = str(error)
    if bar:
        bar.empty()
    found = [known[file.file_id] for file in files]
    return [f for f in found if not isinstance(f, str)], [f for f in found if isinstance(f, str)]


def _start(run: Run, checkpoint: str, pictures: list[Picture]) -> None:
    try:
        model = run.config().model
    except InputError as error:
        st.error(literal(error), icon=":material/error:")
        return
    told = predictions.warning(model, [picture.shape for picture in pictures])
    if told:
        st.warning(told, icon=":material/grid_on:")
    n = len(pictures)
    label = f"Predict {n:,} {'picture' if n == 1 else 'pictures'}" if n else "Predict"
    if st.button(label, type="primary", icon=":material/play_arrow:", key="predict_start", disabled=not n):
        try:
            job = predictions.start(run, checkpoint, pictures)
        except (InputError, OSError) as error:
            st.error(literal(error), icon=":material/error:")
            return
        st.query_params["job"] = job.id
        st.session_state["predict_at"] = 0


# ---- what came of it


def _results() -> None:
    job_id = st.query_params.get("job")
    if not job_id:
        st.caption("The masks appear here; they can be downloaded with a table of areas and counts.")
        return
    try:
        task = predictions.task(job_id)
    except InputError as error:
        st.info(str(error), icon=":material/info:")
        return
    standing = progress.of_job(task.job)
    if standing.live:
        _watch(task)
        return
    if standing.state != "done":
        progress.draw(standing, key="predict")
        return
    try:
        _show(task)
    except InputError as error:
        st.error(literal(error), icon=":material/error:")


@st.fragment(run_every=0.7)
def _watch(task: Task) -> None:
    standing = progress.of_job(task.job)
    if not standing.live:
        st.rerun()
    progress.draw(standing, key="predict", cancel=task.job.cancel)


def _show(task: Task) -> None:
    threshold = _threshold()
    rows = predictions.table(task.job, threshold)
    _said(task, rows, threshold)
    at = min(st.session_state.get("predict_at", 0), len(rows) - 1)
    _steps(rows, at)
    _viewer(task, rows[at], at, threshold)
    _summary(rows[at])
    _table(rows, at)
    _downloads(task, rows, threshold)


def _threshold() -> float:
    """Where the viewer's slider was let go."""
    viewer = st.session_state.get("predict_viewer")
    value = viewer.get("threshold") if viewer else None
    if value is not None:
        st.session_state["predict_threshold"] = float(value)
    return st.session_state.get("predict_threshold", outputs.THRESHOLD)


def _said(task: Task, rows: list[dict], threshold: float) -> None:
    run, n = task.run, len(rows)
    there = (run.folder / "config.json").is_file()
    iou = run.best_iou() if there else None
    mark = "" if run.independent else f", {NOT_INDEPENDENT}"
    score = f" (pooled val IoU {iou:.4f}{mark})" if iou is not None and task.checkpoint == "best" else ""
    what = "picture" if n == 1 else "pictures"
    gone = "" if there else " (this run is not there any more)"
    st.markdown(
        f"**{n:,} {what}** predicted by run **{run.name}**{gone}, checkpoint **{task.checkpoint}**{score}, "
        f"threshold **{threshold:.2f}**.",
        help=f"{explain('threshold')} Move the slider below, and all that follows changes. {explain('pooled iou')}",
    )
    model = predictions.model_of(run)
    told = model and predictions.warning(model, [(row["height"], row["width"]) for row in rows])
    if told:
        st.warning(told, icon=":material/grid_on:")


def _steps(rows: list[dict], at: int) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button("Previous", key="predict_previous", shortcut="Left", disabled=at == 0, on_click=_go, args=(at - 1,))
        last = at == len(rows) - 1
        st.button("Next", key="predict_next", shortcut="Right", disabled=last, on_click=_go, args=(at + 1,))
        st.markdown(f"**{rows[at]['image']}**", width="content")
        st.caption(f"{at + 1:,} of {len(rows):,}", width="content")


def _go(at: int) -> None:
    st.session_state["predict_at"] = at


def _viewer(task: Task, row: dict, at: int, threshold: float) -> None:
    synced_viewer(
        routes.source_url(task.job, at),
        probability_url=routes.result_url(task.job, f"{outputs.stem_of(row)}_probability.png"),
        threshold=threshold,
        key="predict_viewer",
        title=row["image"],
    )


def _summary(row: dict) -> None:
    st.markdown(
        f"**{row['foreground_px']:,} px** are cell, {row['foreground_share']:.1%} of the picture, in "
        f"**{row['components']:,}** connected {'patch' if row['components'] == 1 else 'patches'}.",
        help="A patch is an 8-connected component: cells that touch count as one.",
    )


def _table(rows: list[dict], at: int) -> None:
    number = st.column_config.NumberColumn
    table = pd.DataFrame(rows)[["image", "foreground_px", "foreground_share", "components", "height", "width"]]
    columns = {
        "image": st.column_config.TextColumn("Picture"),
        "foreground_px": number("Foreground (px)", format="localized", help="Pixels at or above the threshold."),
        "foreground_share": number("Foreground share", format="percent"),
        "components": number("Connected components", help="8-connected patches: cells that touch count as one."),
        "height": number("Height (px)"),
        "width": number("Width (px)"),
    }
    picked = st.dataframe(
        table,
        hide_index=True,
        column_config=columns,
        on_select="rerun",
        selection_mode="single-row",
        key="predict_table",
        height=min(35 * (len(rows) + 1) + 3, 320),
    )
    chosen = picked.selection.rows
    if chosen and chosen[0] != st.session_state.get("predict_row"):  # act on a click once, arrows must work after it
        st.session_state["predict_row"] = chosen[0]
        if chosen[0] != at:
            _go(chosen[0])
            st.rerun()


def _downloads(task: Task, rows: list[dict], threshold: float) -> None:
    stems, name = [outputs.stem_of(row) for row in rows], uploads.safe_name(task.run.name.replace("/", "-"))
    with st.container(horizontal=True, vertical_alignment="center"):
        probabilities = st.checkbox(
            "With probabilities", key="predict_probabilities", help="Adds <stem>_probability.png: 0 to 255 for 0 to 1."
        )
        st.download_button(
            "Masks (zip)",
            partial(outputs.packed, task.job.result, stems, threshold, probabilities),
            file_name=f"masks-{name}.zip",
            mime="application/zip",
            icon=":material/download:",
            key="predict_zip",
            on_click="ignore",
            help="<stem>.png of every picture: 0 background, 255 cell, at the threshold above.",
        )
        st.download_button(
            "Table (CSV)",
            outputs.as_csv(rows),
            file_name=f"areas-{name}.csv",
            mime="text/csv",
            icon=":material/table_view:",
            key="predict_csv",
            on_click="ignore",
            help="One line a picture: foreground area in px, its share, and connected components.",
        )


main()
