"""Train: set up a network, see what it is and how long it takes, start it, watch it; the list of all runs."""

from __future__ import annotations

import re

import streamlit as st

from seglib.augment.recipe import list_recipes
from seglib.data.dataset import Dataset
from seglib.exceptions import InputError
from seglib.models import listing, plan
from seglib.runs import estimate, launcher
from seglib.runs.store import Run, portable
from seglib.settings import plain
from seglib.training.command import train_command
from seglib.training.config import PRESETS, Config, resolve
from ui import drawing, form, live_training, navigation, progress, registry, run_list, state
from ui.components.drawing import drawing as show
from ui.literal import literal

NEW, CURVES = "New training", "Curves"
PRESET_HELP = (
    "Fills the form; then change what you like. quick: a good network in minutes. exercise: the plain U-Net of the "
    "sheet. best: takes longer, for the highest IoU."
)


def main() -> None:
    st.title("Train")
    try:
        entry = state.current_entry()
    except InputError as error:
        st.error(literal(error), icon=":material/folder_off:")
        st.stop()
    data = _data_or_line()
    runs, current = state.runs_of(entry), state.current_run()
    if _view(current) == CURVES:
        _curves(current, data)
    else:
        _live_line(runs)
        _new_training(entry, data, runs)
    picked = run_list.draw(runs, current)
    if picked is not None:
        run_list.draw_actions(picked, mine=picked.data_path() == entry.path.resolve())


def _data_or_line() -> Dataset | None:
    """The data set in view; without one there is nothing to train on, but runs can still be looked at."""
    try:
        return state.current_dataset()
    except InputError as error:
        state.say_not_opened(error)
        return None


def _view(current: Run | None) -> str:
    """Setting up or watching; a run in view that still trains is watched."""
    if "train_view_next" in st.session_state:
        st.session_state["train_view"] = st.session_state.pop("train_view_next")
    if form.take_recipe() | form.take_normalisation():  # both are taken
        st.session_state["train_view"] = NEW
    if "train_view" not in st.session_state:
        st.session_state["train_view"] = CURVES if current is not None and current.state().live else NEW
    return st.segmented_control("View", [NEW, CURVES], key="train_view", required=True, label_visibility="collapsed")


def _live_line(runs: list[Run]) -> None:
    """Somebody is training on this data set already: say so, one click away."""
    for run in (run for run in runs if run.state().live):
        with st.container(horizontal=True, vertical_alignment="center", border=True):
            progress.badge(run.state().name)
            st.markdown(f"**{run.name}** · {progress.line(progress.of_run(run))}", width="stretch")
            st.button("Watch", key=f"train_watch_{run.id}", on_click=run_list.watch, args=(run,))


def _curves(current: Run | None, data: Dataset | None) -> None:
    if current is None:
        st.info("No run on this data set yet: set one up under **New training**.", icon=":material/info:")
        return
    live_training.draw(current, data)


# -- setting up


def _new_training(entry: registry.Entry, data: Dataset | None, runs: list[Run]) -> None:
    form.values()
    models = [model.name for model in listing.model_names()]
    halves = st.grid(2, min_column_width=400, gap="small")
    with halves.cell(), st.container(border=True):
        _fill_from(runs)
        _broken_models()
        form.draw_basic(models)
        _recipe_row()
        form.draw_limits()
        folds = data is not None and any(record.fold is not None for record in data.records)
        form.draw_advanced(models, hidden=() if folds else ("data.fold",))
    config, problem = _checked(entry, data)
    with halves.cell():
        with st.container(border=True):
            _network(config)
        with st.container(border=True):
            _start_card(config, problem, data)


def _fill_from(runs: list[Run]) -> None:
    st.session_state.setdefault("train_preset", "quick")
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        st.segmented_control(
            "Start from", list(PRESETS), key="train_preset", required=True, on_change=_fill_preset, help=PRESET_HELP
        )
        if runs:
            names = {run.id: run.name for run in runs}
            st.selectbox(
                "or from a run",
                list(names),
                index=None,
                key="train_clone",
                format_func=lambda run_id: names.get(run_id, run_id),
                on_change=_fill_run,
                placeholder="its settings",
                help="Fills the form with all settings of that run, augmentation included.",
            )


def _fill_preset() -> None:
    form.fill(plain(resolve(st.session_state["train_preset"])))
    st.session_state["train_clone"] = None


def _fill_run() -> None:
    run = next((r for r in state.all_runs() if r.id == st.session_state["train_clone"]), None)
    if run is None:
        return
    try:
        form.fill(plain(run.config()), recipe_label=f"as in {run.name}")
    except InputError as error:
        st.session_state["train_error"] = str(error)


def _broken_models() -> None:
    problem = listing.problem()
    if problem is not None:
        where = f"{portable(problem.file)}, line {problem.line}" if problem.line else portable(problem.file)
        st.warning(f"{where}: {problem.message}. Its classes are left out; the rest works.", icon=":material/code_off:")


def _recipe_row() -> None:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        form.draw_recipe()
        named = st.session_state["train_recipe_name"]
        navigation.link("augment", "See and tune it", **({"recipe": named} if named in list_recipes() else {}))


