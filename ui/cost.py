"""What the recipe in hand costs: one line under the preview, and a table of its parts for who asks."""

from __future__ import annotations

import json
from typing import Any

import streamlit as st

from seglib.augment.recipe import Recipe
from seglib.data.dataset import Dataset
from seglib.data.sample import Sample
from seglib.exceptions import InputError
from seglib.experiments import cost
from seglib.experiments.cost import Cost, PartCost, Step
from seglib.runs import estimate
from seglib.runs.store import Run
from seglib.settings import build
from seglib.training.config import Config, resolve
from seglib.training.draws import Normalise
from ui import opened, recipe_hand, state

_OPEN = "cost_open"


@st.fragment
def draw(data: Dataset, index: int) -> None:
    """The line, for the image in view and the crop of the run in view (of a new run where there is none)."""
    try:
        run, config = _run()
        asked = _asked(data, index, config)
        found, step = _measured(*asked[:-1], asked[-1]), cost.step(config, _candidates(run))
    except InputError:
        return  # the preview above says what is wrong with the image or the recipe
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.caption(line(found, step, run), width="content")
        st.button(
            "Hide the parts" if st.session_state.get(_OPEN) else "Which part costs most?",
            key="cost_parts",
            type="tertiary",
            on_click=_toggle,
        )
    if st.session_state.get(_OPEN):
        _parts(found, asked)


def _toggle() -> None:
    st.session_state[_OPEN] = not st.session_state.get(_OPEN)


def _run() -> tuple[Run | None, Config]:
    run = state.current_run()
    return run, run.config() if run else resolve()


def _candidates(run: Run | None) -> list[Run]:
    """The run in view first: among equally similar ones it is the one that is named."""
    return [*([run] if run else []), *(other for other in state.all_runs() if other != run)]


def _asked(data: Dataset, index: int, config: Config) -> tuple[Any, ...]:
    """What the figures depend on, and the data set last."""
    recipe = json.dumps(recipe_hand.in_hand(), sort_keys=True)
    return recipe, opened.tag(data, index), index, config.data.crop_px, config.data.normalisation, data


@st.cache_data(max_entries=256, show_spinner=False)
def _measured(recipe: str, tag: str, index: int, crop_px: int, normalisation: str, _data: Dataset) -> Cost:
    return cost.measure(_sample(_data, index, normalisation), build(Recipe, json.loads(recipe)), crop_px)


@st.cache_data(max_entries=64, show_spinner="Switching off one part after the other …")
def _by_part(
    recipe: str, tag: str, index: int, crop_px: int, normalisation: str, _data: Dataset
) -> tuple[list[PartCost], float]:
    """The parts, and what a sample costs without any of them."""
    sample = _sample(_data, index, normalisation)
    return cost.by_part(sample, build(Recipe, json.loads(recipe)), crop_px), cost.measure(sample, Recipe(), crop_px).ms


def _sample(data: Dataset, index: int, normalisation: str) -> Sample:
    return Normalise(normalisation)(opened.sample(data, index))


def line(found: Cost, step: Step, run: Run | None) -> str:
    """`3.1 ms a sample · 4 samples a step = 9 % of a step of run quick-3 (142 ms) · …`"""
    parts = [f":material/timer: **{_ms(found.ms)} a sample** (crop of {found.crop_px} px)"]
    samples = f"{step.batch_size} {'sample' if step.batch_size == 1 else 'samples'}"
    parts.append(
        f"{samples} a step = **{step.share(found.ms):.0%}** of {_of_what(step, run)} ({_ms(1000 * step.seconds)})"
    )
    parts.append(_loader(found, step))
    return " · ".join(parts)


def _of_what(step: Step, run: Run | None) -> str:
    if step.source == estimate.MEASURED:
        return f"a step of run {step.run}"
    like = f"a step like those of run {run.name}" if run else "a step of a quick training"
    if step.source == estimate.SCALED:
        return f"{like}, estimated from the speed of run {step.run}"
    return f"{like}, guessed within a factor of three: no run was timed on this machine"


def _loader(found: Cost, step: Step) -> str:
    """Who prepares the samples, and whether the network would wait for them."""
    who = "one loader thread" if step.workers == 0 else f"{step.workers} loader processes"
    keeps = "keeps" if step.workers == 0 else "keep"
    if not step.limits(found.ms):
        return f"{who} {keeps} up"
    return f"{who} would **not** keep up: training.workers={step.workers_needed(found.ms)} would, on as many free cores"


def _ms(ms: float) -> str:
    return (
        f"{ms:.2f} ms"
        if ms < 1
        else f"{ms:.1f} ms"
        if ms < 10
        else f"{ms:.0f} ms"
        if ms < 2000
        else f"{ms / 1000:.1f} s"
    )


def _parts(found: Cost, asked: tuple[Any, ...]) -> None:
    parts, bare = _by_part(*asked)
    if not parts:
        st.caption(f"Every part of this recipe is off: {_ms(bare)} is cutting the crop.")
        return
    rows = [(p.name.replace("_", " ").capitalize(), f"{p.probability:.0%}", max(0.0, p.ms)) for p in parts]
    st.dataframe(
        {
            "Part": [row[0] for row in rows] + ["Cutting the crop"],
            "In so many samples": [row[1] for row in rows] + ["100%"],
            "ms a sample": [row[2] for row in rows] + [bare],
        },
        hide_index=True,
        width=430,
        height="content",
        column_config={
            "ms a sample": st.column_config.ProgressColumn(
                format="%.2f", min_value=0.0, max_value=max(found.ms, bare, *(row[2] for row in rows))
            )
        },
    )
    st.caption(
        "What a sample costs less, in the mean over the same draws, when this part alone is switched off. Rotation, "
        "scale and bending move all pixels in one go, so that switching off one of them alone saves little."
    )
