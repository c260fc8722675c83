"""Lineage: how a data set says of itself that it is a version of another: changes.json beside its dataset.csv."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seglib.data.changes import Change, Effect, from_json
from seglib.exceptions import InputError

FILE_NAME = "changes.json"
FORMAT = 1
_WORDS = {
    "fill": ("place filled in", "places filled in"),
    "erase": ("place erased", "places erased"),
    "ignore": ("area ignored", "areas ignored"),
    "weight": ("hard negative drawn more often", "hard negatives drawn more often"),
}


@dataclass(frozen=True)
class Done:
    """A change and what it did."""

    change: Change
    effect: Effect


@dataclass(frozen=True)
class Version:
    """A version on disk. source: name, path and fingerprint of the data set it was made from; left_out: changes that
    could not be made, each with the reason; n_linked, n_copied: images; notes: to be said on screen."""

    folder: Path
    source: Mapping[str, Any]
    done: tuple[Done, ...]
    left_out: tuple[tuple[Change, str], ...] = ()
    n_linked: int = 0
    n_copied: int = 0
    notes: tuple[str, ...] = ()


def manifest(folder: Path) -> dict[str, Any] | None:
    """What stands in changes.json; None where there is none, {} where it cannot be understood."""
    file = Path(folder) / FILE_NAME
    if not file.is_file():
        return None
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    whole = isinstance(content, dict) and content.get("format") == FORMAT
    known = whole and isinstance(content.get("changes"), list) and isinstance(content.get("source"), dict)
    return content if known else {}


def notes(folder: Path) -> list[str]:
    """One line that says what the data set is a version of and what is different; [] where it is none."""
    content = manifest(folder)
    if content is None:
        return []
    if not content:
        return [f"{FILE_NAME} cannot be read, so nothing says what this version of a data set changes"]
    actions = [change.get("action") for change in content["changes"] if isinstance(change, dict)]
    return [f"a version of {content['source'].get('name', '?')}: {counted(actions)}; {FILE_NAME} lists every change"]


def counted(actions: Sequence[str]) -> str:
    """`2 places filled in, 1 area ignored`; `nothing changed` of nothing."""
    numbers = Counter(actions)
    parts = [f"{numbers[name]} {words[numbers[name] > 1]}" for name, words in _WORDS.items() if numbers[name]]
    return ", ".join(parts) or "nothing changed"


def independent(folder: Path) -> bool:
    """False where its train and val are parts of one movie, which a dataset.csv cannot say."""
    return (manifest(folder) or {}).get("independent") is not False


def earlier(folder: Path, own: bool) -> list[dict[str, Any]]:
    """What a version made of `folder` says of the versions before it, newest first: source and changes of each. own:
    it takes the place of the version in `folder`, whose changes are its own then."""
    content = manifest(folder) or {}
    before = [entry for entry in content.get("earlier", []) if isinstance(entry, dict)]
    mine = {"source": content.get("source"), "changes": content.get("changes")}
    return before if own or not content else [mine, *before]


def read_version(folder: Path) -> Version:
    """The version in `folder`. Raises InputError where it is none, or its changes.json makes no sense."""
    content = manifest(folder)
    if not content:
        what = "cannot be read" if content is not None else "is not there, so it is no version of another data set"
        raise InputError(f"{folder}: {FILE_NAME} {what}.")
    try:
        done = tuple(Done(from_json(c), _effect(c)) for c in content["changes"])
        left_out = tuple((from_json(c), str(c["reason"])) for c in content.get("left_out", []))
        images = content.get("images", {})
        numbers = int(images.get("linked", 0)), int(images.get("copied", 0))
        notes = tuple(map(str, content.get("notes", [])))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(f"{folder}: {FILE_NAME} makes no sense ({error}).") from None
    return Version(Path(folder), content["source"], done, left_out, *numbers, notes)


def _effect(values: Mapping[str, Any]) -> Effect:
    return Effect(str(values["what"]), int(values["changed_px"]), dict(values["before"]), dict(values["after"]))