def _checked(entry: registry.Entry, data: Dataset | None) -> tuple[Config | None, str]:
    """The config the form stands for, and why it cannot be started ('' if it can)."""
    where = {"path": portable(entry.path), "grouping": entry.grouping, "split": entry.split}
    if entry.fold is not None and form.values().get("data.fold") is None:
        where["fold"] = entry.fold
    try:
        config = form.config(where)
    except InputError as error:
        return None, str(error)
    if data is None:
        return config, "The data set cannot be opened; the lines at the top say why."
    if not data.indices("train"):
        return (
            config,
            "No image with a mask is on the train side: nothing to train on. Look at the Data page.",
        )
    known = [model.name for model in listing.model_names()]
    if config.model.name not in known:
        return config, f"There is no network {config.model.name!r}; there are: {', '.join(known)}."
    if config.model.name in listing.BUILT_IN_NAMES and config.model.extra:
        return config, f"{config.model.name} takes no arguments of your own: empty the field Extra."
    return config, ""


def _network(config: Config | None) -> None:
    """The drawing and its figures."""
    if config is None:
        st.caption("The network is drawn as soon as the form is understood.")
        return
    model, crop = config.model, config.data.crop_px
    show(drawing.unet_svg(model, crop), key="train_drawing")
    seen, many = plan.receptive_field_px(model), drawing.compact(plan.n_parameters(model))
    st.markdown(
        f"**{many}** parameters · one pixel sees **{seen} px** · crops of **{crop} px**",
        help=_sees(seen, crop),
    )
    if model.name != "UNet":
        about = next((entry.doc for entry in listing.model_names() if entry.name == model.name), "")
        st.caption(f"**{model.name}** {about} Drawn and counted as the U-Net it starts from.")


def _sees(seen: int, crop: int) -> str:
    more = f" More than a crop of {crop} px holds." if seen > crop else ""
    return f"Parameters: trainable numbers. Sees: side of the square of input that can sway one output pixel.{more}"


def _start_card(config: Config | None, problem: str, data: Dataset | None) -> None:
    if config is not None and data is not None and data.indices("train"):
        _expected(config, data)
    if st.session_state.pop("train_clear_name", False):
        st.session_state["train_name"] = ""
    name = st.text_input(
        "Name", key="train_name", placeholder="optional; else date, network and loss", max_chars=100, help="Of the run."
    )
    run_id = _run_id(name)
    problem = problem or _taken(run_id)
    started = st.button(
        "Start training",
        type="primary",
        icon=":material/play_arrow:",
        key="train_start",
        disabled=bool(problem),
        help=problem or None,
        width="stretch",
    )
    if problem:
        st.error(literal(problem), icon=":material/block:")
    if message := st.session_state.pop("train_error", None):
        st.error(literal(message), icon=":material/error:")
    for warning in config.recipe.warnings() if config is not None else ():
        st.warning(f"{warning} See what it does under **Augment**.", icon=":material/warning:")
    if config is not None:
        with st.expander("The same on the command line", icon=":material/terminal:", key="train_command"):
            st.code(
                train_command(config, st.session_state["train_preset"], run_id or "my-run"), "bash", wrap_lines=True
            )
    if started and config is not None:
        _start(config, run_id, name)


def _expected(config: Config, data: Dataset) -> None:
    """How long it will take, said before it starts."""
    try:
        work = _work(data, config.data.crop_px)
        expected = estimate.estimate(config, work, state.all_runs())
    except InputError as error:
        st.caption(f":material/schedule: How long it takes cannot be told: {error}")
        return
    given = config.training.minutes is not None and expected.minutes == config.training.minutes
    minutes = f"{expected.minutes:g} min" if given else f"about {progress.duration(expected.minutes * 60)}"
    about = "at most " if given and config.training.patience else ""
    steps = f"{'about ' if given else ''}{expected.steps:,} steps ({_epochs(expected.epochs)})"
    st.markdown(f":material/schedule: **{about}{minutes}**, {steps}", help=expected.explanation + _counted())
    st.caption(expected.explanation)
    if not data.indices("val"):
        st.caption(":material/info: No validation set: nothing will be scored, the last weights count as the best.")


def _epochs(epochs: float) -> str:
    text = f"{epochs:.1g}" if epochs < 1 else f"{epochs:.0f}"
    return f"{text} {'epoch' if text == '1' else 'epochs'}"


def _counted() -> str:
    return " Training and validation; starting up takes some seconds more."


@st.cache_data(max_entries=32, show_spinner=False, hash_funcs={Dataset: lambda d: (str(d.path), d.records)})
def _work(data: Dataset, crop_px: int) -> estimate.Work:
    return estimate.work(data, crop_px)


def _run_id(name: str) -> str | None:
    """A folder's name made of what the person typed; None for none."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name.strip()).strip("-._")[:100] or None


def _taken(run_id: str | None) -> str:
    taken = run_id is not None and any(run.id == run_id for run in state.all_runs())
    return f"A run called {run_id} exists already; choose another name." if taken else ""


def _start(config: Config, run_id: str | None, name: str) -> None:
    try:
        run = launcher.start(config, run_id, name=name if run_id and name.strip() != run_id else "")
    except InputError as error:
        st.session_state["train_error"] = str(error)
        st.rerun()
    state.choose_run(run.id)
    st.session_state["train_view_next"] = CURVES
    st.session_state["train_clear_name"] = True
    st.rerun()


main()
