"""Setting up a training: the form on one half of the page, the network it describes drawn on the other."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from seglib.augment.recipe import list_recipes
from seglib.data.dataset import Dataset
from seglib.exceptions import InputError
from seglib.models import listing, plan
from seglib.runs.store import portable
from seglib.training.config import PRESETS, Config
from ui import clone, drawing, form, form_sections, navigation, registry, state
from ui.components.drawing import drawing as show

PRESET = "train_preset"
PRESET_HELP = (
    "Fills the form; then change what you like. quick: a good network in minutes. exercise: the plain U-Net of the "
    "sheet. best: takes longer, for the highest IoU."
)


def draw(entry: registry.Entry, data: Dataset | None, card: Callable[[Config | None, str], None]) -> None:
    """Both halves; `card(config, problem)` draws what stands under the network.

    config is None where the form is not understood; problem says why it cannot be started ('' if it can).
    """
    form.collect()
    models = [model.name for model in listing.model_names()]
    hidden = () if data is not None and any(record.fold is not None for record in data.records) else ("data.fold",)
    halves = st.grid(2, min_column_width=400, gap="small")
    with halves.cell(), st.container(border=True):
        _fill_from()
        clone.undo_line()
        _broken_models()
        form_sections.draw_basic(models)
        _recipe_row()
        form_sections.draw_limits()
        form_sections.draw_changes()
        form_sections.draw_advanced(models, hidden)
    config, problem = _checked(entry, data)
    with halves.cell():
        with st.container(border=True):
            _network(config)
        card(config, problem)
    clone.draw(hidden)


def _fill_from() -> None:
    st.session_state[PRESET] = form.base()
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        st.segmented_control(
            "Start from", list(PRESETS), key=PRESET, required=True, on_change=_fill_preset, help=PRESET_HELP
        )
        clone.button(state.all_runs())


def _fill_preset() -> None:
    form.fill_preset(st.session_state[PRESET])
    clone.forget_undo()


def _broken_models() -> None:
    problem = listing.problem()
    if problem is not None:
        where = f"{portable(problem.file)}, line {problem.line}" if problem.line else portable(problem.file)
        st.warning(f"{where}: {problem.message}. Its classes are left out; the rest works.", icon=":material/code_off:")


def _recipe_row() -> None:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        form_sections.draw_recipe()
        named = st.session_state[form.RECIPE_NAME]
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
