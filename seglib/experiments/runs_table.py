"""Runs table: the settings in which runs differ, how far each came and how well it did. No torch.

Every IoU is pooled over its images. Val IoU is of the whole val set. Train IoU of a validation is of a fixed sample of
train images; only a training that came to its end is scored on all of them, with its best weights: `train_of` says
which.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from seglib.augment import recipe as recipes
from seglib.augment.recipe import Recipe, list_recipes, load_recipe
from seglib.exceptions import InputError
from seglib.experiments.run_curves import Reading, curves, pooled, reading
from seglib.runs.store import Run
from seglib.settings import flatten, plain, specs
from seglib.training.config import Config

__all__ = ["best", "collapsed", "comparable", "curves", "differing", "label", "recipe_text", "rows", "value_text"]

ALL, SAMPLE = "all", "sample"  # what a train IoU is of
RECIPE = "recipe"  # one key for the whole augmentation
COLLAPSED = 0.1  # a network that calls everything cell does better on most pictures
MOST_CHANGES = 3  # of a recipe that are named one by one
_LABELS = {
    "data.path": "Data set",
    "data.normalisation": "Grey values",
    "model.name": "Network",
    "model.norm": "Norm layer",
    "loss.name": "Loss",
    "optimizer.name": "Optimiser",
    "optimizer.lr": "Learning rate",
    "training.ema": "Average of weights",
    RECIPE: "Augmentation",
}
_SPECS = {spec.path: spec for spec in specs(Config)}
_DEFAULTS = flatten(plain(Config()))


def differing(runs: Sequence[Run]) -> list[str]:
    """Dotted keys whose values differ between the runs, in the order of the config; `recipe` for any part of it.

    A setting that an older run does not know counts as its default.
    """
    return _differing([_flat(run) for run in runs])


def rows(runs: Sequence[Run]) -> list[dict[str, Any]]:
    """One row a run: `run` (its id), `name`, `note`, `state`, `reason`, `live`, the differing settings by their key,
    `best_val_iou`, `best_step`, `last_val_iou`, `best_train_iou`, `train_of`, `last_train_iou`, `minutes`, `steps`,
    `planned_steps`, `independent`, `validated` (False: no val set), `data` (name of its folder).

    What is not known yet is None. minutes: training and validation, over all resumes.
    """
    flats = [_flat(run) for run in runs]
    keys = _differing(flats)
    return [_row(run, {key: flat.get(key) for key in keys}) for run, flat in zip(runs, flats)]


def best(table: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """The row of the highest best val IoU, the first of equals; None where no run has one."""
    scored = [row for row in table if row["best_val_iou"] is not None]
    return max(scored, key=lambda row: row["best_val_iou"]) if scored else None


def collapsed(table: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The rows of ended runs that learned next to nothing: best val IoU below COLLAPSED."""
    ended = (row for row in table if not row["live"] and row["best_val_iou"] is not None)
    return [row for row in ended if row["best_val_iou"] < COLLAPSED]


def comparable(runs: Sequence[Run]) -> str:
    """'' if all runs were trained and scored on the same pictures, else one line that says they were not.

    Runs that have not begun are not asked.
    """
    prints = {(run.environment().get("data") or {}).get("fingerprint") for run in runs} - {None}
    if len(prints) < 2:
        return ""
    return (
        f"These runs were trained and scored on {len(prints)} different sets of pictures (another data set, split or "
        "fold, or pictures changed in between): their IoUs cannot be compared."
    )


def label(key: str) -> str:
    """`loss.name` -> `Loss`, `model.depth` -> `Depth`: the heading of a setting's column."""
    spec = _SPECS.get(key)
    return _LABELS.get(key) or (spec.label if spec else key.rpartition(".")[2].replace("_", " ").capitalize())


