"""Pictures made to break a reader: small files that promise much, lie about their inside, or are no files at all."""

from __future__ import annotations

import io
import lzma
import os
import struct
import sys
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import tifffile
from PIL import Image

RNG = np.random.default_rng(7)
GREY = RNG.integers(1, 256, (24, 37)).astype(np.uint8)
GREY16 = RNG.integers(0, 65536, (24, 37)).astype(np.uint16)
RGB = RNG.integers(0, 256, (24, 37, 3)).astype(np.uint8)
RGB16 = RNG.integers(0, 65536, (24, 37, 3)).astype(np.uint16)
SECRET = np.full((24, 37), 77, np.uint8)
"""What stands in the planted file that others point at: 77 everywhere."""
GIGABYTE = 2**30


# PNG


def chunk(kind: bytes, body: bytes = b"") -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(height: int, width: int, depth: int, colour: int, *chunks: bytes, data: bytes = b"") -> bytes:
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    body = chunk(b"IDAT", data) if data else b""
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + b"".join(chunks) + body + chunk(b"IEND")


def encoded(pixels: np.ndarray | Image.Image, kind: str = "PNG", **options) -> bytes:
    if isinstance(pixels, np.ndarray) and kind == "PNG" and pixels.dtype == np.uint16 and pixels.ndim == 3:
        return cv2.imencode(".png", pixels[..., ::-1])[1].tobytes()
    stream = io.BytesIO()
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    image.save(stream, kind, **options)
    return stream.getvalue()


def with_chunks(data: bytes, *chunks: bytes) -> bytes:
    """`data`, a PNG, with more chunks after its header."""
    return data[:33] + b"".join(chunks) + data[33:]


