"""What a weakness map is asked: two parameters, their values, how many images. Widgets -> the inputs of the job."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import streamlit as st

from seglib.augment.draw import Draw
from seglib.augment.recipe import Elastic
from seglib.data.dataset import Dataset
from seglib.exceptions import InputError
from seglib.experiments import weakness as maps
from seglib.experiments.axes import AXES, MOST_VALUES, Axis, axis
from seglib.experiments.grid import Grid
from seglib.runs import estimate, jobs
from seglib.runs.store import Run
from ui import opened, predictions, progress, state
from ui.glossary import explain

ELASTIC = "elastic.displacement_px"
CURVE = "none: a curve"
STEPS = (6, 12, 24, 48, 96)  # numbers of images that are offered, and all
AIM_S = 75.0  # the number chosen at first is the largest that takes no longer
_OF = "weak_"  # of the keys of all widgets here


@dataclass(frozen=True)
class Question:
    """What is asked. dataset: the run's own images, split as the run had them."""

    run: Run
    dataset: Dataset
    grid: Grid
    inputs: dict[str, Any]

    @property
    def job(self) -> jobs.Job:
        return jobs.find(maps.KIND, self.inputs)

    @property
    def n_images(self) -> int:
        return len(self.inputs["indices"])


def own_data(run: Run) -> Dataset:
    """The run's images where the data set in view lies, kept open. Raises InputError where they do not open."""
    entry, data = state.current_entry(), run.config().data
    return opened.dataset_of(replace(entry, grouping=data.grouping, split=data.split, fold=data.fold))


def choose(run: Run, dataset: Dataset) -> Question:
    """Draw the widgets. Raises InputError for values that make no map."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        x = st.selectbox("Across", list(AXES), key=f"{_OF}x", format_func=_titled, width=200, persist_state="session")
        others = [CURVE, *(path for path in AXES if path != x)]
        if st.session_state.get(f"{_OF}y", ELASTIC) not in others:
            st.session_state[f"{_OF}y"] = "rotation.angle_deg"
        first = others.index(ELASTIC) if ELASTIC in others else 0
        y = st.selectbox(
            "Up", others, index=first, key=f"{_OF}y", format_func=_titled, width=200, persist_state="session"
        )
        which = _weights(run)
        images = st.empty()
    with st.expander("Values and threshold", icon=":material/tune:"):
        x_values = _values(axis(x))
        y_values = _values(axis(y)) if y != CURVE else ()
        with st.container(horizontal=True, gap="small"):
            sigma = _sigma() if ELASTIC in (x, y) else Draw.sigma_px
            threshold = _number("Threshold", "threshold", 0.5, 0.01, 1.0, 0.05, explain("threshold"))
    grid = Grid(x, x_values, y if y != CURVE else None, y_values, sigma)
    with images:
        n_images = _images(run, which, dataset, grid, threshold)
    return Question(run, dataset, grid, maps.inputs(run, which, dataset, grid, n_images, threshold))


def _titled(path: str) -> str:
    return path if path == CURVE else axis(path).title


def _weights(run: Run) -> str:
    found = predictions.weights_of(run)
    if len(found) == 1:
        return found[0]
    return st.segmented_control(
        "Checkpoint", found, default=found[0], required=True, key=f"{_OF}which", help=explain("checkpoint")
    )


def _values(of: Axis) -> tuple[float, ...]:
    """From, to and how many of one parameter."""
    spec = of.spec
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        unit = f" ({of.unit})" if of.unit else ""
        low = _number(f"{of.title}: from{unit}", f"{of.path}_low", of.low, spec.low, spec.high, spec.step, spec.help)
        high = _number(f"to{unit}", f"{of.path}_high", of.high, spec.low, spec.high, spec.step)
        n = int(_number("values", f"{of.path}_n", of.n, 2, MOST_VALUES, 1))
        values = of.values(low, high, n)
        st.caption(", ".join(f"{value:g}" for value in values))
    return values


def _number(
    label: str, key: str, value: float, low: float, high: float, step: float, about: str | None = None
) -> float:
    return st.number_input(
        label, low, high, value, step, key=f"{_OF}{key}", help=about, width=190, persist_state="session"
    )


def _sigma() -> float:
    sigma = _number("Sigma of the bending (px)", "sigma", Draw.sigma_px, 3.0, 200.0, 1.0, explain("elastic sigma"))
    limit = Elastic.folding_limit(sigma)
    st.caption(f"At {sigma:g} px cells fold over themselves above a displacement of {limit:.3g} px.")
    return sigma


def not_val_then(question: Question) -> list[str]:
    """Images asked about that were not val when the run was trained."""
    inputs = question.inputs
    stamp = f"{question.run.folder}|{inputs['files']}|{inputs['checkpoint']}|{question.run.progress().best_step}"
    return _not_val_then(stamp, question)


@st.cache_data(max_entries=32, show_spinner=False)
def _not_val_then(stamp: str, _question: Question) -> list[str]:
    return maps.not_val_then(_question.run, _question.dataset, _question.inputs["indices"])


# ---- how many images, how long


def _images(run: Run, which: str, dataset: Dataset, grid: Grid, threshold: float) -> int:
    n_val = len(dataset.indices("val"))
    options = [n for n in STEPS if n < n_val] + ([n_val] if n_val else [])
    if not options:
        raise InputError("this data set has no validation set: nothing says how the network does on unseen images.")
    key = f"{_OF}images_{n_val}"
    if st.session_state.get(key) not in options:
        st.session_state[key] = _first(run, which, dataset, grid, threshold, options)
    return st.selectbox(
        "Val images",
        options,
        key=key,
        format_func=lambda n: f"all {n}" if n == n_val else f"{n} of {n_val}",
        help="Drawn once, from every group in turn; the same for every cell and every map.",
        width=130,
        persist_state="session",
    )


def _first(run: Run, which: str, dataset: Dataset, grid: Grid, threshold: float, options: list[int]) -> int:
    """A number for which the map is there already; else as many as fit into about a minute."""
    for n in reversed(options):
        job = jobs.find(maps.KIND, maps.inputs(run, which, dataset, grid, n, threshold))
        if (job.folder / "job.json").exists() and job.state().name == "done":
            return n
    seconds, _, _ = _prediction_s(run, dataset)
    fitting = [n for n in options if n * len(grid.cells()) * seconds <= AIM_S]
    return max(fitting, default=options[0])


def expected(question: Question) -> str:
    """`35 cells × 24 images, about 40 s …`"""
    n_cells = len(question.grid.cells())
    seconds, source, name = _prediction_s(question.run, question.dataset)
    whole = progress.duration(START_S + n_cells * question.n_images * seconds)
    rough = source == estimate.ROUGH
    basis = "a rough guess, within a factor of three" if rough else f"from the speed of run {name} on this machine"
    return f"{n_cells} cells × {question.n_images} images: about {whole} ({basis})."


START_S = 4.0  # until the worker has torch and the weights


def _prediction_s(run: Run, dataset: Dataset) -> tuple[float, str, str]:
    """Seconds for one image, and what says so."""
    others = [other for other in state.all_runs() if other != run]
    return estimate.prediction_s(run.config(), _image_px(dataset.path, opened.tag(dataset, 0), dataset), [run, *others])


@st.cache_data(max_entries=32, show_spinner=False)
def _image_px(path: object, tag: str, _dataset: Dataset) -> float:
    """Pixels of a val image: the mean of a few."""
    val = _dataset.indices("val")
    some = val[:: max(1, len(val) // 3)]
    return sum(_dataset.sample(i).labels.size for i in some) / len(some) if some else 0.0
