"""A form grown from the config's own metadata: one widget a setting, the basic ones in sight, the rest by section.

Values live in one dict in the session, not in the widgets: leaving the page and coming back changes nothing, and a
preset or another run fills them all at once. Keys of widgets are `train_` and the setting's path.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import streamlit as st

from seglib.augment.recipe import RECIPES_FOLDER, list_recipes, load_recipe
from seglib.exceptions import InputError
from seglib.settings import Spec, build, flatten, nest, plain, specs
from seglib.training.config import BUDGET, Config, resolve
from ui import recipe_bar
from ui.glossary import explain

VALUES, RECIPE, BROKEN = "train_values", "train_recipe", "train_broken"
NORMALISATION = "normalisation_for_training"  # the Train page starts with this one, sent by the Data page
SECTIONS = {
    "model": ("More on the network", ":material/account_tree:"),
    "loss": ("More on the loss", ":material/target:"),
    "optimizer": ("Optimiser", ":material/trending_down:"),
    "training": ("Training and device", ":material/timer:"),
    "data": ("Crops", ":material/crop:"),
}
# Asked elsewhere: the data set in the sidebar, its split when its folder is opened, the limits in a row of their own.
ELSEWHERE = {"data.path", "data.grouping", "data.split", *(f"training.{key}" for key in BUDGET)}
LABELS = {
    "model.name": "Network",
    "loss.name": "Loss",
    "optimizer.name": "Optimiser",
    "optimizer.lr": "Learning rate",
    "training.ema": "Average of weights",
    "data.normalisation": "Grey values",
    "model.norm": "Norm layer",
}


@dataclass(frozen=True)
class Chosen:
    """The recipe chosen: a name in recipes/, or the values of a run's own that has no name here."""

    label: str
    values: Mapping[str, Any] | None = None


def all_specs() -> list[Spec]:
    return [spec for spec in specs(Config) if not spec.path.startswith("recipe.") and spec.path not in ELSEWHERE]


def section(spec: Spec) -> str:
    return spec.path.partition(".")[0]


def concerns(spec: Spec, values: Mapping[str, Any]) -> bool:
    """Whether a setting matters for what is chosen: `focal: …` in its help means only with that loss."""
    losses, colon, _ = spec.help.partition(":")
    if spec.path.startswith("loss.") and spec.path != "loss.name" and colon:
        return values.get("loss.name") in {name.strip() for name in losses.split(",")}
    if spec.path == "model.extra":
        return values.get("model.name") != "UNet" or bool(values.get("model.extra"))
    return True


def values() -> dict[str, Any]:
    """What the form holds, by dotted path; at first the preset `quick`."""
    if VALUES not in st.session_state:
        fill(plain(resolve("quick")))
    return st.session_state[VALUES]


def fill(nested: Mapping[str, Any], recipe_label: str = "") -> None:
    """Put a whole config into the form. Call it from a callback, before the widgets are drawn."""
    recipe = nested.get("recipe", {})
    name = named(recipe)
    st.session_state[RECIPE] = Chosen(name) if name else Chosen(recipe_label or "of its own", recipe)
    flat = flatten({key: value for key, value in nested.items() if key != "recipe"})
    st.session_state[VALUES] = {key: value for key, value in flat.items() if key not in ("data.path",)}
    for key in [k for k in st.session_state if isinstance(k, str) and k.startswith("train_set_")]:
        del st.session_state[key]
    st.session_state.pop("train_recipe_name", None)
    st.session_state.pop(BROKEN, None)


def take_recipe() -> bool:
    """Take over the recipe that the Augment page sent along, once; whether there was one. Call before drawing."""
    name = st.session_state.pop(recipe_bar.FOR_TRAINING, None)
    if name is None:
        return False
    values()  # the preset first, so that the recipe stands over it
    st.session_state[RECIPE] = Chosen(name)
    st.session_state.pop("train_recipe_name", None)
    return True


def take_normalisation() -> bool:
    """Take over the normalisation that the Data page sent along, once; whether there was one. Call before drawing."""
    method = st.session_state.pop(NORMALISATION, None)
    if method is None:
        return False
    values()["data.normalisation"] = method
    st.session_state.pop("train_set_data.normalisation", None)
    return True


def named(recipe: Mapping[str, Any]) -> str | None:
    """The name of a saved recipe of these very values."""
    for name in list_recipes():
        try:
            if plain(load_recipe(name)) == recipe:
                return name
        except InputError:
            continue
    return None


def config(data: Mapping[str, Any]) -> Config:
    """The config the form stands for, on the data set `data` (path, grouping, split). Raises InputError."""
    if st.session_state.get(BROKEN):
        raise InputError(st.session_state[BROKEN])
    chosen: Chosen = st.session_state[RECIPE]
    recipe = dict(chosen.values) if chosen.values is not None else plain(load_recipe(chosen.label))
    nested = nest(values())
    nested["data"] = {**nested.get("data", {}), **data}
    return build(Config, {**nested, "recipe": recipe})


# -- drawing


def draw_basic(model_names: Iterable[str]) -> None:
    """The settings a first training needs, in a grid: network first, switches last."""
    order = list(SECTIONS)
    basic = [spec for spec in all_specs() if spec.basic]
    with _grid():
        for spec in sorted(basic, key=lambda s: (s.kind == "bool", order.index(section(s)))):
            widget(spec, model_names)


