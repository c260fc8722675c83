""" "Where is the model weak?": val IoU of the run in view over two augmentation parameters, beside the recipe."""

from __future__ import annotations

from typing import Any

import streamlit as st

from seglib.augment.recipe import Recipe
from seglib.data.splits import NOT_INDEPENDENT
from seglib.exceptions import InputError
from seglib.experiments import advice
from seglib.experiments import weakness as maps
from seglib.experiments.advice import Advice
from seglib.experiments.axes import axis
from seglib.experiments.grid import Cell
from seglib.experiments.weakness import WeaknessMap
from seglib.runs import jobs
from seglib.runs.store import Run
from seglib.settings import merge, nest
from ui import heat_map, navigation, predictions, progress, recipe_hand, state, weak_images, weak_settings
from ui.errors import lost
from ui.glossary import explain
from ui.literal import literal
from ui.weak_settings import Question

SWITCHED_ON = 0.3  # probability that "Use this range" gives to a part that was off
_RATIOS = {heat_map.POOLED: "Pooled", heat_map.MEAN: "Mean"}


def draw() -> None:
    st.header("Where is the model weak?", anchor=False)
    st.caption(
        "The val images of a run, changed by one fixed amount at a time, predicted and scored. Where the IoU falls "
        "within what your microscope does, the recipe should reach further."
    )
    run = state.current_run()
    if run is None:
        _without_run()
        return
    if not predictions.weights_of(run):
        st.info(f"Run **{run.name}** has left no weights yet: wait for its first validation.", icon=":material/info:")
        return
    try:
        _section(run)
    except InputError as error:
        st.error(literal(error), icon=":material/error:")


def _without_run() -> None:
    st.info("No run on this data set yet: there is no network to ask.", icon=":material/model_training:")
    navigation.link("train", "Train a network")
    lost.other_runs()


def _section(run: Run) -> None:
    dataset = weak_settings.own_data(run)
    if not dataset.indices("val"):
        st.info(
            f"Run **{run.name}** has no validation set, so there are no images to ask it about that it did not learn "
            "from. Make a split on the Data page and train again.",
            icon=":material/info:",
        )
        navigation.link("data", "Choose a split")
        return
    question = weak_settings.choose(run, dataset)
    _warn(question)
    job = question.job
    standing = job.state() if (job.folder / "job.json").exists() else None
    if standing is not None and standing.live:
        _watch(question, job)
        return
    if standing is None or standing.name != "done":
        _start_line(question, job, standing is not None)
    found = maps.read(job.result)
    if found is not None:
        _show(question, job, found)


def _warn(question: Question) -> None:
    """What makes the IoU flatter."""
    if not question.dataset.independent:
        st.caption(f":material/info: Train and val are {NOT_INDEPENDENT}: the IoU flatters.")
    learned = weak_settings.not_val_then(question)
    if learned:
        st.warning(
            f"{len(learned)} of these {question.n_images} images, such as {learned[0]}, were not val when run "
            f"{question.run.name} was trained: the split has changed since. The IoU flatters if it learned from them.",
            icon=":material/call_split:",
        )


def _start_line(question: Question, job: jobs.Job, tried: bool) -> None:
    if tried:
        progress.draw(progress.of_job(job), key="weak_job")
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            "Compute it again" if tried else "Compute the map",
            icon=":material/play_arrow:",
            type="primary",
            key="weak_start",
            on_click=_start,
            args=(question.inputs,),
        )
        st.caption(f"Run **{question.run.name}**. {weak_settings.expected(question)}")


def _start(inputs: dict[str, Any]) -> None:
    jobs.start(maps.KIND, inputs, again=True)


@st.fragment(run_every=1.5)
def _watch(question: Question, job: jobs.Job) -> None:
    """The bar with Cancel, and the map as far as it is; the page is drawn anew when the job ends."""
    standing = progress.of_job(job)
    progress.draw(standing, key="weak_job", cancel=job.cancel)
    found = maps.read(job.result)
    if found is not None:
        _figure(question, job, found, heat_map.POOLED)
    if not standing.live:
        st.rerun()


def _show(question: Question, job: jobs.Job, found: WeaknessMap) -> None:
    row = st.grid(2, min_column_width=430, gap="large")
    left, right = row.cell(), row.cell()
    with right:
        which = heat_map.POOLED
        if found.grid.y:
            which = st.segmented_control(
                "IoU",
                list(_RATIOS),
                default=heat_map.POOLED,
                required=True,
                key="weak_ratio",
                format_func=_RATIOS.get,
                help=f"{explain('pooled iou')} {explain('mean iou')}",
            )
        _advise(question, found)
    with left:
        picked = _figure(question, job, found, which)
        _legend(question, found)
    _images(job, found, picked)


def _recipes(question: Question) -> dict[str, Recipe]:
    return {
        heat_map.IN_HAND: recipe_hand.recipe(),
        heat_map.TRAINED: question.run.config().recipe,
    }


