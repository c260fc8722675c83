"""One Zarr array in a folder, read part by part; every chunk file is looked at before the zarr library decodes it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from seglib.data import bounded
from seglib.exceptions import InputError
from seglib.sources.blocks import Blocks
from seglib.sources.source import LeftOut
from seglib.sources.stack import Index, Stack
from seglib.sources.zarr_metadata import ArrayInfo

MAX_DECLARED = 1_000_000_000
MAX_RATIO = 1000
_NOT_THERE = 2**64 - 1


def stack(root: Path, folder: Path, info: ArrayInfo, name: str, is_mask: bool, axes: str, told_by: str) -> Stack:
    """The array in `folder` of the store `root`. Raises InputError if it declares far more than is stored."""
    if not is_mask:
        _check_stored(folder, info, name)
    reader = _Reader(root, folder, info, name, is_mask)
    return Stack(name, info.shape, info.dtype, reader, axes, told_by)


def _check_stored(folder: Path, info: ArrayInfo, name: str) -> None:
    """Walks the files only until enough is found."""
    declared = int(np.prod(info.shape, dtype=object)) * info.dtype.itemsize
    needed = declared // MAX_RATIO if declared > MAX_DECLARED else 0
    stored, looked_at = 0, 0
    for place, _, names in os.walk(folder):
        for file in names:
            if file in ("zarr.json", ".zarray", ".zattrs"):
                continue
            stored, looked_at = stored + os.lstat(os.path.join(place, file)).st_size, looked_at + 1  # noqa: PTH118
            if stored > needed:
                return
            if looked_at > 200_000:
                break
    if not stored:
        raise InputError(f"{name}: declares {declared:,} bytes and stores no chunk; nothing to read.")
    raise InputError(f"{name}: declares {declared:,} bytes and stores {stored:,}; it is not read.")


class _Reader:
    """read(index) of a Stack."""

    def __init__(self, root: Path, folder: Path, info: ArrayInfo, name: str, is_mask: bool):
        self._root, self._folder, self._info, self._name = Path(os.path.realpath(root)), folder, info, name
        self._is_mask = is_mask
        self._checked: set[str] = set()
        self._blocks = Blocks(self._decoded, info.shape, info.inner or info.chunks, info.dtype.itemsize)
        self._array: Any = None

    def __call__(self, index: Index) -> np.ndarray:
        if not self._check_chunks(index) and not self._is_mask:
            raise LeftOut("none of its chunks are in the store")
        return self._blocks(index)

    def _decoded(self, index: Index) -> np.ndarray:
        try:
            if self._array is None:
                self._array = _opened(self._folder)
            return np.asarray(self._array[index])
        except Exception as error:  # codecs raise anything on damaged bytes
            detail = " ".join(str(error).split())[:120] or type(error).__name__
            raise InputError(f"{self._name}: cannot be decoded, damaged or cut short ({detail}).") from None

    def _check_chunks(self, index: Index) -> int:
        """How many of the chunks that `index` touches are there. Raises InputError for one that is not let in."""
        if len(self._checked) > 10_000:
            self._checked.clear()
        n_there = 0
        for place in _places(index, self._info):
            name = self._info.separator.join(filter(None, (self._info.prefix, *map(str, place)))) or "0"
            file = self._folder / name
            if name not in self._checked:
                if not file.is_file():
                    continue
                self._check_file(file)
                self._checked.add(name)
            n_there += 1
        return n_there

    def _check_file(self, file: Path) -> None:
        if not Path(os.path.realpath(file)).is_relative_to(self._root):
            raise InputError(f"{file}: a link that leaves the store is not followed; copy the file there.")
        info = self._info
        allowed = int(np.prod(info.inner or info.chunks, dtype=object)) * info.dtype.itemsize
        with file.open("rb") as stream:
            for offset, size in _parts(stream, file, info):
                if size > 2 * allowed + 65_536:
                    raise InputError(f"{file}: {size:,} bytes are stored for {allowed:,}; it is not read.")
                stream.seek(offset)
                data = stream.read(size)
                data = data[:-4] if info.checksum else data
                if info.compressor:
                    bounded.check(data, info.compressor, allowed, str(file))
                elif len(data) != allowed:
                    raise InputError(f"{file}: {len(data):,} bytes, {allowed:,} are needed; damaged or cut short.")


def _places(index: Index, info: ArrayInfo) -> Iterator[tuple[int, ...]]:
    """The numbers of the chunks that `index` touches."""
    ranges = [
        range(part // chunk, part // chunk + 1) if isinstance(part, int) else range(-(-size // chunk))
        for part, size, chunk in zip(index, info.shape, info.chunks)
    ]
    return product(*ranges)


def _parts(stream: Any, file: Path, info: ArrayInfo) -> list[tuple[int, int]]:
    """(offset, length) of what is compressed in a chunk file: all of it, or each chunk that a shard's index names."""
    size = os.fstat(stream.fileno()).st_size
    if info.inner is None:
        return [(0, size)]
    n_chunks = int(np.prod([-(-a // b) for a, b in zip(info.chunks, info.inner)], dtype=object))
    length = 16 * n_chunks + 4
    if length > size:
        raise InputError(f"{file}: {size:,} bytes hold no index of {n_chunks:,} chunks; damaged or cut short.")
    stream.seek(size - length if info.index_at_end else 0)
    table = np.frombuffer(stream.read(length - 4), "<u8").reshape(-1, 2)
    parts = [(int(offset), int(n)) for offset, n in table if offset != _NOT_THERE]
    if any(offset + n > size for offset, n in parts) or sum(n for _, n in parts) > size:
        raise InputError(f"{file}: its index points behind its end or twice at one place; damaged or cut short.")
    return parts


def _opened(folder: Path) -> Any:
    """The array through the zarr library: a folder of this machine, never an address; one chunk decoded at a time."""
    import zarr
    from zarr.storage import LocalStore

    zarr.config.set({"async.concurrency": 1, "threading.max_workers": 1})
    three = (folder / "zarr.json").is_file()
    store = LocalStore(folder, read_only=True)
    return zarr.open_array(store=store, mode="r", zarr_format=3 if three else 2)


def check_inside(root: Path, folder: Path) -> None:
    """Raises InputError where `folder` is reached by a link that leaves the store."""
    if not Path(os.path.realpath(folder)).is_relative_to(os.path.realpath(root)):
        raise InputError(f"{folder}: a link that leaves the store is not followed; copy the folder there.")
