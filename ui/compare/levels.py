"""Levels: which values a factor takes, chosen in the widget that its setting asks for."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from seglib.augment.recipe import list_recipes
from seglib.exceptions import InputError
from seglib.experiments.factor import NOT_FACTORS, RECIPE, Factor, written
from seglib.models import listing
from seglib.settings import Spec, specs
from seglib.training.config import Config, parse_value
from ui.compare.table import unique_labels
from ui.literal import literal

# Where a run computes, and how often it looks: they decide no network
_NO_QUESTION = {"training.device", "training.workers", "training.precision", "training.validate_every", "model.extra"}
_TICKED_AT_FIRST = 3  # the base's own value among them
_SPECS = {spec.path: spec for spec in specs(Config) if not spec.path.startswith("recipe.")}


def keys() -> dict[str, str]:
    """key -> label of every setting that can be a factor, those of a first training in front."""
    found = [s for s in _SPECS.values() if s.path not in NOT_FACTORS and s.path not in _NO_QUESTION]
    ordered = [s.path for s in sorted(found, key=lambda s: not s.basic)]
    return unique_labels([*ordered[:6], RECIPE, *ordered[6:]])


def choose(key: str, base: Mapping[str, Any], given: Factor | None, ranges: bool, prefix: str) -> Factor:
    """The factor with the values that the person chose; without values while nothing fits.

    base: flat settings of the base. given: a ready-made factor, its levels are all ticked at first. ranges: numbers may
    be `1e-4..1e-2:log`, for a search. Raises InputError for numbers that are not understood.
    """
    label = keys().get(key, key)
    spec, name = _SPECS.get(key), f"{prefix}_{key}"
    if given is not None and not _numeric(spec):
        return _ticked(given.key, label, list(given.values), list(given.values), name, given)
    if spec is not None and _numeric(spec):
        start = given.values if given is not None else (base.get(key),)
        return _numbers(spec, label, start, ranges, name)
    options = _options(key, spec)
    own = [base.get(key)] if base.get(key) in options else []
    first = [*own, *(option for option in options if option not in own)][:_TICKED_AT_FIRST]
    return _ticked(key, label, options, first, name)


def _numeric(spec: Spec | None) -> bool:
    return spec is not None and spec.kind in ("int", "float") and not spec.choices


def _options(key: str, spec: Spec | None) -> list[Any]:
    if key == RECIPE:
        return list_recipes()
    if key == "model.name":
        return [model.name for model in listing.model_names()]
    if spec is not None and spec.kind == "bool":
        return [False, True]
    return list(spec.choices or ()) if spec is not None else []


def _ticked(
    key: str, label: str, options: list[Any], first: list[Any], name: str, given: Factor | None = None
) -> Factor:
    words = [given.label(v) if given else written(v) for v in options]
    picked = st.multiselect(
        label, words, default=[words[options.index(v)] for v in first], key=name, help=_help(key), placeholder="Choose"
    )
    places = [words.index(word) for word in picked]
    chosen = tuple(options[place] for place in sorted(places))
    labels = tuple(words[place] for place in sorted(places)) if given and given.labels else ()
    return Factor(key, chosen, labels)


def _numbers(spec: Spec, label: str, start: Sequence[Any], ranges: bool, name: str) -> Factor:
    or_range = ", or a range such as 1e-4..1e-2 (add :log for a logarithmic one)" if ranges else ""
    limits = f"{spec.low:g} to {spec.high:g}" if spec.low is not None and spec.high is not None else "any"
    unit = f" {spec.unit}" if spec.unit else ""
    text = st.text_input(
        f"{label} ({spec.unit})" if unit else label,
        value=", ".join(written(v) for v in start if v is not None),
        key=f"{name}_{start[:1]}",  # another base begins with another value
        help=f"{spec.help}. Values, apart by commas{or_range}; {limits}{unit}.",
        placeholder="3, 4, 5",
    )
    return parse_numbers(spec.path, text, ranges)


def _help(key: str) -> str:
    return "The augmentation, by name." if key == RECIPE else _SPECS[key].help + "." if key in _SPECS else ""


def parse_numbers(key: str, text: str, ranges: bool = False) -> Factor:
    """`3, 4, 5`, or with `ranges` `1e-4..1e-2:log`. Raises InputError naming the word that is no number."""
    low, dots, high = text.strip().partition("..")
    if dots:
        if not ranges:
            raise InputError(f"{key}: a range is for a search; write the values one by one, such as 3, 4, 5.")
        high, _, scale = high.partition(":")
        if scale.strip() not in ("", "log"):
            raise InputError(f"{key}: after the range stands {scale!r}; allowed: nothing, or :log.")
        return Factor(key, low=_number(key, low), high=_number(key, high), log=scale.strip() == "log")
    words = [word for word in re.split(r"[\s,;]+", text.strip()) if word]
    return Factor(key, tuple(dict.fromkeys(_number(key, word) for word in words)))


def _number(key: str, word: str) -> Any:
    value = None if word.strip() == "none" else parse_value(word.strip())
    if value is not None and (isinstance(value, bool) or not isinstance(value, (int, float))):
        raise InputError(f"{key}: {literal(word.strip()[:20])!r} is no number; write some such as 3, 4, 5.")
    return value