def _figure(question: Question, job: jobs.Job, found: WeaknessMap, which: str) -> Cell | None:
    """Draw it; the cell that was clicked."""
    event = st.plotly_chart(
        heat_map.figure(found, _recipes(question), which),
        key=f"weak_map_{job.id[:16]}",
        on_select="rerun",
        selection_mode="points",
        config={"displayModeBar": False},
    )
    points = event["selection"]["points"] if event else []
    cell = tuple(points[0]["customdata"]) if points and points[0].get("customdata") else None
    return cell if cell in found.scores else None


def _legend(question: Question, found: WeaknessMap) -> None:
    """What the frames mean in figures, and what the numbers are of."""
    lines = []
    for name, recipe in _recipes(question).items():
        ranges = (f"{a.title.lower()} {_range(a.path, recipe)}" for a in found.grid.axes)
        lines.append(f"**{name.capitalize()}**: {', '.join(ranges)}.")
    turned = question.run.config().recipe.quarter_turns.probability
    if turned and "rotation.angle_deg" in (found.grid.x, found.grid.y):
        lines.append(f"Quarter turns (trained with in {turned:.0%} of the samples) are not in the frames.")
    mark = "◆ is no change. " if any(map(found.grid.is_neutral, found.grid.cells())) else ""
    pooled, mean = (f"{getattr(found.baseline, which):.4f}" for which in _RATIOS)
    lines.append(
        f"{mark}Unchanged, the {len(found.images)} images have a pooled IoU of {pooled} and a mean IoU of {mean}, at "
        f"threshold {found.threshold:g}. Images are normalised ({found.normalisation}) first and changed then, as in "
        "training; corners that show nothing of the image are not scored. Turning, scaling and bending resample image "
        "and mask, which costs a little at any amount."
    )
    st.caption("  \n".join(lines))


def _range(path: str, recipe: Recipe) -> str:
    of, part = axis(path), getattr(recipe, path.partition(".")[0])
    low, high = getattr(part, path.partition(".")[2])
    if not part.probability:
        return "never"
    return f"{of.said(low)} to {of.said(high)} in {part.probability:.0%} of the samples"


def _advise(question: Question, found: WeaknessMap) -> None:
    tolerance = st.number_input(
        "Weak is a loss of IoU above",
        0.001,
        0.5,
        advice.TOLERANCE,
        0.005,
        format="%.3f",
        key="weak_tolerance",
        help="Against the pooled IoU of the unchanged images.",
        width=220,
        persist_state="session",
    )
    recipes = _recipes(question)
    if line := advice.summary(found, tolerance):
        st.markdown(f"**{line}**")
    for one in advice.advise(found, recipes[heat_map.IN_HAND], recipes[heat_map.TRAINED], tolerance):
        icon = ":orange[:material/warning:]" if one.weak else ":green[:material/check:]"
        st.markdown(f"{icon} {one.text}")
        if one.proposed is not None:
            _use_button(one, recipes[heat_map.IN_HAND])


def _use_button(one: Advice, recipe: Recipe) -> None:
    of, off = axis(one.path), getattr(recipe, axis(one.path).part).probability == 0
    low, high = (of.said(value) for value in one.proposed)
    st.button(
        f"Use this range: {low} to {high}",
        icon=":material/edit:",
        key=f"weak_use_{one.path}",
        on_click=use,
        args=(one.path, one.proposed),
        help=f"Writes it into the recipe in hand{f', in {SWITCHED_ON:.0%} of the samples' if off else ''}; the sliders "
        "above follow. Nothing is saved until you save it.",
    )


def use(path: str, limits: tuple[float, float]) -> None:
    """Write a range into the recipe in hand; a part that is off is switched on."""
    part = axis(path).part
    change: dict[str, Any] = {path: list(limits)}
    if not recipe_hand.in_hand()[part]["probability"]:
        change[f"{part}.probability"] = SWITCHED_ON
    recipe_hand.change(merge(recipe_hand.in_hand(), nest(change)))


def _images(job: jobs.Job, found: WeaknessMap, picked: Cell | None) -> None:
    """The worst images of the cell that was clicked, of the lowest one until then."""
    scored = {
        cell: s.pooled_iou for cell, s in found.scores.items() if cell is not None and s.pooled_iou == s.pooled_iou
    }
    if not scored:
        return
    cell = picked or min(scored, key=scored.get)
    intro = "" if picked else "The weakest cell; click another one in the map. "
    st.markdown(f"**The worst images** · {heat_map.told(found, cell, ' · ')}")
    st.caption(
        f"{intro}Green: the mask's outline, orange: the prediction's; dimmed: shows nothing of the image, not scored. "
        "After each IoU what it was on the unchanged image."
    )
    weak_images.draw(job, found, cell)
