"""Settings: what differs between the set-ups in one table, everything else once."""

from __future__ import annotations

from typing import Any

from seglib.report.shown import Several, Table, Words, note, several
from seglib.report.study import RECIPE, SEED, Study, said, short
from seglib.settings import Spec, flatten, specs
from seglib.training.config import Config


def settings_that_differ(study: Study) -> Table | Words:
    """One row a set-up, one column a setting that is not the same in all of them."""
    if len(study.setups) == 1:
        return note("There is one set-up: all settings are the same, and stand below.")
    keys = list(study.setups[0].levels)
    columns = ("Set-up", *map(short, keys), "Seeds")
    rows = tuple(
        (s.label, *(said(s.levels[key]) for key in keys), ", ".join(map(str, sorted(s.seeds)))) for s in study.setups
    )
    full = ", ".join(f"{short(key)} is {key}" for key in keys if key != "data" and short(key) != key)
    caption = "What differs between the set-ups. Runs of one set-up differ in nothing but the seed."
    return Table(columns, rows, caption, (f"As settings of the config: {full}.",) if full else ())


def all_other_settings(study: Study) -> Table | Several | Words:
    """What all runs have in common, and what the recipes say where they differ, folded in where the reader can fold."""
    about = {spec.path: spec for spec in specs(Config)}
    shared = {key: value for key, value in study.settings[study.runs[0].id].items() if _shared(study, key)}
    recipes = _recipes(study)
    if len(recipes) == 1:
        shared |= next(iter(recipes.values()))
    rows = tuple((key, _value(about.get(key), value), _help(about.get(key))) for key, value in shared.items())
    title = f"All other settings, the same in {'all runs' if len(study.runs) > 1 else 'this run'} ({len(rows)})"
    tables = [Table(("Setting", "Value", "What it is"), rows, folded=title)] if rows else []
    if len(recipes) > 1:
        tables.append(_beside(recipes, about))
    return several(tables, "Nothing else is the same.")


def _recipes(study: Study) -> dict[str, dict[str, Any]]:
    """Name of each augmentation recipe -> its fields by dotted key."""
    return {
        str(study.settings[run.id][RECIPE]): flatten({RECIPE: recipe})
        for run in study.runs
        if isinstance(recipe := run.settings().get(RECIPE), dict)
    }


def _beside(recipes: dict[str, dict[str, Any]], about: dict[str, Spec]) -> Table:
    keys = dict.fromkeys(key for fields in recipes.values() for key in fields)
    rows = tuple((key, *(_value(about.get(key), fields.get(key)) for fields in recipes.values())) for key in keys)
    return Table(("Setting", *recipes), rows, folded=f"The {len(recipes)} augmentation recipes")


def _shared(study: Study, key: str) -> bool:
    same = key not in study.differing and (key != SEED or len(study.runs) == 1)
    return same and key != "data.path"


def _help(spec: Spec | None) -> str:
    return spec.help if spec is not None else ""


def _value(spec: Spec | None, value: Any) -> str:
    unit = f" {spec.unit}" if spec is not None and spec.unit and value is not None else ""
    return said(value) + unit if value != {} else "none"
