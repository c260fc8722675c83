"""Differences between two sets of settings, in words; what of stored settings this version understands. No torch.

A set of settings is flat here, as `flat` gives it: dotted paths, and the whole augmentation under `recipe`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from seglib.augment.recipe import Recipe, list_recipes, load_recipe
from seglib.exceptions import InputError
from seglib.settings import Spec, build, flatten, merge, nest, plain, specs
from seglib.training.config import BUDGET, Config

LIMITS = tuple(f"training.{key}" for key in BUDGET)


@lru_cache(maxsize=1)
def all_settings() -> dict[str, Spec]:
    """Every setting but those of the recipe, by dotted path, in the order of the config."""
    return {spec.path: spec for spec in specs(Config) if not spec.path.startswith("recipe.")}


def flat(nested: Mapping[str, Any]) -> dict[str, Any]:
    """{'model.depth': 4, …, 'recipe': {…}} of a plain config."""
    return flatten({k: v for k, v in nested.items() if k != "recipe"}) | {"recipe": nested.get("recipe", {})}


@dataclass(frozen=True)
class Difference:
    """One setting that differs: `path` is dotted, or `recipe` for the whole augmentation."""

    path: str
    here: Any
    there: Any

    @property
    def section(self) -> str:
        return self.path.partition(".")[0]


def between(here: Mapping[str, Any], there: Mapping[str, Any]) -> list[Difference]:
    """The settings of both that differ, in the order of the config; the augmentation, if it differs, comes last."""
    paths = [*all_settings(), "recipe"]
    both = [path for path in paths if path in here and path in there]
    return [Difference(path, here[path], there[path]) for path in both if here[path] != there[path]]


# -- stored settings


@dataclass(frozen=True)
class Stored:
    """Settings of a run as this version understands them, flat; and a line for each one that it does not."""

    values: dict[str, Any]
    left_out: tuple[str, ...]


def stored(settings: Mapping[str, Any]) -> Stored:
    """What can be taken over of a config.json, whatever version wrote it. What is missing there has its default.

    Never raises: an unknown key and a value out of its range are left out, each with its line.
    """
    try:
        return Stored(flat(plain(build(Config, settings))), ())
    except InputError:
        pass
    good: dict[str, Any] = {}
    lines = []
    for path, value in flatten(settings).items():
        try:
            one = nest({path: value})
            if path not in LIMITS or value is not None:
                build(Config, one)
            good = merge(good, one)
        except InputError as error:
            lines.append(str(error))
    limits = good.get("training", {})
    if all(key in limits and limits[key] is None for key in BUDGET):
        good["training"] = {key: value for key, value in limits.items() if key not in BUDGET}
        lines.append("training.epochs, steps and minutes are all empty there: no end of training is set.")
    return Stored(flat(plain(build(Config, good))), tuple(lines))


# -- in words


def words(path: str, value: Any) -> str:
    """A value as a person reads it: `on`, `–` for none, `0.001`, `bce dice`, the recipe's name."""
    if path == "recipe":
        return named_recipe(value) or "of its own"
    if value is None or value == {}:
        return "–"
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, float):
        return f"{value:g}"
    spec = all_settings().get(path)
    return str(value).replace("_", " ") if spec is not None and spec.choices else str(value)


def named_recipe(recipe: Mapping[str, Any]) -> str | None:
    """The name of a saved recipe of these very values."""
    for name in list_recipes():
        try:
            if plain(load_recipe(name)) == recipe:
                return name
        except InputError:  # a broken file in recipes/ has no bearing on the others
            continue
    return None


def recipe_lines(here: Mapping[str, Any], there: Mapping[str, Any]) -> list[str]:
    """One line a part of the augmentation that differs: `Elastic: off → probability 0.5, sigma 16 to 24 px`."""
    here, there = ({**plain(Recipe()), **recipe} for recipe in (here, there))
    lines = []
    for part, value in here.items():
        if value == there[part]:
            continue
        name = part.replace("_", " ").capitalize()
        before, after = _part(part, value), _part(part, there[part])
        if before == after == "off":
            lines.append(f"{name}: off in both, with other ranges")
        else:
            lines.append(f"{name}: {before} → {after}")
    return lines


def _part(part: str, value: Any) -> str:
    if not isinstance(value, Mapping):
        return str(value)
    if not value.get("probability", 1):
        return "off"
    units = {spec.path: (spec.label.lower(), spec.unit) for spec in specs(Recipe)}
    return ", ".join(_field(*units[f"{part}.{key}"], one) for key, one in value.items() if f"{part}.{key}" in units)


def _field(label: str, unit: str, value: Any) -> str:
    number = f"{value[0]:g} to {value[1]:g}" if isinstance(value, (list, tuple)) else words("", value)
    return f"{label} {number}{' ' + unit if unit else ''}"
