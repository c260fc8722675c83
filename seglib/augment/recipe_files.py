"""Recipe files: copies, other names, deletion that can be undone, and recipes that come from elsewhere.

Reading, saving and listing stand in `seglib.augment.recipe`. What is deleted is moved to `.bin/` beside the others:
nothing of a person's is ever lost, and nothing that ships with the program is ever touched.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path

from seglib.augment import recipe as recipes
from seglib.augment.recipe import SHIPPED, Recipe, check_name, list_recipes, load_recipe, save_recipe
from seglib.exceptions import InputError
from seglib.settings import build

BIN = ".bin"
MAX_BYTES = 100_000  # a recipe has 2 kB


def free_name(name: str, taken: Iterable[str]) -> str:
    """`name`, or `name-2` … where that is taken; a number at its end counts on."""
    stem, taken = re.sub(r"-\d{1,4}$", "", name)[:58], {t.lower() for t in taken}
    names = (name, *(f"{stem}-{i}" for i in range(2, len(taken) + 3)))
    return next(n for n in names if n.lower() not in taken)


def duplicate_recipe(name: str, folder: Path | None = None) -> str:
    """Save a copy of `name` under a free name and return that. Raises InputError."""
    copy = free_name(name, list_recipes(folder))
    save_recipe(load_recipe(name, folder), copy, folder)
    return copy


def rename_recipe(name: str, new: str, folder: Path | None = None) -> None:
    """Raises InputError for a recipe that ships, one that is not there, and a name that is not free or no name."""
    source, target = _own(name, folder), _place(folder) / f"{check_name(new)}.json"
    if new.lower() in {other.lower() for other in list_recipes(folder)} - {name.lower()}:
        raise InputError(f"recipe {target} exists; choose another name.")
    _move(source, target)


def delete_recipe(name: str, folder: Path | None = None) -> str:
    """Move `name` to the bin; its name there, for `restore_recipe`. Raises InputError for one that ships."""
    source, bin_ = _own(name, folder), _place(folder) / BIN
    bin_.mkdir(exist_ok=True)
    kept = free_name(name, binned_recipes(folder))
    _move(source, bin_ / f"{kept}.json")
    return kept


def binned_recipes(folder: Path | None = None) -> list[str]:
    """Names in the bin."""
    return sorted(file.stem for file in (_place(folder) / BIN).glob("*.json"))


def restore_recipe(name: str, folder: Path | None = None) -> str:
    """Bring `name` back from the bin, under a free name where its own is taken; the name it has now."""
    if name not in binned_recipes(folder):
        raise InputError(f"no recipe {name!r} in the bin {_place(folder) / BIN}.")
    back = free_name(name, list_recipes(folder))
    _move(_place(folder) / BIN / f"{name}.json", _place(folder) / f"{back}.json")
    return back


def parse_recipe(content: bytes, what: str) -> Recipe:
    """The recipe in a file's bytes; `what` names it in messages. Raises InputError: not JSON, or not a recipe."""
    if len(content) > MAX_BYTES:
        raise InputError(f"{what} has {len(content):,} bytes; a recipe has at most {MAX_BYTES:,}.")
    try:
        values = json.loads(content.decode("utf-8"))
    except (ValueError, RecursionError):
        raise InputError(f"{what} is not JSON; a recipe is a file that Download gives.") from None
    try:
        return build(Recipe, values)
    except InputError as error:
        raise InputError(f"{what}: {error}") from None


def _place(folder: Path | None) -> Path:
    return recipes.RECIPES_FOLDER if folder is None else Path(folder)


def _own(name: str, folder: Path | None) -> Path:
    """The file of a recipe of one's own. Raises InputError."""
    if name in SHIPPED:
        raise InputError(f"recipe {name!r} ships with the program and is kept as it is; duplicate it instead.")
    if name not in list_recipes(folder):
        raise InputError(f"there is no recipe {name[:64]!r} in {_place(folder)}.")
    return _place(folder) / f"{name}.json"


def _move(source: Path, target: Path) -> None:
    if target.exists() and not (source.exists() and target.samefile(source)):  # only upper and lower case differ
        raise InputError(f"recipe {target} exists; choose another name.")
    try:
        source.rename(target)
    except OSError as error:
        raise InputError(f"recipe {source} cannot be moved: {error.strerror}.") from None