def value_text(value: Any) -> str:
    """A setting's value in words: `none`, `yes`, `0.001`, `weighted bce`."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}"
    return value.replace("_", " ") if isinstance(value, str) else json.dumps(value)


# -- one row


def _row(run: Run, settings: Mapping[str, Any]) -> dict[str, Any]:
    state, now, read = run.state(), run.progress(), reading(run)
    return {
        "run": run.id,
        "name": run.name,
        "note": run.note,
        "state": state.name,
        "reason": state.reason,
        "live": state.live,
        **settings,
        "best_val_iou": now.best_iou,
        "best_step": now.best_step,
        "last_val_iou": now.last_iou,
        **_train(read, now.best_step),
        "minutes": round(now.elapsed_s / 60, 2),
        "steps": now.step,
        "planned_steps": now.planned_steps,
        "independent": run.independent,
        "validated": None if now.best_step is None else now.best_iou is not None,
        "data": run.data_path().name,
    }


def _train(read: Reading, best_step: int | None) -> dict[str, Any]:
    """Train IoU of the best weights (of all images if the training came to its end) and of the last validation."""
    of_all = pooled(read.finished, "train")
    at_best = next((v for v in reversed(read.validations) if v["step"] == best_step), None)
    best_iou = of_all if of_all is not None else pooled(at_best, "train")
    last = read.validations[-1] if read.validations else None
    of = None if best_iou is None else ALL if of_all is not None else SAMPLE
    return {"best_train_iou": best_iou, "train_of": of, "last_train_iou": pooled(last, "train")}


# -- settings


def _flat(run: Run) -> dict[str, Any]:
    """Every setting of the run by dotted key, the recipe as one text."""
    stored = run.settings()
    flat = _DEFAULTS | flatten({key: value for key, value in stored.items() if key != RECIPE})
    kept = {key: value for key, value in flat.items() if not key.startswith("recipe.")}
    return {**kept, RECIPE: recipe_text(stored.get(RECIPE))}


def _differing(flats: Sequence[Mapping[str, Any]]) -> list[str]:
    keys = dict.fromkeys(key for flat in flats for key in flat)
    return [key for key in keys if len({json.dumps(flat.get(key)) for flat in flats}) > 1]


def recipe_text(recipe: Mapping[str, Any] | str | None) -> str:
    """The name of the saved recipe of these very values, else the nearest one and what is different from it."""
    if isinstance(recipe, str):
        return recipe
    folder = recipes.RECIPES_FOLDER
    stamp = tuple(sorted((file.name, file.stat().st_mtime_ns) for file in folder.glob("*.json")))
    return _recipe_text(json.dumps(recipe or {}, sort_keys=True), stamp)


@lru_cache(maxsize=512)
def _recipe_text(recipe: str, stamp: object) -> str:
    """`stamp` tells when recipes/ has changed."""
    wanted = flatten(plain(Recipe())) | flatten(json.loads(recipe))
    known = _known_recipes()
    if not known:
        return "of its own"
    changes = {name: {k: v for k, v in wanted.items() if flat.get(k) != v} for name, flat in known.items()}
    name = min(changes, key=lambda n: len(changes[n]))
    return name if not changes[name] else f"{name} with {_changes_text(changes[name])}"


def _known_recipes() -> dict[str, dict[str, Any]]:
    found = {}
    for name in list_recipes():
        try:
            found[name] = flatten(plain(load_recipe(name)))
        except InputError:  # a broken file in recipes/ has no bearing on the others
            continue
    return found


def _changes_text(changes: Mapping[str, Any]) -> str:
    """`elastic displacement 1 to 4, elastic sigma 6 to 6 and 2 more`."""
    parts = [f"{_part(key)} {_range_text(value)}" for key, value in changes.items()]
    rest = f" and {len(parts) - MOST_CHANGES} more" if len(parts) > MOST_CHANGES else ""
    return ", ".join(parts[:MOST_CHANGES]) + rest


def _part(key: str) -> str:
    spec, (group, _, _) = _SPECS.get(f"recipe.{key}"), key.partition(".")
    return f"{group} {spec.label if spec else key}".replace("_", " ").lower()


def _range_text(value: Any) -> str:
    if isinstance(value, (list, tuple)) and len(value) == 2:
        low, high = map(value_text, value)
        return low if low == high else f"{low} to {high}"
    return value_text(value)