def zeros(n_bytes: int) -> bytes:
    """zlib of `n_bytes` zeros, a thousandth of them: one block of 1 MiB, repeated, as a full flush allows."""
    squeeze = zlib.compressobj(9, wbits=-15)
    block = squeeze.compress(bytes(2**20)) + squeeze.flush(zlib.Z_FULL_FLUSH)
    last = zlib.compressobj(9, wbits=-15)
    rest = last.compress(bytes(n_bytes % 2**20)) + last.flush()
    return b"\x78\xda" + block * (n_bytes // 2**20) + rest + struct.pack(">I", (n_bytes % 65521) << 16 | 1)


# TIFF


def tiff(entries: dict[int, tuple[int, list[int]]], data: bytes = b"", big: bool = False, after: int = 0) -> bytes:
    """A TIFF of one page: tag -> (type 3 = uint16, 4 = uint32, 16 = uint64; values). `data` begins at byte 4096.

    after: where the page list goes on; 0 = it ends.
    """
    formats = {2: "s", 3: "H", 4: "I", 16: "Q"}
    inline, extra = 8 if big else 4, b""
    head = struct.pack("<2sHHHQ", b"II", 43, 8, 0, 16) if big else struct.pack("<2sHI", b"II", 42, 8)
    body = struct.pack("<Q" if big else "<H", len(entries))
    extra_at = len(head) + len(body) + len(entries) * (20 if big else 12) + inline
    for tag, (kind, values) in sorted(entries.items()):
        packed = values if kind == 2 else struct.pack(f"<{len(values)}{formats[kind]}", *values)
        place = packed.ljust(inline, b"\0")
        if len(packed) > inline:
            place = struct.pack("<Q" if big else "<I", extra_at + len(extra))
            extra += packed
        body += struct.pack("<HHQ" if big else "<HHI", tag, kind, len(values)) + place
    body += struct.pack("<Q" if big else "<I", after)
    return (head + body + extra).ljust(4096, b"\0") + data


def page(height: int, width: int, compression: int = 1, counts: tuple[int, ...] = (888,), **more) -> dict:
    """Entries of a grey page whose strips follow one another from byte 4096 on."""
    offsets = [4096 + sum(counts[:k]) for k in range(len(counts))]
    return {
        256: (4, [width]), 257: (4, [height]), 258: (3, [8]), 259: (3, [compression]), 262: (3, [1]),
        273: (4, offsets), 277: (3, [1]), 278: (4, [-(-height // len(counts))]), 279: (4, list(counts)),
    } | {int(tag.removeprefix("tag")): value for tag, value in more.items()}  # fmt: skip


def lzw_zeros(side: int) -> bytes:
    """LZW of side × side zeros in one strip, as libtiff packs it."""
    data = encoded(np.zeros((side, side), np.uint8), "TIFF", compression="tiff_lzw", tiffinfo={278: side})
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        (at,), (count,) = file.pages[0].dataoffsets, file.pages[0].databytecounts
    return data[at : at + count]


OME = (
    '<?xml version="1.0"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"><Image ID="Image:0">'
    '<Pixels ID="Pixels:0" DimensionOrder="XYZCT" Type="uint8" SizeX="37" SizeY="24" SizeC="1" SizeZ="1" SizeT="2">'
    '<TiffData IFD="0" FirstT="0" PlaneCount="1"><UUID FileName="{here}">urn:uuid:1</UUID></TiffData>'
    '<TiffData IFD="0" FirstT="1" PlaneCount="1"><UUID FileName="{there}">urn:uuid:2</UUID></TiffData>'
    "</Pixels></Image></OME>"
)


def ome(here: str, there: str) -> bytes:
    text = OME.format(here=here, there=there).encode() + b"\0"
    return tiff(page(24, 37, tag270=(2, text)), GREY.tobytes())


def imagej(there: str) -> bytes:
    """ImageJ's text, which names another file as the one the pixels come from."""
    text = f"ImageJ=1.53\nfile={there}\ninfo=file://{there}\nimages=1\n\0".encode()
    return tiff(page(24, 37, tag270=(2, text)), GREY.tobytes())


# the rest


def jpeg_of(height: int, width: int, kind: str = "JPEG", **options) -> bytes:
    """A small JPEG whose header is told another size."""
    data = bytearray(encoded(GREY, kind, **options))
    frame = next(k for k in range(len(data)) if data[k] == 0xFF and data[k + 1] in (0xC0, 0xC2))
    data[frame + 5 : frame + 9] = struct.pack(">HH", height, width)
    return bytes(data)


def many_scans(n_scans: int) -> bytes:
    """A progressive JPEG of 8900 × 8900 whose scans all come again and again: each is a walk over the whole picture."""
    data = jpeg_of(8900, 8900, progressive=True, quality=50)
    last = data.rfind(b"\xff\xda")
    return data[:last] + data[last:-2] * n_scans + b"\xff\xd9"


def npy(descr: str, shape: tuple[int, ...], data: bytes = b"", text: str | None = None) -> bytes:
    text = text or repr({"descr": descr, "fortran_order": False, "shape": shape})
    header = text.encode().ljust(118 if len(text) < 118 else len(text)) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + data


def pickled(marker: Path) -> bytes:
    """An .npy that would make the file `marker` if it were unpickled."""
    opened = f"cbuiltins\nopen\n(V{marker}\nVw\ntR.".encode()
    return npy("|O", (1,)) + opened


def bombs() -> Iterator[tuple[str, Callable[[], bytes], str]]:
    """(file name, its content, a word of the refusal) of what must be refused however it is decoded."""
    text = b"key\0" + b"\0" + zeros(2 * GIGABYTE)
    grey = encoded(GREY)
    yield "declares.png", lambda: png(40_000, 40_000, 8, 0, data=zeros(1000)), "40000 × 40000"
    yield "declares16.png", lambda: png(40_000, 40_000, 16, 2, data=zeros(1000)), "40000 × 40000"
    yield "ztxt.png", lambda: with_chunks(grey, chunk(b"zTXt", text)), ""
    yield "ztxt16.png", lambda: with_chunks(encoded(RGB16), chunk(b"zTXt", text)), ""
    yield "itxt.png", lambda: with_chunks(grey, chunk(b"iTXt", b"key\0\1\0\0\0" + text[5:])), ""
    yield "iccp.png", lambda: with_chunks(grey, chunk(b"iCCP", text)), ""
    yield "iccp16.png", lambda: with_chunks(encoded(RGB16), chunk(b"iCCP", text)), ""
    yield "short_data.png", lambda: png(8900, 8900, 8, 0, data=zeros(5000)), ""
    yield "wide64.png", lambda: png(8900, 8900, 16, 6, data=zeros(8900 * (8900 * 8 + 1))), "MB"
    yield "eighteen_gb.tif", lambda: tiff(page(134_000, 134_000), GREY.tobytes()), "134000 × 134000"
    yield (
        "eighteen_gb_deep.tif",
        lambda: tiff(page(8900, 8900, 8, tag258=(3, [64] * 4), tag277=(3, [4])), zeros(888)),
        "",
    )
    yield "deflate.tif", lambda: _squeezed(8, zeros(2 * GIGABYTE)), "more than"
    yield "adobe_deflate.tif", lambda: _squeezed(32946, zeros(2 * GIGABYTE)), "more than"
    yield "deflate_strips.tif", lambda: _strips(8, zeros(GIGABYTE // 2), 8), "more than"
    yield "lzma.tif", lambda: _squeezed(34925, _lzma_zeros(2 * GIGABYTE)), ""
    yield "lzw_short.tif", lambda: _squeezed(5, lzw_zeros(4000), 8900), ""
    yield "loop.tif", lambda: _looping(8), ""
    yield "loop_far.tif", lambda: _looping(1024), ""
    yield "outside.tif", lambda: tiff(page(24, 37, tag273=(4, [10**9])), GREY.tobytes()), "cut short"
    yield "outside_big.tif", lambda: tiff(page(24, 37, tag273=(16, [2**60])), GREY.tobytes(), big=True), "cut short"
    yield "no_pixels.tif", lambda: tiff(page(24, 37, tag279=(4, [0])), GREY.tobytes()), "cut short"
    yield "samples.tif", lambda: tiff(page(24, 37, tag277=(3, [60_000])), GREY.tobytes()), ""
    yield "many_tags.tif", lambda: b"II*\0\x08\0\0\0" + b"\xff\xff" + bytes(4096), ""
    yield "long_tag.tif", _long_tag, ""
    yield "declares.jpg", lambda: jpeg_of(65_500, 65_500), "80,000,000"
    yield "declares_progressive.jpg", lambda: jpeg_of(65_500, 65_500, progressive=True), "80,000,000"
    yield "scans.jpg", lambda: many_scans(5000), "scans"
    yield "mpo.jpg", lambda: jpeg_of(65_500, 65_500, "MPO"), "80,000,000"
    yield "terabytes.npy", lambda: npy("<f8", (10**6, 10**6)), ""
    yield "fits.npy", lambda: npy("<u2", (8900, 8900)), "cut short"
    yield "overflow.npy", lambda: npy("|u1", (2**40, 2**40)), ""
    yield "minus.npy", lambda: npy("|u1", (-5, 7), bytes(99)), ""
    yield "word.npy", lambda: npy("|U500000000", (1, 1)), ""
    yield "nested.npy", lambda: npy("", (), text="(" * 9000), ""
    yield "no_dict.npy", lambda: npy("", (), text="__import__('os').getpid()"), ""


def lies() -> Iterator[tuple[str, bytes, str]]:
    """(file name, content, a word of the refusal): whole files of another kind than their suffix says, and none."""
    grey = encoded(GREY)
    stream = io.BytesIO()
    tifffile.imwrite(stream, GREY)
    arrays = io.BytesIO()
    np.savez_compressed(arrays, x=GREY)
    for suffix in (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".npy"):
        yield f"zero{suffix}", b"", "empty"
        yield f"zeros{suffix}", bytes(5000), ""
        yield f"text{suffix}", b"image,mask\n" * 50, ""
    yield "tiff_inside.png", stream.getvalue(), "neither PNG nor JPEG"
    yield "npy_inside.png", npy("|u1", GREY.shape, GREY.tobytes()), "neither PNG nor JPEG"
    yield "gif_inside.png", encoded(GREY, "GIF"), "neither PNG nor JPEG"
    yield "png_inside.tif", grey, "not a TIFF"
    yield "png_inside.npy", grey, ""
    yield "npz_inside.npy", arrays.getvalue(), "NPZ"


def _squeezed(compression: int, data: bytes, side: int = 30) -> bytes:
    return tiff(page(side, side, compression, (len(data),)), data)


def _strips(compression: int, data: bytes, n_strips: int) -> bytes:
    """All strips are the same bytes of the file."""
    entries = page(24, 37, compression, (len(data),) * n_strips)
    return tiff(entries | {273: (4, [4096] * n_strips)}, data)


def _lzma_zeros(n_bytes: int) -> bytes:
    """Streams of 16 MiB, which may follow one another."""
    return lzma.compress(bytes(2**24), preset=0) * (n_bytes // 2**24)


def _looping(after: int) -> bytes:
    """A page list that never ends: the page follows itself, or two follow each other."""
    data = tiff(page(24, 37), GREY.tobytes(), after=after)
    if after == 8:
        return data
    directory = data[8 : 8 + 2 + 9 * 12] + struct.pack("<I", 8)
    return data[:after] + directory + data[after + len(directory) :]


def _long_tag() -> bytes:
    """A BigTIFF tag of 2^40 values, which would be 8 TB."""
    data = bytearray(tiff(page(24, 37), GREY.tobytes(), big=True))
    place = data.index(struct.pack("<HH", 273, 4))
    data[place + 4 : place + 20] = struct.pack("<QQ", 2**40, 4096)
    return bytes(data)


def plant(folder: Path) -> dict[str, str]:
    """Write them all into `folder`, and pipes where the system has them: name -> a word of the refusal."""
    folder.mkdir(parents=True, exist_ok=True)
    words = {}
    for name, make, word in bombs():
        (folder / name).write_bytes(make())
        words[name] = word
    for name, content, word in lies():
        (folder / name).write_bytes(content)
        words[name] = word
    (folder / "pickle.npy").write_bytes(pickled(folder / "unpickled"))
    (folder / "folder.png").mkdir()
    words |= {"pickle.npy": "pickle", "folder.png": "not a file"}
    with (folder / "sparse.png").open("wb") as file:  # 30 GB that take no place on the disk
        file.write(encoded(GREY)[:33])
        file.truncate(30 * GIGABYTE)
    words["sparse.png"] = "MB"
    return words | _special(folder)


def _special(folder: Path) -> dict[str, str]:
    if sys.platform == "win32":
        return {}
    os.mkfifo(folder / "pipe.png")
    os.mkfifo(folder / "pipe.tif")
    os.mkfifo(folder / "pipe.npy")
    return {"pipe.png": "not a file", "pipe.tif": "not a file", "pipe.npy": "not a file"}
