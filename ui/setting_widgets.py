"""One widget a setting, grown from the config's own metadata; a mark at each that differs from the preset."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

import streamlit as st

from seglib.settings import Spec
from seglib.training.config import BUDGET
from seglib.training.differences import words
from ui import form

MARK = " :primary[●]"  # after the label of a setting that differs from the preset
LABELS = {
    "model.name": "Network",
    "loss.name": "Loss",
    "optimizer.name": "Optimiser",
    "optimizer.lr": "Learning rate",
    "training.ema": "Average of weights",
    "data.normalisation": "Grey values",
    "data.crop_px": "Crop",
    "loss.border_sigma_px": "Border sigma",
    "model.norm": "Norm layer",
    "recipe": "Augmentation",
}


def label_of(spec: Spec) -> str:
    return LABELS.get(spec.path, spec.label) + (f" ({spec.unit})" if spec.unit and spec.unit != "min" else "")


def draw(spec: Spec, changed: Mapping[str, Any], model_names: Iterable[str] = ()) -> None:
    """Draw one setting. changed: path -> the preset's value, of the settings that differ from it."""
    key, held = f"train_set_{spec.path}", form.values()
    st.session_state.setdefault(key, _shown(spec, held.get(spec.path, spec.default)))
    label = label_of(spec)
    help = spec.help
    if spec.path in changed:
        label += MARK
        help += f". In {form.base()}: {words(spec.path, changed[spec.path])}"
    if spec.path == "model.name":
        options = list(model_names) or ["UNet"]
        if st.session_state[key] not in options:
            options.append(st.session_state[key])
        st.selectbox(label, options, key=key, help=help)
    elif spec.choices:
        _choice(spec, label, key, help)
    elif spec.kind == "bool":
        st.toggle(label, key=key, help=help)
    elif spec.kind in ("int", "float"):
        _number(spec, label, key, help)
    elif spec.kind == "mapping":
        _mapping(spec, label, key)
    else:
        st.text_input(label, key=key, help=help)


def _shown(spec: Spec, value: Any) -> Any:
    if spec.kind == "mapping":
        return json.dumps(value) if value else ""
    return float(value) if spec.kind == "float" and value is not None else value


def _choice(spec: Spec, label: str, key: str, help: str) -> None:
    options = [None, *spec.choices] if spec.optional else list(spec.choices or ())
    st.selectbox(label, options, key=key, help=help, format_func=lambda value: words(spec.path, value))


def _number(spec: Spec, label: str, key: str, help: str) -> None:
    cast = int if spec.kind == "int" else float
    low, high = (cast(v) if v is not None else None for v in (spec.low, spec.high))
    step = cast(spec.step or 1) if spec.kind == "int" else spec.step
    if spec.kind == "float" and step is None:
        step = 1.0 if (spec.high or 0) >= 100 else 10**-4 if (spec.low or 0) < 1e-6 or spec.default < 0.01 else 0.1
    st.number_input(
        label,
        min_value=low,
        max_value=high,
        value=None if spec.optional else "min",
        step=step,
        format="%d" if spec.kind == "int" else "%g",
        key=key,
        help=f"{help} ({_limits(spec)}).",
        placeholder="no limit" if spec.path.removeprefix("training.") in BUDGET else "none",
    )


def _limits(spec: Spec) -> str:
    unit = f" {spec.unit}" if spec.unit else ""
    return f"{spec.low:g} to {spec.high:g}{unit}"


def _mapping(spec: Spec, label: str, key: str) -> None:
    help = f"{spec.help}, as in your __init__."
    st.text_area(f"{label} (JSON)", key=key, help=help, placeholder='{"dilations": [1, 2, 4]}', height=70)
    if broken := st.session_state.get(form.BROKEN):
        st.error(broken, icon=":material/data_object:")
