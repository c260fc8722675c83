"""nnU-Net v2 raw layout: dataset.json, imagesTr/CASE_0000.png, labelsTr/CASE.png, imagesTs.

https://github.com/MIC-DKFZ/nnUNet/blob/master/documentation/dataset_format.md. Masks are classes, not cells: the class
that means cell becomes a binary mask. Every case is a group of its own, as nnU-Net splits them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from seglib.data.splits import natural_key
from seglib.exceptions import InputError
from seglib.sources.grouping import MEANINGS, groups
from seglib.sources.pairs import Shelf, n_planes, read_plane
from seglib.sources.source import Choices, Picture, Question, Source, unread
from seglib.sources.zarr_metadata import read_json

KIND = "nnU-Net raw data set"
ENDINGS = (".png", ".tif", ".tiff")
_CHANNEL = re.compile(r"(.+)_(\d{4})$")


@dataclass(frozen=True)
class Classes:
    """Values that mean cell, the value that means ignore, and all values that may occur."""

    cell: tuple[int, ...]
    ignore: int | None
    known: tuple[int, ...]


def matches(path: Path) -> bool:
    return (path / "imagesTr").is_dir()


def open_source(path: Path, choices: Choices, resources: ExitStack) -> Source:
    """Raises InputError for metadata that makes no sense, formats that are not read, and labels without an image."""
    meta = read_json(path / "dataset.json")
    ending = _ending(meta, path)
    train, test = (_cases(path / name, ending, path) for name in ("imagesTr", "imagesTs"))
    labels = {p.name[: -len(ending)]: p for p in _files(path / "labelsTr", ending, path)}
    orphans = [name for name in labels if name not in train]
    if orphans:
        raise InputError(f"{path}: labelsTr/{orphans[0]}{ending} has no image {orphans[0]}_0000{ending} in imagesTr.")
    channel, decided, questions = _channel(meta, train | test, choices, path)
    classes, more, asked = _classes(meta, choices, path)
    found, said, grouping = groups([*train, *test], choices, path, default="file")
    questions = [*questions, *asked, *grouping]
    if questions:
        return Source(KIND, path, choices, unread, decisions=(*decided, *more), questions=tuple(questions))
    shelf = Shelf(resources)
    by_case = dict(zip([*train, *test], found))

    def pictures() -> Iterator[Picture]:
        for case, files in (*train.items(), *test.items()):
            label = labels.get(case) if case in train else None
            yield from _pictures(shelf, case, by_case[case], files[channel], label, classes)

    left = [f"labelsTs: {test and len(test)} test pictures stay unlabelled"] if (path / "labelsTs").is_dir() else []
    n_bare = len(set(train) - set(labels))
    decided += [*more, *said] + ([f"{len(test)} pictures of imagesTs are unlabelled"] if test else [])
    decided += [f"{n_bare} pictures of imagesTr have no label and are unlabelled"] if n_bare else []
    choices = choices.known(channel=channel if len(next(iter(train.values()))) > 1 else None)
    return Source(
        KIND, path, choices, pictures, (), tuple(decided), (), tuple(left), {"grouping": tuple(MEANINGS.items())}
    )


def _ending(meta: dict[str, Any], path: Path) -> str:
    ending = str(meta.get("file_ending", "")).lower()
    if not ending:
        seen = next((p.name for p in sorted((path / "imagesTr").iterdir()) if _CHANNEL.match(p.stem)), "")
        ending = Path(seen).suffix.lower()
    if ending not in ENDINGS:
        raise InputError(f"{path}: files end in {ending[:20] or '?'}; allowed: {', '.join(ENDINGS)}. Convert them.")
    return ending


def _files(folder: Path, ending: str, root: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    files = sorted((p for p in folder.iterdir() if p.name.lower().endswith(ending) and not p.name.startswith(".")),
                   key=lambda p: natural_key(p.name))  # fmt: skip
    for file in files:
        if file.is_symlink() and not file.resolve().is_relative_to(root.resolve()):
            raise InputError(f"{file}: a link that leaves the folder is not followed; copy the file there.")
    return files


def _cases(folder: Path, ending: str, root: Path) -> dict[str, dict[int, Path]]:
    """Case -> its file of each channel. Raises InputError where one case lacks a channel that another has."""
    cases: dict[str, dict[int, Path]] = {}
    for file in _files(folder, ending, root):
        match = _CHANNEL.match(file.name[: -len(ending)])
        if match is None:
            raise InputError(f"{file}: has no channel number; needed: CASE_0000{ending}.")
        cases.setdefault(match[1], {})[int(match[2])] = file
    channels = {channel for files in cases.values() for channel in files}
    for case, files in cases.items():
        if set(files) != channels:
            raise InputError(f"{folder}: {case} lacks channel {min(channels - set(files)):04d}, which others have.")
    return cases


def _channel(
    meta: dict[str, Any], cases: dict[str, dict[int, Path]], choices: Choices, path: Path
) -> tuple[int, list[str], list[Question]]:
    numbers = sorted({number for files in cases.values() for number in files})
    if not numbers:
        raise InputError(f"{path}: imagesTr holds no picture CASE_0000.")
    names = meta.get("channel_names") or meta.get("modality") or {}
    names = names if isinstance(names, dict) else {}
    if choices.channel is None and len(numbers) > 1:
        options = tuple((str(n), str(names.get(str(n), f"channel {n}"))[:60]) for n in numbers)
        return 0, [], [Question("channel", f"every case has {len(numbers)} channels and one is needed.", options)]
    channel = numbers[0] if choices.channel is None else choices.channel
    if channel not in numbers:
        raise InputError(f"{path}: channel {channel}; there is: {', '.join(map(str, numbers))}.")
    name = str(names.get(str(channel), ""))[:60]
    return channel, [f"channel {channel} of {len(numbers)} ({name})"] if len(numbers) > 1 else [], []


def _classes(meta: dict[str, Any], choices: Choices, path: Path) -> tuple[Classes, list[str], list[Question]]:
    """Which values are cells. dataset.json names classes by value, v1 values by class."""
    given = meta.get("labels")
    if not isinstance(given, dict):
        raise InputError(f"{path / 'dataset.json'}: has no labels; needed: {{'background': 0, 'cell': 1}}.")
    try:
        if all(key.isdigit() for key in given):
            given = {str(name): int(value) for value, name in given.items()}
        values = {n: tuple(map(int, v)) if isinstance(v, list) else (int(v),) for n, v in given.items()}
    except (TypeError, ValueError):
        raise InputError(f"{path / 'dataset.json'}: its labels are no whole numbers.") from None
    ignore = next((v[0] for n, v in values.items() if n.lower() == "ignore"), None)
    cells = {n: v for n, v in values.items() if n.lower() not in ("background", "ignore") and v != (0,)}
    if not cells:
        raise InputError(f"{path / 'dataset.json'}: names no class but the background.")
    known = tuple(sorted({0, *(v for group in values.values() for v in group)}))
    label = choices.label or (next(iter(cells)) if len(cells) == 1 else None)
    if label is None:
        options = (*((name, f"class {value}") for name, value in cells.items()), ("all", "any class is cell"))
        return Classes((), ignore, known), [], [Question("label", "the masks have several classes.", options)]
    if label != "all" and label not in cells:
        raise InputError(f"{path}: class {label!r}; allowed: {', '.join(cells)}, all.")
    chosen = tuple(sorted({v for group in cells.values() for v in group})) if label == "all" else cells[label]
    said = [f"class {label!r} is cell; masks are classes, so touching cells are one object"]
    said += ["class 'ignore' is left out of every count (column ignore)"] if ignore is not None else []
    return Classes(chosen, ignore, known), said, []


def _pictures(
    shelf: Shelf, case: str, group: str, image: Path, label: Path | None, classes: Classes
) -> Iterator[Picture]:
    """One picture, or one for each focal plane of a 3D TIFF."""
    n = n_planes(image)
    if label is not None and n_planes(label) != n:
        raise InputError(f"{label}: has {n_planes(label)} planes, its image {image.name} has {n}.")
    for plane in range(n):
        picture = Picture(
            stem=case if n == 1 else f"{case}_z{plane:03d}",
            group=group,
            image=partial(read_plane, shelf, image, plane),
            mask=partial(_cells, shelf, label, plane, classes) if label is not None else None,
            origin=f"{image.parent.name}/{image.name}",
        )
        if label is not None and classes.ignore is not None:
            picture = replace(picture, ignore=partial(_ignored, shelf, label, plane, classes))
        yield picture


def _values(shelf: Shelf, label: Path, plane: int, classes: Classes) -> np.ndarray:
    values = read_plane(shelf, label, plane)
    unknown = set(np.unique(values).tolist()) - set(classes.known)
    if unknown:
        raise InputError(f"{label}: value {min(unknown)} is no class; dataset.json names {list(classes.known)}.")
    return values


def _cells(shelf: Shelf, label: Path, plane: int, classes: Classes) -> np.ndarray:
    return np.isin(_values(shelf, label, plane, classes), classes.cell).astype(np.uint8)


def _ignored(shelf: Shelf, label: Path, plane: int, classes: Classes) -> np.ndarray:
    return (_values(shelf, label, plane, classes) == classes.ignore).astype(np.uint8) * np.uint8(255)
