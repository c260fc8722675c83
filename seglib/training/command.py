"""Command: the line of `python -m seglib train` that trains exactly what a config says. No torch."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
from pathlib import Path
from typing import Any

from seglib.augment.recipe import list_recipes, load_recipe
from seglib.exceptions import InputError
from seglib.settings import flatten, plain
from seglib.training.config import BUDGET, Config, parse_value, resolve

_SHORTHANDS = ("data.path", "training.minutes")


def train_command(config: Config, preset: str, run: str, recipes: Path | None = None) -> str:
    """The command as it is typed into this system's shell: the preset, and what differs from it."""
    return _typed_line("train", *arguments(config, preset, run, recipes))


def queue_command(config: Config, preset: str, run: str, recipes: Path | None = None) -> str:
    """The same at the end of the queue, without waiting for it."""
    return _typed_line("queue", "add", *arguments(config, preset, run, recipes))


def _typed_line(*words: str) -> str:
    line = ["python", "-m", "seglib", *words]
    return subprocess.list2cmdline(line) if os.name == "nt" else shlex.join(line)


def arguments(config: Config, preset: str, run: str, recipes: Path | None = None) -> list[str]:
    """What follows `train`. Parsed and resolved again it gives `config`, to the last setting."""
    changed = differences(config, preset, recipes)
    words = ["--data", config.data.path, "--run", run, "--preset", preset]
    if "recipe" in changed:
        words += ["--recipe", changed.pop("recipe")]
    if "training.minutes" in changed:
        words += ["--minutes", _typed(changed.pop("training.minutes"))]
    settings = [f"{key}={_typed(value)}" for key, value in changed.items() if key not in _SHORTHANDS]
    return words + (["--set", *settings] if settings else [])


def differences(config: Config, preset: str, recipes: Path | None = None) -> dict[str, Any]:
    """Dotted settings that, laid on the preset, give `config`; a recipe that has a name is one word."""
    base, wanted = (flatten(plain(c)) for c in (resolve(preset, recipes=recipes), config))
    changed = {key: value for key, value in wanted.items() if value != base[key]}
    if any(f"training.{key}" in changed for key in BUDGET):  # one limit given takes the place of all
        limits = {f"training.{key}": wanted[f"training.{key}"] for key in BUDGET}
        changed = {k: v for k, v in changed.items() if k not in limits}
        changed |= {key: value for key, value in limits.items() if value is not None}
    name = recipe_name(config, recipes)
    if name and any(key.startswith("recipe.") for key in changed):
        changed = {"recipe": name} | {k: v for k, v in changed.items() if not k.startswith("recipe.")}
    return changed


def recipe_name(config: Config, recipes: Path | None = None) -> str | None:
    """The name under which the config's recipe is saved, None if it is nobody's."""
    for name in list_recipes(recipes):
        try:
            if load_recipe(name, recipes) == config.recipe:
                return name
        except InputError:  # a broken file in recipes/ has no bearing on the others
            continue
    return None


def _typed(value: Any) -> str:
    """`value` as the command line reads it back: JSON, or the bare text where that is not mistaken for JSON."""
    return value if isinstance(value, str) and parse_value(value) == value else json.dumps(value)
