"""Files that lie: each ends in one clear line within 10 s and 1.5 GB, follows nothing and leaves nothing behind."""

import json
import os
import shutil
import stat
import struct
import zipfile
import zlib

import h5py
import numpy as np
import pytest
import tifffile
import zarr
from conftest import make_disc_data
from foreign import hdf5, nnunet, ome_zarr, plain_zarr, tiff_stacks, tracking, truth, zipped
from guarded import MEMORY_BYTES, SECONDS, outcomes

SECRET = 54_321  # a value that must never come out
no_links = pytest.mark.skipif(os.name == "nt", reason="links need a privilege on Windows")


def all_refused(tmp_path, cases):
    """Each (source, words of the message, *options) exits 2 with one line that has these words, and writes nothing."""
    targets = [tmp_path / f"out{i}" for i in range(len(cases))]
    jobs = [["import", str(source), str(out), *options] for (source, _, *options), out in zip(cases, targets)]
    for (source, words, *_), out, result in zip(cases, targets, outcomes(jobs, tmp_path)):
        what = f"{source}: {result}"
        assert result["code"] == 2 and result["out"] == "", what
        assert result["err"].startswith("error: ") and result["err"].count("\n") == 1, what
        assert all(word in result["err"] for word in words.split("|")), what
        assert result["seconds"] < SECONDS and result["peak"] < MEMORY_BYTES, what
        assert not out.exists(), what
    assert not list(tmp_path.glob(".out*")) and not list(tmp_path.glob(".unpacked*"))


