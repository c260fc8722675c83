"""Bounded: how large compressed bytes become, found out without ever holding more than a piece of them.

A decoder that is handed a decompression bomb takes all memory before anybody can say no; here the size is known first.
"""

from __future__ import annotations

import bz2
import lzma
import zlib
from collections.abc import Callable
from typing import Any

from seglib.exceptions import InputError

_PIECE = 1 << 20
_LZMA_MEMORY = 256 << 20


class Damaged(InputError):
    """Compressed bytes that are cut short, or become more than they may."""


def check(data: bytes, codec: str, allowed: int, what: str) -> None:
    """Raise Damaged naming `what` if `data`, compressed by `codec`, becomes more than `allowed` bytes or is cut short.

    codec: zlib, gzip, bz2, lzma (inflated piece by piece), blosc, zstd, lz4 (whose headers say their size).
    """
    try:
        size = _MEASURES[codec](data, allowed)
    except (OSError, EOFError, ValueError, zlib.error, lzma.LZMAError, IndexError) as error:
        raise Damaged(f"{what}: damaged or cut short ({codec}: {' '.join(str(error).split())[:80]}).") from None
    if size > allowed:
        raise Damaged(f"{what}: becomes more than the {allowed:,} bytes that its shape needs; it is not read.")


def _zlib(data: bytes, allowed: int) -> int:
    return _inflated(data, allowed, zlib.decompressobj)


def _gzip(data: bytes, allowed: int) -> int:
    return _inflated(data, allowed, lambda: zlib.decompressobj(wbits=31), again=b"\x1f\x8b")


def _inflated(data: bytes, allowed: int, new: Callable[[], Any], again: bytes | None = None) -> int:
    """Size of a stream, and of the members behind it that begin with `again`; stops once it is above `allowed`."""
    size, left = 0, data
    while size <= allowed:
        stream = new()
        piece = stream.decompress(left, _PIECE)
        size += len(piece)
        while not stream.eof and size <= allowed:
            piece = stream.decompress(stream.unconsumed_tail, _PIECE)
            size += len(piece)
            if not piece and not stream.eof and not stream.unconsumed_tail:
                raise EOFError("the end is missing")
        left = stream.unused_data if size <= allowed else b""
        if again is None or not left.startswith(again):
            break
    return size


class _Tail:
    """bz2 and lzma keep what they have not used themselves; this gives them the face of a zlib stream."""

    def __init__(self, stream: Any):
        self._stream, self.unconsumed_tail = stream, b""

    @property
    def eof(self) -> bool:
        return self._stream.eof

    @property
    def unused_data(self) -> bytes:
        return self._stream.unused_data

    def decompress(self, data: bytes, most: int) -> bytes:
        return self._stream.decompress(data, most)


def _bz2(data: bytes, allowed: int) -> int:
    return _inflated(data, allowed, lambda: _Tail(bz2.BZ2Decompressor()), again=b"BZh")


def _lzma(data: bytes, allowed: int) -> int:
    return _inflated(data, allowed, lambda: _Tail(lzma.LZMADecompressor(memlimit=_LZMA_MEMORY)), again=b"\xfd7zXZ")


def _blosc(data: bytes, allowed: int) -> int:
    """Blosc 1 header: nbytes at byte 4, blocksize at 8, cbytes at 12 (c-blosc README_CHUNK_FORMAT.rst)."""
    if len(data) < 16 or int.from_bytes(data[12:16], "little") != len(data):
        raise EOFError("its length is not what its header says")
    return int.from_bytes(data[4:8], "little")


def _lz4(data: bytes, allowed: int) -> int:
    """The size stands before the block, as numcodecs writes it."""
    if len(data) < 5:
        raise EOFError("no header")
    return int.from_bytes(data[:4], "little")


def _zstd(data: bytes, allowed: int) -> int:
    """Frame_Content_Size of the frame header (RFC 8878, 3.1.1.1)."""
    if data[:4] != b"\x28\xb5\x2f\xfd":
        raise ValueError("no zstd frame")
    flags = data[4]
    single, kind = bool(flags & 0x20), flags >> 6
    width = (1 if single else 0, 2, 4, 8)[kind]
    if not width:
        raise ValueError("the frame does not say its size")
    start = 5 + (0 if single else 1) + (0, 1, 2, 4)[flags & 3]
    if len(data) < start + width:
        raise EOFError("no header")
    return int.from_bytes(data[start : start + width], "little") + (256 if width == 2 else 0)


_MEASURES: dict[str, Callable[[bytes, int], int]] = {
    "zlib": _zlib,
    "gzip": _gzip,
    "bz2": _bz2,
    "lzma": _lzma,
    "blosc": _blosc,
    "zstd": _zstd,
    "lz4": _lz4,
}