def _grid(columns: int = 3):
    return st.grid(columns, min_column_width=120, gap=("small", "small"), vertical_alignment="bottom")


def draw_limits() -> None:
    """When the training ends: minutes, steps, epochs; what is empty does not count."""
    limits = {spec.path: spec for spec in specs(Config) if spec.path in {f"training.{key}" for key in BUDGET}}
    with _grid():
        for key in ("minutes", "steps", "epochs"):
            widget(limits[f"training.{key}"])


def draw_advanced(model_names: Iterable[str], hidden: Iterable[str] = ()) -> None:
    """The rest, folded by section; sections with nothing to set are left out."""
    hidden = set(hidden)
    st.session_state.pop(BROKEN, None)  # set again below by a mapping that does not parse
    for name, (title, icon) in SECTIONS.items():
        rest = [s for s in all_specs() if section(s) == name and not s.basic and s.path not in hidden | ELSEWHERE]
        rest = [s for s in rest if concerns(s, values())]
        if not rest:
            continue
        with st.expander(title, icon=icon, key=f"train_more_{name}", type="compact"), _grid():
            for spec in sorted(rest, key=lambda s: s.kind == "bool"):
                widget(spec, model_names)


def draw_recipe() -> None:
    """The augmentation by name."""
    chosen: Chosen = st.session_state[RECIPE]
    names = list_recipes()
    options = names if chosen.label in names else [chosen.label, *names]
    st.session_state.setdefault("train_recipe_name", chosen.label)
    if st.session_state["train_recipe_name"] not in options:
        st.session_state["train_recipe_name"] = chosen.label
    picked = st.selectbox(
        "Augmentation", options, key="train_recipe_name", help=f"{explain('recipe')} Kept in {RECIPES_FOLDER.name}/."
    )
    if picked != chosen.label:
        st.session_state[RECIPE] = Chosen(picked)


def widget(spec: Spec, model_names: Iterable[str] = ()) -> None:
    """Draw one setting and take its value into the form."""
    key, held = f"train_set_{spec.path}", values()
    st.session_state.setdefault(key, _shown(spec, held.get(spec.path, spec.default)))
    label = label_of(spec)
    if spec.path == "model.name":
        options = list(model_names) or ["UNet"]
        if st.session_state[key] not in options:
            options.append(st.session_state[key])
        value: Any = st.selectbox(label, options, key=key, help=spec.help)
    elif spec.choices:
        value = _choice(spec, label, key)
    elif spec.kind == "bool":
        value = st.toggle(label, key=key, help=spec.help)
    elif spec.kind in ("int", "float"):
        value = _number(spec, label, key)
    elif spec.kind == "mapping":
        value = _mapping(spec, label, key)
    else:
        value = st.text_input(label, key=key, help=spec.help)
    held[spec.path] = value


def label_of(spec: Spec) -> str:
    return LABELS.get(spec.path, spec.label) + (f" ({spec.unit})" if spec.unit and spec.unit != "min" else "")


def _shown(spec: Spec, value: Any) -> Any:
    if spec.kind == "mapping":
        return json.dumps(value) if value else ""
    return float(value) if spec.kind == "float" and value is not None else value


def _choice(spec: Spec, label: str, key: str) -> str | None:
    options = [None, *spec.choices] if spec.optional else list(spec.choices or ())
    return st.selectbox(label, options, key=key, help=spec.help, format_func=lambda v: "–" if v is None else words(v))


def words(name: str) -> str:
    """`weighted_bce` -> `weighted bce`."""
    return str(name).replace("_", " ")


def _number(spec: Spec, label: str, key: str) -> float | None:
    cast = int if spec.kind == "int" else float
    low, high = (cast(v) if v is not None else None for v in (spec.low, spec.high))
    step = cast(spec.step or 1) if spec.kind == "int" else spec.step
    if spec.kind == "float" and step is None:
        step = 1.0 if (spec.high or 0) >= 100 else 10**-4 if (spec.low or 0) < 1e-6 or spec.default < 0.01 else 0.1
    return st.number_input(
        label,
        min_value=low,
        max_value=high,
        value=None if spec.optional else "min",
        step=step,
        format="%d" if spec.kind == "int" else "%g",
        key=key,
        help=f"{spec.help} ({_limits(spec)}).",
        placeholder="no limit" if spec.path.removeprefix("training.") in BUDGET else "none",
    )


def _limits(spec: Spec) -> str:
    unit = f" {spec.unit}" if spec.unit else ""
    return f"{spec.low:g} to {spec.high:g}{unit}"


def _mapping(spec: Spec, label: str, key: str) -> dict[str, Any]:
    text = st.text_area(
        f"{label} (JSON)",
        key=key,
        help=f"{spec.help}, as in your __init__.",
        placeholder='{"dilations": [1, 2, 4]}',
        height=70,
    )
    try:
        found = json.loads(text) if text.strip() else {}
        if not isinstance(found, dict):
            raise ValueError('it must be a mapping such as {"dilations": [1, 2, 4]}')
        return found
    except ValueError as error:
        st.session_state[BROKEN] = f"{spec.path} is not understood: {error}."
        st.error(st.session_state[BROKEN], icon=":material/data_object:")
        return {}
