"""HDF5: one file with arrays under keys. Only what lies in this file is read: no link, no external or virtual data."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from seglib.data import bounded
from seglib.exceptions import InputError
from seglib.sources import axes, container
from seglib.sources.blocks import Blocks
from seglib.sources.source import MAX_CHUNK_BYTES, Choices, Found, LeftOut, Source
from seglib.sources.stack import Index, Stack

KIND = "HDF5 file"
MAX_OBJECTS = 20_000
MAX_DECLARED = 1_000_000_000
MAX_RATIO = 1000
_SIGNATURE = b"\x89HDF\r\n\x1a\n"
_DEFLATE, _SHUFFLE, _FLETCHER32, _LZF = 1, 2, 3, 32000
_MAX_LZF_BYTES = 8_000_000  # lzf grows its output until all fits, up to about 90 times


def matches(path: Path) -> bool:
    """HDF5 begins with its signature, or has it behind a user block of 512, 1024, 2048 … bytes."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        for offset in (0, 512, 1024, 2048, 4096):
            file.seek(offset)
            if file.read(8) == _SIGNATURE:
                return True
    return False


def open_source(path: Path, choices: Choices, resources: ExitStack) -> Source:
    """Raises InputError for a file that is damaged or cut short, and for what is not read (see the module)."""
    import h5py

    try:
        file = resources.enter_context(h5py.File(path, "r", locking=False))
        arrays, blocked, other = _arrays(file)
        source = container.source_of(KIND, path, arrays, choices, partial(_stack, file, path), blocked)
    except (OSError, RuntimeError, KeyError, ValueError, TypeError) as error:
        if isinstance(error, InputError):
            raise
        raise damaged(path, error) from None
    return replace(source, left_out=(*source.left_out, *other))


def damaged(path: Path, error: Exception) -> InputError:
    detail = " ".join(str(error).split())[:120]
    return InputError(f"{path}: cannot be read, damaged or cut short ({detail}). Copy or export it again.")


def _arrays(file: Any) -> tuple[list[Found], dict[str, str], list[str]]:
    """(arrays of numbers, links by key and that they are not followed, what else lies there)."""
    import h5py

    found: list[Found] = []
    blocked: dict[str, str] = {}
    skipped: list[str] = []
    seen: set[Any] = set()
    waiting, n_links = [("", file)], 0
    while waiting:
        prefix, group = waiting.pop()
        for name in group:
            key, n_links = f"{prefix}{name}", n_links + 1
            if n_links > MAX_OBJECTS:
                raise InputError(f"{file.filename}: more than {MAX_OBJECTS:,} objects in it; split it into files.")
            link = group.get(name, getlink=True)
            if not isinstance(link, h5py.HardLink):
                blocked[key] = f"a {_kind_of(link)} is not followed"
                continue
            item = group[name]
            address = h5py.h5o.get_info(item.id).addr
            if address in seen:
                continue
            seen.add(address)
            if isinstance(item, h5py.Group):
                waiting.append((f"{key}/", item))
            elif isinstance(item, h5py.Dataset):
                _sort(key, item, found, skipped)
    found.sort(key=lambda array: array.key)
    return found, blocked, skipped[:20]


def _kind_of(link: Any) -> str:
    import h5py

    return "link to another file" if isinstance(link, h5py.ExternalLink) else "soft link"


def _sort(key: str, dataset: Any, found: list[Found], skipped: list[str]) -> None:
    if dataset.dtype.kind in "buif" and dataset.shape is not None and len(dataset.shape) >= 2:
        found.append(Found(key, tuple(dataset.shape), str(dataset.dtype), _named_axes(dataset)))
    else:
        skipped.append(f"{key!r}: {dataset.dtype} of {len(dataset.shape or ())} dimensions is no picture")


def _named_axes(dataset: Any) -> str:
    """Axes from dimension labels, or from the `axistags` of ilastik; '' if there are none."""
    labels = [dimension.label for dimension in dataset.dims]
    if all(labels):
        return axes.from_names(labels)
    tags = dataset.attrs.get("axistags")
    if isinstance(tags, str | bytes) and len(tags) < 100_000:
        try:
            names = [axis["key"] for axis in json.loads(tags)["axes"]]
        except (ValueError, KeyError, TypeError, RecursionError):
            return ""
        return axes.from_names(names) if len(names) == len(dataset.shape) else ""
    return ""


