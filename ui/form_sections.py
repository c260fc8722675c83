"""The form as it lies on the Train page: what matters first in sight, the rest folded or found by name, the changes."""

from __future__ import annotations

from collections.abc import Collection, Iterable

import streamlit as st

from seglib.augment.recipe import RECIPES_FOLDER
from seglib.settings import Spec
from seglib.training.differences import LIMITS, Difference, all_settings, words
from ui import form, setting_widgets
from ui.glossary import explain
from ui.literal import literal
from ui.setting_widgets import LABELS, label_of

SECTIONS = {
    "model": ("More on the network", ":material/account_tree:"),
    "loss": ("More on the loss", ":material/target:"),
    "optimizer": ("Optimiser", ":material/trending_down:"),
    "training": ("Training and device", ":material/timer:"),
    "data": ("Crops", ":material/crop:"),
}
FIND = "train_find"


def _grid(columns: int = 3):
    return st.grid(columns, min_column_width=120, gap=("small", "small"), vertical_alignment="bottom")


def draw_basic(model_names: Iterable[str]) -> None:
    """The settings a first training needs, in a grid: network first, switches last."""
    order, changed = list(SECTIONS), _changed()
    basic = [spec for spec in form.all_specs() if spec.basic]
    with _grid():
        for spec in sorted(basic, key=lambda s: (s.kind == "bool", order.index(form.section(s)))):
            setting_widgets.draw(spec, changed, model_names)


def _changed() -> dict[str, object]:
    return {change.path: change.here for change in form.changes()}


def draw_limits() -> None:
    """When the training ends: minutes, steps, epochs; what is empty does not count."""
    changed = _changed()
    with _grid():
        for path in reversed(LIMITS):
            setting_widgets.draw(all_settings()[path], changed)


def draw_recipe() -> None:
    """The augmentation by name."""
    changed = _changed()
    label = LABELS["recipe"] + (setting_widgets.MARK if "recipe" in changed else "")
    st.session_state.setdefault(form.RECIPE_NAME, st.session_state[form.RECIPE].label)
    options = form.recipe_options()
    if st.session_state[form.RECIPE_NAME] not in options:
        st.session_state[form.RECIPE_NAME] = st.session_state[form.RECIPE].label
    help = f"{explain('recipe')} Kept in {RECIPES_FOLDER.name}/."
    if "recipe" in changed:
        help += f" In {form.base()}: {changed['recipe']}."
    st.selectbox(label, options, key=form.RECIPE_NAME, help=help)


def draw_advanced(model_names: Iterable[str], hidden: Collection[str] = ()) -> None:
    """The rest: folded by section (those with nothing to set are left out), or what a search by name finds."""
    rest = [spec for spec in form.all_specs() if not spec.basic and spec.path not in hidden]
    text = st.text_input(
        "Find a setting",
        key=FIND,
        placeholder=f"one of the {len(rest)} folded below, such as dropout",
        icon=":material/search:",
        max_chars=60,
    )
    if text.strip():
        _found(text.strip().lower(), rest, model_names)
        return
    changed = _changed()
    for name, (title, icon) in SECTIONS.items():
        mine = [spec for spec in rest if form.section(spec) == name and form.concerns(spec, form.values())]
        if not mine:
            continue
        n_changed = sum(spec.path in changed for spec in mine)
        title += f" · {n_changed} changed" if n_changed else ""
        with st.expander(title, icon=icon, key=f"train_more_{name}", type="compact"), _grid():
            for spec in sorted(mine, key=lambda s: s.kind == "bool"):
                setting_widgets.draw(spec, changed, model_names)


def matches(text: str, spec: Spec) -> bool:
    """Whether every word of `text` stands in the setting's label, path or help."""
    said = f"{label_of(spec)} {spec.path} {spec.help} {' '.join(spec.choices or ())}".lower().replace("_", " ")
    return all(word in said for word in text.replace("_", " ").split())


def _found(text: str, rest: list[Spec], model_names: Iterable[str]) -> None:
    changed, held = _changed(), form.values()
    found = [spec for spec in rest if matches(text, spec)]
    with _grid():
        for spec in (spec for spec in found if form.concerns(spec, held)):
            setting_widgets.draw(spec, changed, model_names)
    for spec in (spec for spec in found if not form.concerns(spec, held)):
        losses = " or ".join(sorted(words("loss.name", name) for name in form.only_with(spec)))
        where = f"the loss {losses}" if losses else "a class of your own as network"
        st.caption(f"**{label_of(spec)}** matters only with {where}.")
    above = [label_of(s) for s in all_settings().values() if (s.basic or s.path in LIMITS) and matches(text, s)]
    if above:
        st.caption(f"Always in sight above: {', '.join(dict.fromkeys(above))}.")
    if not found and not above:
        st.caption(f"No setting is called or described as “{literal(text)}”.")


# -- what differs from the preset


def draw_changes() -> None:
    """One fold that lists what differs from the preset, with a reset for each and for all; nothing if nothing does."""
    changes = form.changes()
    if not changes:
        return
    title = f"{len(changes)} changed from {form.base()}"
    with st.expander(title, icon=":material/edit:", key="train_changes", type="compact"):
        with st.container(gap=None):
            for change in changes:
                _change(change)
        if len(changes) > 1:
            st.button(
                f"Reset all to {form.base()}",
                icon=":material/restart_alt:",
                key="train_reset_all",
                on_click=form.fill_preset,
                args=(form.base(),),
            )


def _change(change: Difference) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown(f"**{name_of(change.path)}** {_value(change, change.here)} → {_value(change, change.there)}")
        st.button(
            f"Reset {name_of(change.path)}",
            icon=":material/undo:",
            key=f"train_reset_{change.path}",
            type="tertiary",
            on_click=form.reset,
            args=(change.path,),
        )


def name_of(path: str) -> str:
    """What the form calls a setting; two of one label are told apart by their section."""
    if path == "recipe":
        return LABELS["recipe"]
    return label_of(all_settings()[path])


def _value(change: Difference, value: object) -> str:
    return literal(value if change.path == "recipe" else words(change.path, value))
