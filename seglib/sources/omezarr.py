"""Zarr v2 and v3: a group with arrays under keys, or OME-Zarr images with labels (OME-NGFF 0.1 to 0.5).

Of a pyramid the full resolution is read. Only folders within the store are: names that lead out of it, links and
consolidated metadata are not followed.
"""

from __future__ import annotations

import os
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from seglib.exceptions import InputError
from seglib.sources import axes, container, zarr_array
from seglib.sources.source import Choices, Found, Source
from seglib.sources.stack import Stack
from seglib.sources.zarr_metadata import array_info, attributes_of

KIND, OME_KIND = "Zarr store", "OME-Zarr image"
MARKS = ("zarr.json", ".zgroup", ".zarray", ".zattrs")
MAX_ARRAYS = 5_000
_MAX_DEPTH = 6


def matches(path: Path) -> bool:
    return path.is_dir() and any((path / mark).is_file() for mark in MARKS)


def open_source(path: Path, choices: Choices, resources: ExitStack) -> Source:
    """Raises InputError for stores that are damaged, declare what they do not hold, or name objects and not numbers."""
    attributes = attributes_of(path)
    if "plate" in attributes or "well" in attributes:
        what = "plate of many images" if "plate" in attributes else "well of several fields"
        raise InputError(f"{path}: a {what}; give one field, such as {path.name}/{_first_image(path)}.")
    if isinstance(attributes.get("multiscales"), list):
        return _ome(path, attributes, choices)
    found, blocked = _arrays(path)
    if not found and blocked:
        raise InputError(f"{path}: {next(iter(blocked.values()))}.")
    return container.source_of(KIND, path, found, choices, partial(_stack, path), blocked)


def _first_image(path: Path) -> str:
    """The first group below that has an image in it, for a message."""
    for place, folders, _ in os.walk(path):
        if Path(place) != path and "multiscales" in attributes_of(Path(place)):
            return Path(place).relative_to(path).as_posix()
        folders.sort()
        if len(Path(place).relative_to(path).parts) >= 3:
            folders.clear()
    return "A/1/0"


# ---- OME-Zarr


def _ome(path: Path, attributes: dict[str, Any], choices: Choices) -> Source:
    image_key = _full_resolution(path, attributes)
    labels = _labels(path)
    arrays = [_found(path, key) for key in (image_key, *labels.values())]
    if choices.mask_key in labels:
        choices = replace(choices, mask_key=labels[choices.mask_key])
    if choices.mask_key is None and len(labels) == 1:
        choices = choices.known(mask_key=next(iter(labels.values())))
    elif not labels:
        choices = choices.known(mask_key="none")
    source = container.source_of(OME_KIND, path, arrays, choices.known(image_key=image_key), partial(_stack, path), {})
    said = ["the full resolution of the pyramid"] if len(_levels(attributes, path)) > 1 else []
    said += [f"masks are the label image {name!r}" for name, key in labels.items() if key == source.choices.mask_key]
    unused = {f"array {key!r}: neither images nor masks": f"label image {name!r}: another was chosen"
              for name, key in labels.items()}  # fmt: skip
    left_out = tuple(unused.get(line, line) for line in source.left_out)
    return replace(source, decisions=(*said, *source.decisions), left_out=left_out)


def _levels(attributes: dict[str, Any], where: Path) -> list[dict[str, Any]]:
    try:
        levels = attributes["multiscales"][0]["datasets"]
        if not isinstance(levels, list) or not levels or not all(isinstance(level["path"], str) for level in levels):
            raise TypeError
        return levels
    except (KeyError, IndexError, TypeError):
        raise InputError(f"{where}: its OME metadata names no array (multiscales, datasets, path).") from None


def _full_resolution(path: Path, attributes: dict[str, Any], prefix: str = "") -> str:
    level = _levels(attributes, path / prefix)[0]["path"]
    return inner_key(f"{prefix}/{level}" if prefix else level, path)


def _labels(path: Path) -> dict[str, str]:
    """Name of each label image -> key of its array of full resolution."""
    names = attributes_of(path / "labels").get("labels") or []
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise InputError(f"{path / 'labels'}: its list of labels makes no sense.")
    found = {}
    for name in names[:100]:
        prefix = inner_key(f"labels/{name}", path)
        zarr_array.check_inside(path, path / prefix)
        found[name] = _full_resolution(path, attributes_of(path / prefix), prefix)
    return found


def inner_key(key: str, path: Path) -> str:
    """`key` if it is a plain path within the store. Raises InputError for one with .., a drive, or a scheme."""
    parts = key.split("/")
    if any(part in ("", ".", "..") or part.startswith("~") for part in parts) or set(key) & set("\\:\0"):
        raise InputError(f"{path}: {key[:80]!r} is no key inside the store; allowed: names with / between, without ..")
    return key


# ---- arrays under keys


def _arrays(path: Path) -> tuple[list[Found], dict[str, str]]:
    """The arrays of numbers in a store, and why others are not read; folders are walked, no list is trusted."""
    found: list[Found] = []
    blocked: dict[str, str] = {}
    for place, folders, _ in os.walk(path):
        folder = Path(place)
        key = folder.relative_to(path).as_posix() if folder != path else ""
        try:
            info = array_info(folder)
        except InputError as error:
            info, blocked[key] = None, str(error).rstrip(".")
        if info is not None and len(info.shape) >= 2:
            found.append(_found(path, key))
        if info is not None or key in blocked or key.count("/") >= _MAX_DEPTH:
            folders.clear()  # what lies in an array are its chunks
        links = [name for name in folders if (folder / name).is_symlink()]
        blocked |= {f"{key}/{name}".strip("/"): "a link to another folder is not followed" for name in links}
        folders[:] = sorted(set(folders) - set(links))
        if len(found) > MAX_ARRAYS:
            raise InputError(f"{path}: more than {MAX_ARRAYS:,} arrays; name a smaller part of it.")
    return sorted(found, key=lambda array: array.key), blocked


def _found(path: Path, key: str) -> Found:
    info = _info(path, key)
    return Found(key, info.shape, str(info.dtype), _axes(path, key)[0])


def _info(path: Path, key: str):
    folder = path / inner_key(key, path) if key else path
    zarr_array.check_inside(path, folder)
    info = array_info(folder)
    if info is None:
        raise InputError(f"{folder}: there is no Zarr array; the store is incomplete, or its metadata is wrong.")
    return info


def _stack(path: Path, key: str, is_mask: bool) -> Stack:
    info = _info(path, key)
    name = f"{path.name} {key!r}" if key else path.name
    named, told_by = _axes(path, key)
    return zarr_array.stack(path, path / key, info, name, is_mask, named, told_by)


def _axes(path: Path, key: str) -> tuple[str, str]:
    """(axes, who names them): the OME metadata beside the array, its dimension names, or ('', '')."""
    info = _info(path, key)
    parent = (path / key).parent if key else path
    attributes = attributes_of(parent) if key else {}
    scales = attributes.get("multiscales")
    if isinstance(scales, list) and scales and isinstance(scales[0], dict):
        given = scales[0].get("axes")
        if given is None and len(info.shape) == 5:
            return "TCZYX", "OME-Zarr before 0.3, which is always so"
        names = [axis.get("name") if isinstance(axis, dict) else axis for axis in given or ()]
        found = axes.from_names(names) if len(names) == len(info.shape) else ""
        return found, "the OME metadata"
    found = axes.from_names(info.names) if info.names and len(info.names) == len(info.shape) else ""
    return found, "its dimension names"