def _stack(file: Any, path: Path, key: str, is_mask: bool) -> Stack:
    """The array under `key`, whose every part is in its array of keys and was reached without a link."""
    dataset = file[key]
    name = f"{path.name} {key!r}"
    _check_inside(dataset, name)
    _check_filters(dataset, name)
    if not is_mask:
        _check_stored(dataset, name)
    blocks = dataset.__getitem__
    if dataset.chunks:
        blocks = Blocks(dataset.__getitem__, dataset.shape, dataset.chunks, dataset.dtype.itemsize)
    read = partial(_read, dataset, blocks, name, path, is_mask, set())
    return Stack(name, tuple(dataset.shape), dataset.dtype, read, _named_axes(dataset), "its dimension labels")


def _check_inside(dataset: Any, name: str) -> None:
    if dataset.is_virtual:
        raise InputError(f"{name}: a virtual dataset points at other files, which are not followed; copy the data.")
    if dataset.external:
        raise InputError(f"{name}: its pixels lie in another file, which is not followed; copy the data into this one.")


def _filters(dataset: Any) -> list[int]:
    plist = dataset.id.get_create_plist()
    return [plist.get_filter(i)[0] for i in range(plist.get_nfilters())]


def _check_filters(dataset: Any, name: str) -> None:
    allowed = {_DEFLATE, _SHUFFLE, _FLETCHER32, _LZF}
    filters = _filters(dataset)
    if set(filters) - allowed or len(set(filters)) < len(filters) or {_DEFLATE, _LZF} <= set(filters):
        raise InputError(f"{name}: compressed by filters {filters}; allowed: gzip or lzf, shuffle, fletcher32.")
    if dataset.chunks and int(np.prod(dataset.chunks, dtype=object)) * dataset.dtype.itemsize > MAX_CHUNK_BYTES:
        got = " × ".join(map(str, dataset.chunks))
        raise InputError(f"{name}: chunks of {got}; allowed: {MAX_CHUNK_BYTES // 1_000_000} MB each. Rechunk it.")


def _check_stored(dataset: Any, name: str) -> None:
    """A header may declare any size: what is stored must bear some proportion to it."""
    declared = int(np.prod(dataset.shape, dtype=object)) * dataset.dtype.itemsize
    stored = dataset.id.get_storage_size()
    if not stored:
        raise InputError(f"{name}: declares {declared:,} bytes and stores none of them; nothing to read.")
    if declared > MAX_DECLARED and declared > MAX_RATIO * stored:
        raise InputError(f"{name}: declares {declared:,} bytes and stores {stored:,}; it is not read.")


def _read(
    dataset: Any,
    blocks: Callable[[Index], np.ndarray],
    name: str,
    path: Path,
    is_mask: bool,
    checked: set,
    index: Index,
) -> np.ndarray:
    try:
        if dataset.chunks and not _check_chunks(dataset, name, checked, index) and not is_mask:
            raise LeftOut("no pixels of it are stored in the file")
        return np.asarray(blocks(index))
    except (OSError, RuntimeError, ValueError, KeyError) as error:
        if isinstance(error, InputError):
            raise
        raise damaged(path, error) from None


def _check_chunks(dataset: Any, name: str, checked: set, index: Index) -> int:
    """Look at each chunk that `index` touches before HDF5 decodes it; the number of those that are stored.

    `checked` keeps the last ones: a chunk of many planes is looked at once.
    """
    if len(checked) > 10_000:
        checked.clear()
    filters = _filters(dataset)
    allowed = int(np.prod(dataset.chunks, dtype=object)) * dataset.dtype.itemsize + 64
    n_stored = 0
    for offset in _offsets(dataset, index):
        info = dataset.id.get_chunk_info_by_coord(offset)
        if info.byte_offset is None or not info.size:
            continue
        n_stored += 1
        if offset in checked:
            continue
        checked.add(offset)
        where = f"{name}, chunk at {offset}"
        if info.size > 2 * allowed + 4096 or (_LZF in filters and info.size > _MAX_LZF_BYTES):
            raise InputError(f"{where}: {info.size:,} bytes are stored for {allowed:,}; it is not read.")
        if _DEFLATE in filters and not info.filter_mask & (1 << filters.index(_DEFLATE)):
            _, raw = dataset.id.read_direct_chunk(offset)
            bounded.check(raw, "zlib", allowed, where)
    return n_stored


def _offsets(dataset: Any, index: Index) -> list[tuple[int, ...]]:
    """Where the chunks begin that `index` touches."""
    starts = [
        range(part - part % chunk, part + 1, chunk) if isinstance(part, int) else range(0, size, chunk)
        for part, size, chunk in zip(index, dataset.shape, dataset.chunks)
    ]
    grids = np.meshgrid(*starts, indexing="ij")
    return [tuple(int(v) for v in offset) for offset in zip(*(grid.ravel() for grid in grids))]