def cut_short(file, folder, n=10):
    """Copies of `file` cut at `n` places."""
    folder.mkdir(exist_ok=True)
    content = file.read_bytes()
    for i in range(1, n + 1):
        part = folder / f"{i}{file.suffix}"
        part.write_bytes(content[: len(content) * i // (n + 1)])
        yield part


def zeros(n):
    """At least `n` zeros compressed by zlib, made of one piece that is repeated."""
    squeezer = zlib.compressobj(9)
    head = squeezer.compress(b"\0" * 10**6) + squeezer.flush(zlib.Z_FULL_FLUSH)
    piece = squeezer.compress(b"\0" * 10**7) + squeezer.flush(zlib.Z_FULL_FLUSH)
    return head + piece * (n // 10**7)


# ---- HDF5


def h5_file(file, **datasets):
    with h5py.File(file, "w") as h:
        for key, options in datasets.items():
            h.create_dataset(key, **options)
    return file


def test_hdf5_that_declares_terabytes(tmp_path):
    wide = h5_file(tmp_path / "wide.h5", raw={"shape": (5, 10**6, 10**6), "dtype": "u2", "chunks": (1, 64, 64)})
    many = h5_file(tmp_path / "many.h5", raw={"shape": (10**9, 64, 64), "dtype": "u2", "chunks": (1, 64, 64)})
    deep = h5_file(tmp_path / "deep.h5", raw={"shape": (10**5, 512, 512), "dtype": "u2", "chunks": (1, 512, 512)})
    with h5py.File(deep, "r+") as h:
        h["raw"][0] = 1
    void = h5_file(tmp_path / "void.h5", raw={"shape": (10**5, 512, 512), "dtype": "u2", "chunks": (1, 512, 512)})
    chunk = h5_file(
        tmp_path / "chunk.h5",
        raw={"shape": (4000, 512, 512), "dtype": "u2", "chunks": (1600, 512, 512), "compression": "gzip"},
    )
    with h5py.File(chunk, "r+") as h:
        h["raw"].id.write_direct_chunk((0, 0, 0), zlib.compress(b"\0" * 10**7))
    axes = ("--axes", "TYX")
    all_refused(
        tmp_path,
        [
            (wide, "declares 10,000,000,000,000 bytes", *axes),
            (many, "declares 8,192,000,000,000 bytes", *axes),
            (deep, "declares 52,428,800,000 bytes and stores", *axes),
            (void, "stores none", *axes),
            (chunk, "chunks of 1600 × 512 × 512|Rechunk", *axes),
        ],
    )


def test_hdf5_chunks_that_inflate_to_more_than_they_may(tmp_path):
    shape = {"shape": (4, 512, 512), "dtype": "u2", "chunks": (1, 512, 512)}
    bomb = h5_file(tmp_path / "bomb.h5", raw=shape | {"compression": "gzip"})
    with h5py.File(bomb, "r+") as h:
        h["raw"].id.write_direct_chunk((0, 0, 0), zeros(3 * 10**9))  # 3 GB in 3 MB
    small = h5_file(tmp_path / "small.h5", raw=shape | {"compression": "gzip"})
    with h5py.File(small, "r+") as h:
        h["raw"].id.write_direct_chunk((0, 0, 0), zeros(10**8))
    szip = h5_file(tmp_path / "other.h5", raw=shape | {"scaleoffset": 0})
    with h5py.File(szip, "r+") as h:
        h["raw"][:] = 1
    axes = ("--axes", "TYX")
    all_refused(
        tmp_path,
        [(bomb, "are stored for|not read", *axes), (small, "more than the 524,352 bytes", *axes),
         (szip, "filters [6]|allowed: gzip", *axes)],
    )  # fmt: skip


def test_hdf5_that_points_elsewhere(tmp_path):
    secret = np.full((4, 32, 32), SECRET, np.uint16)
    with h5py.File(tmp_path / "secret.h5", "w") as h:
        h["raw"] = secret
    secret.tofile(tmp_path / "secret.bin")
    files = {name: tmp_path / f"{name}.h5" for name in ("external", "soft", "storage", "virtual")}
    with h5py.File(files["external"], "w") as h:
        h["raw"] = h5py.ExternalLink(str(tmp_path / "secret.h5"), "/raw")
    with h5py.File(files["soft"], "w") as h:
        h["way"] = h5py.ExternalLink(str(tmp_path / "secret.h5"), "/")
        h["raw"] = h5py.SoftLink("/way/raw")
    h5_file(files["storage"], raw={"shape": (4, 32, 32), "dtype": "u2",
                                   "external": [(str(tmp_path / "secret.bin"), 0, secret.nbytes)]})  # fmt: skip
    layout = h5py.VirtualLayout((4, 32, 32), "u2")
    layout[:] = h5py.VirtualSource(str(tmp_path / "secret.h5"), "raw", shape=(4, 32, 32))
    with h5py.File(files["virtual"], "w") as h:
        h.create_virtual_dataset("raw", layout)
    options = ("--axes", "TYX", "--image-key", "raw")
    all_refused(
        tmp_path,
        [
            (files["external"], "link to another file", *options),
            (files["soft"], "soft link", *options),
            (files["storage"], "another file|not followed", *options),
            (files["virtual"], "virtual dataset|not followed", *options),
        ],
    )


def test_hdf5_that_loops_holds_objects_or_is_none(tmp_path):
    with h5py.File(tmp_path / "loop.h5", "w") as h:
        h["a/b"] = h["/"]
        h["a/raw"] = np.zeros((3, 8, 8), "u1")
    with h5py.File(tmp_path / "objects.h5", "w") as h:
        h.create_dataset("raw", (3, 8, 8), h5py.string_dtype())
    with h5py.File(tmp_path / "crowd.h5", "w") as h:
        for i in range(20_100):
            h.create_group(f"g{i}")
    (tmp_path / "none.h5").write_bytes(b"\x89HDF\r\n\x1a\n" + b"\xff" * 500)
    (tmp_path / "empty.h5").touch()
    all_refused(
        tmp_path,
        [
            (tmp_path / "loop.h5", "names its axes"),  # walked once, and asked about
            (tmp_path / "objects.h5", "no array of numbers"),
            (tmp_path / "crowd.h5", "more than 20,000 objects"),
            (tmp_path / "none.h5", "damaged"),
            (tmp_path / "empty.h5", "not recognised"),
        ],
    )


def test_containers_cut_short_at_ten_places(tmp_path):
    data = truth(6, 120, 160)
    options = {"chunks": (1, 60, 80), "compression": "gzip"}
    whole = [hdf5(tmp_path / "a.h5", data, **options), hdf5(tmp_path / "b.h5", data), tiff_stacks(tmp_path / "t", data)]
    whole += [tiff_stacks(tmp_path / "z", data, {"compression": "zlib"})]
    whole += [zipped(tmp_path / "a.zip", make_disc_data(tmp_path / "discs"))]
    cases = []
    for number, file in enumerate(whole):
        for part in cut_short(file, tmp_path / f"cut{number}"):
            cases.append((part, "", "--axes", "TYX", "--mask-key", "none"))
    all_refused(tmp_path, cases)


# ---- Zarr


def patched(folder, name, change):
    """Metadata of a store, changed."""
    file = folder / name
    meta = json.loads(file.read_text(encoding="utf-8"))
    change(meta)
    file.write_text(json.dumps(meta), encoding="utf-8")
    return folder


def store(tmp_path, name, version=3, **options):
    return plain_zarr(tmp_path / f"{name}.zarr", truth(3), version, **options)


def test_zarr_that_declares_terabytes(tmp_path):
    def shape(*sizes):
        return lambda meta: meta.update(shape=sizes)

    def chunks(*sizes):
        return lambda meta: meta["chunk_grid"]["configuration"].update(chunk_shape=sizes)

    wide = patched(store(tmp_path, "wide"), "raw/zarr.json", shape(3, 10**7, 10**7))
    many = patched(store(tmp_path, "many", 2), "raw/.zarray", shape(10**12, 40, 56))
    deep = patched(store(tmp_path, "deep"), "raw/zarr.json", shape(199_999, 2000, 3000))
    patched(deep, "raw/zarr.json", chunks(1, 2000, 3000))
    huge = patched(store(tmp_path, "huge"), "raw/zarr.json", chunks(3, 10**5, 10**5))
    nothing = store(tmp_path, "nothing")
    shutil.rmtree(nothing / "raw" / "c")
    negative = patched(store(tmp_path, "negative"), "raw/zarr.json", shape(-3, 40, 56))
    options = ("--axes", "TYX", "--mask-key", "none", "--image-key", "raw")
    all_refused(
        tmp_path,
        [
            (wide, "declares 600,000,000,000,000 bytes", *options),
            (many, "declares 4,480,000,000,000,000 bytes", *options),
            (deep, "declares 2,399,988,000,000 bytes and stores", *options),
            (huge, "chunks of 3 × 100000 × 100000", *options),
            (nothing, "stores no chunk", *options),
            (negative, "makes no sense", *options[:2]),
        ],
    )


def test_zarr_codecs_that_run_code_are_never_reached(tmp_path):
    def compressor(**values):
        return lambda meta: meta.update(compressor=values)

    def last_codec(**values):
        return lambda meta: meta["codecs"].__setitem__(-1, values)

    cases = []
    for number, identity in enumerate(("pickle", "json2", "msgpack2", "vlen-utf8", "categorize")):
        folder = patched(store(tmp_path, f"c{number}", 2), "raw/.zarray", compressor(id=identity))
        cases.append((folder, f"codec '{identity}' is never decoded", "--axes", "TYX"))
    objects = patched(store(tmp_path, "objects", 2), "raw/.zarray", lambda m: m.update(dtype="|O"))
    patched(objects, "raw/.zarray", lambda m: m.update(filters=[{"id": "pickle", "protocol": 5}]))
    filtered = patched(store(tmp_path, "f", 2), "raw/.zarray", lambda m: m.update(filters=[{"id": "pickle"}]))
    three = patched(store(tmp_path, "three"), "raw/zarr.json", last_codec(name="numcodecs.pickle", configuration={}))
    entry = patched(store(tmp_path, "entry"), "raw/zarr.json", last_codec(name="os.system", configuration={}))
    text = patched(store(tmp_path, "text"), "raw/zarr.json", lambda m: m.update(data_type="string"))
    transformed = patched(
        store(tmp_path, "transformed"), "raw/zarr.json", lambda m: m.update(storage_transformers=[{"name": "x"}])
    )
    cases += [(objects, "type "), (filtered, "'pickle' is never"), (three, "numcodecs.pickle")]
    cases += [(entry, "os.system"), (text, "type string"), (transformed, "storage transformers")]
    only = store(tmp_path, "only", 2)  # without an image, the mask is not taken for one
    shutil.rmtree(only / "raw" / "0.0.0", ignore_errors=True)
    patched(only, "raw/.zarray", compressor(id="pickle")).joinpath("raw").rename(only / "em")
    cases.append((only, "not clear which|--image-key label", "--axes", "TYX"))
    all_refused(tmp_path, cases)


def test_zarr_chunks_that_are_bombs_or_damaged(tmp_path):
    import numcodecs

    shape = {"chunks": (1, 40, 56)}
    gz = store(tmp_path, "gz", 2, compressors=numcodecs.GZip(), **shape)
    gz_bytes = numcodecs.GZip(9).encode(b"\0" * 3 * 10**7)
    zstd = store(tmp_path, "zstd")
    zstd_bytes = numcodecs.Zstd().encode(b"\0" * 10**8)
    blosc = store(tmp_path, "blosc", 2)
    header = bytearray((blosc / "raw" / "0.0.0").read_bytes())
    header[4:8] = struct.pack("<I", 2**31 - 100)
    lz4 = store(tmp_path, "lz4", 2, compressors=numcodecs.LZ4())
    cases = []
    for folder, chunk, content, words in (
        (gz, "0.0.0", gz_bytes, "more than the 4,480 bytes"),
        (zstd, "c/0/0/0", zstd_bytes, "more than the 4,480 bytes"),
        (blosc, "0.0.0", bytes(header), "more than the 4,480 bytes"),
        (lz4, "0.0.0", struct.pack("<i", 2**30) + b"x" * 50, "more than the 4,480 bytes"),
    ):
        (folder / "raw" / chunk).write_bytes(content)
        cases.append((folder, words, "--axes", "TYX"))
        cut = tmp_path / f"cut_{folder.name}"
        shutil.copytree(folder, cut)
        good = (folder / "raw" / chunk.replace("0", "1", 1)).read_bytes()
        (cut / "raw" / chunk).write_bytes(good[: len(good) // 2])
        cases.append((cut, "cut short", "--axes", "TYX"))
    shards = store(tmp_path, "shards", chunks=(1, 20, 28), shards=(1, 40, 56))
    file = shards / "raw" / "c" / "0" / "0" / "0"
    content = file.read_bytes()
    file.write_bytes(content[:40])
    cases.append((shards, "cut short", "--axes", "TYX"))
    twice = store(tmp_path, "twice", chunks=(1, 20, 28), shards=(1, 40, 56))
    index = struct.pack("<8Q", *(0, len(content) - 68) * 4)
    checksum = content[-4:]
    (twice / "raw" / "c" / "0" / "0" / "0").write_bytes(content[:-68] + index + checksum)
    cases.append((twice, "twice at one place", "--axes", "TYX"))
    all_refused(tmp_path, cases)


def test_zarr_that_leads_out_of_the_store(tmp_path):
    secret = tmp_path / "secret.zarr"
    array = zarr.create_array(secret, shape=(3, 40, 56), dtype="u2", chunks=(1, 40, 56))
    array[:] = SECRET

    def path_of(value):
        return lambda meta: meta["attributes"]["ome"]["multiscales"][0]["datasets"][0].update(path=value)

    cases = []
    for number, value in enumerate(
        ("../secret.zarr", "/etc", "a/../../secret.zarr", "C:\\secret", "s3://bucket/x", "")
    ):
        folder = ome_zarr(tmp_path / f"o{number}.zarr", truth(3), 3)
        cases.append((patched(folder, "zarr.json", path_of(value)), "no key inside the store"))
    labels = ome_zarr(tmp_path / "labels.zarr", truth(3), 3)
    patched(labels, "labels/zarr.json", lambda m: m["attributes"]["ome"].update(labels=["../../secret.zarr"]))
    cases.append((labels, "no key inside the store"))
    cases.append((store(tmp_path, "k"), "", "--image-key", "../secret.zarr"))
    cases += [
        (address, "an address") for address in ("s3://bucket/x.zarr", "https://example.org/x.zarr", "simplecache::x")
    ]
    all_refused(tmp_path, cases)


@no_links
def test_links_out_of_a_store(tmp_path):
    secret = store(tmp_path, "secret")
    chunk = store(tmp_path, "chunk")
    (chunk / "raw" / "c" / "1" / "0" / "0").unlink()
    (chunk / "raw" / "c" / "1" / "0" / "0").symlink_to(secret / "raw" / "c" / "1" / "0" / "0")
    part = store(tmp_path, "part")
    shutil.rmtree(part / "raw" / "c" / "1")
    (part / "raw" / "c" / "1").symlink_to(secret / "raw" / "c" / "1")
    ome = ome_zarr(tmp_path / "ome.zarr", truth(3), 2)
    shutil.rmtree(ome / "0")
    (ome / "0").symlink_to(secret / "raw")
    group = store(tmp_path, "group")
    shutil.rmtree(group / "raw")
    (group / "raw").symlink_to(secret / "raw")
    axes = ("--axes", "TYX")
    all_refused(
        tmp_path,
        [(chunk, "link that leaves the store", *axes), (part, "link that leaves the store", *axes),
         (ome, "link that leaves the store"), (group, "a link to another folder", *axes, "--image-key", "raw")],
    )  # fmt: skip


def test_zarr_consolidated_metadata_is_not_believed(tmp_path):
    """A list at the root that speaks of other arrays than lie there: those that lie there count."""
    folder = store(tmp_path, "a", 2)
    fake = {
        ".zgroup": {"zarr_format": 2},
        "../secret/.zarray": {"shape": [10**9, 10**9]},
        "raw/.zarray": {"shape": [1]},
    }
    (folder / ".zmetadata").write_text(json.dumps({"zarr_consolidated_format": 1, "metadata": fake}), encoding="utf-8")
    jobs = [["import", str(folder), str(tmp_path / "out"), "--axes", "TYX", "--json"]]
    (result,) = outcomes(jobs, tmp_path)
    assert result["code"] == 0, result
    assert json.loads(result["out"])["n_images"] == 3


def test_zarr_metadata_that_is_no_metadata(tmp_path):
    cases = []
    for number, text in enumerate(("", "[]", "{", "[" * 100_000, '{"zarr_format": 3, "node_type": "array"}', "null")):
        folder = tmp_path / f"m{number}.zarr"
        folder.mkdir()
        (folder / "zarr.json").write_text(text, encoding="utf-8")
        cases.append((folder, ""))
    plate = tmp_path / "plate.zarr"
    ome_zarr(plate / "A" / "1" / "0", truth(2))
    (plate / ".zattrs").write_text(json.dumps({"plate": {"wells": []}}), encoding="utf-8")
    cases.append((plate, "plate of many images|plate.zarr/A/1/0"))
    all_refused(tmp_path, cases)


# ---- TIFF


def test_tiff_lists_that_loop_and_sizes_that_lie(tmp_path):
    file = tiff_stacks(tmp_path / "t", truth(3))
    content = bytearray(file.read_bytes())
    with tifffile.TiffFile(file) as tiff:
        pages = [page.offset for page in tiff.pages]
        n_tags = [len(page.tags) for page in tiff.pages]
        first = tiff.pages[0].tags
        width, length = first["ImageWidth"].valueoffset, first["ImageLength"].valueoffset
        strip = first["StripOffsets"].valueoffset
    ends = [offset + 2 + 12 * n for offset, n in zip(pages, n_tags)]
    cases = []

    def variant(name, place, value, words):
        changed = bytearray(content)
        changed[place : place + 4] = struct.pack("<I", value)
        (tmp_path / f"{name}.tif").write_bytes(changed)
        cases.append((tmp_path / f"{name}.tif", words, "--axes", "TYX", "--mask-key", "none"))

    variant("loop", ends[2], pages[0], "leads back to an earlier page")
    variant("self", ends[0], pages[0], "leads back to an earlier page")
    variant("away", ends[1], 2**32 - 2, "leads out of the file")
    variant("wide", width, 2**20, "")
    variant("long", length, 10**6, "")
    variant("strip", strip, 2**31, "cut short")
    all_refused(tmp_path, cases)


def test_tiff_strips_that_are_bombs(tmp_path):
    squeezed = zeros(10**9)
    tifffile.imwrite(tmp_path / "a.tif", truth(3).images, compression="zlib", photometric="minisblack")
    content = bytearray((tmp_path / "a.tif").read_bytes())
    with tifffile.TiffFile(tmp_path / "a.tif") as tiff:
        tags = tiff.pages[1].tags
        places = tags["StripOffsets"].valueoffset, tags["StripByteCounts"].valueoffset
    small = zlib.compress(b"\0" * 10**7, 9)
    cases = []
    for name, data in (("large", squeezed), ("small", small)):
        changed = content + data
        for place, value in zip(places, (len(content), len(data))):
            changed[place : place + 4] = struct.pack("<I", value)
        (tmp_path / f"{name}.tif").write_bytes(changed)
        cases.append((tmp_path / f"{name}.tif", "", "--axes", "TYX", "--mask-key", "none"))
    all_refused(tmp_path, cases)


def test_ome_tiff_that_names_other_files_does_not_follow_them(tmp_path):
    data = truth(3)
    tifffile.imwrite(tmp_path / "secret.ome.tif", np.full((3, 40, 56), SECRET, np.uint16), ome=True,
                     metadata={"axes": "TYX"}, photometric="minisblack")  # fmt: skip
    tifffile.imwrite(tmp_path / "a.ome.tif", data.images, ome=True, metadata={"axes": "TYX"}, photometric="minisblack")
    text = tifffile.TiffFile(tmp_path / "a.ome.tif").pages[0].description
    uuid = '<UUID FileName="secret.ome.tif">urn:uuid:1</UUID></TiffData>'
    text = text.replace("/></Pixels>", f">{uuid}</Pixels>").replace('SizeT="3"', 'SizeT="6"')
    assert "secret" in text
    entities = '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><OME>&b;</OME>'
    for name, description in (("points", text), ("entities", entities)):
        tifffile.imwrite(tmp_path / f"{name}.ome.tif", data.images, description=description, metadata=None,
                         photometric="minisblack")  # fmt: skip
    names = ("points", "entities")
    all_refused(tmp_path, [(tmp_path / f"{name}.ome.tif", "3 × 40 × 56|--axes TYX") for name in names])
    for name in names:
        job = ["import", str(tmp_path / f"{name}.ome.tif"), str(tmp_path / name), "--axes", "TYX", "--json"]
        (result,) = outcomes([job], tmp_path)
        told = json.loads(result["out"])
        assert told["n_images"] == 3 and (
            "not followed" in str(told) if name == "points" else "not parsed" in str(told)
        )
        pixels = {int(tifffile_or_png(path).max()) for path in (tmp_path / name / "images").iterdir()}
        assert SECRET not in pixels


def tifffile_or_png(path):
    from seglib.data.readers import read_image

    return read_image(path)


# ---- zips


def zip_of(file, *entries, **options):
    """A zip of (name or ZipInfo, content)."""
    with zipfile.ZipFile(file, "w", **options) as archive:
        for name, content in entries:
            archive.writestr(name, content)
    return file


def test_zips_that_lead_out_of_their_folder(tmp_path):
    names = ("../evil.png", "/etc/evil.png", "images/../../evil.png", "C:/evil.png", "images\\..\\..\\evil.png",
             "images//evil.png", "./evil.png", "images/a\nb.png", "x" * 300 + ".png")  # fmt: skip
    cases = []
    for number, name in enumerate(names):
        entry = zipfile.ZipInfo("x")
        entry.filename = name
        cases.append((zip_of(tmp_path / f"n{number}.zip", (entry, b"x")), ""))
    link = zipfile.ZipInfo("images/link.png")
    link.create_system, link.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    cases.append((zip_of(tmp_path / "link.zip", (link, b"/etc/passwd")), "a link"))
    device = zipfile.ZipInfo("images/device.png")
    device.create_system, device.external_attr = 3, (stat.S_IFCHR | 0o777) << 16
    cases.append((zip_of(tmp_path / "device.zip", (device, b"")), "no plain file"))
    cases.append((zip_of(tmp_path / "twice.zip", ("images/a.png", b"x"), ("images/A.png", b"y")), "one file on many"))
    all_refused(tmp_path, cases)
    assert not list(tmp_path.parent.glob("evil*")) and not list(tmp_path.rglob("evil*"))


def test_zip_bombs(tmp_path):
    archive = zipfile.ZipFile(tmp_path / "large.zip", "w", zipfile.ZIP_DEFLATED)
    with archive, archive.open("images/a.png", "w", force_zip64=True) as out:
        for _ in range(300):
            out.write(b"\0" * 10**6)
    many = tmp_path / "many.zip"
    with zipfile.ZipFile(many, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("images/a.png", b"\0" * 10**7)
    content = bytearray(many.read_bytes())  # the list names one file a hundred times, as overlapping bombs do
    start = content.find(b"PK\1\2")
    end = content.find(b"PK\5\6")
    entry = bytes(content[start:end])
    listed = b"".join(entry.replace(b"images/a", b"image%03d" % i) for i in range(100))
    tail = bytearray(content[end:])
    tail[8:12] = struct.pack("<HH", 100, 100)
    tail[12:16] = struct.pack("<I", len(listed))
    many.write_bytes(bytes(content[:start]) + listed + bytes(tail))
    lies = bytearray(zip_of(tmp_path / "lies.zip", ("images/a.png", b"x")).read_bytes())
    at = lies.rfind(b"PK\5\6")
    lies[at + 12 : at + 16] = struct.pack("<I", 2**31)
    (tmp_path / "lies.zip").write_bytes(lies)
    lzma = zip_of(tmp_path / "lzma.zip", ("images/a.png", b"x" * 1000), compression=zipfile.ZIP_LZMA)
    locked = bytearray(zip_of(tmp_path / "locked.zip", ("images/a.png", b"x")).read_bytes())
    for mark, place in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        locked[locked.find(mark) + place] |= 1
    (tmp_path / "locked.zip").write_bytes(locked)
    inner = zipped(tmp_path / "inner.zip", make_disc_data(tmp_path / "discs"))
    nested = zip_of(tmp_path / "nested.zip", ("a/inner.zip", inner.read_bytes()))
    all_refused(
        tmp_path,
        [
            (tmp_path / "large.zip", "a zip bomb"),
            (many, "a zip bomb"),
            (tmp_path / "lies.zip", "lists"),
            (lzma, "method 14"),
            (tmp_path / "locked.zip", "password"),
            (nested, "not recognised"),
        ],
    )


def test_a_zip_whose_contents_are_damaged(tmp_path):
    file = zipped(tmp_path / "a.zip", make_disc_data(tmp_path / "discs"))
    content = bytearray(file.read_bytes())
    content[60:90] = b"\xff" * 30
    file.write_bytes(content)
    (tmp_path / "empty.zip").touch()
    all_refused(tmp_path, [(file, "damaged"), (tmp_path / "empty.zip", "cut short")])


# ---- folders


@no_links
def test_links_out_of_folders(tmp_path):
    data = truth(3)
    secret = tmp_path / "secret"
    tifffile.imwrite((secret.mkdir() or secret) / "t001.tif", np.full((40, 56), SECRET, np.uint16))
    movies = tracking(tmp_path / "ctc", {"01": data}, {"01": [0]})
    (movies / "01" / "t001.tif").unlink()
    (movies / "01" / "t001.tif").symlink_to(secret / "t001.tif")
    whole = tracking(tmp_path / "whole", {"01": data}, {"01": [0]})
    shutil.rmtree(whole / "01_GT" / "SEG")
    (whole / "01_GT" / "SEG").symlink_to(secret)
    tifffile.imwrite(secret / "man_seg001.tif", np.full((40, 56), SECRET, np.uint16))
    cases = nnunet(tmp_path / "nn", data)
    (cases / "imagesTr" / "cell_000_0000.png").unlink()
    (cases / "imagesTr" / "cell_000_0000.png").symlink_to(secret / "t001.tif")
    folder = make_disc_data(tmp_path / "discs")
    (folder / "images" / "d0.png").unlink()
    (folder / "images" / "d0.png").symlink_to(secret / "t001.tif")
    loose = tmp_path / "loose"
    tiff_stacks(loose, data)
    (loose / "movie.tif").unlink()
    (loose / "movie.tif").symlink_to(secret / "t001.tif")
    all_refused(tmp_path, [(place, "link that leaves the folder") for place in (movies, whole, cases, folder, loose)])


def test_places_that_are_no_source(tmp_path):
    (tmp_path / "bare").mkdir()
    (tmp_path / "text.txt").write_text("hello", encoding="utf-8")
    folder = nnunet(tmp_path / "nn", truth(3))
    (folder / "dataset.json").write_text("{", encoding="utf-8")
    bad = nnunet(tmp_path / "bad", truth(3), labels={"background": "zero"})
    nifti = nnunet(tmp_path / "nifti", truth(3))
    patched(nifti, "dataset.json", lambda m: m.update(file_ending=".nii.gz"))
    bare = nnunet(tmp_path / "undescribed", truth(3))
    (bare / "dataset.json").unlink()
    all_refused(
        tmp_path,
        [
            (tmp_path / "bare", "not recognised|allowed"),
            (tmp_path / "text.txt", "not recognised"),
            (tmp_path / "gone", "no such file"),
            (folder, "dataset.json|no JSON"),
            (bad, "dataset.json"),
            (nifti, ".nii.gz|allowed: .png"),
            (bare, "dataset.json|has no labels"),
        ],
    )
