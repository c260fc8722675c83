"""Keys: which arrays of a container are the images and which the masks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from seglib.exceptions import InputError
from seglib.settings import nearest
from seglib.sources.source import Choices, Found, Options, Question

IMAGE_NAMES = ("raw", "image", "images", "img", "imgs")
MASK_NAMES = ("label", "labels", "mask", "masks", "seg", "segmentation", "gt")
SHOWN = 12


@dataclass(frozen=True)
class Keyed:
    """The chosen keys: pairs of (image, mask or None), more than one where the keys are groups of equal names."""

    image_key: str
    mask_key: str | None
    pairs: tuple[tuple[str, str | None], ...]
    left_out: tuple[str, ...]


def choose(
    arrays: Sequence[Found], choices: Choices, what: str, blocked: Mapping[str, str]
) -> tuple[Keyed | None, list[str], list[Question]]:
    """(the chosen keys, what was decided, what is open).

    A key is the name of an array, or of a group whose arrays are single pictures. Named by the person, or called by a
    usual name (`raw` and `label`, …) where there is exactly one of it. `blocked`: why a key is not read; while there
    are such, nothing is taken for being the only one left. Raises InputError for a key that is not there or blocked.
    """
    children = _by_parent(arrays)
    known = {array.key for array in arrays} | {group for group in children if group}
    if not arrays:
        why = "".join(f" ({key!r}: {reason})" for key, reason in list(blocked.items())[:1])
        raise InputError(f"{what}: no array of numbers in it, so nothing to import{why}.")
    image_key, mask_key = choices.image_key, choices.mask_key
    for name, key in (("image key", image_key), ("mask key", mask_key)):
        _check_key(name, key, known, blocked, what)
    decided: list[str] = []
    if image_key is None:
        image_key = _usual({*known, *blocked}, IMAGE_NAMES, mask_key)
        image_key = image_key or (None if blocked else _only(arrays, mask_key))
        _check_key("image key", image_key, known, blocked, what)
        if image_key is None:
            return None, [], [_question("image_key", "holds the images", arrays, what)]
        decided.append(f"images are {image_key!r}")
    if mask_key is None:
        mask_key = _usual({*known, *blocked}, MASK_NAMES, image_key)
        _check_key("mask key", mask_key, known, blocked, what)
        others = [array for array in arrays if not _within(array.key, image_key)]
        if mask_key is None and (others or blocked):
            return None, decided, [_question("mask_key", "holds the masks", others, what)]
        if mask_key is not None:
            decided.append(f"masks are {mask_key!r}")
    if not mask_key:  # 'none' said, or nothing there that could be one
        decided.append("no masks: every picture is unlabelled")
    return _paired(arrays, image_key, mask_key or None, what), decided, []


def _check_key(name: str, key: str | None, known: set[str], blocked: Mapping[str, str], what: str) -> None:
    if key in blocked:
        raise InputError(f"{what} {key!r}: {blocked[key]}.")
    if key and key not in known:
        some = ", ".join(sorted(known)[:SHOWN])
        raise InputError(f"{what}: {name} {key!r} is not in it; there is: {some}.{nearest(key, known)}")


def _by_parent(arrays: Iterable[Found]) -> Mapping[str, list[Found]]:
    found: dict[str, list[Found]] = {}
    for array in arrays:
        parent = str(PurePosixPath(array.key).parent)
        found.setdefault("" if parent == "." else parent, []).append(array)
    return found


def _within(key: str, group: str) -> bool:
    return key == group or key.startswith(f"{group}/")


def _usual(known: set[str], names: Sequence[str], other: str | None) -> str | None:
    """The one key of a usual name, whatever its capitals; None where there is none, or more than one."""
    hits = [k for k in known if PurePosixPath(k).name.lower() in names and k != other]
    hits = [k for k in hits if not any(_within(k, h) and k != h for h in hits)]
    return hits[0] if len(hits) == 1 else None


def _only(arrays: Sequence[Found], mask_key: str | None) -> str | None:
    rest = [array.key for array in arrays if not (mask_key and _within(array.key, mask_key))]
    return rest[0] if len(rest) == 1 else None


def options(arrays: Sequence[Found]) -> dict[str, Options]:
    """What the keys may be: an array, or a group of arrays; for masks also that there are none."""
    found = [(a.key, f"{' × '.join(map(str, a.shape))} {a.dtype}") for a in arrays[:SHOWN]]
    found += [(g, f"a group of {len(c)} arrays") for g, c in _by_parent(arrays).items() if g and len(c) > 1][:SHOWN]
    return {"image_key": tuple(found), "mask_key": (*found, ("none", "no masks"))}


def _question(name: str, doing: str, arrays: Sequence[Found], what: str) -> Question:
    text = f"{what} has {len(arrays)} arrays, and it is not clear which {doing}."
    return Question(name, text, options(arrays)[name])


def _paired(arrays: Sequence[Found], image_key: str, mask_key: str | None, what: str) -> Keyed:
    by_key = {array.key: array for array in arrays}
    used = [key for key in (image_key, mask_key) if key]
    rest = [a.key for a in arrays if not any(_within(a.key, key) for key in used)]
    left_out = tuple(f"array {key!r}: neither images nor masks" for key in rest[:SHOWN])
    if image_key in by_key:
        if mask_key is not None and mask_key not in by_key:
            raise InputError(f"{what}: {image_key!r} is one array and {mask_key!r} a group; name two of one kind.")
        return Keyed(image_key, mask_key, ((image_key, mask_key),), left_out)
    members = [key for key in by_key if _within(key, image_key)]
    pairs = [(key, f"{mask_key}{key[len(image_key) :]}" if mask_key else None) for key in members]
    orphans = [key for key in by_key if mask_key and _within(key, mask_key) and key not in {m for _, m in pairs}]
    if orphans:
        raise InputError(f"{what}: mask {orphans[0]!r} has no image of that name in {image_key!r}.")
    return Keyed(image_key, mask_key, tuple((i, m if m in by_key else None) for i, m in pairs), left_out)
