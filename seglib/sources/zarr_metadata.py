"""What a Zarr array says of itself, v2 or v3, read as plain JSON and checked before the zarr library sees it.

Only codecs that turn bytes into bytes are let through: no pickle, no JSON or text of objects, nothing that a store
could name and have imported.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from seglib.exceptions import InputError
from seglib.sources.source import MAX_CHUNK_BYTES

MAX_JSON_BYTES = 4_000_000
_COMPRESSORS = {"blosc", "zlib", "gzip", "zstd", "lz4", "bz2", "lzma"}
_V2_FILTERS = {"shuffle", "delta"}


@dataclass(frozen=True)
class ArrayInfo:
    """shape, type and chunks of an array; compressor None = plain bytes; checksum: four bytes follow each chunk.

    inner: the chunks within a shard, None where there are none; index_at_end: where the shard's index stands.
    separator and prefix ('' or 'c') make the names of chunk files.
    """

    shape: tuple[int, ...]
    dtype: np.dtype
    chunks: tuple[int, ...]
    compressor: str | None
    checksum: bool
    separator: str
    prefix: str
    inner: tuple[int, ...] | None = None
    index_at_end: bool = True
    attributes: dict[str, Any] | None = None
    names: tuple[str, ...] = ()


def read_json(file: Path) -> dict[str, Any]:
    """The object in `file`; {} where there is no file. Raises InputError for what is no JSON object, or huge."""
    try:
        if file.stat().st_size > MAX_JSON_BYTES:
            raise InputError(f"{file}: {file.stat().st_size:,} bytes of metadata; allowed: {MAX_JSON_BYTES:,}.")
        content = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{file}: is no JSON, damaged or cut short ({str(error)[:80]}).") from None
    if not isinstance(content, dict):
        raise InputError(f"{file}: holds no JSON object; is this a Zarr store?")
    return content


def attributes_of(folder: Path) -> dict[str, Any]:
    """The attributes of the array or group in `folder`, of either version; those of OME-Zarr 0.5 taken out of `ome`."""
    found = read_json(folder / "zarr.json").get("attributes") or read_json(folder / ".zattrs")
    found = found if isinstance(found, dict) else {}
    return found["ome"] if isinstance(found.get("ome"), dict) else found


def array_info(folder: Path) -> ArrayInfo | None:
    """The array in `folder`, None where there is none. Raises InputError where it is not of a kind that is read."""
    three, two = read_json(folder / "zarr.json"), read_json(folder / ".zarray")
    try:
        if three.get("node_type") == "array":
            return _version3(three, folder)
        return _version2(two, folder) if two else None
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{folder}: its Zarr metadata makes no sense ({type(error).__name__}: {error}).") from None


def _version2(meta: dict[str, Any], folder: Path) -> ArrayInfo:
    if not isinstance(meta["dtype"], str) or np.dtype(meta["dtype"]).kind not in "buif":
        raise InputError(f"{folder}: values of type {str(meta['dtype'])[:60]}; allowed: whole numbers and float.")
    filters = [str(f["id"]) for f in meta.get("filters") or []]
    compressor = str(meta["compressor"]["id"]) if meta.get("compressor") else None
    _check_codecs(filters, _V2_FILTERS, compressor, folder)
    separator = meta.get("dimension_separator", ".")
    attributes = read_json(folder / ".zattrs")
    names = attributes.get("_ARRAY_DIMENSIONS")
    return _checked(
        ArrayInfo(
            shape=_whole(meta["shape"]),
            dtype=np.dtype(meta["dtype"]),
            chunks=_whole(meta["chunks"]),
            compressor=compressor,
            checksum=False,
            separator=separator,
            prefix="",
            attributes=attributes,
            names=tuple(map(str, names)) if isinstance(names, list) else (),
        ),
        folder,
    )


def _version3(meta: dict[str, Any], folder: Path) -> ArrayInfo:
    if not isinstance(meta["data_type"], str) or not _is_number(meta["data_type"]):
        raise InputError(f"{folder}: values of type {str(meta['data_type'])[:60]}; allowed: whole numbers and float.")
    if meta.get("storage_transformers"):
        raise InputError(f"{folder}: storage transformers are not read; save the array without them.")
    grid, keys = meta["chunk_grid"], meta.get("chunk_key_encoding", {"name": "default"})
    if grid["name"] != "regular" or keys["name"] not in ("default", "v2"):
        raise InputError(f"{folder}: chunks {grid['name']!r} named {keys['name']!r}; allowed: regular, default or v2.")
    codecs = meta["codecs"]
    sharding = next((c["configuration"] for c in codecs if c["name"] == "sharding_indexed"), None)
    inner = sharding["codecs"] if sharding else codecs
    if sharding and (len(codecs) > 1 or [c["name"] for c in sharding["index_codecs"]] != ["bytes", "crc32c"]):
        raise InputError(f"{folder}: shards of this kind are not read; allowed: an index of bytes and crc32c.")
    compressor = _compressor3([str(c["name"]) for c in inner], folder)
    names = meta.get("dimension_names")
    default = "/" if keys["name"] == "default" else "."
    return _checked(
        ArrayInfo(
            shape=_whole(meta["shape"]),
            dtype=np.dtype(meta["data_type"]),
            chunks=_whole(grid["configuration"]["chunk_shape"]),
            compressor=compressor,
            checksum=inner[-1]["name"] == "crc32c",
            separator=(keys.get("configuration") or {}).get("separator", default),
            prefix="c" if keys["name"] == "default" else "",
            inner=_whole(sharding["chunk_shape"]) if sharding else None,
            index_at_end=(sharding or {}).get("index_location", "end") == "end",
            attributes=meta.get("attributes") or {},
            names=tuple(map(str, names)) if isinstance(names, list) else (),
        ),
        folder,
    )


def _is_number(name: str) -> bool:
    try:
        return np.dtype(name).kind in "buif"
    except TypeError:
        return False


def _compressor3(names: list[str], folder: Path) -> str | None:
    """[transpose], bytes, [one compressor], [crc32c]; the name of the compressor."""
    rest = names[1:] if names[:1] == ["transpose"] else list(names)
    if rest[-1:] == ["crc32c"]:
        rest = rest[:-1]
    _check_codecs(rest[:1], {"bytes"}, rest[1] if len(rest) > 1 else None, folder)
    if len(rest) > 2 or not rest:
        raise InputError(f"{folder}: codecs {', '.join(names)[:120]}; allowed: bytes and one compressor.")
    return rest[1] if len(rest) > 1 else None


def _check_codecs(filters: list[str], allowed: set[str], compressor: str | None, folder: Path) -> None:
    unknown = [name for name in filters if name not in allowed]
    if compressor is not None and compressor not in _COMPRESSORS:
        unknown.append(compressor)
    if unknown:
        known = ", ".join(sorted(_COMPRESSORS | allowed))
        raise InputError(f"{folder}: codec {unknown[0][:40]!r} is never decoded; allowed: {known}.")


def _whole(values: Any) -> tuple[int, ...]:
    if not isinstance(values, list) or not all(type(v) is int and 0 <= v < 2**62 for v in values):
        raise ValueError(f"a shape of {str(values)[:60]}")
    return tuple(values)


def _checked(info: ArrayInfo, folder: Path) -> ArrayInfo:
    parts = info.inner or info.chunks
    if len(info.chunks) != len(info.shape) or len(parts) != len(info.shape) or 0 in info.chunks or 0 in parts:
        raise InputError(f"{folder}: chunks {info.chunks} do not fit the shape {info.shape}.")
    if info.separator not in (".", "/"):
        raise InputError(f"{folder}: chunks are named with {str(info.separator)[:20]!r}; allowed: . and /.")
    if int(np.prod(parts, dtype=object)) * info.dtype.itemsize > MAX_CHUNK_BYTES:
        got = " × ".join(map(str, parts))
        raise InputError(f"{folder}: chunks of {got}; allowed: {MAX_CHUNK_BYTES // 1_000_000} MB each. Rechunk it.")
    return info
